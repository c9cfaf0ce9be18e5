"""One volume as the cleaner sees it: files go, empty folders go, and it can be made durable.

A folder's here; a bucket is another one with the same methods (`storage.cleaner.Shelf`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from storage.disk import Disk
from storage.folders import files_of
from storage.layout import Stage, hour_folder, path_of
from storage.volume import find_volume, translated
from vms.core.clock import HOUR, Instant
from vms.core.config_storage import VolumeSettings
from vms.core.model import StreamKey

# Where a segment may yet be opened: no folder of these hours is taken away under a writer.
_BUSY_HOURS = 2


class FolderShelf:
    """A volume that is a folder. Raises OSError."""

    def __init__(self, uuid: str, root: Path, disk: Disk) -> None:
        self.uuid, self.root = uuid, root
        self._disk = disk

    def remove(self, stream: StreamKey, start: Instant, stage: Stage = Stage.FINAL) -> None:
        """Unlink a segment's file; one that is gone is well gone."""
        with contextlib.suppress(FileNotFoundError):
            self._disk.unlink(self.root / path_of(stream, start, stage))

    def has(self, stream: StreamKey, start: Instant) -> bool:
        """Whether there is a final file of this segment."""
        return (self.root / path_of(stream, start, Stage.FINAL)).exists()

    def put_away(self, stream: StreamKey, hour: Instant, now: Instant) -> list[Instant]:
        """Starts of the files put away in an hour (invariant 9), once nothing else is there."""
        if abs(now - hour) < _BUSY_HOURS * HOUR:
            return []
        footage, strangers = files_of(stream, hour, self.root / hour_folder(stream, hour))
        if strangers or any(place.stage is not Stage.ABANDONED for place, _ in footage):
            return []
        return [place.start for place, _ in footage]

    def tidy(self, stream: StreamKey, hour: Instant, now: Instant) -> bool:
        """Take away the folders of an hour and its day if they are empty; False: too early."""
        if abs(now - hour) < _BUSY_HOURS * HOUR:
            return False
        folder = self.root / hour_folder(stream, hour)
        with contextlib.suppress(OSError):  # not empty, or gone
            self._disk.remove_folder(folder)
            self._disk.remove_folder(folder.parent)
        return True

    def sync(self) -> None:
        """Make what was removed stay removed over a power cut. Raises StorageError."""
        try:
            fd = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                self._disk.sync_volume(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise translated(error, f"volume {self.root} can't be synced") from error


def folder_shelves(volumes: Sequence[VolumeSettings], disk: Disk) -> dict[str, FolderShelf]:
    """The volumes that are there now, by uuid."""
    found = {}
    for settings in volumes:
        uuid = find_volume(settings.path)
        if uuid is not None:
            found[uuid] = FolderShelf(uuid, settings.path, disk)
    return found
