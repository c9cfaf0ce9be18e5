"""What cameras refused lately: a search does not spend again what the one before it has spent.

A camera is known by where it is asked and by the name it gives itself (its endpoint), whichever it
was refused under. It lives in the memory of the process that searches.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from vms.cameras.onvif.asking import Allowance
from vms.core.clock import MINUTE, Clock, Mono, Span

REFUSALS_MAX = 4
"""Requests with a wrong password one camera sees at most, of one search or of several; locks begin
at 5."""
REMEMBERED = Span(15 * MINUTE)
"""How long a refusal counts after the last one; most cameras forget within it."""
KEPT_MAX = 8192  # the oldest is forgotten


class Refusals:
    """How many requests each camera refused, and when last."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: OrderedDict[str, tuple[int, Mono]] = OrderedDict()

    def allowance(self, names: Iterable[str]) -> Allowance:
        """What a camera may still see, by whichever of its names it saw most."""
        counts = (self._count(name) for name in names)
        return Allowance(max(0, REFUSALS_MAX - max(counts, default=0)))

    def remember(self, names: Iterable[str], allowance: Allowance) -> None:
        """What is left of a camera's allowance after it was asked."""
        for name in names:
            self._seen[name] = (REFUSALS_MAX - allowance.left, self._clock.monotonic())
            self._seen.move_to_end(name)
        while len(self._seen) > KEPT_MAX:
            self._seen.popitem(last=False)

    def forget(self, names: Iterable[str]) -> None:
        """It let us in: cameras begin to count anew."""
        for name in names:
            self._seen.pop(name, None)

    def _count(self, name: str) -> int:
        count, last = self._seen.get(name, (0, Mono(0)))
        return count if self._clock.monotonic() - last < REMEMBERED else 0
