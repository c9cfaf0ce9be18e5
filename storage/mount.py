"""One path of the settings: what stands there, and the writer while it can be used.

A mount opens its volume, doubts it when it fails, closes it so that it can be unmounted or
repaired, and opens it again when it is back; then what lies on it is recovered first. Everything
here may block for a disk, for ever if it hangs: each mount has a thread of its own.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from storage.disk import Disk
from storage.known_volumes import KnownVolumes
from storage.volume import (
    Volume,
    VolumeState,
    WrongVolume,
    find_volume,
    prepare_volume,
    probe_volume,
    translated,
)
from storage.writer import VolumeWriter
from vms.core.clock import MINUTE, SECOND, Clock, Mono
from vms.core.config_storage import VolumeSettings
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.model import Cause

log = get_logger(__name__)

LOOK = 1.0  # seconds between looks
AGAIN = 5 * SECOND  # from a failed opening to the next
IDENTITY = 5 * SECOND  # how often the identity at the path is compared
_USAGE = MINUTE
_USAGE_AT_QUOTA = 5 * SECOND
_CLOSE_WITHIN = 2.0  # seconds


@dataclass(frozen=True, slots=True)
class Condition:
    """How a volume is for one recorder worker. `uuid`: None while nobody knows who it is."""

    path: Path
    uuid: str | None
    state: VolumeState
    detail: str = ""


class Set(Protocol):
    """The mounts together."""

    def present(self, but: Mount) -> dict[str, Path]:
        """The volumes in use at other paths."""

    def add(self, writer: VolumeWriter) -> None:
        """Segments may begin here from now on."""

    def drop(self, writer: VolumeWriter) -> bool:
        """None may; False if one has just begun."""

    def writer(self, volume: Volume) -> VolumeWriter:
        """A writer for a volume."""


class Mount:
    """`settings`: of this volume. `recover`: takes up what lies on a volume that came back."""

    def __init__(
        self,
        settings: VolumeSettings,
        around: Set,
        known: KnownVolumes,
        disk: Disk,
        clock: Clock,
        recover: Callable[[Volume], None],
    ) -> None:
        self.settings = settings
        self.writer: VolumeWriter | None = None
        self.looked = threading.Event()  # it was tried to open at least once
        self._around, self._known, self._disk, self._clock = around, known, disk, clock
        self._recover = recover
        self._trouble = Condition(settings.path, None, VolumeState.MISSING, "not yet looked at")
        self._again = self._compare = self._count = Mono(0)
        self._hung: VolumeWriter | None = None  # closed, and its threads do not end
        self.late = False  # the start is over: what lies on the volume must be recovered first

    @property
    def condition(self) -> Condition:
        """How it is now; never blocks."""
        writer = self.writer
        if writer is None:
            return self._trouble
        path, uuid = self.settings.path, writer.volume.uuid
        if writer.doubt is not None:
            return Condition(path, uuid, VolumeState.FAILED, writer.doubt.detail)
        if writer.room(self._clock.monotonic()).left <= 0:
            detail = f"{path} has no room above its reserve or below its quota"
            return Condition(path, uuid, VolumeState.FULL, detail)
        return Condition(path, uuid, VolumeState.GOOD)

    def look(self) -> None:
        """See how it is and do what is to be done. May block."""
        now = self._clock.monotonic()
        writer = self.writer
        if writer is None:
            if now >= self._again:
                try:
                    self._open()
                finally:
                    self.looked.set()
            return
        if writer.doubt is not None:
            self._try_out(writer)
        elif now >= self._compare:
            self._compare = Mono(now + IDENTITY)
            self._check_identity(writer)
        if self.settings.quota is not None and now >= self._count:
            self._count_usage(writer, now)

    def _open(self) -> None:
        if self._hung is not None:
            if not self._hung.join(time.monotonic()):
                self._wait()
                return
            self._hung.close()
            self._hung = None
        path = self.settings.path
        try:
            knowledge = self._known.knowledge(path, self._around.present(self))
            volume = prepare_volume(self.settings, self._disk, self._clock, knowledge)
            if self.late:
                self._try(volume)
            writer = self._around.writer(volume)
            writer.open()
        except StorageError as error:
            self._stay_out(error)
            return
        try:
            self._take_up(writer)
        except Exception as error:
            self._let_go(writer)
            said = error.detail if isinstance(error, StorageError) else str(error)
            detail = f"{path} is there, and what lies on it can't be taken up: {said}"
            self._stay_out(StorageError(Cause.DISK_FAILED, detail))
            if not isinstance(error, StorageError | OSError):
                raise  # a fault of ours: whoever called tells it with its traceback
            return
        self.writer = writer  # last: a mount that has a writer takes segments

    def _take_up(self, writer: VolumeWriter) -> None:
        """What lies on a volume is recovered, then it is used. Raises StorageError, OSError."""
        volume = writer.volume
        self._known.seen(volume.uuid, volume.root)
        if self.late:
            self._recover(volume)
        self._around.add(writer)
        if self.late:
            log.warning("volume is back", path=str(volume.root), uuid=volume.uuid)

    def _try(self, volume: Volume) -> None:
        try:
            probe_volume(volume, self._disk)
        except OSError as error:
            raise translated(error, f"volume {volume.root} can't be written") from error

    def _stay_out(self, error: StorageError) -> None:
        state = error.state if isinstance(error, WrongVolume) else VolumeState.FAILED
        path = self.settings.path
        trouble = Condition(path, find_volume(path), state, error.detail)
        if trouble != self._trouble:
            log.error("volume left out", path=str(path), state=str(state), error=error.detail)
        self._trouble = trouble
        self._wait()

    def _wait(self) -> None:
        """Until the next try: from now, for what failed may have taken long."""
        self._again = Mono(self._clock.monotonic() + AGAIN)

    def _check_identity(self, writer: VolumeWriter) -> None:
        """Notice a disk that was unmounted or swapped under us: nothing more is written there."""
        path, uuid = self.settings.path, writer.volume.uuid
        try:
            found = find_volume(path)
            if found == uuid and os.path.samestat(path.stat(), writer.settler.root_stat()):
                return
            said = "is not mounted any more" if found is None else f"is now volume {found}"
        except OSError as error:
            said = f"can't be looked at: {error}"
        writer.distrust(f"volume {path} ({uuid}) {said}")

    def _try_out(self, writer: VolumeWriter) -> None:
        """A doubted volume: good again, or closed once nothing is written there any more."""
        volume = writer.volume
        try:
            probe_volume(volume, self._disk)
            if os.path.samestat(volume.root.stat(), writer.settler.root_stat()):
                writer.doubt = None
                log.warning("volume works again", path=str(volume.root))
                return
            detail = "another file system stands at its path now"
        except OSError as error:
            detail = str(error)
        if writer.idle and self._around.drop(writer):
            self._close(writer, detail)

    def _close(self, writer: VolumeWriter, detail: str) -> None:
        doubt = writer.doubt.detail if writer.doubt is not None else ""
        state = VolumeState.FAILED
        if find_volume(self.settings.path) is None:
            state = VolumeState.MISSING
        self._trouble = Condition(self.settings.path, writer.volume.uuid, state, doubt or detail)
        self.writer = None
        self.late = True
        self._let_go(writer)
        self._wait()
        log.error("volume closed", path=str(self.settings.path), state=str(state), error=detail)

    def _let_go(self, writer: VolumeWriter) -> None:
        """End a writer's threads and close its volume; one that hangs later, once it has ended."""
        writer.finish_writing()
        if writer.join(time.monotonic() + _CLOSE_WITHIN):
            writer.close()
        else:
            self._hung = writer

    def _count_usage(self, writer: VolumeWriter, now: Mono) -> None:
        kept = writer.settler.kept
        used = self._known.used().get(writer.volume.uuid, 0)
        writer.used = used - kept  # what is settled from here on is counted there
        short = writer.room(now).left <= 0
        self._count = Mono(now + (_USAGE_AT_QUOTA if short else _USAGE))
