"""What a stream sends, and to whom; time is moved by hand."""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import Sequence

from vms.core.clock import MILLISECOND, SECOND, FakeClock
from vms.simulator import rtsp
from vms.simulator.faults import Faults
from vms.simulator.stream import Batch, Medium, Stream


class Silent:
    """A producer that only says what it would send."""

    async def media(self) -> Sequence[Medium]:
        return [rtsp.video_medium("h264", [b"\x67abc", b"\x68"], (64, 36))]

    async def run(self, stream: Stream) -> None:
        await asyncio.get_running_loop().create_future()


class Viewer:
    def __init__(self, *, slow: bool = False) -> None:
        self.slow = slow
        self.packets: list[bytes] = []
        self.reports: list[bytes] = []
        self.garbage: list[bytes] = []

    def send(self, track: int, batch: Batch) -> bool:
        if not self.slow:
            self.packets += batch.packets
        return not self.slow

    def send_report(self, track: int, packet: bytes) -> None:
        self.reports.append(packet)

    def send_garbage(self, data: bytes) -> None:
        self.garbage.append(data)


async def opened(clock: FakeClock) -> Stream:
    stream = Stream("a/main", Silent(), Faults(), clock, random.Random(1))
    await stream.media()
    return stream


def test_a_viewer_starts_at_a_keyframe_and_a_slow_one_harms_nobody() -> None:
    async def run() -> None:
        clock = FakeClock()
        stream = await opened(clock)
        quick, slow = Viewer(), Viewer(slow=True)
        stream.attach(quick)
        stream.attach(slow)
        assert stream.key_wanted
        for key in (False, True, False):
            stream.publish(0, [b"x", b"y"], clock.monotonic(), key=key)
            clock.advance(40 * MILLISECOND)
        assert len(quick.packets) == 4
        assert stream.stats.slow_drops == 2
        first = [int.from_bytes(packet[2:4], "big") for packet in quick.packets]
        assert first == [(first[0] + i) & 0xFFFF for i in range(4)]
        stream.detach(quick)
        stream.detach(slow)
        stream.detach(slow)
        assert stream.stats.receivers == 0
        await stream.close()

    asyncio.run(run())


def test_a_camera_with_quirks_sends_no_reports_and_each_packet_twice() -> None:
    async def run() -> Viewer:
        clock, viewer = FakeClock(), Viewer()
        stream = await opened(clock)
        for quirk in ("quirk-no-reports", "quirk-double"):
            stream.faults.set(quirk)
        stream.attach(viewer)
        stream.publish(0, [b"x"], clock.monotonic())
        await stream.close()
        return viewer

    viewer = asyncio.run(run())
    assert (len(viewer.packets), viewer.packets[0]) == (2, viewer.packets[1])
    assert viewer.reports == []


def test_sender_reports_tell_the_cameras_clock_every_five_seconds() -> None:
    async def run() -> None:
        clock = FakeClock()
        stream = await opened(clock)
        viewer = Viewer()
        stream.attach(viewer)
        for _ in range(12):
            stream.publish(0, [b"x"], clock.monotonic())
            clock.advance(SECOND)
        assert len(viewer.reports) == 3
        clock.advance(5 * SECOND)
        stream.faults.set("jump-clock", seconds=-3600)
        before = stream.wall(clock.monotonic())
        stream.publish(0, [b"x"], clock.monotonic())
        seconds, _, ticks = struct.unpack_from("!III", viewer.reports[-1], 8)
        assert seconds - 2_208_988_800 == clock.now() // SECOND - 3600 == before // SECOND
        assert ticks == int.from_bytes(viewer.packets[-1][4:8], "big")
        await stream.close()

    asyncio.run(run())


def test_faults_of_the_wire() -> None:
    async def run() -> None:
        clock = FakeClock()
        stream = await opened(clock)
        viewer = Viewer()
        stream.attach(viewer)
        stream.faults.set("hang")
        stream.publish(0, [b"x"] * 10, clock.monotonic())
        assert (viewer.packets, stream.stats.by_fault) == ([], 10)
        stream.faults.clear()
        stream.faults.set("drop", rate=0.5)
        stream.publish(0, [b"x"] * 1000, clock.monotonic())
        assert 400 < len(viewer.packets) < 600
        stream.faults.clear()
        stream.faults.set("garbage", bytes=33, every=1)
        for _ in range(4):
            stream.publish(0, [b"x"], clock.monotonic())
            clock.advance(SECOND // 2)
        assert [len(data) for data in viewer.garbage] == [33, 33]
        stream.faults.clear()
        stream.faults.set("jump-clock", seconds=10, rtp=True)
        was = stream.tracks[0].base + clock.monotonic() * 90_000 // SECOND
        assert stream.ticks(stream.tracks[0], clock.monotonic()) == (was + 900_000) & 0xFFFFFFFF
        await stream.close()

    asyncio.run(run())
