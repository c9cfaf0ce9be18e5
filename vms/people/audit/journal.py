"""Batches of entries on their way into ledger and database: durable before anything else.

One file for all processes of a site, under one lock. What a crash, a full disk or a database that
is away leaves in it is kept by whoever writes next.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vms.core.errors import StorageError
from vms.core.model import Cause
from vms.people.audit.entry import Entry, parse

BYTES_MAX = 64 << 20
"""Full: new entries are refused, counted by who tells, and the count is kept later."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries that get one leaf. `id`: names it, unlike any other."""

    id: str
    entries: tuple[Entry, ...]

    def line(self) -> bytes:
        lines = [entry.line().decode() for entry in self.entries]
        return json.dumps({"id": self.id, "lines": lines}, ensure_ascii=False).encode() + b"\n"


class Journal:
    """The file `DATA/audit/pending`. Whatever the disk refuses is a StorageError."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / "pending"

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else writes meanwhile, in no process."""
        with self._translated():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (self._folder / "lock").open("a")
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def add(self, batch: Batch) -> None:
        """Durable when it returns; only within `alone`."""
        with self._translated():
            fd = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                line = batch.line()
                if os.fstat(fd).st_size + len(line) > BYTES_MAX:
                    raise StorageError(
                        Cause.DISK_FULL,
                        f"{self._file} is full: the audit can't be kept; see why the ledger or the "
                        "database refuses it",
                    )
                # Each on a line of its own, whatever a crash left of the one before.
                os.write(fd, b"\n" + line)
                os.fdatasync(fd)
            finally:
                os.close(fd)

    def waiting(self) -> list[Batch]:
        """What is not in ledger and database yet, the oldest first; without torn lines."""
        with self._translated():
            try:
                lines = self._file.read_bytes().split(b"\n")
            except FileNotFoundError:
                return []
        return [batch for line in lines if (batch := _read(line)) is not None]

    def clear(self) -> None:
        """All of it is kept."""
        with self._translated(), contextlib.suppress(FileNotFoundError):
            os.truncate(self._file, 0)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                Cause.DISK_FAILED, f"the audit can't be written to {self._folder}: {error}"
            ) from error


def _read(line: bytes) -> Batch | None:
    try:
        values = json.loads(line)
        entries: Sequence[Entry] = [parse(one.encode()) for one in values["lines"]]
        return Batch(values["id"], tuple(entries))
    except (ValueError, KeyError, TypeError):
        return None
