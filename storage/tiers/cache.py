"""The cache: whole segments fetched from a bucket, as files of bounded number on the data disk.

Files are named by their SHA-256 and get their name only once their bytes have it, so whoever
finds one may read it. All processes of a site share the folder. It is a copy and nothing else:
it may be deleted at any time, also while it is read.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from storage.volume import cause_of
from vms.core.errors import StorageError
from vms.core.model import Cause

_WAIT = 30  # seconds for a segment that another reader fetches
_DRAFT = ".draft"
_DRAFT_SECONDS = 3_600  # an older one was left by a crash
RESERVE = 500_000_000
"""Bytes left free: the data disk also holds the database."""


class Cache:
    """At most `limit` bytes in `folder`; who was read longest ago goes first. Thread-safe."""

    def __init__(self, folder: Path, limit: int, reserve: int = RESERVE) -> None:
        self._folder, self._limit, self._reserve = folder, limit, reserve
        self._lock = threading.Lock()
        self._fetching: dict[bytes, threading.Lock] = {}  # one an ongoing fetch

    def open(self, sha256: bytes) -> int | None:
        """A descriptor of the segment with this hash, if it is here."""
        path = self._path(sha256)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(cause_of(error), f"the cache can't be read: {error}") from error
        with suppress(OSError):  # a disk mounted read-only still gives what it has
            os.utime(fd)  # read now
        return fd

    @contextmanager
    def alone(self, sha256: bytes) -> Iterator[None]:
        """One of us fetches a segment, the others wait for it."""
        with self._lock:
            lock = self._fetching.setdefault(sha256, threading.Lock())
        if not lock.acquire(timeout=_WAIT):
            raise StorageError(
                Cause.DISK_SLOW, f"a segment from a bucket did not come within {_WAIT} s"
            )
        try:
            yield
        finally:
            with self._lock:
                self._fetching.pop(sha256, None)
            lock.release()

    def keep(self, sha256: bytes, size: int, pieces: Iterator[bytes]) -> int:
        """Store what `pieces` give and open it. Raises StorageError, also if it has another hash.

        What `pieces` raise is raised; then nothing is kept.
        """
        try:
            self._make_room(size)
            fd, name = tempfile.mkstemp(_DRAFT, dir=self._folder)
        except OSError as error:
            raise StorageError(cause_of(error), f"the cache can't be used: {error}") from error
        draft = Path(name)
        try:
            self._fill(fd, sha256, size, pieces)
            draft.rename(self._path(sha256))
        except BaseException as error:
            os.close(fd)
            draft.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise StorageError(cause_of(error), f"the cache can't be used: {error}") from error
            raise
        return fd

    def _fill(self, fd: int, sha256: bytes, size: int, pieces: Iterator[bytes]) -> None:
        found, offset = hashlib.sha256(), 0
        for piece in pieces:
            found.update(piece)
            view = memoryview(piece)
            while view:
                written = os.pwrite(fd, view, offset)
                offset, view = offset + written, view[written:]
        if offset != size or found.digest() != sha256:
            raise StorageError(
                Cause.FOOTAGE_DAMAGED,
                f"what came is not what was written: {offset} of {size} bytes, "
                f"SHA-256 {found.hexdigest()[:16]}… instead of {sha256.hex()[:16]}…",
            )

    def _make_room(self, size: int) -> None:
        """Let go of what was read longest ago, until `size` more fits."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = sorted(self._kept(), key=lambda found: found[0])
        used = sum(found[1] for found in kept)
        free = shutil.disk_usage(self._folder).free - self._reserve
        for _, length, path in kept:
            if used + size <= self._limit and size <= free:
                return
            path.unlink(missing_ok=True)
            used, free = used - length, free + length
        if size > free:
            raise StorageError(
                Cause.DISK_FULL,
                f"{self._folder} has no room for a segment of {size / 1e6:.1f} MB from a bucket: "
                "free some space on the data disk",
            )

    def _kept(self) -> Iterator[tuple[float, int, Path]]:
        """(last read, bytes, path) of each file; drafts of the dead are taken away."""
        for path in self._folder.iterdir():
            try:
                facts = path.stat()
            except FileNotFoundError:
                continue
            if path.suffix == _DRAFT:
                if time.time() - facts.st_mtime > _DRAFT_SECONDS:
                    path.unlink(missing_ok=True)
                continue
            yield facts.st_mtime, facts.st_size, path

    def _path(self, sha256: bytes) -> Path:
        return self._folder / f"{sha256.hex()}.mp4"
