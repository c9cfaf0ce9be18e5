"""A bucket: whole files in an object store, through one small port.

Keys are the paths `storage.layout` makes. Every call blocks, ends within a bounded time and holds
at most two parts in memory; what goes wrong is one sentence that names bucket and service and
never a key. Who speaks S3 is `storage.tiers.s3`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from vms.core.errors import StorageError
from vms.core.model import Cause

PART = 5 * 1024 * 1024
"""Bytes that go or come at once; S3 takes no smaller parts."""

SCHEME = "s3://"


class BucketError(StorageError):
    """A bucket refused, can't be reached or is too slow. `passing`: it may be well again soon."""

    def __init__(self, cause: Cause, detail: str, *, passing: bool = False) -> None:
        self.passing = passing
        super().__init__(cause, detail)


@dataclass(frozen=True, slots=True)
class Listed:
    """An object: its key below the bucket's prefix, and its bytes."""

    key: str
    size: int


class Bucket(Protocol):
    """What a tier asks of an object store. Every call may raise BucketError."""

    @property
    def url(self) -> str: ...
    def put(self, key: str, pieces: Iterator[bytes]) -> None: ...
    def read(self, key: str, offset: int, length: int) -> bytes: ...
    def size(self, key: str) -> int | None: ...
    def listed(self, folder: str = "") -> Iterator[Listed]: ...
    def delete(self, key: str) -> None: ...


def pieces_of(bucket: Bucket, key: str, size: int) -> Iterator[bytes]:
    """An object's bytes, part by part; ends early where the object does."""
    offset = 0
    while offset < size:
        piece = bucket.read(key, offset, min(PART, size - offset))
        if not piece:
            return
        yield piece
        offset += len(piece)


def read_all(bucket: Bucket, key: str, offset: int, length: int) -> bytes:
    """`length` bytes from `offset`, in as many reads as it takes; fewer only at the end."""
    found = bytearray()
    while len(found) < length:
        piece = bucket.read(key, offset + len(found), length - len(found))
        if not piece:
            break
        found += piece
    return bytes(found)


def digest_of(bucket: Bucket, key: str, size: int) -> bytes:
    """SHA-256 of the first `size` bytes of an object, by reading them."""
    sha256 = hashlib.sha256()
    for piece in pieces_of(bucket, key, size):
        sha256.update(piece)
    return sha256.digest()
