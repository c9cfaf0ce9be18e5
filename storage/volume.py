"""A volume: a root folder with an identity, and how much may still be written to it.

The identity stands on the volume, so that a disk mounted elsewhere, or at another's place, is
recognised. Writing to it is `storage.writer`.
"""

from __future__ import annotations

import errno
import json
import uuid
from dataclasses import dataclass
from pathlib import Path

from storage.disk import Disk
from storage.layout import HOUSE
from vms.core.clock import Clock, rfc3339
from vms.core.config import VolumeSettings
from vms.core.errors import StorageError
from vms.core.model import Cause

_IDENTITY = "volume.json"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class Volume:
    """`uuid`: who it is; `root`: where it is; `reserve`: bytes always left free."""

    uuid: str
    root: Path
    reserve: int
    durability: str = "1s"


def prepare_volume(settings: VolumeSettings, disk: Disk, clock: Clock) -> Volume:
    """Open a volume, giving it an identity the first time. Raises StorageError."""
    root = settings.path
    try:
        known = _read_identity(root)
        if known is None:
            disk.make_folder(root / HOUSE)
            known = _make_identity(root, disk, clock)
    except OSError as error:
        raise translated(error, f"volume {root} can't be used") from error
    return Volume(known, root, settings.reserve, settings.durability)


def find_volume(root: Path) -> str | None:
    """The identity of the volume mounted at `root`, for readers; None if there is none."""
    try:
        return _read_identity(root)
    except OSError:
        return None


def cause_of(error: OSError) -> Cause:
    """What a gap says when a volume refused."""
    return Cause.DISK_FULL if error.errno in _FULL else Cause.DISK_FAILED


def translated(error: OSError, what: str) -> StorageError:
    """An OSError as a StorageError that says what, where and which errno."""
    return StorageError(cause_of(error), f"{what}: {error}")


def _read_identity(root: Path) -> str | None:
    try:
        facts = json.loads((root / HOUSE / _IDENTITY).read_text())
        return str(uuid.UUID(facts["uuid"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise OSError(errno.EIO, f"{HOUSE}/{_IDENTITY} is damaged: {error}", str(root)) from error


def _make_identity(root: Path, disk: Disk, clock: Clock) -> str:
    """Write the identity beside its place and link it there: the first worker's stays."""
    made = str(uuid.uuid4())
    path = root / HOUSE / _IDENTITY
    draft = path.with_name(f"{_IDENTITY}.{made}")
    text = json.dumps({"uuid": made, "made": rfc3339(clock.now())}) + "\n"
    fd = disk.create(draft)
    try:
        disk.write(fd, text.encode(), 0)
        disk.sync_file(fd)
    finally:
        disk.close(fd)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        made = _read_identity(root) or made
    disk.unlink(draft)
    disk.sync_folder(path.parent)
    disk.sync_folder(root)
    return made
