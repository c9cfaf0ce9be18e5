"""Where a stream has no footage and why, over all its runs.

Storage tiles the time line (invariant 5 of design §7): a gap begins exactly where footage ends
and ends where it begins again. Here is decided which cause it gets, when that changes, and how
early footage may begin again when the wall clock was set back.
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
    """One stream's lack of footage. `cause` is None while there is footage."""

    def __init__(self, stream: StreamKey, log: GapLog) -> None:
        self.stream = stream
        self.cause: Cause | None = None
        self._log = log
        self._ended: Mono | None = None  # when time was accounted for to `covered_until`

    def not_before(self, mono: Mono) -> Instant | None:
        """Where footage that begins now may begin at the earliest.

        When the wall clock was set back, time goes on from where the footage ended by the
        monotonic clock: no second is recorded twice, and none passes unseen.
        """
        covered = self._log.covered_until(self.stream)
        if covered is None or self._ended is None:
            return covered
        return Instant(covered + max(0, mono - self._ended))

    def missing(self, now: Instant, mono: Mono, cause: Cause, detail: str = "") -> None:
        """There is no footage, for this cause; saying it again changes nothing."""
        if cause is self.cause:
            return
        covered = self._log.covered_until(self.stream)
        if self.cause is None or covered is None or now > covered:
            self._ended = mono
        self._log.open_gap(
            self.stream, now if covered is None else max(now, covered), cause, detail
        )
        self.cause = cause

    def begins(self, start: Instant, hole: Cause | None) -> None:
        """A segment is about to begin. `hole`: why not where the last one ended, if it is so."""
        covered = self._log.covered_until(self.stream)
        if self.cause is None and hole is not None and covered is not None and start > covered:
            self._log.open_gap(self.stream, covered, hole)
        self.cause = None
