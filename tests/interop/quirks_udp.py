"""Quirks of RTP over UDP, which libav reads for us; it looks into pictures, so they are real."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import random
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from recorder.opening import open_source
from recorder.rtsp.messages import Request, cseq_of
from recorder.source import Element, Target
from tests.interop.scripted import OK, Camera, serving
from tests.recorder.rtp.wire import Packetiser, videos
from tests.storage.encoded import Coded, coded
from vms.core.clock import SystemClock
from vms.core.errors import CameraError
from vms.core.model import CameraId, StreamKey
from vms.core.secret import Secret

RTSP = "RTSP session / transport"
RTP = "RTP / H.264 / H.265"
PICTURES = 50
HEADER = 4  # of an interleaved frame, which UDP has not


@dataclass(frozen=True, slots=True)
class UdpQuirk:
    """One behaviour. `server_port`: whether the camera says where it sends from; `mtu`: its largest
    payload; `reorder`: whether neighbouring packets of a picture change places.
    """

    name: str
    line: str = RTSP
    server_port: bool = True
    mtu: int = 1_200
    reorder: bool = False
    seen: str = ""
    expect: str = "recorded"


QUIRKS = (
    UdpQuirk("UDP from a port that was not told", server_port=False, seen="OpenIPC"),
    UdpQuirk("UDP from another port than told"),
    UdpQuirk("UDP packets of 10,000 bytes", mtu=10_000, seen="Tapo"),
    UdpQuirk("UDP packets out of order", RTP, reorder=True),
)


@functools.cache
def stream() -> Coded:
    return coded(seconds=PICTURES // 25, size=(640, 480))


def sent() -> list[bytes]:
    """The pictures, NAL units behind their lengths."""
    return [sample.data for sample in stream().video]


def units(data: bytes) -> list[bytes]:
    found = []
    while data:
        size = int.from_bytes(data[:4], "big")
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return found


class UdpCamera(Camera):
    """Refuses TCP, and sends to the port it is given over UDP."""

    def __init__(self, quirk: UdpQuirk) -> None:
        video = stream().format.video
        sprop = ",".join(base64.b64encode(one).decode() for one in (video.sps[0], video.pps[0]))
        super().__init__(
            sdp="v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
            "a=rtpmap:96 H264/90000\r\na=control:t0\r\n"
            f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sprop}\r\n"
        )
        self.quirk = quirk
        self._port = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._sending: asyncio.Task[None] | None = None

    def close(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
        self._socket.close()

    def answer(self, request: Request) -> bytes:
        said = str(cseq_of(request))
        if request.method == "SETUP":
            asked = request.headers.get("Transport") or ""
            if "TCP" in asked:
                return f"RTSP/1.0 461 Unsupported\r\nCSeq: {said}\r\n\r\n".encode()
            ports = re.search(r"client_port=(\d+)-(\d+)", asked)
            assert ports is not None
            self._port = int(ports[1])
            told = ";server_port=61000-61001" if self.quirk.server_port else ""
            return (
                OK + f"Transport: RTP/AVP;unicast;client_port={ports[1]}-{ports[2]}{told}\r\n"
                "Session: 77\r\n\r\n"
            ).replace("{cseq}", said).encode()  # fmt: skip
        if request.method == "PLAY":
            self._sending = asyncio.get_running_loop().create_task(self._send())
        if request.method == "TEARDOWN" and self._sending is not None:
            self._sending.cancel()
        return super().answer(request)

    async def _send(self) -> None:
        """Forty pictures a second, so that libav has soon seen enough of them."""
        track = Packetiser(mtu=self.quirk.mtu, sequence=100)
        for number, data in enumerate(sent()):
            packets = [one[HEADER:] for one in track.picture(units(data), number * 3_600)]
            # Of a run's first packets nobody can know that one before them is still to come.
            for packet in swapped(packets) if self.quirk.reorder and number else packets:
                self._socket.sendto(packet, ("127.0.0.1", self._port))
            await asyncio.sleep(0.025)


def swapped(packets: Sequence[bytes]) -> list[bytes]:
    """Each two neighbours in each other's place."""
    pairs = (packets[at : at + 2][::-1] for at in range(0, len(packets), 2))
    return [packet for pair in pairs for packet in pair]


async def outcome(quirk: UdpQuirk) -> str:
    """What became of it, by way of the refused TCP."""
    with contextlib.closing(UdpCamera(quirk)) as camera:
        return await _outcome(camera)


async def _outcome(camera: UdpCamera) -> str:
    key, units_ = StreamKey(CameraId("camera")), list[Element]()
    async with serving(camera) as port:
        target = Target(key, f"rtsp://127.0.0.1:{port}/x", "user", Secret("p:@ss"))
        try:
            source = await open_source(target, SystemClock(), random.Random(1))
        except CameraError as error:
            return f"stated:{error.cause.value}"
        try:
            async with asyncio.timeout(5):
                while len(videos(units_)) < PICTURES - 1:
                    await asyncio.sleep(0.05)
                    units_ += source.sweep().units
        except TimeoutError:
            pass  # what came is told below
        finally:
            source.close()
            await source.closed()
    got = [unit.data for unit in videos(units_)]
    if source.kind == "libav" and got == sent()[: len(got)] and len(got) >= PICTURES - 1:
        return "recorded"
    return f"{len(got)} of {PICTURES} pictures through {source.kind}, not all as sent"
