"""A quirk: a script of a camera that behaves so, what we owe it, and what scripts are made of."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from recorder.rtsp.messages import Request, cseq_of
from tests.interop.scripted import OK, SDP, Camera
from tests.recorder.rtp.wire import (
    FRAME,
    IDR,
    PPS,
    SPS,
    Packetiser,
    lengths,
)

TICK = 3_600
RECORDED = "recorded"
PICTURES = 8
SETUP_OK = OK + "Transport: {transport}\r\nSession: 77;timeout=8\r\n\r\n"
DESCRIBED = OK + "Content-Length: {length}\r\n\r\n{sdp}"
REFUSED = "RTSP/1.0 401 No\r\nCSeq: {cseq}\r\n"
BARE_SDP = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:t0\r\n"


@dataclass(frozen=True, slots=True)
class Quirk:
    """One behaviour: `line` is the part of the list it stands in, `camera` makes the script.

    `sent`: its pictures, PLAIN unless said; `sounds`: how many frames of sound come with them.
    `seconds`: so much of our time passes after the pictures, in which `keeps` keep-alives must be
    heard. `runs`: connections made one after the other. `path`: of the address.
    """

    name: str
    line: str
    camera: Callable[[], Camera]
    expect: str = RECORDED
    seen: str = ""
    sent: tuple[bytes, ...] = ()
    sounds: int = 0
    seconds: int = 0
    keeps: int = 0
    runs: int = 1
    path: str = "/x"
    password: str = "p:@ss"


def nals(number: int) -> list[bytes]:
    return [SPS, PPS, IDR] if number == 0 else [FRAME]


PLAIN = tuple(lengths(*nals(number)) for number in range(PICTURES))


def frames(track: Packetiser | None = None, first: int = 0, *, marker: bool = True) -> list[bytes]:
    """The interleaved frames of all pictures; `first`: RTP time of the first."""
    track = track or Packetiser()
    return [
        data
        for number in range(PICTURES)
        for data in track.picture(nals(number), (first + number * TICK) & 0xFFFFFFFF, marker=marker)
    ]


def media(*args: object, **options: bool) -> bytes:
    return b"".join(frames(*args, **options))  # type: ignore[arg-type]


def with_media(data: Iterable[bytes]) -> Callable[[], Camera]:
    wire = b"".join(data)
    return lambda: Camera(media=wire)


def answering(sdp: str = SDP, **answers: str | list[str]) -> Callable[[], Camera]:
    """A camera that answers so, and else behaves well."""
    return lambda: Camera(
        {k: list(v) if isinstance(v, list) else v for k, v in answers.items()},
        sdp=sdp,
        media=media(),
    )


def transport(text: str, channel: int = 0) -> Callable[[], Camera]:
    answer = SETUP_OK.replace("{transport}", text)
    return lambda: Camera({"SETUP": answer}, media=media(Packetiser(channel=channel)))


class Guarded(Camera):
    """Describes itself only to who answers one of its challenges rightly (RFC 2617, 7616)."""

    challenges: tuple[str, ...] = ()
    password = "p:@ss"
    relative = False  # whether it reckons with the path alone

    def answer(self, request: Request) -> bytes:
        if request.method == "DESCRIBE" and not self._admits(request):
            lines = "".join(f"WWW-Authenticate: {one}\r\n" for one in self.challenges)
            return f"{REFUSED}{lines}\r\n".replace("{cseq}", str(cseq_of(request))).encode()
        return super().answer(request)

    def _admits(self, request: Request) -> bool:
        scheme, _, rest = (request.headers.get("Authorization") or "").partition(" ")
        offered = {one.partition(" ")[0] for one in self.challenges}
        if scheme not in offered:
            return False
        if scheme == "Basic":
            return (
                offered == {"Basic"} and base64.b64decode(rest) == f"user:{self.password}".encode()
            )
        said = dict(re.findall(r'(\w+)="?([^",]*)"?', rest))
        make = hashlib.sha256 if said.get("algorithm") == "SHA-256" else hashlib.md5

        def digest(*words: str) -> str:
            return make(":".join(words).encode()).hexdigest()

        secret = digest("user", "c", self.password)
        middle = [said["nc"], said["cnonce"], "auth"] if "qop" in said else []
        uri = urlsplit(said["uri"]).path if self.relative else said["uri"]
        wanted = digest(secret, "n", *middle, digest("DESCRIBE", uri))
        return (said["response"], said["nonce"]) == (wanted, "n")


def challenged(
    *challenges: str, password: str = "p:@ss", relative: bool = False
) -> Callable[[], Camera]:
    def camera() -> Camera:
        guarded = Guarded(media=media())
        guarded.challenges = challenges
        guarded.password, guarded.relative = password, relative
        return guarded

    return camera


def first_picture(*payloads: bytes) -> list[bytes]:
    """The first picture in payloads of its own, the others as usual."""
    track = Packetiser(mtu=9_000)
    out = [
        track.rtp(payload, 0, marker=index == len(payloads) - 1)
        for index, payload in enumerate(payloads)
    ]
    for number in range(1, PICTURES):
        out += track.picture([FRAME], number * TICK)
    return out


def sprop(*sets: bytes) -> str:
    coded = ",".join(base64.b64encode(one).decode() for one in sets)
    return BARE_SDP + f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={coded}\r\n"


def beside(report: bytes) -> list[bytes]:
    every = frames()
    return [*every[:20], report, *every[20:], report]


def between(track: Packetiser, payloads: Iterable[bytes]) -> list[bytes]:
    """All pictures, and odd payloads of the track before the third."""
    out: list[bytes] = []
    for number in range(PICTURES):
        if number == 3:
            out += [track.rtp(payload, number * TICK) for payload in payloads]
        out += track.picture(nals(number), number * TICK)
    return out


def annex_b(*units: bytes) -> bytes:
    return b"".join(b"\0\0\0\1" + unit for unit in units)


RTSP = "RTSP session / transport"
AUTH = "Authentication"
SDPS = "SDP"
RTP = "RTP / H.264 / H.265"
TIME = "Time"
