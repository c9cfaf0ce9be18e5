"""Damaged RTSP replies, SDP and interleaved RTP by the ten thousand.

Only CameraError and MalformedMessage may come out, no input may take long, and what is kept
stays small. The seed is the day's and printed, so that a failure can be run again:
`VMS_FUZZ_SEED=20260101`.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from recorder.rtp.nal import H264, H265
from recorder.rtsp.auth import parse_challenges, strongest
from recorder.rtsp.headers import parse_public, parse_session, parse_transport
from recorder.rtsp.messages import MalformedMessage, parse
from recorder.rtsp.sdp import best_audio, best_video, parse_sdp
from tests.fuzzing import NIGHTLY_SECONDS, SECONDS, fuzz, mutated
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
    demuxer,
    feed,
    frame,
    sender_report,
)
from vms.core.errors import CameraError

KEPT_MAX = 32 << 20  # bytes allocated at any moment; a picture may be 8 MB, twice while it moves
HARMLESS = (CameraError, MalformedMessage)

REPLY = (
    b"RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\nContent-Length: 5\r\n"
    b'WWW-Authenticate: Digest realm="c", nonce="n", algorithm=MD5, qop="auth"\r\n'
    b'WWW-Authenticate: Basic realm="c"\r\nSession: 77;timeout=60\r\n'
    b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=11223344\r\n"
    b"Public: OPTIONS, DESCRIBE, SETUP\r\n\r\nhello"
)
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=x\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n"
    b"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n"
    b"a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAH9kAUAW7,aMuDyyA=\r\n"
    b"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000/1\r\n"
    b"a=fmtp:97 mode=AAC-hbr;sizelength=13;indexlength=3;config=1408\r\na=recvonly\r\n"
)


def reply(rng: random.Random) -> None:
    found = parse(mutated(rng, REPLY))
    if found is None:
        return
    message, length = found
    assert length > 0
    fields = message.headers
    strongest(parse_challenges(fields.all("WWW-Authenticate")))
    parse_transport(fields.get("Transport"), (0, 1))
    parse_session(fields.get("Session"))
    parse_public(fields.get("Public"))


def description(rng: random.Random) -> None:
    read = parse_sdp(mutated(rng, SDP))
    assert len(read.media) <= 32
    best_video(read.media)
    best_audio(read.media)


def packets(rng: random.Random) -> None:
    """A short stream, damaged in whole packets and in bytes, read in odd sizes."""
    hevc = rng.random() < 0.5
    track = Packetiser(mtu=rng.choice((60, 500, 1_400)), header=2 if hevc else 1)
    sets = [HEVC_VPS, HEVC_SPS, HEVC_PPS, HEVC_IDR] if hevc else [SPS, PPS, SEI, IDR]
    parts = [frame(1, sender_report(track.ssrc, 1_763_800_000.0, 0))]
    for number in range(4):
        nals = [HEVC_FRAME if hevc else FRAME] if number % 3 else sets
        if rng.random() < 0.2:  # the stream begins anew
            track.ssrc += rng.randint(0, 1)
            track.sequence = rng.randrange(1 << 16)
        parts += track.picture(nals, number * 3_600, marker=rng.random() < 0.9)
    for _ in range(rng.randint(0, 3)):
        del parts[rng.randrange(len(parts))]
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(parts))
        packet = mutated(rng, parts[at][4:])
        whole = rng.random() < 0.7  # the frame's length fits, or it lies
        parts[at] = frame(0, packet[:65_535]) if whole else parts[at][:4] + packet
    sizes = [rng.randint(1, 2_000) for _ in range(rng.randint(0, 5))]
    feed(demuxer(H265 if hevc else H264), b"".join(parts), sizes)


TARGETS = {"RTSP replies": reply, "SDP": description, "interleaved RTP": packets}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", TARGETS)
def test_mutated_inputs_are_survived(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("fuzz", f"{name}: {fuzz(TARGETS[name], SECONDS, HARMLESS, KEPT_MAX)}")


@pytest.mark.nightly
@pytest.mark.parametrize("name", TARGETS)
def test_mutated_inputs_are_survived_for_long(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("fuzz", f"{name}: {fuzz(TARGETS[name], NIGHTLY_SECONDS, HARMLESS, KEPT_MAX)}")
