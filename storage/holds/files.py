"""The files of holds beside the footage: `VOLUME/.gozcu/holds/ID.json`, one a hold.

Written beside its place and renamed there, so that a file under its name is whole. A lift leaves
the file with the lift in it (a tombstone). What a file says is `storage.holds.held`.
"""

from __future__ import annotations

import contextlib
import errno
import secrets
from pathlib import Path

from storage.disk import Disk
from storage.holds.held import Copy, Damaged, Hold, hold_text, is_hold_id, read_hold
from storage.layout import HOUSE

FOLDER = "holds"
_ENDING = ".json"
_DRAFT = ".draft"
_LARGEST = 65_536  # bytes; ours have 500
_OLD_DRAFT = 3_600 * 10**9  # ns after which nobody can still be writing a draft


def holds_folder(root: Path) -> Path:
    """Where the holds of the volume at `root` stand."""
    return root / HOUSE / FOLDER


class HoldFiles:
    """Reads and writes them. Raises OSError: who calls knows what the volume is for."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._read: dict[Path, tuple[tuple[int, int], dict[str, Copy]]] = {}  # one a volume

    def read(self, root: Path, *, anew: bool = True) -> dict[str, Copy]:
        """All holds on a volume by id. `anew` False: what was read before, if no file came since.

        A folder that is not there holds nothing.
        """
        folder = holds_folder(root)
        try:
            facts = folder.stat()
        except FileNotFoundError:
            return {}
        stamp = (facts.st_ino, facts.st_mtime_ns)
        known = self._read.get(root)
        if known is not None and known[0] == stamp and not anew:
            return known[1]
        found: dict[str, Copy] = {}
        for path in sorted(folder.iterdir()):
            hold_id = path.name.removesuffix(_ENDING)
            if path.name.endswith(_ENDING) and is_hold_id(hold_id):
                found[hold_id] = _read_file(hold_id, path)
        self._read[root] = (stamp, found)
        return found

    def put(self, root: Path, hold: Hold) -> None:
        """Make the hold's file say what `hold` says; durable when it returns."""
        folder = holds_folder(root)
        if not folder.is_dir():
            self._disk.make_folder(folder)
            self._disk.sync_folder(folder.parent)
        draft = folder / f"{hold.id}.{secrets.token_hex(4)}{_DRAFT}"
        fd = self._disk.create(draft)
        try:
            try:
                self._disk.write(fd, hold_text(hold), 0)
                self._disk.sync_file(fd)
            finally:
                self._disk.close(fd)
            self._disk.rename(draft, folder / f"{hold.id}{_ENDING}")
        except OSError:
            with contextlib.suppress(OSError):
                self._disk.unlink(draft)
            raise
        self._disk.sync_folder(folder)

    def sweep(self, root: Path, now: int) -> None:
        """Remove drafts that a crash left."""
        folder = holds_folder(root)
        if not folder.is_dir():
            return
        for path in folder.glob(f"*{_DRAFT}"):
            if now - path.stat().st_mtime_ns > _OLD_DRAFT:
                self._disk.unlink(path)


def _read_file(hold_id: str, path: Path) -> Copy:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        return Damaged(hold_id, f"it can't be read: {errno.errorcode.get(error.errno or 0, '?')}")
    if len(data) > _LARGEST:
        return Damaged(hold_id, "it is too long for a hold")
    return read_hold(hold_id, data)
