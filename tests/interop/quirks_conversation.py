"""Quirks of the conversation: RTSP, signing in, and the SDP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from recorder.rtsp.messages import Request, cseq_of
from tests.interop.quirk import (
    AUTH,
    BARE_SDP,
    DESCRIBED,
    REFUSED,
    RTSP,
    SDPS,
    SETUP_OK,
    Quirk,
    annex_b,
    answering,
    challenged,
    frames,
    media,
    sprop,
    transport,
    with_media,
)
from tests.interop.scripted import OK, SDP, Camera
from tests.recorder.rtp.wire import PPS, SPS, Packetiser, frame

PUBLIC = OK + "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n"
WITH_SOUND = SDP + "m=audio 0 RTP/AVP 8\r\na=control:t1\r\n"
NO_SUCH = "RTSP/1.0 404 Not Found\r\nCSeq: {cseq}\r\n\r\n"


def said(text: str, request: Request) -> bytes:
    return text.replace("{cseq}", str(cseq_of(request))).encode()


class At(Camera):
    """Knows its track under one address only."""

    place = ""

    def answer(self, request: Request) -> bytes:
        if request.method == "SETUP" and not request.uri.endswith(self.place):
            return said(NO_SUCH, request)
        return super().answer(request)


def control(attribute: str, place: str, base: str = "") -> Callable[[], Camera]:
    """A track called `attribute` in the SDP that is set up at what ends with `place`."""

    def camera() -> Camera:
        content_base = f"Content-Base: {base}\r\n" if base else ""
        described = DESCRIBED.replace("Content-Length", f"{content_base}Content-Length")
        answers: dict[str, str | list[str]] = {"DESCRIBE": described}
        sdp = SDP.replace("control:t0", f"control:{attribute}")
        made = At(answers, sdp=sdp, media=media())
        made.place = place
        return made

    return camera


class Sessions(Camera):
    """Gives another session id at each SETUP, and knows only the last."""

    def answer(self, request: Request) -> bytes:
        if request.method == "SETUP":
            number = sum(one.method == "SETUP" for one in self.heard)
            channels = f"{2 * number - 2}-{2 * number - 1}"
            text = (
                OK + f"Transport: RTP/AVP/TCP;interleaved={channels}\r\nSession: 7{number}\r\n\r\n"
            )
            return said(text, request)
        if request.method == "PLAY" and request.headers.get("Session") != "72":
            return said("RTSP/1.0 454 Session Not Found\r\nCSeq: {cseq}\r\n\r\n", request)
        return super().answer(request)


class Noisy(Camera):
    """Sends another viewer's packets before it answers, also before anybody signed in."""

    def answer(self, request: Request) -> bytes:
        foreign = b"" if request.method == "PLAY" else frame(0, b"\x80\x60" + b"\x09" * 300)
        return foreign + super().answer(request)


class HoldingBack(Camera):
    """Sends its first pictures, and `rest` when its makers say so."""

    rest = b""


def holding_back(of: type[HoldingBack]) -> Camera:
    every = frames()
    camera = of(media=b"".join(every[:25]))
    camera.rest = b"".join(every[25:])
    return camera


class Resuming(HoldingBack):
    """Sends the others only once it is asked to keep the session."""

    def answer(self, request: Request) -> bytes:
        rest, self.rest = (
            (self.rest, b"") if request.method == "GET_PARAMETER" else (b"", self.rest)
        )
        return super().answer(request) + rest


def resuming() -> Camera:
    return holding_back(Resuming)


class Forgetful(HoldingBack):
    """Offers GET_PARAMETER, does not know it, and sends its last pictures once OPTIONS has kept
    the session."""

    def answer(self, request: Request) -> bytes:
        if request.method == "GET_PARAMETER":
            return said("RTSP/1.0 501 Not Implemented\r\nCSeq: {cseq}\r\n\r\n", request)
        kept = request.method == "OPTIONS" and len(self.heard) > 4
        rest, self.rest = (self.rest, b"") if kept else (b"", self.rest)
        return super().answer(request) + rest


