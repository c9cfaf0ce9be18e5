"""One steady time line over all runs of a stream. Pure.

A camera that reconnects begins its time anew; browsers must never see time go back. Each run is
laid where the wall clock says it belongs, and never before the end of the run before it.
"""

from __future__ import annotations

from vms.core.clock import SECOND

RTP_RATE = 90_000
_STEP = SECOND // 25
_START = 1 * SECOND  # so that sound a little before the first picture still has a positive time


class MediaClock:
    """Media time: nanoseconds since a little before the first unit, about as fast as the wall."""

    def __init__(self) -> None:
        self._origin: int | None = None
        self._base: int | None = None
        self._last = 0

    def begin_run(self) -> None:
        """A new run: the next unit says where it lies."""
        self._base = None

    def ticks(self, pts: int, clock_rate: int, wall: int, rate: int) -> int:
        """The unit's time in ticks of `rate`; `pts` in `clock_rate`, `wall` its capture time.

        Within a run the sum is exact: base and `pts` are converted apart, so equal steps of the
        camera stay equal steps.
        """
        span = pts * SECOND // clock_rate
        if self._origin is None:
            self._origin = wall - _START
        if self._base is None:
            self._base = max(wall - self._origin, self._last + _STEP) - span
        self._last = max(self._last, self._base + span)
        return self._base * rate // SECOND + pts * rate // clock_rate
