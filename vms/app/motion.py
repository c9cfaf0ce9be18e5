"""The motion process: looks at the sub streams of the cameras that want it, and tells what moves.

recorder → hub → Unix socket → here → events. One event loop, and one thread that decodes and
looks, camera after camera, four times a second. Nobody waits for it: what waits for us is bounded
and drops to the next keyframe, and what we can't keep up with is looked at more seldom
(docs/motion.md).
"""

from __future__ import annotations

import asyncio
import functools
import signal
import threading
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import cv2

from storage.findings import Findings, Kind
from vms.app.lookout import Lookout
from vms.app.motion_events import MotionEvents, Telling
from vms.app.site import Site, open_site
from vms.cameras.motion.areas import areas_of
from vms.cameras.motion.deciding import Change
from vms.cameras.motion.pace import seldom
from vms.cameras.motion.sights import sights_path, write_sights
from vms.core.clock import MILLISECOND, MINUTE, SECOND, Clock, Span
from vms.core.config import Settings
from vms.core.config_camera import CameraSettings
from vms.core.errors import VmsError
from vms.core.live import LiveClient, LiveMessage, Subscription
from vms.core.log import get_logger
from vms.core.model import CameraId, StreamKey
from vms.core.threads import in_thread_to_its_end

log = get_logger(__name__)

ROUND = Span(250 * MILLISECOND)
_SHOWN_EACH = Span(500 * MILLISECOND)  # how often screens can see what moves
_PACED_EACH = Span(10 * SECOND)

_SELDOM = (
    "motion is looked for in its keyframes only: the machine can't bear more; "
    "lower its sub stream's size or rate, or take motion away where it is not needed"
)


class Live(Protocol):
    """What is needed of `vms.core.live.LiveClient`."""

    def subscribe(self, stream: StreamKey, *, views: bool = True) -> Subscription: ...


class _Watched(NamedTuple):
    """A camera that is looked at."""

    lookout: Lookout
    subscription: Subscription


