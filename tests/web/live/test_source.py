"""Feeds: one subscription for all viewers of a stream, and what a late outlet gets."""

from __future__ import annotations

import asyncio

from tests.web.live.coded import ClipSource, clip
from vms.core.clock import MILLISECOND, FakeClock, SystemClock
from vms.core.live import FormatChanged, LiveUnit, StreamDown
from vms.core.media import AccessUnit, StreamFormat, Track, VideoFormat
from vms.core.model import CameraId, Cause, StreamKey
from web.live.source import Feeds, StreamFeed, TimedUnit

GATE = StreamKey(CameraId("gate"))
FORMAT = StreamFormat(VideoFormat("h264", 320, 240, (b"\x67",), (b"\x68",)))
WALL = FakeClock().now()


class Record:
    """An outlet that remembers."""

    def __init__(self) -> None:
        self.formats: list[StreamFormat] = []
        self.units: list[TimedUnit] = []
        self.downs: list[StreamDown] = []

    def format_changed(self, stream_format: StreamFormat) -> None:
        self.formats.append(stream_format)

    def unit(self, unit: TimedUnit) -> None:
        self.units.append(unit)

    def down(self, state: StreamDown) -> None:
        self.downs.append(state)

    def stop(self) -> None:
        pass


def unit(pts: int, *, key: bool = False, size: int = 10, wall: int = WALL) -> LiveUnit:
    clock = FakeClock()
    return LiveUnit(AccessUnit(Track.VIDEO, bytes(size), pts, clock.monotonic(), key), wall)  # type: ignore[arg-type]


def feed() -> StreamFeed:
    return StreamFeed(GATE, ClipSource(clip(width=320, height=240), FakeClock()), FakeClock())


def test_a_late_outlet_gets_format_and_pictures_since_the_keyframe() -> None:
    stream = feed()
    stream.take(FormatChanged(GATE, FORMAT, 1))
    for number in range(10):
        stream.take(unit(number * 3_600, key=number in (0, 6)))
    outlet = stream.outlet(Record, Record)
    assert outlet.formats == [FORMAT]
    assert [u.key for u in outlet.units] == [True, False, False, False]
    assert stream.outlet(Record, Record) is outlet


def test_time_goes_on_over_a_new_run() -> None:
    stream = feed()
    outlet = stream.outlet(Record, Record)
    stream.take(FormatChanged(GATE, FORMAT, 1))
    stream.take(unit(900_000, key=True))
    stream.take(FormatChanged(GATE, FORMAT, 2))
    stream.take(unit(0, key=True, wall=WALL + 500 * MILLISECOND))
    first, second = outlet.units
    assert second.time - first.time == 45_000


def test_an_outage_empties_the_cache_and_is_told_to_a_late_outlet() -> None:
    stream = feed()
    stream.take(FormatChanged(GATE, FORMAT, 1))
    stream.take(unit(0, key=True))
    down = StreamDown(Cause.SILENT, "no picture for 10 s")
    stream.take(down)
    outlet = stream.outlet(Record, Record)
    assert (outlet.downs, outlet.units, stream.format) == ([down], [], None)


def test_reordering_is_noticed_by_what_comes() -> None:
    stream = feed()
    stream.take(FormatChanged(GATE, FORMAT, 1))
    for number in (0, 3, 1, 2):
        stream.take(unit(number * 3_600, key=number == 0))
    assert stream.reordered


def test_a_group_too_large_is_not_kept_but_goes_out() -> None:
    stream = feed()
    outlet = stream.outlet(Record, Record)
    stream.take(FormatChanged(GATE, FORMAT, 1))
    for number in range(5):
        stream.take(unit(number * 3_600, key=number == 0, size=4_000_000))
    assert len(outlet.units) == 5
    stream.drop(outlet)
    assert stream.outlet(Record, Record).units == []


def test_viewers_share_one_subscription_that_lingers() -> None:
    async def scenario() -> None:
        source = ClipSource(clip(width=320, height=240), SystemClock())
        feeds = Feeds(source, SystemClock(), linger=50 * MILLISECOND)
        first, second = feeds.enter(GATE), feeds.enter(GATE)
        assert first is second
        assert await first.ready(2)
        assert source.subscribed == 1
        feeds.leave(first)
        feeds.leave(second)
        assert feeds.enter(GATE) is first
        await asyncio.sleep(0.1)
        assert source.subscribed == 1
        feeds.leave(first)
        async with asyncio.timeout(2):
            while source.subscribed:
                await asyncio.sleep(0.01)
        await feeds.close()

    asyncio.run(scenario())


def test_a_camera_known_to_be_down_is_not_waited_for() -> None:
    async def scenario() -> None:
        stream = feed()
        stream.take(StreamDown(Cause.REFUSED, "wrong password"))
        async with asyncio.timeout(0.5):
            assert not await stream.ready(10)

    asyncio.run(scenario())
