"""Whether a stream comes as it usually does: pictures a second, bits, losses, clock. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from vms.cameras.health.checks import Check, Reading
from vms.cameras.health.rates import UsualRates
from vms.cameras.reception import SaidTime
from vms.core.clock import DAY, INSTANT_MAX, MILLISECOND, MINUTE, SECOND, Instant, Span, rfc3339
from vms.core.model import State
from vms.core.status import StreamStatus

_SETTLED = 1 * MINUTE  # of a run, before its rates count
_FPS_LEAST = 0.6  # of the usual
_BITS_LEAST, _BITS_MOST = 0.1, 6.0  # of the usual: day and night differ by three or four
_LOSS_MOST = 0.005  # of the packets or pictures
_RESYNCS_MOST = 2.0  # a minute
_CLOCK_MOST = 2.0  # s
_CLOCK_ABSURD = 366 * DAY  # off: it was never set, or counts from a start of its own
_YEAR = 365.25 * DAY
_LATEST = INSTANT_MAX  # 2262; what a camera says may lie far beyond
_KEYFRAMES_MOST = 10.0  # s; a viewer waits as long for the first picture


@dataclass(slots=True)
class FlowWatch:
    """One stream, looked at again and again. `usual`: its rates, which outlive a process."""

    usual: UsualRates = field(default_factory=UsualRates)
    _last: tuple[Instant, StreamStatus] | None = None

    def take(
        self,
        status: StreamStatus,
        now: Instant,
        address: str = "",
        said: SaidTime | None = None,
    ) -> list[Reading]:
        """One look. A stream that does not come, or only began to, has no rates: nothing is said.

        Of a camera that waits for its hours the pictures come and are counted all the same.
        `address`: where the stream is asked for; at another it is another stream. `said`: what
        time the camera says it is when it is asked.
        """
        last, self._last = self._last, (now, status)
        delivers = (State.RECORDING, State.STREAMING, State.WAITING)
        if status.state not in delivers or now - status.since < _SETTLED:
            return []
        self.usual = usual = self.usual.of_stream(_of(status, address))
        few, odd = _few(status, usual, now), _odd(status, usual, now)
        readings = [few, odd, _clock(status, now, said)]
        if last is not None:
            readings += _losses(*last, status, now)
        span = (min(max(now - last[0], 0), MINUTE) if last else 0) or SECOND
        self.usual = replace(
            usual,
            fps=usual.fps.after(status.fps, span, now, bad=bool(few.bad)),
            bits=usual.bits.after(status.bitrate, span, now, bad=bool(odd.bad)),
        )
        return readings

    def begin_anew(self, since: Instant) -> None:
        """A person says that its rates are as they should be from now on."""
        self.usual = self.usual.accepted(since)


def _of(status: StreamStatus, address: str) -> str:
    """Which stream it is, without words of the address, which may tell who signs in."""
    size = f"{status.width}x{status.height}"
    return f"{status.codec} {size} {zlib.crc32(address.encode()):08x}"


def _few(status: StreamStatus, usual: UsualRates, now: Instant) -> Reading:
    if not usual.fps.known:
        return Reading(Check.FPS, None, status.fps)
    mean = usual.fps.least(now)
    least = _FPS_LEAST * mean
    text = f"{status.fps:.1f} pictures a second; usual are {mean:.1f}"
    return _reading(Check.FPS, status.fps < least, status.fps, least, text)


def _odd(status: StreamStatus, usual: UsualRates, now: Instant) -> Reading:
    bits = float(status.bitrate)
    if not usual.bits.known:
        return Reading(Check.BITRATE, None, bits)
    low, high = usual.bits.least(now), usual.bits.most(now)
    least, most = _BITS_LEAST * low, _BITS_MOST * high
    mean, limit = (high, most) if bits > high else (low, least)
    text = f"{bits / 1e6:.2f} Mbit/s; usual are {mean / 1e6:.2f}"
    return _reading(Check.BITRATE, not least <= bits <= most, bits, limit, text)


def keyframes(spacing: Span | None) -> Reading:
    """How far keyframes are apart, as a segment shows it."""
    if spacing is None:
        return Reading(Check.KEYFRAMES, None)
    apart = spacing / SECOND
    text = f"a keyframe only every {apart:.1f} s"
    return _reading(Check.KEYFRAMES, apart > _KEYFRAMES_MOST, apart, _KEYFRAMES_MOST, text)


def _losses(
    then: Instant, before: StreamStatus, status: StreamStatus, now: Instant
) -> Iterator[Reading]:
    """Between two looks; counters begin anew with a new worker."""
    if status.units <= before.units or now <= then:
        return
    damaged = max(0, status.damaged - before.damaged)
    share = damaged / (status.units - before.units + damaged)
    text = f"{share:.1%} of the pictures come damaged"
    yield _reading(Check.LOSSES, share > _LOSS_MOST, share, _LOSS_MOST, text)
    resyncs = max(0, status.resyncs - before.resyncs) * MINUTE / (now - then)
    text = f"the stream had to be found again {resyncs:.0f} times a minute"
    yield _reading(Check.RESYNCS, resyncs > _RESYNCS_MOST, resyncs, _RESYNCS_MOST, text)


def _clock(status: StreamStatus, now: Instant, said: SaidTime | None) -> Reading:
    """By its stream, which is the finer; by its own word where the stream says nothing, or what
    may be no clock at all."""
    offset, error = status.clock_offset_ms, status.clock_error_ms or 0.0
    if said is not None and (offset is None or abs(offset) * MILLISECOND > _CLOCK_ABSURD):
        offset, error = said.offset / MILLISECOND, said.error / MILLISECOND
    if offset is None:
        return Reading(Check.CLOCK, None)
    bad = abs(offset) - error > _CLOCK_MOST * 1000
    return _reading(Check.CLOCK, bad, offset / 1000, _CLOCK_MOST, _off(offset, now))


def _off(offset: float, now: Instant) -> str:
    """A sentence for a clock that is wrong by so many milliseconds."""
    side, apart = "ahead" if offset > 0 else "behind", abs(offset)
    if apart * MILLISECOND <= _CLOCK_ABSURD:
        return f"its clock is {apart / 1000:.1f} s {side}"
    shown = now + int(offset) * MILLISECOND
    years = apart * MILLISECOND / _YEAR
    day = rfc3339(Instant(min(max(shown, 0), _LATEST)))[:10]
    return f"its clock says {day}, {years:.0f} years {side}: it was never set"


def _reading(check: Check, bad: bool, value: float, limit: float, text: str) -> Reading:
    return Reading(check, bad, value, limit, text if bad else "")