class Motion:
    """All cameras that are looked at. Used from one event loop; `run` once."""

    def __init__(self, site: Site, live: Live) -> None:
        self._site, self._live, self._clock = site, live, site.clock
        self._telling = Telling(MotionEvents(site.events, site.clock))
        self._findings = Findings(site.engine, site.clock)
        self._watched: dict[CameraId, _Watched] = {}
        self._seldom: frozenset[str] = frozenset()
        self._stopping = threading.Event()

    async def run(self, stopping: asyncio.Event) -> None:
        """Look until `stopping`; what moves then is told to be over."""
        await self._follow()
        await self._telling.end_left_over(self._zones())
        waiting = asyncio.create_task(stopping.wait(), name="stopping")
        tasks = [
            asyncio.create_task(self._look_for_ever(), name="look"),
            asyncio.create_task(self._follow_for_ever(), name="follow"),
            asyncio.create_task(self._telling.run(), name="tell"),
            asyncio.create_task(self._pace_for_ever(), name="pace"),
            asyncio.create_task(self._show_for_ever(), name="show"),
        ]
        try:
            await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            self._stopping.set()
        finally:
            for task in (waiting, *tasks):
                task.cancel()
            await asyncio.gather(waiting, *tasks, return_exceptions=True)
        for camera in tuple(self._watched):
            self._leave(camera)
        await self._telling.finish()
        sights_path(self._site.settings.run_dir).unlink(missing_ok=True)
        for task in tasks:
            if not task.cancelled():
                task.result()  # a process that can't look is started anew

    # -- cameras

    async def _follow_for_ever(self) -> None:
        followed = await asyncio.to_thread(self._site.registry.revision)
        while True:
            await asyncio.sleep(1)
            try:
                revision = await asyncio.to_thread(self._site.registry.revision)
                if revision != followed:
                    await self._follow()
                    followed = revision
            except VmsError as error:  # those that are looked at go on to be
                log.error("cameras can't be read", error=str(error))

    async def _follow(self) -> None:
        """Look at the cameras that want it; those whose settings are equal are not touched."""
        cameras = await asyncio.to_thread(self._site.registry.settings)
        wanted = {camera.camera_id: camera for camera in cameras if camera.motion is not None}
        for camera, watched in tuple(self._watched.items()):
            if camera not in wanted or wanted[camera].motion != watched.lookout.settings:
                self._leave(camera)
        for camera in wanted.keys() - self._watched.keys():
            self._watched[camera] = self._begin(wanted[camera])
        log.info("motion", cameras=len(self._watched))

    def _begin(self, camera: CameraSettings) -> _Watched:
        assert camera.motion is not None
        stream = StreamKey(camera.camera_id, "sub")
        subscription = self._live.subscribe(stream, views=False)
        return _Watched(Lookout(camera.motion, self._clock), subscription)

    def _leave(self, camera: CameraId) -> None:
        watched = self._watched.pop(camera)
        watched.subscription.close()
        for change in watched.lookout.end():
            self._telling.note(camera, change)

    def _zones(self) -> dict[CameraId, set[str]]:
        return {
            camera: {area.name for area in areas_of(watched.lookout.settings)}
            for camera, watched in self._watched.items()
        }

    # -- looking

    async def _look_for_ever(self) -> None:
        """Round after round; one that took longer than its time is followed at once."""
        while True:
            began = self._clock.monotonic()
            batches = [
                (camera, watched.lookout, watched.subscription.take_waiting())
                for camera, watched in self._watched.items()
            ]
            for camera, change in await asyncio.to_thread(self._look, batches):
                self._telling.note(camera, change)
            left = ROUND - (self._clock.monotonic() - began)
            await asyncio.sleep(max(left, 0) / SECOND)

    def _look(
        self, batches: Sequence[tuple[CameraId, Lookout, list[LiveMessage]]]
    ) -> list[tuple[CameraId, Change]]:
        found: list[tuple[CameraId, Change]] = []
        for camera, lookout, messages in batches:
            if self._stopping.is_set():
                break
            changes = lookout.look(messages, seldom=camera in self._seldom)
            found += [(camera, change) for change in changes]
        return found

    async def _pace_for_ever(self) -> None:
        told = self._clock.monotonic()
        while True:
            await asyncio.sleep(_PACED_EACH / SECOND)
            costs = {str(camera): one.lookout.cost for camera, one in self._watched.items()}
            before, self._seldom = self._seldom, seldom(costs, self._seldom & costs.keys())
            if self._seldom != before or self._clock.monotonic() - told >= MINUTE:
                told = self._clock.monotonic()
                await self._say_seldom(self._seldom)

    async def _say_seldom(self, cameras: frozenset[str]) -> None:
        try:
            slow = dict.fromkeys(sorted(cameras), _SELDOM)
            await asyncio.to_thread(self._findings.settle, Kind.MOTION_SELDOM, slow)
        except VmsError as error:  # said again in a minute
            log.error("a finding can't be kept", error=str(error))

    # -- showing

    async def _show_for_ever(self) -> None:
        while True:
            sights = {
                str(camera): watched.lookout.sight(seldom=camera in self._seldom)
                for camera, watched in self._watched.items()
            }
            folder, now = self._site.settings.run_dir, self._clock.now()
            try:
                await in_thread_to_its_end(functools.partial(write_sights, folder, sights, now))
            except OSError as error:
                log.error("what moves can't be shown", error=str(error))
                await asyncio.sleep(MINUTE / SECOND)
            await asyncio.sleep(_SHOWN_EACH / SECOND)


async def run_motion(settings: Settings, clock: Clock | None = None) -> None:
    """Look for motion until SIGTERM or SIGINT. Settings are followed by themselves."""
    cv2.setNumThreads(1)  # more would take the recorder's cores
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    workers = range(settings.recorder.workers)
    client = LiveClient([settings.socket_path(f"recorder-{index}") for index in workers])
    with open_site(settings, clock) as site:
        await client.start()
        try:
            await Motion(site, client).run(stopping)
        finally:
            await client.close()
