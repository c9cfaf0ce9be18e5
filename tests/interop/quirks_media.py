"""Quirks of what is sent: RTP, the coded pictures, sound, and times."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from tests.interop.bits import hevc_sps, hevc_vps
from tests.interop.quirk import (
    BARE_SDP,
    PICTURES,
    PLAIN,
    RTP,
    RTSP,
    SDPS,
    SETUP_OK,
    TICK,
    TIME,
    Quirk,
    annex_b,
    answering,
    beside,
    between,
    first_picture,
    frames,
    nals,
    with_media,
)
from tests.interop.scripted import OK, SDP, Camera
from tests.recorder.rtp.wire import (
    FRAME,
    HEVC_FRAME,
    HEVC_IDR,
    HEVC_PPS,
    HEVC_SPS,
    HEVC_VPS,
    IDR,
    PPS,
    SEI,
    SPS,
    Packetiser,
    frame,
    lengths,
    sender_report,
)


def marked(*before: bytes) -> list[bytes]:
    """The marker stands on what comes before the picture too."""
    track = Packetiser()
    out = [track.rtp(nal, 0, marker=True) for nal in before] + track.picture([IDR], 0)
    for number in range(1, PICTURES):
        out += track.picture([FRAME], number * TICK)
    return out


def changed_type() -> list[bytes]:
    track = Packetiser()
    sets = [track.rtp(nal, 0) for nal in (SPS, PPS)]
    parts = track.fragments(IDR)
    parts = [p if i == 0 else bytes((p[0], p[1] & 0xC0 | 1)) + p[2:] for i, p in enumerate(parts)]
    out = sets + [track.rtp(p, 0, marker=i == len(parts) - 1) for i, p in enumerate(parts)]
    for number in range(1, PICTURES):
        out += track.picture([FRAME], number * TICK)
    return out


def marked_throughout() -> list[bytes]:
    """The marker stands on every packet."""
    track = Packetiser()
    return [
        track.rtp(payload, number * TICK, marker=True)
        for number in range(PICTURES)
        for nal in nals(number)
        for payload in track.fragments(nal)
    ]


def stamped_each() -> list[bytes]:
    """Each packet has a time of its own, as if it were a picture; keyframes bring no sets."""
    track, out = Packetiser(), []
    for number in range(PICTURES):
        parts = track.fragments(IDR if number == 0 else FRAME)
        for index, part in enumerate(parts):
            marker = index == len(parts) - 1
            out.append(track.rtp(part, number * TICK + index * 9, marker=marker))
    return out


def rewound() -> list[bytes]:
    """The RTP time goes back three seconds before the fifth picture."""
    track = Packetiser()
    times = [900_000 + number * TICK - (270_000 if number > 3 else 0) for number in range(PICTURES)]
    return [f for number, at in enumerate(times) for f in track.picture(nals(number), at)]


def begun_anew(ssrc: int, sequence: int) -> tuple[list[bytes], tuple[bytes, ...]]:
    """Before the fifth picture the camera restarts its encoder; and what we are to have of it."""
    first, then = Packetiser(sequence=20_000), Packetiser(ssrc=ssrc, sequence=sequence)
    out, sent = [], []
    for number in range(PICTURES):
        picture = [OTHER_SPS, PPS, IDR] if number == 4 else nals(number)
        track, at = (first, 0) if number < 4 else (then, 77_000_000)
        out += track.picture(picture, at + number * TICK)
        sent.append(lengths(*picture))
    return out, tuple(sent)


def stranger() -> list[bytes]:
    """Between any two of our packets one of another session, on our channel."""
    other = Packetiser(ssrc=9, sequence=7)
    theirs = [other.rtp(nal, 5) for _ in range(PICTURES * 4) for nal in (SPS, PPS, SEI)]
    return [one for pair in zip(frames(), theirs, strict=False) for one in pair]


HEVC_KEY = (HEVC_VPS, HEVC_SPS, HEVC_PPS, HEVC_IDR)
TRAIL_N = b"\x00" + HEVC_FRAME[1:]
TRAILING = (lengths(*HEVC_KEY), *[lengths(TRAIL_N)] * (PICTURES - 1))


def trailing() -> list[bytes]:
    """A keyframe and pictures of type 0, which H.265 gives a meaning."""
    track = Packetiser(header=2)
    out = track.picture(HEVC_KEY, 0)
    for number in range(1, PICTURES):
        out += track.picture([TRAIL_N], number * TICK)
    return out


STAP = b"\x78" + b"".join(len(nal).to_bytes(2, "big") + nal for nal in (SPS, PPS))
ONE_FU = bytes((IDR[0] & 0xE0 | 28, 0xC0 | IDR[0] & 0x1F)) + IDR[1:]

OTHER_SPS = bytes.fromhex("67640028acd940780227e5c044000003000400000300c83c60c658")


def fragmented(change: Callable[[list[bytes]], list[bytes]]) -> list[bytes]:
    """The keyframe's fragments are changed; the other pictures come as usual."""
    track = Packetiser()
    parts = change(track.fragments(IDR))
    out = [track.rtp(nal, 0) for nal in (SPS, PPS)]
    out += [track.rtp(part, 0, marker=index == len(parts) - 1) for index, part in enumerate(parts)]
    for number in range(1, PICTURES):
        out += track.picture([FRAME], number * TICK)
    return out


