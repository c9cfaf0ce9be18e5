"""Boxes of ISO/IEC 14496-12 §4.2: a length, a name, and what is inside."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_HEADER = struct.Struct(">I4s")
_FULL = struct.Struct(">I4sI")


class BadFile(ValueError):
    """Bytes that are not the MP4 they should be; says what and at which offset."""


def box(kind: bytes, *parts: bytes) -> bytes:
    """A plain box."""
    return b"".join((_HEADER.pack(8 + sum(map(len, parts)), kind), *parts))


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box with a version and flags."""
    size = 12 + sum(map(len, parts))
    return b"".join((_FULL.pack(size, kind, version << 24 | flags), *parts))


def children(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, bytes]]:
    """Name and payload of each box between two offsets. Raises BadFile where a length lies."""
    end = len(data) if end is None else end
    while start < end:
        if start + 8 > end:
            raise BadFile(f"{end - start} stray bytes at offset {start}")
        size, kind = _HEADER.unpack_from(data, start)
        if size < 8 or start + size > end:
            raise BadFile(f"box {kind!r} at offset {start} claims {size} bytes of {end - start}")
        yield kind, data[start + 8 : start + size]
        start += size


def find(data: bytes, *path: bytes) -> bytes | None:
    """The payload of the first box at the end of a path of names; None if there is none."""
    for name in path:
        for kind, payload in children(data):
            if kind == name:
                data = payload
                break
        else:
            return None
    return data


def header_at(data: bytes, offset: int = 0) -> tuple[int, bytes]:
    """Size and name of the box that begins at `offset`. Raises BadFile."""
    if offset < 0 or offset + 8 > len(data):
        raise BadFile(f"no room for a box at offset {offset} of {len(data)}")
    size, kind = _HEADER.unpack_from(data, offset)
    return size, kind
