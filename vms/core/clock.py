"""Time: integers of nanoseconds, and where they come from.

Instants are UTC since 1970, spans are differences, monotonic readings never leave a process.
No float holds time; local time exists only on screens. See docs/time.md.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from typing import NewType, Protocol

Instant = NewType("Instant", int)
"""Nanoseconds of UTC since 1970-01-01 (POSIX, no leap seconds)."""

Span = NewType("Span", int)
"""A length of time in nanoseconds."""

Mono = NewType("Mono", int)
"""Nanoseconds of the machine's monotonic clock; comparable within one boot only."""

INSTANT_MAX = (1 << 63) - 1
"""What fits where times are kept, in files and databases."""

MICROSECOND = Span(1_000)
MILLISECOND = Span(1_000_000)
SECOND = Span(1_000_000_000)
MINUTE = Span(60 * SECOND)
HOUR = Span(60 * MINUTE)
DAY = Span(24 * HOUR)

_RFC3339 = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9})\d*)?"
    r"(?:([Zz])|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Clock(Protocol):
    """Where time comes from; given to constructors so that tests can move it."""

    def now(self) -> Instant: ...
    def monotonic(self) -> Mono: ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Instant:
        return Instant(time.time_ns())

    def monotonic(self) -> Mono:
        return Mono(time.monotonic_ns())


class FakeClock:
    """A clock that moves when told to: both hands together, or the wall alone (a clock step)."""

    def __init__(self, now: int = 1_763_800_000 * SECOND, monotonic: int = 1_000 * SECOND) -> None:
        self._now, self._monotonic = now, monotonic

    def now(self) -> Instant:
        return Instant(self._now)

    def monotonic(self) -> Mono:
        return Mono(self._monotonic)

    def advance(self, span: int) -> None:
        """Let `span` nanoseconds pass."""
        self._now += span
        self._monotonic += span

    def step(self, span: int) -> None:
        """Set the wall clock forward or back by `span` nanoseconds; no time passes."""
        self._now += span


def rfc3339(instant: int, *, digits: int = 3) -> str:
    """`2026-11-22T11:32:07.123Z`, cut (not rounded) to `digits` of a second, 0 to 9."""
    seconds, nanos = divmod(instant, SECOND)
    text = (_EPOCH + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{nanos:09d}"[: len(text) + 1 + digits] + "Z" if digits else f"{text}Z"


def parse_rfc3339(text: str) -> Instant:
    """Read an RFC 3339 time with its offset, to the nanosecond. Raises ValueError."""
    match = _RFC3339.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not an RFC 3339 time such as 2026-11-22T14:32:07Z")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    leap = second == 60  # RFC 3339 §5.6 allows it; POSIX has no such second
    moment = dt.datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=dt.UTC)
    since = moment - _EPOCH
    nanos = int((match[7] or "").ljust(9, "0"))
    value = (since.days * 86_400 + since.seconds + leap) * SECOND + nanos
    if match[9]:
        offset = (int(match[10]) * 60 + int(match[11])) * MINUTE
        value += -offset if match[9] == "+" else offset
    if not -INSTANT_MAX <= value <= INSTANT_MAX:
        raise ValueError(f"{text!r} lies outside the years 1678 to 2261")
    return Instant(value)


def parse_span(text: str) -> Span:
    """Read `30 d`, `12h`, `90 s`, `200 ms`, `5 ns`. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,15})\s*(ns|ms|s|min|m|h|d|w)", text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a length of time such as '30 d', '12 h' or '90 s'")
    units = {"ns": 1, "ms": MILLISECOND, "s": SECOND, "m": MINUTE, "min": MINUTE}
    units |= {"h": HOUR, "d": DAY}
    return Span(int(match[1]) * (units[match[2]] if match[2] != "w" else 7 * DAY))


def span_text(span: int) -> str:
    """`30 d`, `12 h`, `90 s`: the largest unit that says it exactly; `parse_span` reads it back."""
    units = {"d": DAY, "h": HOUR, "min": MINUTE, "s": SECOND, "ms": MILLISECOND, "ns": 1}
    unit = next((name for name, length in units.items() if span and span % length == 0), "s")
    return f"{span // units[unit]} {unit}"
