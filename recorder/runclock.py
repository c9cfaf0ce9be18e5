"""When a run's pictures were taken: arrival and media time laid on the site's clock. Pure.

A run has one reading of the wall clock. The best of (arrival - media time) over the last
minute says where media time lies on it; the file's own time, which must be without holes,
follows that at no more than 500 ppm. See docs/time.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from vms.core.clock import MILLISECOND, SECOND, Instant, Mono, Span

WINDOW = Span(30 * SECOND)  # least lags are kept of this window and the one before
NUDGE_PPM = 500
CALM = Span(MILLISECOND)  # errors below are left alone, so that most durations stay as sent
HORIZON = Span(20 * SECOND)  # an error is worked off over this time, if 500 ppm allow it
STEP = Span(SECOND // 2)  # wall against monotonic beyond this: the machine's clock was set

LIE_WINDOW = Span(5 * SECOND)
LIE_PPM = 10_000  # no quartz is wrong by 1 %: such a media clock is a lie
_LIE_NUDGE_PPM = 200_000
_AMENDED = Span(100 * MILLISECOND)
_FUTURE = Span(2 * SECOND)  # so far ahead of every arrival: a burst, or a run that began late
_FUTURE_PPM = 990_000

ONE = 1 << 32
"""Media time's pace where file time follows it exactly; paces are fractions of it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Both hands of the machine's clock, read together."""

    wall: Instant
    mono: Mono

    @property
    def offset(self) -> int:
        return self.wall - self.mono


class RunClock:
    """Maps media time (nanoseconds since the run's start) to the wall, and sets the file's pace.

    `observe` is called with the newest unit of each sweep: the others came no earlier.
    """

    def __init__(self, reading: Reading) -> None:
        self.offset = reading.offset  # of the wall to the monotonic clock
        self._low: int | None = None  # least (arrival - media) of this window
        self._low_before: int | None = None
        self._window_end = 0
        self._slope = _Slope()
        self._amends = False  # file time is still off by a lie or burst that is over

    @property
    def least_lag(self) -> int | None:
        """The least (arrival - media time) of late, in nanoseconds; None before the first unit."""
        if self._low is None or self._low_before is None:
            return self._low
        return min(self._low, self._low_before)

    def learn(self, other: RunClock, now: Mono) -> None:
        """Begin with what another clock of the same run has observed."""
        if other.least_lag is not None:
            self._low, self._window_end = other.least_lag, now + WINDOW

    def observe(self, arrival: Mono, media: int) -> None:
        """A unit with this media time arrived now."""
        lag = arrival - media
        if self._low is None:
            self._low, self._window_end = lag, arrival + WINDOW
        elif arrival >= self._window_end:
            self._low_before, self._low = self._low, lag
            self._window_end = arrival + WINDOW
        elif lag < self._low:
            self._low = lag
        self._slope.observe(arrival, lag)
        if self._slope.lying:
            # What held seconds ago says nothing about a media clock of another pace; the
            # arrival itself, though blurred by a sweep, does.
            self._low, self._low_before, self._amends = lag, None, True

    def wall(self, media: int) -> Instant:
        """When media time `media` was, as far as is known now; observe something first."""
        lag = self.least_lag
        return Instant(self.offset + (lag if lag is not None else 0) + media)

    def pace(self, media: int, file_time: Instant, lead: int = 0) -> int:
        """How fast file time should go on, which stands at `file_time` at `media` (see ONE).

        `lead`: nanoseconds by which it is ahead on purpose, as the machine's clock was set back.
        """
        error = self.wall(media) - file_time
        if self._slope.lying:
            correction = _clamp(error * 1_000_000 // (HORIZON // 2), _LIE_NUDGE_PPM)
            honest = ONE * 1_000_000 // (1_000_000 - min(self._slope.ppm, 900_000))
            return honest + ONE * correction // 1_000_000
        off = error if error > 0 else min(0, error + lead)
        self._amends = (self._amends or off < -_FUTURE) and abs(off) > _AMENDED
        if self._amends:
            far = off < -_FUTURE
            most = _FUTURE_PPM if far else _LIE_NUDGE_PPM
            correction = off * 1_000_000 // (HORIZON // 2 if far else HORIZON)
            return ONE + ONE * _clamp(correction, most) // 1_000_000
        if abs(error) <= CALM:
            return ONE
        return ONE + ONE * _clamp(error * 1_000_000 // HORIZON, NUDGE_PPM) // 1_000_000

    def read(self, reading: Reading) -> Span | None:
        """Compare the wall clock: a small difference is followed, a step is returned."""
        difference = reading.offset - self.offset
        if abs(difference) > STEP:
            return Span(difference)
        self.offset = reading.offset
        return None

    def set_to(self, reading: Reading) -> None:
        """Take a new reading after the machine's clock was set."""
        self.offset = reading.offset


class _Slope:
    """Finds media clocks that run at another pace than time: by the least lags of 5 s windows.

    One window's change may be the network; three alike in a row are the camera.
    """

    _ALIKE = 3

    def __init__(self) -> None:
        self.ppm = 0
        self.lying = False
        self._end = 0
        self._low: int | None = None
        self._lows: list[int] = []

    def observe(self, arrival: Mono, lag: int) -> None:
        if self._low is None:
            self._low, self._end = lag, arrival + LIE_WINDOW
        elif arrival < self._end:
            self._low = min(self._low, lag)
        else:
            # A stop of the camera leaves windows out; their change can't be compared.
            whole = arrival < self._end + LIE_WINDOW // 2
            self._lows = [*self._lows[-self._ALIKE :], self._low] if whole else []
            self._low, self._end = lag, arrival + LIE_WINDOW
            self._judge()

    def _judge(self) -> None:
        if len(self._lows) <= self._ALIKE:
            return
        changes = [
            (later - earlier) * 1_000_000 // LIE_WINDOW
            for earlier, later in zip(self._lows, self._lows[1:], strict=False)
        ]
        mean = sum(changes) // len(changes)
        alike = all(abs(change - mean) * 2 <= abs(mean) for change in changes)
        self.lying = alike and abs(mean) >= LIE_PPM
        self.ppm = mean if self.lying else 0


def _clamp(value: int, limit: int) -> int:
    return max(-limit, min(limit, value))
