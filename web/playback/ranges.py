"""Byte ranges of HTTP, as far as we serve them: one range at a time. Pure (RFC 9110 §14)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE = re.compile(r"(?i:bytes)\s*=\s*([0-9]{0,19})\s*-\s*([0-9]{0,19})\s*")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """`length` bytes from `start`."""

    start: int
    length: int

    def content_range(self, size: int) -> str:
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


class Unsatisfiable(Exception):  # the RFC's word
    """The range lies behind the end: 416."""


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The range asked for, cut to `size`; None: send the whole file.

    What is malformed, in another unit or several ranges at once is ignored, as §14.2 allows.
    """
    match = _ONE.fullmatch(header.strip()) if header else None
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        length = min(int(match[2]), size)
        if length == 0:
            raise Unsatisfiable
        return ByteRange(size - length, length)
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if match[2] and int(match[2]) < first:
        return None
    if first >= size:
        raise Unsatisfiable
    return ByteRange(first, last - first + 1)


def etag_matches(header: str | None, etag: str | None) -> bool:
    """Whether an If-None-Match header names `etag` (weak comparison, §8.8.3.2)."""
    if not header or etag is None:
        return False
    if header.strip() == "*":
        return True
    return etag in {tag.strip().removeprefix("W/") for tag in header.split(",")}
