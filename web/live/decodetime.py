"""Decode times for pictures that arrive in decode order with presentation times. Pure.

RTP and the hub carry presentation times only; fMP4 wants both. The decode time of the n-th
picture is the smallest presentation time among the last `depth + 1` pictures, where the depth
is learnt from the stream: declared reorder depths lie.
"""

from __future__ import annotations

from bisect import insort

_DEPTH_MAX = 16  # the most H.264 and H.265 allow (max_num_reorder_frames)


class DecodeClock:
    """Turns presentation times in decode order into decode times that never go back.

    `frame`: about a picture's time, in ticks; `depth`: the reordering, as far as known.
    """

    def __init__(self, frame: int, depth: int = 0) -> None:
        self._frame, self._depth = frame, depth
        self._window: list[int] = []
        self._last: int | None = None
        self._newest: int | None = None

    @property
    def depth(self) -> int:
        """How many pictures may come before one that is shown earlier; 0 without B-frames."""
        return self._depth

    def stamp(self, pts: int) -> int:
        """The decode time of the next picture in decode order, at most `pts` once learnt."""
        if self._newest is not None and pts < self._newest:
            late = sum(1 for shown in self._window if shown > pts)
            self._depth = min(max(self._depth, late), _DEPTH_MAX)
        self._newest = pts if self._newest is None else max(self._newest, pts)
        insort(self._window, pts)
        del self._window[: -(_DEPTH_MAX + 1)]
        if self._depth == 0:
            stamp = pts
        elif len(self._window) > self._depth:
            stamp = self._window[-(self._depth + 1)]
        else:
            stamp = self._window[0] - (self._depth + 1 - len(self._window)) * self._frame
        if self._last is not None and stamp <= self._last:
            stamp = self._last + 1
        self._last = stamp
        return stamp