def reserved(parts: list[bytes]) -> list[bytes]:
    return [bytes((part[0], part[1] | 0x20)) + part[2:] for part in parts]


def hollow(parts: list[bytes]) -> list[bytes]:
    """An empty fragment in the middle."""
    return [*parts[:3], bytes((parts[0][0], parts[0][1] & 0x1F)), *parts[3:]]


def shown(every: Iterable[list[bytes]], header: int = 1) -> list[bytes]:
    """The pictures of these NAL units, one a tick."""
    track = Packetiser(header=header)
    return [f for n, nals_ in enumerate(every) for f in track.picture(nals_, n * TICK)]


def flapping(*changes: int) -> list[list[bytes]]:
    """Pictures before which the parameter sets become others, and others again."""
    return [
        [OTHER_SPS if changes.index(n) % 2 == 0 else SPS, PPS, IDR] if n in changes else nals(n)
        for n in range(PICTURES)
    ]


def recorded_as(name: str, pictures: list[list[bytes]], seen: str = "") -> Quirk:
    return Quirk(
        name, RTP, with_media(shown(pictures)), seen=seen,
        sent=tuple(lengths(*one) for one in pictures),
    )  # fmt: skip


def anew(name: str, ssrc: int = 0x11223344, sequence: int = 7) -> Quirk:
    wire, sent = begun_anew(ssrc, sequence)
    return Quirk(name, RTP, with_media(wire), sent=sent)


def hevc(name: str, seen: str, sps: bytes, vps: bytes = HEVC_VPS) -> Quirk:
    pictures = [[vps, sps, HEVC_PPS, HEVC_IDR], *[[HEVC_FRAME]] * (PICTURES - 1)]
    wire = b"".join(shown(pictures, header=2))
    sdp = BARE_SDP.replace("H264", "H265")
    sent = tuple(lengths(*one) for one in pictures)
    return Quirk(name, RTP, lambda: Camera(sdp=sdp, media=wire), seen=seen, sent=sent)


AAC = "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000/1\r\na=control:t1\r\n"
HBR = "a=fmtp:97 mode=AAC-hbr;sizeLength=13;indexLength=3;indexDeltaLength=3;config=1408\r\n"
UNTOLD = "a=fmtp:97 mode=AAC-hbr;sizeLength=13;indexLength=3;indexDeltaLength=3\r\n"
BARE = "a=fmtp:97 mode=AAC-hbr;sizeLength=13;config=1408\r\n"
TALK = bytes(range(1, 60))
SIZED = b"\x00\x10" + (len(TALK) << 3).to_bytes(2, "big") + TALK
UNINDEXED = b"\x00\x0d" + (len(TALK) << 3).to_bytes(2, "big") + TALK
ADTS = (
    bytes((0xFF, 0xF1, 0x60, 0x40, (len(TALK) + 7) >> 3, ((len(TALK) + 7) & 7) << 5 | 0x1F, 0xFC))
    + TALK
)


