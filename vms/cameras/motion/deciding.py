"""From what share of a zone moves, picture by picture, to motion that begins and ends. Pure.

It begins with two pictures in a row over the limit, so that a flash is none, and dates from the
first. It ends when for two seconds nothing reached half of the limit, and dates from the last that
did.
"""

from __future__ import annotations

from dataclasses import dataclass

from vms.core.clock import SECOND, Instant, Span

QUIET = Span(2 * SECOND)
_APART = Span(5 * SECOND)  # two pictures in a row, where they come so seldom
_END = 0.5  # of the limit


@dataclass(frozen=True, slots=True)
class Change:
    """Motion begins (`on`) or ends in a zone. `at`: when the picture was taken."""

    zone: str
    on: bool
    at: Instant


class Decider:
    """One zone. `limit`: the share from which on it moves."""

    def __init__(self, zone: str, limit: float) -> None:
        self.zone, self.limit = zone, limit
        self.share = 0.0
        self.since: Instant | None = None
        self._first: Instant | None = None  # over the limit, and waiting for a second
        self._last = Instant(0)  # when it was last over what still counts

    def take(self, share: float, at: Instant) -> Change | None:
        """One picture more, not older than the last; what changes by it."""
        self.share = share
        if self.since is not None:
            if share >= self.limit * _END:
                self._last = at
                return None
            return self.rest(at)
        first, self._first = self._first, None
        if share < self.limit:
            return None
        if first is None or at - first > _APART:
            self._first = at
            return None
        self.since, self._last = first, at
        return Change(self.zone, True, first)

    def rest(self, at: Instant) -> Change | None:
        """A picture of which nothing can be said: it does not keep motion going."""
        self._first = None
        if self.since is None or 0 <= at - self._last < QUIET:  # below 0, the clock was set back
            return None
        return self.end()

    def end(self) -> Change | None:
        """There are no pictures any more."""
        self.share, self._first = 0.0, None
        if self.since is None:
            return None
        self.since = None
        return Change(self.zone, False, self._last)
