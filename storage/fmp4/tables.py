"""The tables of a plain MP4's track (ISO/IEC 14496-12 §8.6, §8.7), grown sample by sample.

A day of one camera has six million samples, so the numbers go to spools (files, or memory in
tests), and what stands in memory is as small for a day as for a minute.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

Spool = Callable[[], BinaryIO]
"""Makes an empty file for numbers, open for writing and reading."""

_HELD = 16_384  # numbers in memory before they go to the spool
_SAMPLE = tuple[int, int, int, bool]  # duration, size, composition, key: as in TrackRun


class Numbers:
    """A growing row of numbers of one width: `I` and `i` of 32 bits, `Q` of 64."""

    def __init__(self, spool: BinaryIO, kind: str) -> None:
        self._spool, self._kind = spool, kind
        self._held = array(kind)
        self._kept = 0

    def __len__(self) -> int:
        return self._kept + len(self._held)

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self) * self._held.itemsize

    def extend(self, numbers: Sequence[int]) -> None:
        """Add numbers; OverflowError if one does not fit the width."""
        self._held.extend(numbers)
        if len(self._held) >= _HELD:
            self._spool.seek(0, 2)
            self._spool.write(self._held.tobytes())
            self._kept += len(self._held)
            del self._held[:]

    def pieces(self, add: int = 0, step: int = 1) -> Iterator[bytes]:
        """All of them, big-endian; `add` is added to every `step`-th, beginning with the last
        of the first `step`."""
        self._spool.seek(0)
        left = self._kept
        while left:
            piece = array(self._kind)
            piece.frombytes(self._spool.read(min(left, _HELD) * piece.itemsize))
            left -= len(piece)
            yield _big_endian(piece, add, step)
        yield _big_endian(self._held[:], add, step)


def _big_endian(piece: array[int], add: int, step: int) -> bytes:
    if add:
        moved = piece[step - 1 :: step]
        piece[step - 1 :: step] = array(piece.typecode, [number + add for number in moved])
    if sys.byteorder == "little":
        piece.byteswap()
    return piece.tobytes()


class Runs:
    """Pairs (how many times, number), as stts, ctts and stsc keep them."""

    def __init__(self, spool: BinaryIO, kind: str) -> None:
        self.numbers = Numbers(spool, kind)
        self._count, self._number = 0, 0

    def add(self, numbers: Sequence[int]) -> None:
        count, number = self._count, self._number
        done: list[int] = []
        for one in numbers:
            if one == number:
                count += 1
                continue
            if count:
                done += (count, number)
            count, number = 1, one
        self._count, self._number = count, number
        if done:
            self.numbers.extend(done)

    def close(self) -> None:
        """No number comes any more."""
        if self._count:
            self.numbers.extend((self._count, self._number))
            self._count = 0


class TrackTables:
    """One track's samples: when, how large, where.

    Times are ticks since the first sample's decode time; `end`: where the last sample ends.
    """

    def __init__(self, spool: Spool) -> None:
        self.count = self.end = self.bytes = 0
        self.lowest = 0  # the smallest composition offset
        self.durations = Runs(spool(), "I")
        self.compositions = Runs(spool(), "i")
        self.sizes = Numbers(spool(), "I")
        self.keys = Numbers(spool(), "I")
        self.offsets = Numbers(spool(), "Q")
        self.chunks = Numbers(spool(), "I")  # first chunk, samples in it, description
        self._per_chunk = 0
        self._last: int | None = None  # duration of the last sample, which may still change
        self._late = 0  # how far written decode times lie behind the true ones

    def add(self, time: int, samples: Sequence[_SAMPLE], offset: int) -> int:
        """Samples that stand together at `offset` of the media; `time`: decode time of the first.
        How many bytes they have.

        Where `time` is not the end of what came before, the sample before lasts until then: so a
        gap keeps its length, and segments nudged by their clock stay where they belong.
        """
        durations, sizes, compositions, keys = zip(*samples, strict=True)
        self._join(time)
        if self._late:
            durations, compositions = self._catch_up(durations, compositions)
        self.durations.add(durations[:-1])
        self._last = durations[-1]
        self.compositions.add(compositions)
        self.lowest = min(self.lowest, *compositions)
        self.sizes.extend(sizes)
        if any(keys):
            first = self.count + 1
            self.keys.extend([first + n for n, key in enumerate(keys) if key])
        self.offsets.extend((offset,))
        if len(samples) != self._per_chunk:
            self._per_chunk = len(samples)
            self.chunks.extend((len(self.offsets), len(samples), 1))
        self.count += len(samples)
        self.end += sum(durations)
        size: int = sum(sizes)
        self.bytes += size
        return size

    def close(self) -> None:
        """No sample comes any more."""
        if self._last is not None:
            self.durations.add((self._last,))
            self._last = None
        self.durations.close()
        self.compositions.close()

    def _join(self, time: int) -> None:
        if self._last is None:
            return
        wanted = self._last + time - self.end
        self._late = max(0, 1 - wanted)  # two samples never share a decode time
        lasts = wanted + self._late
        self.end += lasts - self._last
        self.durations.add((lasts,))
        self._last = None

    def _catch_up(
        self, durations: Sequence[int], compositions: Sequence[int]
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The same presentation times from decode times that begin late."""
        shorter, moved = [], []
        for duration, composition in zip(durations, compositions, strict=True):
            moved.append(composition - self._late)
            lasts = max(1, duration - self._late)
            self._late -= duration - lasts
            shorter.append(lasts)
        return tuple(shorter), tuple(moved)
