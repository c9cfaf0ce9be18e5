"""Weekly schedules: `mon-fri 08:00-18:00`, read off the site's own clock. Pure.

Whether a moment lies in a schedule is decided by what a clock on the wall of the site shows at that
moment: on a day the clocks change, an hour that is left out covers nothing and an hour that comes
twice is covered twice. So nobody has to know the rules of a zone to know what is recorded.
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import re
import zoneinfo
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from vms.core.clock import SECOND, Instant

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES

_SPAN = re.compile(r"(\S+)\s+(\d{2}):(\d{2})\s*-\s*(\d{2}):(\d{2})")
_LOOK_AHEAD = 9  # days: a week, and one at each end for spans over midnight and zones
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True, order=True)
class WeekSpan:
    """Minutes since Monday 00:00 by the wall's clock: [start, end), not over the week's end."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Weekly:
    """A schedule of a site. `spans`: in order, none overlaps; `zone`: IANA name."""

    name: str
    spans: tuple[WeekSpan, ...]
    zone: str

    def covers(self, at: Instant) -> bool:
        """Whether the clock on the site's wall stands in one of the spans."""
        minute = _minute_of_week(_local(at, self.zone))
        return any(span.start <= minute < span.end for span in self.spans)

    def next_change(self, at: Instant) -> Instant | None:
        """When `covers` changes next after `at`; None for a schedule of all or of no time."""
        now = self.covers(at)
        return next((edge for edge in self._edges(at) if self.covers(edge) != now), None)

    def _edges(self, at: Instant) -> list[Instant]:
        """Every moment after `at`, for a week, at which `covers` can change; in order."""
        zone = _zone(self.zone)
        today = _local(at, self.zone).date()
        minutes = {edge % DAY_MINUTES for span in self.spans for edge in (span.start, span.end)}
        midnights = [today + dt.timedelta(days=number) for number in range(-1, _LOOK_AHEAD)]
        edges = set(_clock_changes(midnights, zone))
        for midnight in midnights:
            for minute in minutes:
                hour, rest = divmod(minute, 60)
                wall = dt.datetime.combine(midnight, dt.time(hour, rest))
                # A time that comes twice is both; one that is left out is near a clock change.
                edges.update(_instant(wall.replace(fold=fold, tzinfo=zone)) for fold in (0, 1))
        return sorted(edge for edge in edges if edge > at)


def parse_week_spans(texts: Sequence[str]) -> tuple[WeekSpan, ...]:
    """`mon-fri 08:00-18:00`, `sat,sun 22:00-06:00`, `daily 00:00-24:00`. Raises ValueError.

    A span that ends before it begins goes on over midnight into the next day.
    """
    found: list[tuple[WeekSpan, str]] = []
    for text in texts:
        for span in _parse(text):
            other = next((o for s, o in found if s.start < span.end and span.start < s.end), None)
            if other is not None:
                raise ValueError(f"{text!r} overlaps {other!r}; write each time of the week once")
            found.append((span, text))
    return tuple(sorted(span for span, _ in found))


def merged(spans: Iterable[WeekSpan]) -> tuple[WeekSpan, ...]:
    """The same hours in as few spans as can be, in order: what touches or overlaps becomes one."""
    found: list[WeekSpan] = []
    for span in sorted(spans):
        if found and span.start <= found[-1].end:
            found[-1] = WeekSpan(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return tuple(found)


def _parse(text: str) -> Iterator[WeekSpan]:
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"{text[:60]!r} is not a span such as 'mon-fri 08:00-18:00'")
    start, end = (_minutes(text, *match.group(n, n + 1)) for n in (2, 4))
    if start == DAY_MINUTES:
        raise ValueError(f"{text!r} begins at 24:00; that is 00:00 of the next day")
    if start == end:
        raise ValueError(f"{text!r} has no length; a whole day is 00:00-24:00")
    for day in _days(text, match[1]):
        begin = day * DAY_MINUTES + start
        until = day * DAY_MINUTES + end + (DAY_MINUTES if end < start else 0)
        yield WeekSpan(begin, min(until, WEEK_MINUTES))
        if until > WEEK_MINUTES:  # Sunday night goes on on Monday
            yield WeekSpan(0, until - WEEK_MINUTES)


def _minutes(text: str, hour: str, minute: str) -> int:
    found = int(hour) * 60 + int(minute)
    if int(minute) > 59 or found > DAY_MINUTES:
        raise ValueError(f"{text!r} has a time {hour}:{minute}; times go from 00:00 to 24:00")
    return found


def _days(text: str, words: str) -> list[int]:
    """`mon-fri`, `sat,sun`, `fri-mon`, `daily`, as numbers of days."""
    if words == "daily":
        return list(range(7))
    days: list[int] = []
    for word in words.split(","):
        first, _, last = word.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise ValueError(f"{text!r}: {word!r} is no day; use {', '.join(DAYS)} or daily")
        begin = DAYS.index(first)
        count = (DAYS.index(last or first) - begin) % 7
        days += [(begin + number) % 7 for number in range(count + 1)]
    return days


@functools.lru_cache(maxsize=64)
def _zone(name: str) -> zoneinfo.ZoneInfo:
    return zoneinfo.ZoneInfo(name)


def _local(at: Instant, zone: str) -> dt.datetime:
    whole = _EPOCH + dt.timedelta(seconds=at // SECOND)
    return whole.astimezone(_zone(zone))


def _minute_of_week(local: dt.datetime) -> int:
    return local.weekday() * DAY_MINUTES + local.hour * 60 + local.minute


def _instant(moment: dt.datetime) -> Instant:
    since = moment.astimezone(dt.UTC) - _EPOCH
    return Instant((since.days * 86_400 + since.seconds) * SECOND)


def _clock_changes(midnights: Sequence[dt.date], zone: zoneinfo.ZoneInfo) -> Iterator[Instant]:
    """Where the zone's offset changes between midnights: found by halving."""
    days = [_instant(dt.datetime.combine(day, dt.time(), zone)) for day in midnights]
    for low, high in itertools.pairwise(days):
        if _offset(low, zone) == _offset(high, zone):
            continue
        begin, end = low // SECOND, high // SECOND
        while end - begin > 1:
            middle = (begin + end) // 2
            if _offset(Instant(middle * SECOND), zone) == _offset(low, zone):
                begin = middle
            else:
                end = middle
        yield Instant(end * SECOND)


def _offset(at: Instant, zone: zoneinfo.ZoneInfo) -> dt.timedelta | None:
    return (_EPOCH + dt.timedelta(seconds=at // SECOND)).astimezone(zone).utcoffset()
