"""SHA-256 of whole files, several at once: hashing and reading let go of the GIL.

Used by whoever reads everything: check, rebuild, scrub. A file is read once, in blocks into a
buffer of its thread, and its pages can be let go behind the reading, so that reading a full disk
does not push out what people look at.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

_BLOCK = 1 << 20
# What is asked for before it is needed, per thread: the next file opens while this one is hashed.
_AHEAD = 4

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Digest:
    """A file's SHA-256 and how many bytes went into it."""

    sha256: bytes
    size: int


def hash_fd(fd: int, after_block: Callable[[int], None] | None = None) -> Digest:
    """Hash an open file from its first byte. `after_block` gets the bytes so far."""
    buffer = _buffer()
    sha256, size = hashlib.sha256(), 0
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    while count := os.preadv(fd, [buffer], size):
        sha256.update(buffer if count == _BLOCK else buffer[:count])
        size += count
        if after_block is not None:
            after_block(size)
    return Digest(sha256.digest(), size)


def hash_file(path: Path, after_block: Callable[[int], None] | None = None) -> Digest:
    """Hash a file by its path. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return hash_fd(fd, after_block)
    finally:
        os.close(fd)


def let_go(path: Path) -> None:
    """Drop a file's pages from memory: nobody reads it again soon."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


def in_threads(
    work: Callable[[Given], Made], given: Iterable[Given], threads: int
) -> Iterator[Made]:
    """`work` of each, in order, done by several threads; takes only a little more than it gives.

    Ends early without waiting for the rest when the caller stops asking.
    """
    if threads <= 1:
        yield from map(work, given)
        return
    waiting: deque[Future[Made]] = deque()  # bounded: one is taken for each that is put
    with ThreadPoolExecutor(threads, "hash") as pool:
        try:
            for one in given:
                waiting.append(pool.submit(work, one))
                if len(waiting) >= threads * _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


_local = threading.local()


def _buffer() -> memoryview:
    """A block of memory for this thread, made once."""
    known: memoryview | None = getattr(_local, "buffer", None)
    if known is None:
        known = _local.buffer = memoryview(bytearray(_BLOCK))
    return known
