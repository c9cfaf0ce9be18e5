"""Rates of a stream over the last seconds, from counters looked at once a second. Pure."""

from __future__ import annotations

from collections import deque

from vms.core.clock import SECOND, Mono

LOOKS = 6  # five seconds between the first and the last


class Meter:
    """Pictures and bytes a second."""

    def __init__(self) -> None:
        # Full: the oldest look falls out, which is the point.
        self._looks: deque[tuple[Mono, int, int]] = deque(maxlen=LOOKS)

    def look(self, at: Mono, pictures: int, size: int) -> None:
        """The counters as they are now; they begin again with each run."""
        if self._looks and pictures < self._looks[-1][1]:
            self._looks.clear()
        if self._looks and at <= self._looks[-1][0]:
            return
        self._looks.append((at, pictures, size))

    def clear(self) -> None:
        self._looks.clear()

    @property
    def fps(self) -> float:
        """Pictures a second."""
        return round(self._rate(1), 2)

    @property
    def bitrate(self) -> int:
        """Bits a second."""
        return round(self._rate(2) * 8)

    def _rate(self, which: int) -> float:
        if len(self._looks) < 2:
            return 0.0
        first, last = self._looks[0], self._looks[-1]
        return (last[which] - first[which]) * SECOND / (last[0] - first[0])
