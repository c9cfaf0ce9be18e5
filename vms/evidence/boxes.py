"""A segment's bytes, parted: coded samples (what `mdat` holds) and the shell around them.

The shell travels beside a clip, so that whoever has both can put the segment together again and
compare its SHA-256 with the ledger's. Pure: pieces in, pieces out.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from storage.fmp4 import BadFile

_HEADER = struct.Struct(">I4s")
_HEAD = 8


class Parting:
    """Parts a segment that comes in pieces of any size, front to back."""

    def __init__(self) -> None:
        self._left = 0  # bytes until the next box
        self._coded = False
        self._head = b""  # of a box whose head is cut by the end of a piece

    def take(self, piece: memoryview) -> Iterator[tuple[bool, memoryview]]:
        """The parts of a piece, in order: whether they are coded samples, and the bytes.

        Raises BadFile.
        """
        at = 0
        while at < len(piece):
            if self._left:
                part = piece[at : at + self._left]
                self._left -= len(part)
                at += len(part)
                yield self._coded, part
                continue
            part = piece[at : at + _HEAD - len(self._head)]
            self._head += bytes(part)
            at += len(part)
            yield False, part
            if len(self._head) == _HEAD:
                self._left, self._coded = _inside(self._head)
                self._head = b""

    @property
    def whole(self) -> bool:
        """Whether the last box has ended."""
        return not self._left and not self._head


def _inside(head: bytes) -> tuple[int, bool]:
    size, kind = _HEADER.unpack(head)
    if size < _HEAD:
        raise BadFile(f"box {kind!r} claims {size} bytes")
    return size - _HEAD, kind == b"mdat"


Read = Callable[[int], bytes]
"""The next bytes, at most so many; empty at the end."""


def joined(shell: Read, coded: Read) -> Iterator[bytes]:
    """The segment from its shell and its coded samples. Raises BadFile where one ends early."""
    while head := _exactly(shell, _HEAD, end=True):
        yield head
        left, is_coded = _inside(head)
        source = coded if is_coded else shell
        while left:
            piece = source(min(left, 1 << 20))
            if not piece:
                raise BadFile("the shell asks for more bytes than there are")
            left -= len(piece)
            yield piece


def _exactly(source: Read, size: int, *, end: bool) -> bytes:
    data = b""
    while len(data) < size:
        piece = source(size - len(data))
        if not piece:
            if end and not data:
                return b""
            raise BadFile("the shell ends within a box")
        data += piece
    return data
