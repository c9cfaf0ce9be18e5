"""Streams that somebody watches: one subscription each, shared by all its viewers.

A feed keeps the units since the last keyframe, so that a viewer starts at once, puts all runs on
one time line, and hands each unit to the outlets (`web.live.rtp`, `web.live.mse`), which exist
only while they have viewers. A feed nobody watches lingers for half a minute: walls switch.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from vms.core.clock import SECOND, Clock
from vms.core.live import FormatChanged, LiveMessage, LiveUnit, StreamDown
from vms.core.log import get_logger
from vms.core.media import StreamFormat, Track
from vms.core.model import Cause, StreamKey
from vms.core.supervise import Backoff, supervise
from web.live.mediaclock import MediaClock

log = get_logger(__name__)

LINGER = 30 * SECOND
_CACHE_BYTES = 16_000_000
_SETTLING = (None, Cause.CONNECTING, Cause.RECORDER_STOPPED)


@dataclass(frozen=True, slots=True)
class TimedUnit:
    """One access unit on the feed's time line.

    `data`: as in AccessUnit. `time`: presentation time in ticks of the track's clock rate, never
    back over runs but for B-frames. `wall`: capture time, UTC ns. `cached`: from before now.
    """

    track: Track
    data: bytes
    time: int
    key: bool
    wall: int
    cached: bool


class Outlet(Protocol):
    """One way out of a feed, for any number of viewers."""

    def format_changed(self, stream_format: StreamFormat) -> None:
        """A new run or format begins; the next picture is a keyframe."""

    def unit(self, unit: TimedUnit) -> None: ...

    def down(self, state: StreamDown) -> None: ...

    def stop(self) -> None:
        """The feed drops the outlet: no timer of it may fire again."""


OutletT = TypeVar("OutletT", bound=Outlet)


class LiveSource(Protocol):
    """What a feed needs of `vms.core.live.LiveClient`."""

    def subscribe(
        self, stream: StreamKey
    ) -> AbstractAsyncContextManager[AsyncIterator[LiveMessage]]: ...


class StreamFeed:
    """One watched stream. `format` is None while it does not deliver; `down` then says why."""

    def __init__(self, stream: StreamKey, source: LiveSource, clock: Clock) -> None:
        self.stream = stream
        self.format: StreamFormat | None = None
        self.down: StreamDown | None = None
        self.reordered = False
        self.viewers = 0
        self._source, self._clock = source, clock
        self._media = MediaClock()
        self._newest: int | None = None
        # Emptied when over _CACHE_BYTES: viewers then start at the next keyframe.
        self._cache: list[TimedUnit] = []
        self._cached_bytes = 0
        self._outlets: dict[type[Outlet], Outlet] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Subscribe, and again whenever the subscription breaks."""
        self._task = asyncio.create_task(
            supervise(f"feed {self.stream}", self._run, self._clock, backoff=Backoff(floor=SECOND)),
            name=f"feed {self.stream}",
        )

    async def close(self) -> None:
        for outlet in self._outlets.values():
            outlet.stop()
        self._outlets.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def ready(self, deadline: float) -> bool:
        """Whether pictures are at hand; waits while the stream is only just coming up."""
        try:
            async with asyncio.timeout(deadline):
                while self.format is None or not self._cache:
                    if self.down is not None and self.down.cause not in _SETTLING:
                        return False
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return self.format is not None
        return True

    def outlet(self, kind: type[OutletT], make: Callable[[], OutletT]) -> OutletT:
        """The outlet of this kind; a new one is told the format and the cached units first."""
        present = self.present(kind)
        if present is not None:
            return present
        outlet = make()
        self._outlets[kind] = outlet
        if self.format is not None:
            outlet.format_changed(self.format)
            for unit in self._cache:
                outlet.unit(unit)
        elif self.down is not None:
            outlet.down(self.down)
        return outlet

    def present(self, kind: type[OutletT]) -> OutletT | None:
        """The outlet of this kind if there is one."""
        found = self._outlets.get(kind)
        return found if isinstance(found, kind) else None

    def drop(self, outlet: Outlet) -> None:
        """An outlet without viewers costs nothing more."""
        if self._outlets.get(type(outlet)) is outlet:
            del self._outlets[type(outlet)]
            outlet.stop()

    async def _run(self) -> None:
        try:
            async with self._source.subscribe(self.stream) as messages:
                async for message in messages:
                    self.take(message)
        finally:
            self._to_down(StreamDown(None, None))

    def take(self, message: LiveMessage) -> None:
        """One message of the subscription."""
        if isinstance(message, LiveUnit):
            self._take_unit(message)
        elif isinstance(message, FormatChanged):
            self._take_format(message)
        else:
            self._to_down(message)
        self._changed.set()

    def _take_format(self, message: FormatChanged) -> None:
        self._forget()
        self._media.begin_run()
        self._newest = None
        self.reordered = False
        self.format, self.down = message.format, None
        for outlet in self._outlets.values():
            outlet.format_changed(message.format)

    def _to_down(self, state: StreamDown) -> None:
        self._forget()
        self.format, self.down = None, state
        for outlet in self._outlets.values():
            outlet.down(state)

    def _take_unit(self, message: LiveUnit) -> None:
        if self.format is None:
            return
        unit = message.unit
        video = unit.track == Track.VIDEO
        rate = self._rate(unit.track)
        if video:
            if self._newest is not None and unit.pts < self._newest:
                self.reordered = True
            self._newest = unit.pts if self._newest is None else max(self._newest, unit.pts)
        timed = TimedUnit(
            track=Track(unit.track),
            data=unit.data,
            time=self._media.ticks(unit.pts, rate, message.wall, rate),
            key=video and unit.key,
            wall=message.wall,
            cached=message.cached,
        )
        self._keep(timed)
        for outlet in self._outlets.values():
            outlet.unit(timed)

    def _keep(self, unit: TimedUnit) -> None:
        if unit.key:
            self._forget()
        elif not self._cache:
            return
        self._cached_bytes += len(unit.data)
        if self._cached_bytes > _CACHE_BYTES:
            self._forget()
            return
        self._cache.append(unit)

    def _forget(self) -> None:
        self._cache, self._cached_bytes = [], 0

    def _rate(self, track: int) -> int:
        assert self.format is not None
        if track == Track.VIDEO or self.format.audio is None:
            return self.format.video.clock_rate
        return self.format.audio.clock_rate


