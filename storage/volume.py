"""A volume: a root folder with an identity, and how much may still be written to it.

The identity stands on the volume, so that a disk mounted elsewhere, or at another's place, is
recognised. Writing to it is `storage.writer`.
"""

from __future__ import annotations

import enum
import errno
import json
import os
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from storage.disk import Disk
from storage.layout import HOUSE
from vms.core.clock import Clock, rfc3339
from vms.core.config_storage import VolumeSettings
from vms.core.errors import StorageError
from vms.core.model import Cause

_IDENTITY = "volume.json"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class VolumeState(enum.StrEnum):
    """How a volume is, on screens and in `vms storage`."""

    GOOD = "good"
    FULL = "full"  # no room above its reserve or below its quota
    FAILED = "failed"  # can't be written, or does not answer
    MISSING = "missing"  # not mounted: the path is empty where a known volume should stand
    FOREIGN = "foreign"  # another disk stands there


@dataclass(frozen=True, slots=True)
class Volume:
    """`uuid`: who it is; `root`: where it is; `reserve`: bytes always left free.

    `quota`: bytes of footage at most, None without a limit.
    """

    uuid: str
    root: Path
    reserve: int
    durability: str = "1s"
    quota: int | None = None


class WrongVolume(StorageError):
    """What stands at a path is not the volume that should. `state`: missing or foreign."""

    def __init__(self, state: VolumeState, detail: str) -> None:
        self.state = state
        super().__init__(Cause.DISK_FAILED, detail)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the index knows of volumes. `expected`: who was last seen at the path.

    `known`: uuid → where it was last seen; `present`: uuid → where it stands just now, elsewhere.
    """

    expected: str | None
    known: Mapping[str, str]
    present: Mapping[str, Path]


NOTHING_KNOWN = Knowledge(None, {}, {})


def judge(root: Path, found: str | None, knowledge: Knowledge) -> None:
    """Raise WrongVolume unless what was found at a path may be written to. Pure.

    A path that never had a volume takes any; a known disk is recognised wherever it is mounted.
    """
    expected = knowledge.expected
    accept = f"if it is meant to be a new one: vms storage accept {root}"
    if found is None:
        if expected is None:
            return
        raise WrongVolume(
            VolumeState.MISSING,
            f"{root} should hold volume {expected} and has no identity; mount the disk, or "
            f"{accept}",
        )
    twin = knowledge.present.get(found)
    if twin is not None:
        raise WrongVolume(
            VolumeState.FOREIGN,
            f"{root} is the same volume as {twin} ({found}); give each volume a disk of its own",
        )
    if expected in (None, found) or found in knowledge.known:
        return
    raise WrongVolume(
        VolumeState.FOREIGN,
        f"{root} should hold volume {expected} and holds {found}, which this site does not "
        f"know; mount the right disk, or {accept}",
    )


def prepare_volume(
    settings: VolumeSettings, disk: Disk, clock: Clock, knowledge: Knowledge = NOTHING_KNOWN
) -> Volume:
    """Open a volume, giving it an identity the first time. Raises StorageError, WrongVolume."""
    root = settings.path
    try:
        known = _read_identity(root)
        judge(root, known, knowledge)
        if known is None:
            disk.make_folder(root / HOUSE)
            known = _make_identity(root, disk, clock)
    except OSError as error:
        raise translated(error, f"volume {root} can't be used") from error
    return Volume(known, root, settings.reserve, settings.durability, settings.quota)


def find_volume(root: Path) -> str | None:
    """The identity of the volume mounted at `root`, for readers; None if there is none."""
    try:
        return _read_identity(root)
    except OSError:
        return None


def probe_volume(volume: Volume, disk: Disk) -> None:
    """Raise OSError unless this very volume stands at its path and takes a file durably."""
    if _read_identity(volume.root) != volume.uuid:
        raise OSError(errno.ENODEV, "the volume is not there any more", str(volume.root))
    path = volume.root / HOUSE / f"probe-{os.getpid()}-{threading.get_ident()}"
    path.unlink(missing_ok=True)
    fd = disk.create(path)
    try:
        disk.write(fd, b"gozcu\n", 0)
        disk.sync_file(fd)
    finally:
        disk.close(fd)
        disk.unlink(path)


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