def with_sound(tracks: str, payload: bytes, payload_type: int, step: int) -> Callable[[], Camera]:
    """A packet of sound behind each picture."""
    video, sound = Packetiser(), Packetiser(channel=2, payload_type=payload_type, ssrc=5)
    wire = b"".join(
        b"".join(video.picture(nals(n), n * TICK)) + sound.rtp(payload, n * step)
        for n in range(PICTURES)
    )
    answer = OK + "Transport: RTP/AVP/TCP;interleaved={channels}\r\nSession: 77\r\n\r\n"
    setups = [answer.replace("{channels}", one) for one in ("0-1", "2-3")]
    return lambda: Camera({"SETUP": list(setups)}, sdp=SDP + tracks, media=wire)


def with_sound_told_twice_alike() -> Camera:
    """Answers both SETUPs with the channels of the pictures, and sends the sound on its own."""
    camera = with_sound(PCMA, TALK, 8, 320)()
    camera.answers["SETUP"] = SETUP_OK.replace("{transport}", "RTP/AVP/TCP;interleaved=0-1")
    return camera


def told(*offsets: float) -> Callable[[], Camera]:
    """Sender reports of a clock that is off by so many seconds, between the pictures."""
    every, now = frames(), time.time()
    reports = [frame(1, sender_report(0x11223344, now + one, TICK)) for one in offsets]
    middle = len(every) // 2
    return with_media([*every[:middle], *reports, *every[middle:]])


PCMA = "m=audio 0 RTP/AVP 8\r\na=control:t1\r\n"
OPUS = "m=audio 0 RTP/AVP 98\r\na=rtpmap:98 opus/48000/1\r\na=control:t1\r\n"

