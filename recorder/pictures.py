"""Pictures waiting to be written: their decode times, and where a fragment may be cut. Pure.

RTP carries presentation times in decode order. Without B-frames both are the same. With them
the decode times are the presentation times in rising order; the session moves what is shown
back by the reorder delay. How far pictures are reordered is seen from the pictures themselves:
what a camera's headers say is not needed and not believed.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from typing import NamedTuple

from vms.core.media import AccessUnit

DEPTH_MAX = 16  # H.264 §A.3.1: no more frames than this are held for reordering
_NEVER = -(1 << 62)


class Taken(NamedTuple):
    """Units of a fragment in decode order. `decode`: their decode times and, as one more, where
    the next unit begins; `shown`: their presentation times. In ticks of the run.
    """

    units: list[AccessUnit]
    decode: list[int]
    shown: list[int]


class PictureQueue:
    """Units in decode order with their presentation times, all different.

    A picture that is no keyframe and whose time lies above `highest` and below `limit` needs no
    look: the caller appends to `units` and `shown` and sets `highest`. That is the hot path of
    the recorder; everything else goes through `add`.

    `span`: ticks of the longest fragment. `least`: ticks given to a picture whose time is a lie.
    """

    __slots__ = (
        "_came",
        "_key_at",
        "_pool",
        "_used",
        "depth",
        "highest",
        "least",
        "limit",
        "shown",
        "span",
        "units",
    )

    def __init__(self, span: int, least: int) -> None:
        self.span, self.least = span, least
        self.units: list[AccessUnit] = []
        self.shown: list[int] = []
        self.highest = self.limit = _NEVER
        self.depth = 0  # how many pictures come before one that is shown before them
        self._pool: list[int] = []  # with depth: times not yet used for decoding, rising
        self._used = _NEVER  # the highest time used for decoding
        self._came: deque[int] = deque(maxlen=DEPTH_MAX + 1)  # with depth: the last units' times
        self._key_at = 0  # index of the first keyframe behind the first unit, 0 without

    def add(self, unit: AccessUnit, time: int) -> None:
        """Take the next unit, to be shown at `time`."""
        meant = time
        if time <= self.highest:
            time, meant = self._behind(unit, time)
        self.units.append(unit)
        self.shown.append(time)
        if self.depth:
            insort(self._pool, time)
            self._came.append(meant)
        self.highest = max(self.highest, time)
        if unit.key and not self._key_at:
            self._key_at = len(self.units) - 1
        if len(self.units) == 1:
            self._set_limit()

    def ready(self) -> int:
        """How many units make up the next fragment; 0: wait for more."""
        known = len(self.units) - max(self.depth, 1)
        if known <= 0:
            return 0
        times = self._pool if self.depth else self.shown
        by_time = max(1, bisect_left(times, times[0] + self.span))
        if self._key_at and self._key_at <= min(known, by_time):
            return self._key_at
        return by_time if by_time <= known else 0

    def whole(self, count: int) -> int:
        """How many of the first `count` units may be one fragment, known or not what follows."""
        times = self._pool if self.depth else self.shown
        by_time = max(1, bisect_left(times, times[0] + self.span))
        return min(count, by_time, self._key_at or count)

    def take(self, count: int, typical: int) -> Taken:
        """Remove the first `count` units. `typical`: ticks of the last one if none is behind it."""
        units, shown = self.units[:count], self.shown[:count]
        decode = (self._pool if self.depth else self.shown)[: count + 1]
        if len(decode) == count:
            decode.append(decode[-1] + typical)
        self._used = decode[count - 1]
        del self.units[:count], self.shown[:count], self._pool[:count]
        self._key_at = next((i for i, u in enumerate(self.units) if u.key and i), 0)
        self._set_limit()
        return Taken(units, decode, shown)

    def hold(self) -> None:
        """Let nothing in but through `add`, until something is taken out."""
        self.limit = _NEVER

    def clear(self) -> int:
        """Forget what waits; says how many units."""
        count = len(self.units)
        self.units, self.shown, self._pool, self._key_at = [], [], [], 0
        self._used, self.depth = self.highest, 0
        self._came.clear()
        self._set_limit()
        return count

    def _set_limit(self) -> None:
        self.limit = self.shown[0] + self.span if self.shown and not self.depth else _NEVER

    def reordered(self, time: int) -> int:
        """How many pictures came before one of this time and are shown later; 0: it is a lie.

        Where pictures are reordered by more than was seen so far, the first come too late: what
        is decoded behind them is written. Each level of it shows once the one above it is known.
        """
        came = self._came if self.depth else self.shown
        later = sum(1 for other in came if other > time)
        most = DEPTH_MAX
        if time <= self._used:
            most = self.depth + 1 if self.depth else 0
        return later if later <= most and time not in came else 0

    def _behind(self, unit: AccessUnit, time: int) -> tuple[int, int]:
        """A time not above the last: a reordered picture, or a lie put right behind the last.

        Gives when it is shown and when it was meant to be.
        """
        later = 0 if unit.key else self.reordered(time)
        if not later:
            time = self.highest + self.least
            return time, time
        if not self.depth:
            self._pool = sorted(self.shown)
            self._came.extend(self.shown)
        self.depth = max(self.depth, later)
        self._set_limit()
        shown = time
        if time <= self._used:
            shown = self._used + self.least
            while shown in self._pool:
                shown += self.least
        return shown, time
