"""Where a stream has no footage and why, over all its runs.

Storage tiles the time line (invariant 5 of design §7): a gap begins exactly where footage ends
and ends where it begins again. Here is decided which cause it gets and when that changes, and here
is known by which clock footage goes on when the wall clock was set back meanwhile.
"""

from __future__ import annotations

from typing import Protocol

from vms.core.clock import Instant, Mono
from vms.core.model import Cause, StreamKey


class GapLog(Protocol):
    """What storage does with gaps; nothing in it blocks."""

    def open_gap(self, stream: StreamKey, start: Instant, cause: Cause, detail: str = "") -> None:
        """No footage from where it ended, or from `start` on for another cause than before."""

    def covered_until(self, stream: StreamKey) -> Instant | None:
        """Up to where footage and ended gaps reach; None without any."""


class Absence:
    """One stream's lack of footage. `cause` is None while there is footage.

    `offset`: of the stream's time to the monotonic clock, as the last footage or gap had it; None
    before the first. It is the wall's, unless that was set back: time then goes on by this one,
    so that no second is recorded twice and none passes unseen.
    """

    def __init__(self, stream: StreamKey, log: GapLog) -> None:
        self.stream = stream
        self.cause: Cause | None = None
        self.offset: int | None = None
        self._log = log

    @property
    def covered(self) -> Instant | None:
        """Up to where the stream's time is accounted for; no footage may begin earlier."""
        return self._log.covered_until(self.stream)

    def missing(self, now: Instant, mono: Mono | None, cause: Cause, detail: str = "") -> None:
        """There is no footage, for this cause; saying it again changes nothing.

        `mono`: None if `now` is told in the time of the footage, not by the wall.
        """
        if cause is self.cause:
            return
        covered = self.covered
        at = now if covered is None else max(now, covered)
        splits = self.cause is not None and at == now  # what was missing so far ends by the wall
        if mono is not None and (splits or self.offset is None):
            self.offset = at - mono
        self._log.open_gap(self.stream, at, cause, detail)
        self.cause = cause

    def begins(self, start: Instant, hole: Cause | None) -> None:
        """A segment is about to begin. `hole`: why not where the last one ended, if it is so."""
        covered = self.covered
        if self.cause is None and hole is not None and covered is not None and start > covered:
            self._log.open_gap(self.stream, covered, hole)
        self.cause = None
