"""One sync per volume per second, for all cameras of all recorder workers together.

Every worker asks at the same second of the machine's monotonic clock. The first to get the lock
syncs the whole file system; the others, when they get it, find a sync that began after they
asked, and take its outcome as their own. The record of the last sync doubles as a sign of life:
recovery reads from it until when a recorder ran.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from storage.disk import Disk
from storage.layout import HOUSE
from vms.core.clock import Clock, Instant, Mono

_RECORD = struct.Struct(">36sqqi")  # boot, monotonic start of the sync, wall time, errno
_RECORD_FILE = "sync"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class GroupSync:
    """A volume's turn-taking. Used by one thread; a context manager."""

    def __init__(self, root: Path, disk: Disk, clock: Clock) -> None:
        self._root, self._disk, self._clock = root, disk, clock
        self._boot = _BOOT_ID.read_bytes()[:36]
        self.syncs = 0

    def __enter__(self) -> Self:
        self.root_fd = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        path = self._root / HOUSE / _RECORD_FILE
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError:
            os.close(self.root_fd)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._fd)
        os.close(self.root_fd)

    def sync(self, wanted: Mono) -> None:
        """Return when everything written before `wanted` is durable. Raises OSError.

        The lock is held over the sync on purpose: whoever waits for it waits for the sync itself.
        """
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            shared = self._read()
            began = self._clock.monotonic()
            if shared is not None and wanted < shared[0] <= began:
                code = shared[1]
            else:
                code = self._sync()
                self._write(began, code)
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        if code:
            raise OSError(code, os.strerror(code))

    def beat(self) -> None:
        """Leave a sign of life without a sync."""
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            shared = self._read()
            self._write(*(shared if shared is not None else (Mono(-1), 0)))
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _sync(self) -> int:
        self.syncs += 1
        try:
            self._disk.sync_volume(self.root_fd)
        except OSError as error:
            return error.errno or 5
        return 0

    def _read(self) -> tuple[Mono, int] | None:
        data = os.pread(self._fd, _RECORD.size, 0)
        if len(data) != _RECORD.size:
            return None
        boot, began, _, code = _RECORD.unpack(data)
        return (Mono(began), code) if boot == self._boot else None

    def _write(self, began: Mono, code: int) -> None:
        os.pwrite(self._fd, _RECORD.pack(self._boot, began, self._clock.now(), code), 0)


def last_alive(root: Path) -> Instant | None:
    """Until when a recorder is known to have run on this volume; None if none ever did."""
    try:
        data = (root / HOUSE / _RECORD_FILE).read_bytes()
    except OSError:
        return None
    if len(data) < _RECORD.size:
        return None
    return Instant(_RECORD.unpack_from(data)[2])


def until_next_second() -> float:
    """Seconds until the machine's monotonic clock turns to a whole second, for all workers."""
    return 1.0 - time.monotonic_ns() % 1_000_000_000 / 1e9