def forgetful() -> Camera:
    return holding_back(Forgetful)


class Unfinished(Camera):
    """Goes on with packets of which no picture comes."""

    def answer(self, request: Request) -> bytes:
        track = Packetiser(sequence=len(self.heard) * 10)
        behind = [track.rtp(b"\x7c\x05rest", 5) for _ in range(9)]
        return super().answer(request) + b"".join(behind * (request.method == "GET_PARAMETER"))


class OneSession(Camera):
    """Has room for one session, and frees it at TEARDOWN only (live555 before 2017.06.04)."""

    taken = False

    def answer(self, request: Request) -> bytes:
        if request.method == "SETUP":
            if self.taken:
                return said("RTSP/1.0 453 Not Enough Bandwidth\r\nCSeq: {cseq}\r\n\r\n", request)
            self.taken = True
        if request.method == "TEARDOWN":
            self.taken = False
        return super().answer(request)


class Altered(Camera):
    """Answers as others do, but for what `alter` makes of it."""

    alter: Callable[[bytes, Request], bytes]

    def answer(self, request: Request) -> bytes:
        return self.alter(super().answer(request), request)


def altered(alter: Callable[[bytes, Request], bytes]) -> Callable[[], Camera]:
    def camera() -> Camera:
        made = Altered(media=media())
        made.alter = alter
        return made

    return camera


def numbered(number: Callable[[int], int]) -> Callable[[], Camera]:
    """Answers under numbers of its own."""

    def alter(answer: bytes, request: Request) -> bytes:
        said = f"CSeq: {number(cseq_of(request) or 0)}\r\n".encode()
        return re.sub(rb"CSeq: \d+\r\n", said, answer)

    return altered(alter)


def described_as_long(length: Callable[[int], str]) -> Callable[[], Camera]:
    """Tells another length of its description than it has; none at all for an empty text."""

    def alter(answer: bytes, request: Request) -> bytes:
        if request.method != "DESCRIBE":
            return answer
        told = length(len(SDP))
        line = f"Content-Length: {told}\r\n".encode() if told else b""
        return re.sub(rb"Content-Length: \d+\r\n", line, answer)

    return altered(alter)


def with_a_stray_body(answer: bytes, request: Request) -> bytes:
    return answer + b"hello\r\n" if request.method == "SETUP" else answer


