"""A track's 32-bit RTP time as ticks since the run's start that only a camera's clock moves.

Pure. Wraps (every 13 h 15 min at 90 kHz) are undone, leaps are bridged by the arrival: after a
rewind, a jump or a stop of the camera's clock the ticks go on where the arrival says. Small
deviations stay as they are; the session compares media time with arrival (docs/time.md).
"""

from __future__ import annotations

from recorder.source import SourceStats
from vms.core.clock import MILLISECOND, SECOND, Instant, Mono, Span
from vms.core.media import SenderReport, Track

_WRAP, _HALF = 1 << 32, 1 << 31
_REWIND = 2  # seconds back: more than any reordering of B-frames
_LEAP = 1  # seconds ahead of every arrival so far: media can't come before it was taken
_LEAP_EARLY = 10  # the same in a run's first seconds: an old keyframe, then the present
_EARLY = 5  # how many seconds the run's beginning lasts
_LATE = 30  # seconds behind the best arrival: TCP would have been silent before
_STUCK = 1  # seconds of arrival within which the time must move


class RtpClock:
    """Unwraps one track's times. `origin` is the arrival that stands for tick zero."""

    def __init__(self, rate: int, stats: SourceStats) -> None:
        self.rate = rate
        self._ahead, self._behind = -_LEAP * rate, _LATE * rate
        self.origin: Mono | None = None
        self._stats = stats
        self._timestamp: int | None = None
        self._ticks = self._highest = 0
        self._lag = 0  # the least (arrival - ticks) so far: how the two scales lie
        self._moved = 0  # arrival, in ticks, when the time last changed
        self.restarts = 0

    def pts(self, timestamp: int, arrival: Mono) -> int:
        """Ticks of a unit that arrived now; call it once for each unit, in order of arrival."""
        if self.origin is None:
            self.origin = arrival
        rate, last = self.rate, self._timestamp
        now = (arrival - self.origin) * rate // SECOND
        if last is None:
            ticks = max(now - self._lag, self._highest + 1) if self.restarts else now
        else:
            delta = timestamp - last
            ticks = self._ticks + delta
            # The common case: a little later than the last one, and no leap by any measure.
            plain = self._ahead <= now - ticks - self._lag <= self._behind
            if not plain or not 0 < delta < _HALF:
                ticks = self._unwrapped(delta, now)
            if ticks != self._ticks:
                self._moved = now
        self._timestamp, self._ticks = timestamp, ticks
        if ticks > self._highest:
            self._highest = ticks
        if now - ticks < self._lag:
            self._lag = now - ticks
        return ticks

    def pts_of(self, timestamps: list[int], arrival: Mono) -> list[int]:
        """As `pts` for each of them, but without a call for each while nothing is unusual."""
        last, origin = self._timestamp, self.origin
        if last is None or origin is None or not timestamps:
            return [self.pts(timestamp, arrival) for timestamp in timestamps]
        now = (arrival - origin) * self.rate // SECOND
        best, shift, first, newest = (
            now - self._lag,
            self._ticks - last,
            timestamps[0],
            timestamps[-1],
        )
        plain = (
            first > last
            and first + shift >= best - self._behind
            and newest + shift <= best - self._ahead
            and timestamps == sorted(set(timestamps))  # rising
        )
        if not plain:
            return [self.pts(timestamp, arrival) for timestamp in timestamps]
        ticks = newest + shift
        self._timestamp, self._ticks, self._moved = newest, ticks, now
        if ticks > self._highest:
            self._highest = ticks
        if now - ticks < self._lag:
            self._lag = now - ticks
        return [timestamp + shift for timestamp in timestamps]

    def _unwrapped(self, delta: int, now: int) -> int:
        """Ticks of a time that wraps, goes back or leaps."""
        delta = (delta + _HALF) % _WRAP - _HALF
        ticks = self._ticks + delta
        if self._leapt(delta, now, now - ticks):
            ticks = max(now - self._lag, self._highest + 1)
            self._stats.jumps += 1
        return ticks

    @property
    def highest(self) -> int:
        """The latest time so far."""
        return self._highest

    def anchor(self, timestamp: int, ticks: int) -> None:
        """Fix where this time lies, when another track tells it better than the arrival."""
        self._timestamp, self._ticks, self._highest = timestamp, ticks, ticks

    def at(self, timestamp: int) -> int | None:
        """Ticks of a time near the last unit's (a sender report's); None before the first unit."""
        if self._timestamp is None:
            return None
        return self._ticks + ((timestamp - self._timestamp + _HALF) % _WRAP) - _HALF

    def restart(self) -> None:
        """The camera began a new RTP session: its next time has nothing to do with the last."""
        self.restarts += self._timestamp is not None
        self._timestamp = None

    def shift(self, ticks: int) -> None:
        """Move all later units by `ticks`."""
        self._ticks += ticks
        self._highest += ticks
        self._lag -= ticks

    @property
    def least_lag(self) -> Span:
        """The least (arrival - media time) so far, at most 0."""
        return Span(self._lag * SECOND // self.rate)

    def lay(self, arrival: Mono, lag: Span) -> None:
        """What came last lies so far behind its arrival, whatever the camera's clock says."""
        assert self.origin is not None
        self._ticks = self._highest = (arrival - self.origin - lag) * self.rate // SECOND
        self._lag = lag * self.rate // SECOND
        self._stats.jumps += 1

    def _leapt(self, delta: int, now: int, lag: int) -> bool:
        rate = self.rate
        ahead = rate * (_LEAP_EARLY if now < _EARLY * rate else _LEAP)
        return (
            delta < -_REWIND * rate
            or lag < self._lag - ahead
            or lag > self._lag + _LATE * rate
            or (delta == 0 and now - self._moved > _STUCK * rate)
        )


class Alignment:
    """Lays sound on the pictures, by the sender reports of both tracks; once, and again when one
    of their clocks `restarts`.

    Until both have reported, the arrival of their first packets lays them, which a sweep blurs.
    """

    _LEAST, _MOST = 20 * MILLISECOND, 5 * SECOND  # less can't be heard; more is a lying camera

    def __init__(self, video_rate: int, audio_rate: int) -> None:
        self._rates = {Track.VIDEO: video_rate, Track.AUDIO: audio_rate}
        self._starts: dict[Track, Instant] = {}
        self._restarts = 0
        self._done = False

    def take(self, report: SenderReport, restarts: int = 0) -> int:
        """How many ticks the sound must be moved by now; mostly 0."""
        if restarts != self._restarts:
            self._restarts, self._done, self._starts = restarts, False, {}
        if self._done:
            return 0
        media = report.pts * SECOND // self._rates[report.track]
        self._starts[report.track] = Instant(report.camera_time - media)
        if len(self._starts) < 2:
            return 0
        self._done = True
        apart = self._starts[Track.AUDIO] - self._starts[Track.VIDEO]
        if not self._LEAST <= abs(apart) <= self._MOST:
            return 0
        return apart * self._rates[Track.AUDIO] // SECOND
