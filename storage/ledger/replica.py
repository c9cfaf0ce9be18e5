"""The ledger's files once more, on every volume: `VOLUME/.gozcu/ledger/`.

All of them only ever grow, so a replica is brought up by appending what it lacks. One that says
something else than the ledger is never overwritten: it is evidence, and reported. The exception
is what a power cut leaves: zero bytes where the ledger has others.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from storage.disk import Disk
from storage.layout import HOUSE
from storage.ledger.chunks import take_lock
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.model import Cause

log = get_logger(__name__)

STAMPS = (".note", ".tsr")
_COMPARED = 65_536  # bytes at a file's end that are compared before more is appended
_COPIED = 1 << 22


class Disagrees(StorageError):
    """A replica says something else than the ledger."""


def replica_folder(root: Path) -> Path:
    """Where a volume's replica stands."""
    return root / HOUSE / "ledger"


def replicate(source: Path, root: Path, disk: Disk) -> None:
    """Bring the replica on a volume up to the ledger in `source`; its leaves must be durable.

    Raises StorageError: the volume is not there, refuses, or its replica disagrees.
    """
    target = replica_folder(root)
    try:
        if not target.parent.is_dir():
            raise StorageError(Cause.DISK_FAILED, f"{root} is no volume: it has no {HOUSE}")
        _prepare(target, disk)
        fd = os.open(target / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            take_lock(fd, str(target))
            for file in _files(source):
                _bring_up(source / file, target / file, disk)
        finally:
            os.close(fd)
    except OSError as error:
        raise StorageError(
            Cause.DISK_FAILED, f"the ledger's replica in {target} can't be written: {error}"
        ) from error


def restore(folder: Path, roots: list[Path], disk: Disk) -> int:
    """Take from the longest replica what the ledger in `folder` lacks; the bytes taken.

    Call with the ledger's lock held. One that disagrees helps nobody: it is left alone, and named
    by a check. Raises OSError.
    """
    longest = max((replica_folder(root) for root in roots), key=_length, default=folder)
    if _length(longest) <= _length(folder):
        return 0
    (folder / "stamps").mkdir(exist_ok=True)
    taken = 0
    for file in _files(longest):
        try:
            taken += _bring_up(longest / file, folder / file, disk)
        except StorageError as error:
            log.error("the ledger can't be completed from its replica", error=str(error))
            break
    return taken


def _length(folder: Path) -> int:
    """Bytes of leaves in a folder."""
    total = 0
    with contextlib.suppress(OSError):
        for path in (folder / "leaves").iterdir():
            total += path.stat().st_size
    return total


def _prepare(target: Path, disk: Disk) -> None:
    for folder in (target, target / "leaves", target / "stamps"):
        if not folder.is_dir():
            disk.make_folder(folder)
            disk.sync_folder(folder.parent)


def _files(folder: Path) -> list[str]:
    """The files of a ledger that are replicated, in the order they depend on each other."""
    found = [f"leaves/{path.name}" for path in sorted((folder / "leaves").glob("*.jsonl"))]
    if (folder / "checkpoints").exists():
        found.append("checkpoints")
    stamps = sorted((folder / "stamps").glob("*"))
    return found + [f"stamps/{path.name}" for path in stamps if path.suffix in STAMPS]


def _bring_up(source: Path, target: Path, disk: Disk) -> int:
    """Append to `target` what it lacks; the bytes written. Raises StorageError, OSError."""
    want = source.stat().st_size
    try:
        have = target.stat().st_size
        if have == want:
            return 0
        fd = disk.open_for_repair(target)
    except FileNotFoundError:
        have = 0
        fd = disk.create(target)
        disk.sync_folder(target.parent)
    try:
        with source.open("rb", buffering=0) as file:
            at = _agreed(file.fileno(), fd, want, have, target)
            if at < have:
                disk.truncate(fd, at)
            begin = at
            while at < want:
                data = os.pread(file.fileno(), min(_COPIED, want - at), at)
                disk.write(fd, data, at)
                at += len(data)
        if at > begin or begin < have:
            disk.sync_file(fd)
        return at - begin
    finally:
        disk.close(fd)


def _agreed(source: int, target: int, want: int, have: int, path: Path) -> int:
    """Up to where a replica can be kept. Raises StorageError when it says something else."""
    if have > want:
        raise Disagrees(
            Cause.DISK_FAILED,
            f"the ledger's replica {path} has {have} bytes, the ledger itself only {want}; "
            "`vms verify` tells more",
        )
    begin = max(0, have - _COMPARED)
    ours, theirs = os.pread(source, have - begin, begin), os.pread(target, have - begin, begin)
    if ours == theirs:
        return have
    different = [
        at for at, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one != other
    ]
    if any(theirs[at] for at in different):
        raise Disagrees(
            Cause.DISK_FAILED,
            f"the ledger's replica {path} says something else than the ledger from byte "
            f"{begin + different[0]} on; `vms verify` tells more",
        )
    return begin + different[0]
