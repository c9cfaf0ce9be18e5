"""The files of leaves: appended to by many processes, read by any, changed by none.

`leaves/000000000.jsonl` and so on, each with 2**16 lines but the last. Who appends holds a lock
on the folder, takes up what others appended since, cuts a torn last line, writes once and syncs
once. So a line that was ever durable stays as it is, and a place is a line's number for good.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from storage.disk import Disk
from vms.core.errors import StorageError
from vms.core.model import Cause

LEVEL = 16
"""A file holds 2**16 leaves: one complete subtree."""

_DEADLINE = 10.0  # seconds a lock is waited for
_PATIENCE = 0.002
_READ = 1 << 20


@dataclass(slots=True)
class Tail:
    """The last file of leaves: its number, how many lines, how many bytes."""

    number: int
    lines: int
    size: int


class Chunks:
    """The leaves' files in `folder`, each of 2**`level` lines."""

    def __init__(self, folder: Path, disk: Disk, level: int = LEVEL) -> None:
        self.folder, self.level, self._disk = folder, level, disk
        self.capacity = 1 << level
        self._known = Tail(0, 0, 0)
        self._turn = threading.Lock()
        self._ready = False

    def path(self, number: int) -> Path:
        """The file of the leaves from number * 2**level on."""
        return self.folder / "leaves" / f"{number:09}.jsonl"

    # -- reading ----------------------------------------------------------------------------

    def size(self) -> int:
        """How many leaves there are now."""
        with self._turn:
            self._catch_up()
            return self._known.number * self.capacity + self._known.lines

    def lines(self, number: int) -> list[bytes]:
        """The whole lines of a file, without newlines. Raises OSError."""
        data = self.path(number).read_bytes()
        return data[: data.rfind(b"\n") + 1].split(b"\n")[:-1]

    def _catch_up(self) -> None:
        """Count what was appended since the last look. Whole lines only."""
        known = self._known
        while True:
            size = _size_of(self.path(known.number))
            if size < known.size:  # cut by another hand, or a torn line by its cutter
                known = Tail(0, 0, 0)
                continue
            if size > known.size:
                known = self._count(known, size)
            if known.lines < self.capacity or not self.path(known.number + 1).exists():
                break
            known = Tail(known.number + 1, 0, 0)
        self._known = known

    def _count(self, known: Tail, size: int) -> Tail:
        lines, at, whole = known.lines, known.size, known.size
        with self.path(known.number).open("rb", buffering=0) as file:
            while at < size:
                data = os.pread(file.fileno(), min(_READ, size - at), at)
                if not data:
                    break
                lines += data.count(b"\n")
                last = data.rfind(b"\n")
                whole = at + last + 1 if last >= 0 else whole
                at += len(data)
        return Tail(known.number, lines, whole)

    # -- appending --------------------------------------------------------------------------

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Alone with the ledger, among all processes. Raises OSError, TimeoutError."""
        self._prepare()
        fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            take_lock(fd, str(self.folder))
            yield
        finally:
            os.close(fd)  # and with it the lock

    def _prepare(self) -> None:
        if self._ready:
            return
        if not (self.folder / "leaves").is_dir():
            self._disk.make_folder(self.folder / "leaves")
            self._disk.sync_folder(self.folder)
            self._disk.sync_folder(self.folder.parent)
        self._ready = True

    def append(self, lines: Sequence[bytes]) -> int:
        """Write whole lines behind the last; durable on return. The first one's place.

        Call with the lock held. Raises OSError; then none of them count as written.
        """
        with self._turn:
            fd = self._open_tail()
            try:
                first = self._known.number * self.capacity + self._known.lines
                rest = lines
                while rest:
                    if self._known.lines == self.capacity:
                        self._disk.close(fd)
                        fd = -1
                        fd = self._begin(self._known.number + 1)
                    room = self.capacity - self._known.lines
                    self._write(fd, rest[:room])
                    rest = rest[room:]
            finally:
                if fd >= 0:
                    self._disk.close(fd)
        return first

    def settle(self) -> int:
        """Make durable whatever was appended, by whoever did; how many leaves that is.

        Call with the lock held. Somebody may have died between write and sync.
        """
        with self._turn:
            fd = self._open_tail()
            try:
                self._disk.sync_file(fd)
            finally:
                self._disk.close(fd)
            return self._known.number * self.capacity + self._known.lines

    def cut_lost_pages(self, durable: int) -> None:
        """Cut what a power cut left unreadable behind the `durable` first leaves.

        Zero bytes are what pages look like that never reached the disk. What stood before a
        checkpoint was durable: there a zero byte is damage, and for a check to find.
        """
        with self._turn:
            self._catch_up()
            tail = self._known
            path = self.path(tail.number)
            data = path.read_bytes() if tail.size else b""
            zero = data.find(b"\0", _start_of(data, durable - tail.number * self.capacity))
            if zero < 0:
                return
            fd = self._disk.open_for_repair(path)
            try:
                self._disk.truncate(fd, data.rfind(b"\n", 0, zero) + 1)
                self._disk.sync_file(fd)
            finally:
                self._disk.close(fd)
            self._known = Tail(0, 0, 0)

    def _open_tail(self) -> int:
        """The last file, open, its torn last line cut."""
        self._catch_up()
        path = self.path(self._known.number)
        try:
            fd = self._disk.open_for_repair(path)
        except FileNotFoundError:
            return self._begin(self._known.number)
        if os.fstat(fd).st_size > self._known.size:
            self._disk.truncate(fd, self._known.size)
        return fd

    def _begin(self, number: int) -> int:
        fd = self._disk.create(self.path(number))
        self._disk.sync_folder(self.folder / "leaves")
        self._known = Tail(number, 0, 0)
        return fd

    def _write(self, fd: int, lines: Sequence[bytes]) -> None:
        data = b"\n".join(lines) + b"\n"
        known = self._known
        try:
            self._disk.write(fd, data, known.size)
            self._disk.sync_file(fd)
        except OSError:
            with contextlib.suppress(OSError):  # else the lines stand there: harmless twice
                self._disk.truncate(fd, known.size)
            raise
        self._known = Tail(known.number, known.lines + len(lines), known.size + len(data))


def take_lock(fd: int, where: str) -> None:
    """Wait for an exclusive flock, not for ever. Raises StorageError."""
    ends = time.monotonic() + _DEADLINE
    wait = _PATIENCE
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > ends:
                detail = f"another process has held the lock on {where} for {_DEADLINE:.0f} s"
                raise StorageError(Cause.DISK_FAILED, detail) from None
        time.sleep(wait)
        wait = min(wait * 1.5, 0.05)


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _start_of(data: bytes, line: int) -> int:
    """Where line number `line` begins, at most the end."""
    at = 0
    for _ in range(line):
        end = data.find(b"\n", at)
        if end < 0:
            return len(data)
        at = end + 1
    return at
