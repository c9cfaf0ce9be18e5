"""What the ledger says of each segment and gap, as columns: for holding the index against it.

A record a leaf: stream, start, place and eight bytes of the leaf's hash, 29 bytes in all, so that
millions fit. Where there are more than `RECORDS_MAX` the ledger is read once for each part of the
streams. A line that a signed head covers is taken as it is; what is behind it is parsed.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from storage.ledger.leaves import BadLeaf, KeyLeaf, parse
from storage.ledger.merkle import leaf_hash
from vms.core.model import StreamKey

RECORDS_MAX = 8_000_000

_TAIL = re.compile(rb'"start":(-?\d+),"stream":"([a-z0-9/-]+)"\}\Z')
_END = re.compile(rb'"end":(-?\d+),"')


class Word(IntEnum):
    """What a record says."""

    SEGMENT = 0
    GAP = 1
    DELETED = 2
    TAKEN_BACK = 3  # a gap that is none any more


# Within strings JSON escapes quotes, so these can't stand there.
_WORDS = {b'"kind":"segment"': Word.SEGMENT, b'"kind":"gap"': Word.GAP}
_DELETE, _KEY = b'"kind":"delete"', b'"kind":"key"'


class History:
    """The records of some streams: those of part `share[0]` of `share[1]`."""

    def __init__(self, share: tuple[int, int] = (0, 1)) -> None:
        self._share = share
        self.streams: list[StreamKey] = []
        self.keys: dict[int, str] = {}  # place to verifier key
        self.bad: list[tuple[int, str]] = []  # places of what is no leaf
        self._numbers: dict[bytes, int] = {}  # -1: another part's
        self._stream, self._start = array("i"), array("q")
        self._place, self._print = array("q"), array("Q")
        self._word = array("b")

    def read(self, lines: Iterable[tuple[int, bytes]], signed: int) -> Iterator[bytes]:
        """Take leaves in; gives each one's hash. Those from place `signed` on are parsed."""
        for place, line in lines:
            hash_ = leaf_hash(line)
            if place >= signed and not self._parses(place, line):
                yield hash_
                continue
            tail = _TAIL.search(line)
            if tail is not None:
                self._take(place, line, hash_, int(tail[1]), tail[2])
            elif _KEY in line and self._share[0] == 0:
                self._take_key(place, line)
            yield hash_

    def _parses(self, place: int, line: bytes) -> bool:
        try:
            parse(line)
        except BadLeaf as error:
            if self._share[0] == 0:
                self.bad.append((place, str(error)))
            return False
        return True

    def _take_key(self, place: int, line: bytes) -> None:
        if self._parses(place, line):
            leaf = parse(line)
            if isinstance(leaf, KeyLeaf):
                self.keys[place] = leaf.key

    def _take(self, place: int, line: bytes, hash_: bytes, start: int, stream: bytes) -> None:
        number = self._numbers.get(stream)
        if number is None:
            number = self._number(stream)
        if number < 0:
            return
        word = next((word for mark, word in _WORDS.items() if mark in line), None)
        if word is None:
            if _DELETE not in line:
                return
            word = Word.DELETED
        elif word is Word.GAP:
            end = _END.search(line)
            if end is not None and int(end[1]) == start:
                word = Word.TAKEN_BACK
        self._stream.append(number)
        self._start.append(start)
        self._place.append(place)
        self._print.append(int.from_bytes(hash_[:8], "big"))
        self._word.append(word)

    def _number(self, stream: bytes) -> int:
        number = -1
        if crc32(stream) % self._share[1] == self._share[0]:
            try:
                key = StreamKey.parse(stream.decode())
            except ValueError:
                return -1
            number = len(self.streams)
            self.streams.append(key)
        self._numbers[stream] = number
        return number

    def ours(self, stream: StreamKey) -> bool:
        """Whether a stream belongs to this part."""
        return crc32(str(stream).encode()) % self._share[1] == self._share[0]

    def settled(self) -> Settled:
        """The records in the order of stream, start and place."""
        stream = np.frombuffer(self._stream, np.int32)
        start, place = np.frombuffer(self._start, np.int64), np.frombuffer(self._place, np.int64)
        print_, word = np.frombuffer(self._print, np.uint64), np.frombuffer(self._word, np.int8)
        order = np.lexsort((place, start, stream))
        columns = (stream[order], start[order], place[order], print_[order], word[order])
        return Settled(self.streams, *columns)


