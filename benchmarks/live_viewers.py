"""What one more WHEP viewer costs, beside stock aiortc passing the same coded pictures through.

Each sender runs in a process of its own and serves real ICE and DTLS; the viewers are sinks in
another process that connect with aiortc and then throw the packets away. Measured is the
sender's CPU time with few and with many viewers; the promise is about the difference.
"""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import json
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import uvloop
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtp import RtcpReceiverInfo, RtcpRrPacket

from benchmarks.report import Figure, Report
from tests.web.live.coded import Clip, ClipSource, clip
from vms.core.clock import SystemClock
from web.live.process import LiveProcess
from web.live.rpc import RpcServer, field

PROMISE = 0.8  # % of a core per viewer
PROMISE_RATIO = 1 / 3
_BITRATE = 4_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """One sender's slope: % of a core and packets a second per further viewer."""

    name: str
    viewers: tuple[int, int]
    percent: float
    packets: float
    megabits: float

    @property
    def microseconds(self) -> float:
        """CPU time per packet."""
        return self.percent * 1e4 / self.packets if self.packets else 0.0


async def call(path: Path, **request: object) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(path, limit=1 << 20)
    try:
        writer.write(json.dumps({"id": 1, **request}).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await reader.readline())
    finally:
        writer.close()
    if not answer.get("ok"):
        raise RuntimeError(f"{request.get('op')}: {answer}")
    return answer


# --- the senders, each in its own process


async def _cpu(request: Mapping[str, object]) -> dict[str, object]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu": usage.ru_utime + usage.ru_stime, "at": time.monotonic()}


async def serve_ours(coded: Clip, folder: Path) -> None:
    clock = SystemClock()
    process = LiveProcess(
        ClipSource(coded, clock), clock, folder / "offer.sock", folder / "fds.sock"
    )
    facts = RpcServer(folder / "facts.sock", {"cpu": _cpu})
    await process.start()
    await facts.start()
    print("ready", flush=True)
    await asyncio.Event().wait()


class _Passthrough(MediaStreamTrack):
    """A track of coded packets, in step with the clock: the cheapest way stock aiortc offers."""

    kind = "video"

    def __init__(self, packets: list[bytes], rate: int) -> None:
        super().__init__()
        self._packets, self._rate = packets, rate
        self._started = time.monotonic()
        self._number = 0

    async def recv(self) -> av.Packet[Any]:
        wait = self._started + self._number / self._rate - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        packet = av.Packet(self._packets[self._number % len(self._packets)])
        packet.pts = packet.dts = self._number * 90_000 // self._rate
        packet.time_base = fractions.Fraction(1, 90_000)
        self._number += 1
        return packet


