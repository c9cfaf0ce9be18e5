"""The file of checkpoints: signed notes one behind the other, an empty line after each.

Appended with the ledger's lock held, when the ledger grew; a torn last one is cut. Reading needs
no lock: what has its empty line is whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from storage.disk import Disk
from storage.ledger.note import NOTE_MAX, Checkpoint, split_note

_END = b"\n\n"
_DASH = "— ".encode()


class Checkpoints:
    """The checkpoints kept in one folder. Raises OSError."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self.path, self._disk = folder / "checkpoints", disk

    def last(self) -> tuple[Checkpoint, str] | None:
        """The newest checkpoint and its note, unverified; None if there is none."""
        data = self._end()
        whole = _whole(data)
        if whole == 0:
            return None
        parts = data[:whole].split(_END)  # … text, signatures, ""
        note = b"\n\n".join(parts[-3:-1]) + b"\n"
        return checkpoint_of(note.decode("utf-8", "replace")), note.decode("utf-8", "replace")

    def append(self, note: str) -> None:
        """Add a note, durably."""
        try:
            fd = self._disk.create(self.path)
            self._disk.sync_folder(self.path.parent)
        except FileExistsError:
            fd = self._disk.open_for_repair(self.path)
        try:
            size = os.fstat(fd).st_size
            data = self._end()
            end = size - len(data) + _whole(data)
            if end < size:
                self._disk.truncate(fd, end)
            self._disk.write(fd, note.encode() + b"\n", end)
            self._disk.sync_file(fd)
        finally:
            self._disk.close(fd)

    def notes(self) -> Iterator[str]:
        """All whole notes, the oldest first; at least the texts: nothing here is verified."""
        rest = b""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            while data := file.read(1 << 20):
                parts = (rest + data).split(_END)
                even = (len(parts) - 1) // 2 * 2
                for at in range(0, even, 2):
                    note = parts[at] + _END + parts[at + 1] + b"\n"
                    yield note.decode("utf-8", "replace")
                rest = _END.join(parts[even:])

    def torn(self) -> bool:
        """Whether the file ends in something that is no whole note."""
        data = self._end()
        return _whole(data) != len(data)

    def _end(self) -> bytes:
        """The last bytes of the file, more than one note."""
        try:
            with self.path.open("rb", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                begin = max(0, size - 2 * NOTE_MAX)
                return os.pread(file.fileno(), size - begin, begin)
        except FileNotFoundError:
            return b""


def checkpoint_of(note: str) -> Checkpoint:
    """What a note says, its signatures unverified. Raises BadNote."""
    return Checkpoint.parse(split_note(note)[0])


def _whole(data: bytes) -> int:
    """How many bytes of the end of the file are whole notes."""
    end = len(data)
    while (end := data.rfind(_END, 0, end)) >= 0:
        line = data.rfind(b"\n", 0, end) + 1
        if data.startswith(_DASH, line):
            return end + len(_END)
    return 0
