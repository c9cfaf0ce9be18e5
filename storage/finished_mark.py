"""Up to which place of the ledger deletions are finished, as it is remembered over restarts.

It follows at a distance: a recovery that read a volume before a deletion went may put the row back,
so what is finished is looked at again for a while. It never passes a deletion whose unlink may yet
be undone by a power cut; whoever moves it has synced the volumes.
"""

from __future__ import annotations

from collections import deque

from storage.custody import Memory
from vms.core.clock import MINUTE, Mono

_KEY = "deleted"
_SETTLED = 2 * MINUTE  # recovery of a large site takes seconds


class FinishedMark:
    """Calls block for a database access."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        # How long the ledger was, and when; the oldest may go, then the mark waits a little more.
        self._places: deque[tuple[Mono, int]] = deque(maxlen=64)

    def place(self, size: int) -> int:
        """Where to begin in a ledger of so many leaves."""
        place = int(self._memory.get(_KEY) or 0)
        return place if place <= size else 0  # an older ledger was brought back

    def follow(self, size: int, now: Mono) -> None:
        """All deletions before place `size` were finished, and are durable."""
        self._places.append((now, size))
        old = [place for at, place in self._places if now - at >= _SETTLED]
        if old and old[-1] > self.place(size):
            self._memory.put(_KEY, str(old[-1]))
            while self._places and self._places[0][1] < old[-1]:
                self._places.popleft()
