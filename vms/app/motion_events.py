"""Motion that begins and ends becomes events, like all that is told of cameras."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping

from vms.alarms.events import Events
from vms.cameras.motion.deciding import Change
from vms.core.clock import MINUTE, Clock, Instant, Span
from vms.core.errors import BadRequest, NotFound, VmsError
from vms.core.log import get_logger
from vms.core.model import CameraId

log = get_logger(__name__)

KIND = "motion"
RETOLD = Span(MINUTE)
"""How often an event that lasts is told again; after ten minutes of silence it would be over."""

_LOOK_S = 10.0  # how often it is looked whether that is due
_AGAIN_S = 1.0  # after the database refused
_UNTOLD_MAX = 1_000
"""Changes that wait for the database; more are lost and counted. An event whose end was lost is
over after ten minutes."""


class MotionEvents:
    """The events of our own motion: kind `motion`, the zone's name in their detail. Cameras' own
    have no detail, so neither ends the other's. Calls block for a database access."""

    def __init__(self, events: Events, clock: Clock) -> None:
        self._events, self._clock = events, clock
        self._open: dict[tuple[CameraId, str], int] = {}
        self._retold = clock.monotonic()

    def end_left_over(self, zones: Mapping[CameraId, set[str]]) -> None:
        """End what lasted when the process before us died. `zones`: those that are ours."""
        for event in self._events.active(self._clock.now()):
            ours = event.kind == KIND and event.detail in zones.get(event.camera, ())
            if ours and event.end is None:
                self._events.end_of(event.camera, event.id, event.told)

    def tell(self, camera: CameraId, change: Change) -> None:
        """Raises StorageError; then it is not told yet."""
        key = camera, change.zone
        try:
            if change.on:
                self._open[key] = self._begin(camera, change.zone, change.at)
            elif key in self._open:
                self._events.end_of(camera, self._open[key], change.at)
                del self._open[key]
        except (BadRequest, NotFound) as error:  # the machine's clock was set meanwhile
            self._open.pop(key, None)
            log.warning("motion could not be told", camera=camera, error=str(error))

    def retell(self) -> None:
        """Tell of what lasts, when it is time to. Raises StorageError."""
        if self._clock.monotonic() - self._retold < RETOLD:
            return
        self._retold = self._clock.monotonic()
        for camera, zone in self._open:
            self._open[camera, zone] = self._begin(camera, zone, None)

    def _begin(self, camera: CameraId, zone: str, at: Instant | None) -> int:
        return self._events.add(camera, KIND, at, detail=zone, lasts=True).id


class Telling:
    """Brings changes into the database in their order, without anybody waiting for it."""

    def __init__(self, events: MotionEvents) -> None:
        self._events = events
        self._untold: asyncio.Queue[tuple[CameraId, Change]] = asyncio.Queue(_UNTOLD_MAX)
        self._lost = 0

    def note(self, camera: CameraId, change: Change) -> None:
        """This is to be told; returns at once."""
        try:
            self._untold.put_nowait((camera, change))
        except asyncio.QueueFull:
            self._lost += 1
            if self._lost % _UNTOLD_MAX == 1:
                log.error("motion could not be told in time", lost=self._lost)

    async def end_left_over(self, zones: Mapping[CameraId, set[str]]) -> None:
        """See `MotionEvents.end_left_over`."""
        await _until_it_works(lambda: self._events.end_left_over(zones))

    async def run(self) -> None:
        """Tell what is noted until cancelled; what the database refuses is told again."""
        while True:
            try:
                async with asyncio.timeout(_LOOK_S):
                    camera, change = await self._untold.get()
            except TimeoutError:
                pass
            else:
                await _until_it_works(functools.partial(self._events.tell, camera, change))
            await _until_it_works(self._events.retell)

    async def finish(self) -> None:
        """Tell what is left, once."""
        try:
            while not self._untold.empty():
                await asyncio.to_thread(self._events.tell, *self._untold.get_nowait())
        except VmsError as error:
            log.error("motion can't be told", error=str(error))


async def _until_it_works(tell: Callable[[], None]) -> None:
    while True:
        try:
            await asyncio.to_thread(tell)
            return
        except VmsError as error:
            log.error("motion can't be told", error=str(error))
            await asyncio.sleep(_AGAIN_S)
