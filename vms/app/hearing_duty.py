"""The custodian's duty to hear cameras: what they notice becomes events, like all that is told.

One thread with an event loop of its own for all cameras. Recorder and timeline know of it through
the events alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from vms.alarms.events import Events
from vms.app.onvif import clients_of
from vms.app.site import Site
from vms.cameras.listening import Listeners
from vms.cameras.onvif.topics import Told
from vms.cameras.reception import Reception
from vms.cameras.standing import Standing
from vms.core.clock import SECOND, Clock, Span
from vms.core.model import CameraId, StreamKey
from vms.core.status import StreamStatus, read_statuses

_LOOK_EVERY_S = 5.0
"""Each look wakes a thread on every site, also where nothing is to be done."""
Key = tuple[CameraId, str, str]
"""Camera, kind, detail: what is one event at a time."""


@dataclass(slots=True)
class _Open:
    """An event that lasts, and the sources for which it does."""

    number: int
    sources: set[str] = field(default_factory=set)


class Hearing:
    """Keeps what cameras tell as events. Which input it was stands in the detail; areas and video
    sources of one camera are one event together."""

    def __init__(self, events: Events, clock: Clock) -> None:
        self._events = events
        # What lasted when we ended: the cameras say by their first words whether it still does.
        self._open: dict[Key, _Open] = {
            (one.camera, one.kind, one.detail): _Open(one.id)
            for one in events.active(clock.now())
            if one.end is None
        }
        self._lock = threading.Lock()  # callers are threads; held for a database access

    def told(self, camera: CameraId, told: Told) -> None:
        """Something begins or ends at a camera."""
        key = _key(camera, told)
        with self._lock:
            known = self._open.get(key)
            if told.on:
                self._begin(key, told.source)
            elif known is not None:
                known.sources.discard(told.source)
                if not known.sources:
                    del self._open[key]
                    self._events.end_of(key[0], known.number)

    def still(self, camera: CameraId, lasting: Sequence[Told]) -> None:
        """These go on at a camera."""
        with self._lock:
            for told in lasting:
                self._begin(_key(camera, told), told.source)

    def _begin(self, key: Key, source: str) -> None:
        camera, kind, detail = key
        event = self._events.add(camera, kind, detail=detail, lasts=True)
        known = self._open.setdefault(key, _Open(event.id))
        known.number = event.id
        known.sources.add(source)


class HearingDuty:
    """Listens until told to stop. `reception` is told whether the cameras are heard."""

    name = "events of cameras"
    every = Span(SECOND)
    urgent = True  # what is heard makes cameras record

    def __init__(self, site: Site, reception: Reception) -> None:
        self._site, self._reception = site, reception

    def work(self, stopping: threading.Event) -> None:
        """Blocks until `stopping`, or something unexpected."""
        asyncio.run(self._listen(stopping))

    async def _listen(self, stopping: threading.Event) -> None:
        site = self._site
        hearing = await asyncio.to_thread(Hearing, site.events, site.clock)
        standing = Standing()
        listeners = Listeners(
            clients_of(site).client_for, hearing, site.clock, self._reception, standing
        )
        followed, any_speaks = -1, False
        try:
            while not stopping.is_set():
                revision = await asyncio.to_thread(site.registry.revision)
                if revision != followed:
                    cameras = await asyncio.to_thread(site.registry.settings)
                    await listeners.follow(cameras)
                    followed, any_speaks = revision, any(one.onvif for one in cameras)
                if any_speaks:
                    standing.told(await asyncio.to_thread(self._statuses))
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            await listeners.close()

    def _statuses(self) -> dict[StreamKey, StreamStatus]:
        return read_statuses(self._site.settings.run_dir, self._site.clock.now())


def _key(camera: CameraId, told: Told) -> Key:
    detail = told.source if told.kind == "digital_input" else ""
    return camera, told.kind, detail
