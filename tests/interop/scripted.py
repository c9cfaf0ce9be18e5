"""A camera that is a script over a real loopback socket: for each method an answer, after PLAY
the bytes to send. gst-rtsp-server behaves too well for these.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from recorder.native import NativeSource, open_native
from recorder.rtsp.messages import MalformedMessage, Request, cseq_of, parse
from recorder.source import Element, Target
from tests.recorder.rtp.wire import IDR, PPS, SPS, Packetiser
from vms.core.clock import SECOND, FakeClock, Span, SystemClock
from vms.core.errors import CameraError
from vms.core.model import CameraId, StreamKey
from vms.core.secret import Secret

SPROP = ",".join(base64.b64encode(nal).decode() for nal in (SPS, PPS))
SDP = (
    "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:t0\r\n"
    f"a=fmtp:96 sprop-parameter-sets={SPROP}\r\n"
)
OK = "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n"


@dataclass
class Camera:
    """Answers by method; `{cseq}` is filled in. `media` goes out behind PLAY's answer.

    `hang_up_at`: the method at which it closes the connection instead of answering.
    """

    answers: dict[str, str | list[str]] = field(default_factory=dict)
    sdp: str = SDP
    media: bytes = b""
    before_play: bytes = b""
    hang_up: bool = False
    hang_up_at: str = ""
    heard: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> bytes:
        given = self.answers.get(request.method)
        if isinstance(given, list):
            given = given.pop(0) if len(given) > 1 else given[0]
        if given is None:
            given = {
                "OPTIONS": OK + "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER\r\n\r\n",
                "DESCRIBE": OK + "Content-Length: {length}\r\n\r\n{sdp}",
                "SETUP": OK
                + "Transport: RTP/AVP/TCP;interleaved=0-1\r\nSession: 77;timeout=8\r\n\r\n",
                "PLAY": OK + "Session: 77\r\n\r\n",
            }.get(request.method, OK + "\r\n")
        text = given.replace("{cseq}", str(cseq_of(request))).replace("{sdp}", self.sdp)
        return text.replace("{length}", str(len(self.sdp))).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = b""
        with contextlib.suppress(ConnectionError, MalformedMessage):  # as a camera would hang up
            while chunk := await reader.read(4096):
                data += chunk
                while data[:1] == b"$" and len(data) >= 4 + int.from_bytes(data[2:4], "big"):
                    data = data[4 + int.from_bytes(data[2:4], "big") :]
                while data[:1] != b"$" and (found := parse(data)) is not None:
                    message, length = found
                    data = data[length:]
                    if not isinstance(message, Request):
                        continue
                    self.heard.append(message)
                    if message.method == self.hang_up_at:
                        writer.close()
                        return
                    if message.method == "PLAY":
                        writer.write(self.before_play)
                    answer = self.answer(message)
                    writer.write(answer)
                    if message.method == "PLAY" and answer.startswith(b"RTSP/1.0 200"):
                        writer.write(self.media)
                        if self.hang_up:
                            writer.close()
                    if message.method == "TEARDOWN":
                        break
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def pictures(count: int = 6) -> bytes:
    track = Packetiser()
    return b"".join(b"".join(track.picture([IDR], n * 3_600)) for n in range(count))


@contextlib.asynccontextmanager
async def serving(camera: Camera, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The camera at a port of the loopback. It hangs up on who does not."""
    served: list[asyncio.Task[None]] = []
    writers: list[asyncio.StreamWriter] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        served.append(asyncio.create_task(camera.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        if served:
            await asyncio.wait(served, timeout=0.5)
            for writer in writers:
                writer.close()
            await asyncio.wait(served, timeout=2)
        await asyncio.sleep(0)


def play(
    camera: Camera,
    then: Callable[[NativeSource], Awaitable[None]] | None = None,
    clock: FakeClock | None = None,
    url: str = "rtsp://127.0.0.1:{port}/x",
    silence: Span | None = None,
    tls: ssl.SSLContext | None = None,
    user: str | None = "user",
) -> list[Element]:
    """What the source brings within half a second (or after `then`)."""

    async def main() -> list[Element]:
        async with serving(camera, tls) as port:
            key = StreamKey(CameraId("camera"))
            password = Secret("p:@ss") if user is not None else None
            target = Target(key, url.replace("{port}", str(port)), user, password)
            source = await open_native(
                target,
                clock or SystemClock(),
                random.Random(1),
                Span(SECOND // 2),
                silence or Span(9 * SECOND),
            )
            return await watch(source)

    async def watch(source: NativeSource) -> list[Element]:
        units: list[Element] = []
        try:
            if then is not None:
                await then(source)
            for _ in range(10):
                await asyncio.sleep(0.02)
                units += source.sweep().units
        except CameraError:
            if not camera.hang_up:
                raise
        finally:
            source.close()
        return units

    return asyncio.run(main())