class Settled:
    """What holds in the end: of each (stream, start) the last segment's or gap's record."""

    def __init__(
        self,
        streams: list[StreamKey],
        stream: NDArray[np.int32],
        start: NDArray[np.int64],
        place: NDArray[np.int64],
        print_: NDArray[np.uint64],
        word: NDArray[np.int8],
    ) -> None:
        self._streams, self._stream = streams, stream
        self._start, self._place, self._print, self._word = start, place, print_, word

    def of(self, stream: StreamKey, *, gaps: bool) -> Claims:
        """What should stand in the index of a stream's segments, or of its gaps."""
        words = (Word.GAP, Word.TAKEN_BACK) if gaps else (Word.SEGMENT, Word.DELETED)
        if stream not in self._streams:
            none = np.empty(0, np.int64)
            return Claims(none, none, np.empty(0, np.uint64), np.empty(0, bool))
        number = self._streams.index(stream)
        low = int(np.searchsorted(self._stream, number, "left"))
        high = int(np.searchsorted(self._stream, number, "right"))
        mine = np.isin(self._word[low:high], words)
        start, word = self._start[low:high][mine], self._word[low:high][mine]
        place, print_ = self._place[low:high][mine], self._print[low:high][mine]
        # Of each start the last word holds, but for a segment's behind a deletion: whether it may
        # take that back is for whoever reads both leaves.
        last = np.append(start[1:] != start[:-1], True) if len(start) else np.empty(0, bool)
        holds = last & (word != Word.TAKEN_BACK) & (word != Word.DELETED)
        doubted = np.isin(start[holds], np.unique(start[word == Word.DELETED]))
        return Claims(start[holds], place[holds], print_[holds], doubted)


def _print_of(line: bytes) -> int:
    return int.from_bytes(leaf_hash(line)[:8], "big")


class Claims:
    """Starts in order, with the place and print of the leaf that holds. Nothing deleted.

    `doubted`: where a deletion stands before it. No row is taken for right there at first look.
    """

    def __init__(
        self,
        start: NDArray[np.int64],
        place: NDArray[np.int64],
        print_: NDArray[np.uint64],
        doubted: NDArray[np.bool_],
    ) -> None:
        self.start, self.place, self._print, self._doubted = start, place, print_, doubted
        self._seen = np.zeros(len(start), bool)

    def hold(self, rows: Sequence[tuple[int, bytes, int | None]]) -> NDArray[np.bool_]:
        """Which rows (start, their leaf's line, place) are what the ledger says, at that place."""
        if not len(self.start):
            return np.zeros(len(rows), bool)
        start = np.array([row[0] for row in rows], np.int64)
        print_ = np.array([_print_of(row[1]) for row in rows], np.uint64)
        place = np.array([-1 if row[2] is None else row[2] for row in rows], np.int64)
        at = np.minimum(np.searchsorted(self.start, start), len(self.start) - 1)
        known = self.start[at] == start
        self._seen[at[known]] = True
        holds: NDArray[np.bool_] = known & (self._print[at] == print_) & (self.place[at] == place)
        holds &= ~self._doubted[at]
        return holds

    def unseen(self) -> list[tuple[int, int]]:
        """Start and place of what no row speaks of."""
        missing = np.flatnonzero(~self._seen)
        return [(int(self.start[at]), int(self.place[at])) for at in missing]

    def place_of(self, start: int) -> int | None:
        """Where the leaf that holds stands."""
        at = int(np.searchsorted(self.start, start))
        return int(self.place[at]) if at < len(self.start) and self.start[at] == start else None