class Closed(Camera):
    """Takes the connection and closes it: another client has the only one."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()


def deadly(method: str, public: str = PUBLIC) -> Callable[[], Camera]:
    """A camera that hangs up when it is asked that."""
    return lambda: Camera({"OPTIONS": public}, media=media(), hang_up_at=method)


FULL = (
    "RTP/AVP/TCP;unicast;destination=10.0.0.9;source=10.0.0.5;interleaved=0-1;ssrc=11223344;"
    'mode="play"'
)
BLIND = REFUSED + 'WWW-Authenticate: Basic realm="c"\r\n\r\n'

SESSION = (
    Quirk("other interleaved ids than asked", RTSP,
          transport("RTP/AVP/TCP;interleaved=6-7", 6)),
    Quirk("interleaved=0, no pair", RTSP, transport("RTP/AVP/TCP;interleaved=0")),
    Quirk("odd interleaved ids", RTSP, transport("RTP/AVP/TCP;interleaved=3-4", 3)),
    Quirk("Transport RTP/AVP without /TCP", RTSP, transport("RTP/AVP;interleaved=0-1"),
          seen="Escam Q6"),
    Quirk("ssrc first in Transport", RTSP,
          transport("ssrc=11223344;RTP/AVP/TCP;interleaved=0-1"), seen="Hikvision"),
    Quirk("ssrc with a leading space", RTSP,
          transport("RTP/AVP/TCP;interleaved=0-1;ssrc= 11223344"), seen="Hikvision, Luckfox"),
    Quirk("invalid ssrc", RTSP, transport("RTP/AVP/TCP;interleaved=0-1;ssrc=zz-9"),
          seen="Hikvision iDS-2CD9396-BIS"),
    Quirk("malformed Session header", RTSP,
          answering(SETUP=OK + "Transport: RTP/AVP/TCP;interleaved=0-1\r\n"
                    "Session: ;timeout=x a\r\n\r\n")),
    Quirk("no Content-Type on DESCRIBE", RTSP, answering(DESCRIBE=DESCRIBED)),
    Quirk("lower-case Content-Type with charset", RTSP,
          answering(DESCRIBE=OK + "content-type: application/sdp;charset=utf-8\r\n"
                    "content-length: {length}\r\n\r\n{sdp}")),
    Quirk("blanks at header end", RTSP,
          answering(OPTIONS="RTSP/1.0 200 OK  \r\nCSeq: {cseq}   \r\n\r\n"), seen="Longse"),
    Quirk("blanks in CSeq", RTSP, answering(OPTIONS="RTSP/1.0 200 OK\r\nCSeq:   {cseq} \r\n\r\n")),
    Quirk("missing reason phrase", RTSP, answering(PLAY="RTSP/1.0 200\r\nCSeq: {cseq}\r\n\r\n")),
    Quirk("empty reason phrase", RTSP, answering(PLAY="RTSP/1.0 200 \r\nCSeq: {cseq}\r\n\r\n")),
    Quirk("CSeq 0 in each answer", RTSP, numbered(lambda asked: 0)),
    Quirk("CSeq 1 in each answer", RTSP, numbered(lambda asked: 1)),
    Quirk("CSeq one too low", RTSP, numbered(lambda asked: asked - 1)),
    Quirk("no Content-Length on DESCRIBE", RTSP, described_as_long(lambda true: "")),
    Quirk("negative Content-Length on DESCRIBE", RTSP, described_as_long(lambda true: "-1")),
    Quirk("Content-Length too small", RTSP, described_as_long(lambda true: str(true - 30))),
    Quirk("Content-Length too large", RTSP, described_as_long(lambda true: str(true + 400))),
    Quirk("a body of no told length", RTSP, altered(with_a_stray_body)),
    Quirk("CRLF before data", RTSP, with_media([b"\r\n\r\n", *frames()])),
    Quirk("negative Content-Length", RTSP, answering(PLAY=OK + "Content-Length: -1\r\n\r\n")),
    Quirk("media before the PLAY answer", RTSP,
          lambda: Camera(before_play=b"".join(frames()[:5]), media=b"".join(frames()[5:])),
          seen="Reolink, v4l2rtspserver"),
    Quirk("400 on PLAY with a range", RTSP,
          answering(PLAY=["RTSP/1.0 400 Bad Request\r\nCSeq: {cseq}\r\n\r\n", OK + "\r\n"]),
          seen="Reolink doorbell"),
    Quirk("455 on PLAY with a range", RTSP,
          answering(PLAY=["RTSP/1.0 455 Method Not Valid\r\nCSeq: {cseq}\r\n\r\n",
                          OK + "\r\n"])),
    Quirk("camera sends OPTIONS pings", RTSP,
          with_media([b"OPTIONS * RTSP/1.0\r\nCSeq: 41\r\n\r\n", *frames()])),
    Quirk("OPTIONS unsupported", RTSP,
          answering(OPTIONS="RTSP/1.0 501 Not Implemented\r\nCSeq: {cseq}\r\n\r\n")),
    Quirk("camera never answers DESCRIBE", RTSP, answering(DESCRIBE=""), "stated:silent"),
    Quirk("Transport with all extras", RTSP, transport(FULL), seen="Dahua, Hikvision"),
    Quirk("session id changes between SETUPs", RTSP,
          lambda: Sessions(sdp=WITH_SOUND, media=media())),
    Quirk("absolute control address", RTSP,
          control("rtsp://10.0.0.5/stream/t0", "rtsp://10.0.0.5/stream/t0")),
    Quirk("leading slash in the control address", RTSP, control("/t0", "/x/t0")),
    Quirk("base with a slash at its end", RTSP, control("t0", "/y/t0", "rtsp://10.0.0.5/y/")),
    Quirk("control appended behind the query", RTSP, control("t0", "/x?a=1/t0"), path="/x?a=1"),
    Quirk("control belongs before the query", RTSP, control("t0", "/x/t0?a=1"), path="/x?a=1"),
    Quirk("session of 8 s, kept by us", RTSP, with_media(frames()), seconds=8, keeps=2),
    Quirk("keep-alive is never answered", RTSP, answering(GET_PARAMETER=""), seconds=8, keeps=2),
    Quirk("GET_PARAMETER ends the session", RTSP, deadly("GET_PARAMETER"), seconds=8, keeps=2,
          seen="GW4089IP"),
    Quirk("GET_PARAMETER is offered and not known", RTSP, forgetful, seconds=7, keeps=2),
    Quirk("GET_PARAMETER is offered and ends the session", RTSP,
          deadly("GET_PARAMETER", PUBLIC.replace("PLAY", "PLAY, GET_PARAMETER")),
          "stated:broken_stream", seconds=8),
    Quirk("OPTIONS ends the connection", RTSP, deadly("OPTIONS"), "stated:broken_stream"),
    Quirk("another session's packets before the sign-in", RTSP,
          lambda: Noisy({"DESCRIBE": [BLIND, DESCRIBED]}, media=media()), seen="Reolink RLC-410"),
    Quirk("stale session until TEARDOWN", RTSP, lambda: OneSession(media=media()), runs=2,
          seen="live555 before 2017.06.04"),
    Quirk("second connection refused", RTSP, Closed, "stated:broken_stream", seen="Dahua, Amcrest"),
    Quirk("silent for 5 s, then goes on", RTSP, resuming, seconds=6, keeps=1),
    Quirk("goes on with packets, but no picture", RTSP, lambda: Unfinished(media=media()),
          "stated:broken_stream", seconds=40),
    Quirk("vanishes without a FIN", RTSP, with_media(frames()), "stated:silent", seconds=11),
)  # fmt: skip

SIGNING_IN = (
    Quirk("only Basic", AUTH, challenged('Basic realm="c"'), seen="DS-2CD2132-I"),
    Quirk("Digest before Basic", AUTH,
          challenged('Digest realm="c", nonce="n"', 'Basic realm="c"')),
    Quirk("Basic before Digest", AUTH,
          challenged('Basic realm="c"', 'Digest realm="c", nonce="n"')),
    Quirk("Digest SHA-256 only", AUTH,
          challenged('Digest realm="c", nonce="n", algorithm=SHA-256, qop="auth"'),
          seen="Prama PT-NC143D3"),
    Quirk("several Digest algorithms", AUTH,
          challenged('Digest realm="c", nonce="n", algorithm=SHA-256',
                     'Digest realm="c", nonce="n", algorithm=MD5')),
    Quirk("unknown Digest algorithm, MD5 meant", AUTH,
          challenged('Digest realm="c", nonce="n", algorithm=ROT13')),
    Quirk("RFC 2069 without qop", AUTH, challenged('Digest realm="c", nonce="n"')),
    Quirk("stale nonce", AUTH,
          answering(DESCRIBE=[REFUSED + 'WWW-Authenticate: Digest nonce="1"\r\n\r\n',
                              REFUSED + 'WWW-Authenticate: Digest nonce="2", stale=true\r\n\r\n',
                              DESCRIBED])),
    Quirk("wrong password", AUTH,
          answering(DESCRIBE=REFUSED + 'WWW-Authenticate: Basic realm=""\r\n\r\n'),
          "stated:refused"),
    Quirk("% @ : ! / in the password", AUTH,
          challenged('Digest realm="c", nonce="n", qop="auth"', password="p%41@:!/w"),
          password="p%41@:!/w"),
    Quirk("% @ : ! / in the password, Basic", AUTH,
          challenged('Basic realm="c"', password="p%41@:!/w"), password="p%41@:!/w"),
    Quirk("stale spelled FALSE, two challenges", AUTH,
          challenged('Digest realm="c", nonce="n", stale="FALSE"', 'Basic realm="c"'),
          seen="Hikvision DS-2CD1148-I/B"),
    Quirk("digest reckoned with the path alone", AUTH,
          challenged('Digest realm="c", nonce="n"', relative=True), "stated:refused"),
)  # fmt: skip

DESCRIPTION = (
    Quirk("no sprop", SDPS, answering(BARE_SDP), seen="HIK Media Server"),
    Quirk("empty sprop", SDPS, answering(BARE_SDP + "a=fmtp:96 sprop-parameter-sets=\r\n")),
    Quirk("PPS missing in sprop", SDPS, answering(sprop(SPS)), seen="Hikvision"),
    Quirk("Annex B inside sprop", SDPS, answering(sprop(annex_b(SPS), annex_b(PPS))),
          seen="Tenda CP3PRO"),
    Quirk("wrong NAL header in sprop", SDPS, answering(sprop(b"\x00" + SPS[1:], PPS)),
          seen="VStarcam"),
    Quirk("missing v=, o=, s=", SDPS, answering(SDP.replace("v=0\r\n", ""))),
    Quirk("many s=", SDPS, answering("s=a\r\ns=b\r\ns=c\r\n" + SDP)),
    Quirk("broken c=IN", SDPS, answering("c=IN \r\n" + SDP)),
    Quirk("decimals in origin, odd t=", SDPS,
          answering("o=- 1.5 2.5 IN IP4 x\r\nt=now-\r\n" + SDP), seen="FLIR"),
    Quirk("blanks behind the clock rate", SDPS, answering(SDP.replace("/90000", "/90000   "))),
    Quirk("clock rate 0", SDPS, answering(SDP.replace("/90000", "/0"))),
    Quirk("no clock rate", SDPS, answering(SDP.replace("/90000", ""))),
    Quirk("unknown media beside", SDPS,
          answering("v=0\r\nm=application/TP-LINK 0 RTP/AVP smart/1/90000\r\n"
                    "m=meta 0 RTP/AVP 107\r\n"
                    + SDP.replace("v=0\r\n", ""))),
    Quirk("wrong direction attribute", SDPS, answering(SDP + "a=sendonly\r\n"),
          seen="D-Link CV-RTSPHandler"),
    Quirk("no rtpmap", SDPS, answering(SDP.replace("a=rtpmap:96 H264/90000\r\n", ""))),
    Quirk("JPEG and H.264 in one track", SDPS,
          answering(SDP.replace("AVP 96\r\n", "AVP 26 96\r\na=rtpmap:26 JPEG/90000\r\n"))),
    Quirk("packetization-mode=0 but fragments", SDPS,
          answering(SDP.replace("fmtp:96 ", "fmtp:96 packetization-mode=0;"))),
    Quirk("no video", SDPS, answering("v=0\r\nm=audio 0 RTP/AVP 0\r\n"), "stated:no_video"),
    Quirk("payload type 35", SDPS,
          lambda: Camera(sdp=SDP.replace("96", "35"), media=media(Packetiser(payload_type=35))),
          seen="Bosch"),
    Quirk("garbage behind the SPS in sprop", SDPS, answering(sprop(SPS + b"\0\0\x11", PPS)),
          seen="Reolink"),
    Quirk("ONVIF metadata and vendor tracks", SDPS,
          answering(SDP + "m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n"
                    "a=control:t3\r\nm=video 0 RTP/AVP 112\r\na=rtpmap:112 X-VENDOR/90000\r\n")),
    Quirk("backchannel refuses SETUP", SDPS,
          answering(WITH_SOUND + "a=sendonly\r\n",
                    SETUP=[SETUP_OK.replace("{transport}", "RTP/AVP/TCP;interleaved=0-1"),
                           "RTSP/1.0 453 No\r\nCSeq: {cseq}\r\n\r\n"]), seen="Dahua, Amcrest"),
)  # fmt: skip

CONVERSATION = (*SESSION, *SIGNING_IN, *DESCRIPTION)