class Feeds:
    """The feeds by stream; begins and ends them. `linger` in nanoseconds."""

    def __init__(self, source: LiveSource, clock: Clock, *, linger: int = LINGER) -> None:
        self._source, self._clock, self._linger = source, clock, linger
        self._feeds: dict[StreamKey, StreamFeed] = {}
        self._goodbyes: dict[StreamKey, asyncio.TimerHandle] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def enter(self, stream: StreamKey) -> StreamFeed:
        """The stream's feed, with one viewer more; give it back with `leave`."""
        feed = self._feeds.get(stream)
        if feed is None:
            feed = self._feeds[stream] = StreamFeed(stream, self._source, self._clock)
            feed.start()
        goodbye = self._goodbyes.pop(stream, None)
        if goodbye is not None:
            goodbye.cancel()
        feed.viewers += 1
        return feed

    def leave(self, feed: StreamFeed) -> None:
        """One viewer less."""
        feed.viewers -= 1
        if feed.viewers == 0:
            loop = asyncio.get_running_loop()
            self._goodbyes[feed.stream] = loop.call_later(
                self._linger / SECOND, self._end, feed.stream
            )

    async def close(self) -> None:
        for goodbye in self._goodbyes.values():
            goodbye.cancel()
        self._goodbyes.clear()
        for feed in self._feeds.values():
            await feed.close()
        self._feeds.clear()
        await asyncio.gather(*self._closing)

    def _end(self, stream: StreamKey) -> None:
        self._goodbyes.pop(stream, None)
        feed = self._feeds.pop(stream, None)
        if feed is not None:
            task = asyncio.create_task(feed.close(), name=f"end of feed {stream}")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
