"""The volumes of a site in one recorder worker: which takes the next segment, which is left, which
comes back.

A volume that can't be used at start, or not any more, is tried again every few seconds by its
mount; the others go on. The choice is made under a lock that nobody holds over I/O.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from pathlib import Path

from storage.disk import Disk
from storage.known_volumes import KnownVolumes
from storage.mount import LOOK, Condition, Mount
from storage.room import choose
from storage.rows import IndexChange
from storage.segment import OpenSegment
from storage.volume import Volume
from storage.writer import VolumeWriter
from vms.core.clock import Clock
from vms.core.config_storage import VolumeSettings
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.model import Cause

log = get_logger(__name__)

_WATCH = 0.5  # seconds between looks for a volume that hangs
_OPEN_WITHIN = 5.0  # seconds a start waits for a volume; one that takes longer comes later


class Volumes:
    """All mounts. `recover`: takes up what lies on a volume that comes back; called in its thread.

    `know`: tells the index of a volume. Without threads, `tend` does what theirs would.
    """

    def __init__(
        self,
        settings: tuple[VolumeSettings, ...],
        disk: Disk,
        clock: Clock,
        known: KnownVolumes,
        put: Callable[[list[IndexChange]], None],
        know: Callable[[str, str], None],
        recover: Callable[[Volume], None],
        *,
        threads: bool,
    ) -> None:
        self._disk, self._clock = disk, clock
        self._put, self._know = put, know
        self._threaded = threads
        self._lock = threading.Lock()
        self._writers: list[VolumeWriter] = []
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._mounts = [Mount(one, self, known, disk, clock, recover) for one in settings]

    # -- life -----------------------------------------------------------------------------

    def open(self) -> None:
        """Open all that can be. Raises StorageError when not one can."""
        if self._threaded:
            for mount in self._mounts:
                self._start(f"mount {mount.settings.path}", functools.partial(self._care, mount))
            until = time.monotonic() + _OPEN_WITHIN
            for mount in self._mounts:
                mount.looked.wait(max(0.0, until - time.monotonic()))
            self._start("volumes", self._watch)
        else:
            self.tend()
        for mount in self._mounts:
            mount.late = True
        if not self._writers:
            reasons = "; ".join(mount.condition.detail for mount in self._mounts)
            raise StorageError(Cause.DISK_FAILED, f"no volume can be used: {reasons}")

    def tend(self) -> None:
        """Look at every volume once, as the threads do again and again."""
        for mount in self._mounts:
            mount.look()
        self._look()

    def pump(self) -> None:
        """Without threads: do all that waits, in the order the threads would."""
        for step in (VolumeWriter.work, _carry, VolumeWriter.work):
            for writer in self.writers:
                step(writer)
        for writer in self.writers:
            writer.settler.settle(self._clock.monotonic())
        for step in (_carry, VolumeWriter.work):
            for writer in self.writers:
                step(writer)

    def stop(self, within: float) -> None:
        """End all threads and settle what they left; a volume that hangs is left alone."""
        until = time.monotonic() + within
        self._stopping.set()
        writers = self.writers
        for writer in writers:
            writer.finish_writing()
        ended = [writer for writer in writers if writer.join(until)]
        for step in (VolumeWriter.work, _carry, VolumeWriter.work, VolumeWriter.close):
            for writer in ended:
                step(writer)
        with self._lock:
            self._writers.clear()
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _start(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _care(self, mount: Mount) -> None:
        while not self._stopping.is_set():
            try:
                mount.look()
            except Exception as error:
                log.exception("a fault of ours", volume=str(mount.settings.path), error=str(error))
            self._stopping.wait(LOOK)

    def _watch(self) -> None:
        while not self._stopping.wait(_WATCH):
            try:
                self._look()
            except Exception as error:
                log.exception("a fault of ours in watching volumes", error=str(error))

    def _look(self) -> None:
        now = self._clock.monotonic()
        for writer in self.writers:
            writer.look(now)

    # -- choosing -------------------------------------------------------------------------

    @property
    def writers(self) -> list[VolumeWriter]:
        """Those in use."""
        with self._lock:
            return list(self._writers)

    @property
    def conditions(self) -> list[Condition]:
        """How each volume of the settings is; never blocks."""
        return [mount.condition for mount in self._mounts]

    def place(self, make: Callable[[VolumeWriter], OpenSegment]) -> OpenSegment:
        """A new segment on the volume that should take it. Raises StorageError: none can."""
        with self._lock:
            now = self._clock.monotonic()
            chosen = choose([writer.room(now) for writer in self._writers])
            if not isinstance(chosen, Cause):
                segment = make(self._writers[chosen])
                self._writers[chosen].segments.add(segment)
                return segment
        places = ", ".join(str(mount.settings.path) for mount in self._mounts)
        what = "is full" if chosen is Cause.DISK_FULL else "does not work"
        raise StorageError(chosen, f"no volume has room for a new segment: {places} {what}")

    def elsewhere(
        self, tried: set[VolumeWriter], segment: OpenSegment | None
    ) -> VolumeWriter | None:
        """A well volume with room, none of those tried; `segment` counts there from now on."""
        with self._lock:
            now = self._clock.monotonic()
            rooms = [(one, one.room(now)) for one in self._writers if one not in tried]
            well = [(one, room) for one, room in rooms if room.well]
            chosen = choose([room for _, room in well])
            if isinstance(chosen, Cause):
                return None
            target = well[chosen][0]
            if segment is not None:
                target.segments.add(segment)
            return target

    # -- for the mounts ---------------------------------------------------------------------

    def present(self, but: Mount) -> dict[str, Path]:
        """The volumes in use at other paths."""
        writers = [mount.writer for mount in self._mounts if mount is not but]
        return {one.volume.uuid: one.volume.root for one in writers if one is not None}

    def writer(self, volume: Volume) -> VolumeWriter:
        """A writer for a volume."""
        return VolumeWriter(volume, self._disk, self._clock, self._put, self.elsewhere)

    def add(self, writer: VolumeWriter) -> None:
        """Segments may begin here from now on."""
        self._know(writer.volume.uuid, str(writer.volume.root))
        if self._threaded:
            writer.start()
        with self._lock:
            self._writers.append(writer)
            order = [mount.settings.path for mount in self._mounts]
            self._writers.sort(key=lambda one: order.index(one.volume.root))

    def drop(self, writer: VolumeWriter) -> bool:
        """None may begin here; False if one has just begun."""
        with self._lock:
            if not writer.idle:
                return False
            self._writers.remove(writer)
            return True


def _carry(writer: VolumeWriter) -> None:
    writer.rescue.work()
