"""The disk: every operation that changes a volume, behind one small Protocol.

Files are opened for writing here and nowhere else, so tests can put a disk in its place that
stops, tears or refuses at its n-th operation. Reading is plain `os.pread`: it changes nothing.
Every call may raise OSError; who calls translates.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

_libc = ctypes.CDLL(None, use_errno=True)  # CDLL lets go of the GIL during the call
_IOV_MAX = os.sysconf("SC_IOV_MAX")
_KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE, linux/falloc.h
_UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


class Disk(Protocol):
    """What storage asks of a disk."""

    def make_folder(self, path: Path) -> None: ...
    def create(self, path: Path) -> int: ...
    def open_for_repair(self, path: Path) -> int: ...
    def write(self, fd: int, data: bytes, offset: int) -> None: ...
    def write_parts(self, fd: int, parts: Sequence[bytes], offset: int) -> None: ...
    def reserve(self, fd: int, size: int) -> None: ...
    def truncate(self, fd: int, size: int) -> None: ...
    def sync_file(self, fd: int) -> None: ...
    def sync_volume(self, root_fd: int) -> None: ...
    def sync_folder(self, path: Path) -> None: ...
    def rename(self, old: Path, new: Path) -> None: ...
    def unlink(self, path: Path) -> None: ...
    def remove_folder(self, path: Path) -> None: ...
    def close(self, fd: int) -> None: ...
    def free(self, root: Path) -> int: ...


class RealDisk:
    """The machine's file systems."""

    def make_folder(self, path: Path) -> None:
        """Make a folder and its parents."""
        path.mkdir(parents=True, exist_ok=True)

    def create(self, path: Path) -> int:
        """A new file for reading and writing; FileExistsError if there is one."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)

    def open_for_repair(self, path: Path) -> int:
        """An existing file for reading and writing."""
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def write(self, fd: int, data: bytes, offset: int) -> None:
        """All of `data` at `offset`, or OSError; what was written by then stays."""
        written = os.pwrite(fd, data, offset)
        while written < len(data):  # a short write is how a full disk begins
            written += os.pwrite(fd, memoryview(data)[written:], offset + written)

    def write_parts(self, fd: int, parts: Sequence[bytes], offset: int) -> None:
        """As `write` of all parts joined, without joining them."""
        for first in range(0, len(parts), _IOV_MAX):
            some = parts[first : first + _IOV_MAX]
            size = sum(map(len, some))
            written = os.pwritev(fd, some, offset)
            if written < size:
                self.write(fd, b"".join(some)[written:], offset + written)
            offset += size

    def reserve(self, fd: int, size: int) -> None:
        """Space in one piece without changing the file's length, where the file system can."""
        result = _libc.fallocate(fd, _KEEP_SIZE, ctypes.c_int64(0), ctypes.c_int64(size))
        code = ctypes.get_errno() if result else 0
        if code and code not in _UNSUPPORTED:
            raise OSError(code, os.strerror(code))

    def truncate(self, fd: int, size: int) -> None:
        """Cut to `size`; also gives back reserved space behind it."""
        os.ftruncate(fd, size)

    def sync_file(self, fd: int) -> None:
        os.fsync(fd)

    def sync_volume(self, root_fd: int) -> None:
        """Everything written to the file system so far; reports write errors since Linux 5.8."""
        if _libc.syncfs(root_fd):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    def sync_folder(self, path: Path) -> None:
        """The names in a folder."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def rename(self, old: Path, new: Path) -> None:
        old.rename(new)

    def unlink(self, path: Path) -> None:
        path.unlink()

    def remove_folder(self, path: Path) -> None:
        """An empty folder; OSError if anything is in it."""
        path.rmdir()

    def close(self, fd: int) -> None:
        os.close(fd)

    def free(self, root: Path) -> int:
        """Bytes free for us."""
        facts = os.statvfs(root)
        return facts.f_bavail * facts.f_frsize