async def serve_stock(coded: Clip, folder: Path) -> None:
    annexb = [_annexb(data) for data, _, _ in coded.pictures]
    connections: set[RTCPeerConnection] = set()

    async def offer(request: Mapping[str, object]) -> dict[str, object]:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        connections.add(connection)
        connection.addTrack(_Passthrough(annexb, coded.rate))
        codecs = [
            codec
            for codec in RTCRtpSender.getCapabilities("video").codecs
            if codec.mimeType == "video/H264"
        ]
        connection.getTransceivers()[0].setCodecPreferences(codecs)
        await connection.setRemoteDescription(RTCSessionDescription(field(request, "sdp"), "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        return {"sdp": connection.localDescription.sdp}

    offers = RpcServer(folder / "offer.sock", {"whep.offer": offer})
    facts = RpcServer(folder / "facts.sock", {"cpu": _cpu})
    await offers.start()
    await facts.start()
    print("ready", flush=True)
    await asyncio.Event().wait()


def _annexb(data: bytes) -> bytes:
    parts, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        parts.append(b"\0\0\0\1" + data[at + 4 : at + 4 + length])
        at += 4 + length
    return b"".join(parts)


# --- the viewers


class Sink:
    """Connects as a browser would, then counts datagrams and answers with receiver reports."""

    def __init__(self) -> None:
        self.packets = self.bytes = 0
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._reports: asyncio.Task[None] | None = None

    async def connect(self, offers: Path) -> None:
        connection = self._connection
        transceiver = connection.addTransceiver("video", direction="recvonly")
        codecs = [
            codec
            for codec in RTCRtpSender.getCapabilities("video").codecs
            if codec.mimeType == "video/H264"
        ]
        transceiver.setCodecPreferences(codecs)
        await connection.setLocalDescription(await connection.createOffer())
        connected = asyncio.Event()
        connection.on(
            "connectionstatechange",
            lambda: connected.set() if connection.connectionState == "connected" else None,
        )
        answer = await call(
            offers,
            op="whep.offer",
            camera="gate",
            stream="main",
            user="bench",
            sdp=connection.localDescription.sdp,
        )
        await connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        async with asyncio.timeout(20):
            await connected.wait()
        dtls: Any = transceiver.receiver.transport
        dtls.transport._connection.data_received = self._count
        ssrc = int(answer["sdp"].split("a=ssrc:")[1].split(" ")[0])
        self._reports = asyncio.create_task(self._report(dtls, ssrc))

    async def close(self) -> None:
        if self._reports is not None:
            self._reports.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._connection.close(), 5)

    def _count(self, data: bytes, component: int) -> None:
        self.packets += 1
        self.bytes += len(data)

    async def _report(self, dtls: Any, ssrc: int) -> None:
        while True:
            await asyncio.sleep(1)
            info = RtcpReceiverInfo(ssrc, 0, 0, 0, 0, 0, 0)
            await dtls._send_rtp(bytes(RtcpRrPacket(ssrc=1, reports=[info])))


async def measure(name: str, folder: Path, counts: tuple[int, int], seconds: float) -> Cost:
    """Raise the viewers to each of `counts` and take the sender's CPU time over `seconds`."""
    sinks: list[Sink] = []
    readings: list[tuple[float, float, float]] = []
    try:
        for count in counts:
            while len(sinks) < count:
                sink = Sink()
                sinks.append(sink)
                await sink.connect(folder / "offer.sock")
            await asyncio.sleep(1.5)
            before, packets = await call(folder / "facts.sock", op="cpu"), _sum(sinks)
            await asyncio.sleep(seconds)
            after, more = await call(folder / "facts.sock", op="cpu"), _sum(sinks)
            lasted = after["at"] - before["at"]
            readings.append(
                (
                    (after["cpu"] - before["cpu"]) / lasted * 100,
                    (more[0] - packets[0]) / lasted,
                    (more[1] - packets[1]) * 8e-6 / lasted,
                )
            )
    finally:
        await asyncio.gather(*(sink.close() for sink in sinks))
    further = counts[1] - counts[0]
    cpu, packets_, megabits = ((many - few) / further for few, many in zip(*readings, strict=True))
    return Cost(name, counts, cpu, packets_, megabits)


def _sum(sinks: list[Sink]) -> tuple[int, int]:
    return sum(sink.packets for sink in sinks), sum(sink.bytes for sink in sinks)


# --- the run


def run(
    ours: tuple[int, int] = (5, 30), stock: tuple[int, int] = (1, 8), seconds: float = 10
) -> Report:
    """Both senders one after the other, on the same clip."""
    coded = clip(width=1920, height=1080, bitrate=_BITRATE, gop=50, pictures=100)
    mine = _cost("ours", coded, ours, seconds)
    theirs = _cost("stock", coded, stock, seconds)
    return Report(
        name="live_viewers",
        title="CPU of the live process per further WHEP viewer",
        how=(
            f"1080p25 H.264 at {mine.megabits:.1f} Mbit/s; our live process with {ours[0]} and "
            f"{ours[1]} viewers, stock aiortc passing the same coded pictures with {stock[0]} and "
            f"{stock[1]}; the difference of CPU time by the difference of viewers, {seconds:g} s "
            "each. Real ICE, DTLS and SRTP over loopback; the viewers discard what they get."
        ),
        figures=(
            Figure("ours, per viewer", mine.percent, "% of a core", bound=PROMISE),
            Figure("stock aiortc, per viewer", theirs.percent, "% of a core"),
            Figure("ours / stock", mine.percent / theirs.percent, bound=PROMISE_RATIO),
            Figure("ours, per packet", mine.microseconds, "µs", digits=1),
            Figure("stock aiortc, per packet", theirs.microseconds, "µs", digits=1),
            Figure("packets received per viewer", mine.packets, "/s", digits=0),
        ),
    )


def _cost(name: str, coded: Clip, counts: tuple[int, int], seconds: float) -> Cost:
    """Start the sender, measure it, stop it."""
    with tempfile.TemporaryDirectory(prefix="vms-live-") as text:
        folder = Path(text)
        (folder / "clip").write_bytes(pickle.dumps(coded))
        sender = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.live_viewers", name, str(folder)],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert sender.stdout is not None
            if sender.stdout.readline().strip() != "ready":
                raise RuntimeError(f"the {name} sender did not start")
            return uvloop.run(measure(name, folder, counts, seconds))
        finally:
            sender.kill()
            sender.wait()


def main() -> None:
    """One sender: `python -m benchmarks.live_viewers ours|stock FOLDER`."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    coded = pickle.loads((folder / "clip").read_bytes())
    uvloop.run((serve_ours if name == "ours" else serve_stock)(coded, folder))


if __name__ == "__main__":
    main()
