"""Where a stream has no footage and why, over all its runs. Decides; storage keeps the rows.

Segments and gaps tile the time line: a gap begins exactly where footage ends, ends exactly
where it begins again, and is split where its cause changes (invariant 5 of design §7).
"""

from __future__ import annotations

from typing import Protocol

from vms.core.clock import Instant, Mono
from vms.core.model import Cause, StreamKey


class GapLog(Protocol):
    """What storage does with gaps; nothing in it blocks."""

    def open_gap(self, stream: StreamKey, start: Instant, cause: Cause, detail: str = "") -> None:
        """No footage from `start` on."""

    def close_gap(self, stream: StreamKey, end: Instant) -> None:
        """Footage again from `end` on."""

    def change_gap(self, stream: StreamKey, at: Instant, cause: Cause, detail: str = "") -> None:
        """Still none, but from `at` on for another cause."""


class Absence:
    """One stream's footage and its lack of it.

    `end`: where the footage so far ends, None without any. `gap`: the start and cause of the
    gap that recovery left open, None without one.
    """

    def __init__(
        self,
        stream: StreamKey,
        log: GapLog,
        *,
        end: Instant | None,
        gap: tuple[Instant, Cause] | None,
    ) -> None:
        self.stream = stream
        self._log = log
        self._end, self._gap = end, gap
        self._ended: Mono | None = None

    @property
    def cause(self) -> Cause | None:
        """Why there is no footage now; None while there is."""
        return self._gap[1] if self._gap is not None else None

    def not_before(self, mono: Mono) -> Instant | None:
        """Where footage that begins now may begin at the earliest.

        When the wall clock was set back, time goes on from where the footage ended by the
        monotonic clock: a second is never recorded twice.
        """
        if self._end is None:
            return None
        passed = mono - self._ended if self._ended is not None else 0
        latest = Instant(self._end + max(0, passed))
        return max(latest, self._gap[0]) if self._gap is not None else latest

    def missing(self, now: Instant, mono: Mono, cause: Cause, detail: str = "") -> None:
        """There is no footage, for this cause."""
        if self._gap is None:
            start = self._end if self._end is not None else now
            self._gap, self._ended = (start, cause), mono
            self._log.open_gap(self.stream, start, cause, detail)
        elif self._gap[1] is not cause:
            at = max(now, self._gap[0])
            self._gap = (at, cause)
            self._log.change_gap(self.stream, at, cause, detail)

    def begins(self, start: Instant, hole: Cause | None = None) -> None:
        """A segment begins."""
        if self._gap is not None:
            self._log.close_gap(self.stream, max(start, self._gap[0]))
            self._gap = None
        elif self._end is not None and start > self._end:
            self._log.open_gap(self.stream, self._end, hole or Cause.SILENT)
            self._log.close_gap(self.stream, start)
        self._end = start

    def reaches(self, end: Instant) -> None:
        """The open segment reaches to `end`."""
        self._end = end