PACKETS = (
    Quirk("marker on parameter sets", RTP, with_media(marked(SPS, PPS)),
          seen="Tapo TC70, Reolink Duo 2"),
    Quirk("marker on every packet", RTP, with_media(marked_throughout())),
    Quirk("each packet with a time of its own", RTP, with_media(stamped_each()),
          sent=(lengths(IDR), *PLAIN[1:])),
    Quirk("never a marker", RTP, with_media(frames(marker=False))),
    Quirk("Annex B inside a packet", RTP, with_media(first_picture(annex_b(SPS, PPS, IDR))),
          seen="V380"),
    Quirk("parameter sets in STAP-A", RTP, with_media(first_picture(STAP, IDR))),
    Quirk("type changes inside a fragmented unit", RTP, with_media(changed_type()), seen="Tiandy"),
    Quirk("fragment starts and ends at once", RTP, with_media(first_picture(SPS, PPS, ONE_FU))),
    Quirk("undefined NAL types", RTP, with_media(between(Packetiser(), [b"\x1f\x00"])),
          seen="VStarcam"),
    Quirk("empty packets", RTP, with_media(between(Packetiser(), [b"", b""]))),
    Quirk("IDR without parameter sets in band", RTP, with_media(first_picture(IDR)), seen="Axis",
          sent=(lengths(IDR), *PLAIN[1:])),
    Quirk("SEI before the picture", RTP, with_media(first_picture(SEI, SPS, PPS, IDR)),
          sent=(lengths(SEI, SPS, PPS, IDR), *PLAIN[1:])),
    Quirk("another session's packets", RTP,
          with_media([frame(9, b"$" * 300), *frames()]), seen="Reolink RLC-410"),
    Quirk("another session's packets on our channel", RTP, with_media(stranger())),
    anew("SSRC and parameter sets change mid-stream", ssrc=9),
    anew("sequence begins anew mid-stream"),
    Quirk("duplicated packets", RTP, with_media(one for one in frames() for _ in range(2))),
    Quirk("packets lost inside TCP", RTP, with_media(frames()[:20] + frames()[21:]),
          sent=(PLAIN[0], *PLAIN[2:])),
    Quirk("type 0 in H.265", RTP,
          lambda: Camera(sdp=BARE_SDP.replace("H264", "H265"), media=b"".join(trailing())),
          sent=TRAILING),
    Quirk("marker on SEI", RTP, with_media(marked(SEI, SPS, PPS)), seen="Ivel LV-IP22IR40DVBL",
          sent=(lengths(SEI, SPS, PPS, IDR), *PLAIN[1:])),
    Quirk("reserved bit in fragments", RTP, with_media(fragmented(reserved))),
    Quirk("empty fragment", RTP, with_media(fragmented(hollow))),
    recorded_as("parameter sets change mid-stream", flapping(4)),
    recorded_as("flapping parameter sets", flapping(2, 3, 5, 6)),
    hevc("H.265 scaling lists", "Reolink", hevc_sps(scaling=True)),
    hevc("H.265 reference sets told by others", "Xiaomi YI", hevc_sps(inter=True)),
    hevc("H.265 sub-layers", "", hevc_sps(layers=3), hevc_vps(3)),
    hevc("H.265 long-term references", "", hevc_sps(long_term=True)),
    Quirk("G.711 sound", RTP, with_sound(PCMA, TALK, 8, 320), sounds=6),
    Quirk("the same channels for pictures and sound", RTSP, with_sound_told_twice_alike, sounds=6),
    Quirk("its only sound marked as a backchannel", SDPS,
          with_sound(PCMA + "a=sendonly\r\n", TALK, 8, 320), sounds=6),
    Quirk("AAC sound", RTP, with_sound(AAC + HBR, SIZED, 97, 640), sounds=6),
    Quirk("AAC without indexLength", RTP, with_sound(AAC + BARE, UNINDEXED, 97, 640), sounds=6),
    Quirk("AAC without config", RTP, with_sound(AAC + UNTOLD, SIZED, 97, 640), sounds=6),
    Quirk("ADTS inside RTP", RTP, with_sound(AAC + HBR, ADTS, 97, 640), sounds=6),
    Quirk("Opus sound, left out", RTP, with_sound(OPUS, TALK, 98, 1920)),
)  # fmt: skip

TIMES = (
    Quirk("no sender report", TIME, with_media(frames())),
    Quirk("sender report of an unknown SSRC", TIME,
          with_media(beside(frame(1, sender_report(9, 1_763_800_000.0, TICK)))),
          seen="Tapo C320WS"),
    Quirk("unparsable RTCP", TIME, with_media(beside(frame(1, b"\xff\x00\x11"))), seen="Hanwha"),
    Quirk("camera clock in 1970", TIME,
          with_media(beside(frame(1, sender_report(0x11223344, 9.0, TICK))))),
    Quirk("32-bit RTP clock wraps", TIME, with_media(frames(first=2**32 - 2 * TICK))),
    Quirk("media time rewinds seconds", TIME,
          with_media(rewound())),
    Quirk("other pictures a second than declared", TIME, answering(SDP + "a=framerate:60\r\n")),
    Quirk("sender report late", TIME,
          with_media([*frames(), frame(1, sender_report(0x11223344, 1_763_800_000.0, TICK))])),
    Quirk("sub-stream 13 s behind", TIME, told(-13), seen="RLC-822A"),
    Quirk("camera clock is stepped", TIME, told(0, -3_600, 40)),
    Quirk("camera clock half a year off", TIME, told(-183 * 86_400)),
    Quirk("local time told as UTC", TIME, told(3 * 3_600)),
)  # fmt: skip

MEDIA = (*PACKETS, *TIMES)
