"""A month of a stream by the days of its site: what was recorded, what was not, and why. Pure."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from storage.facts import GapFacts
from vms.core.clock import SECOND, Instant, Span
from vms.core.model import NOT_KEPT_BY_CHOICE, Cause

CHOSEN = NOT_KEPT_BY_CHOICE | {Cause.RECORDING_OFF, Cause.REMOVED}
"""Gaps that somebody wanted."""

NOT_LOST = CHOSEN | {Cause.DELETED, Cause.CLOCK_STEP}
"""Gaps in which nothing was lost: wanted, let go by its rule, or seconds that never were."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class DayBounds:
    """A day on the site's own calendar: 23 to 25 hours where clocks change. `date`: 2026-11-25."""

    date: str
    start: Instant
    end: Instant


@dataclass(frozen=True, slots=True)
class Day:
    """A day, or what has passed of it. `gaps`: by cause. What lies before the stream's first
    footage is in neither."""

    bounds: DayBounds
    recorded: Span
    gaps: dict[Cause, Span]

    @property
    def lost(self) -> Span:
        """What should have been recorded and was not."""
        return Span(sum(span for cause, span in self.gaps.items() if cause not in NOT_LOST))

    @property
    def chosen(self) -> Span:
        """What somebody wanted not to be recorded."""
        return Span(sum(span for cause, span in self.gaps.items() if cause in CHOSEN))


def last_days(zone: str, now: Instant, count: int) -> list[DayBounds]:
    """The last `count` days on the calendar of a zone, in order; today is the last of them."""
    tz = zoneinfo.ZoneInfo(zone)
    today = (_EPOCH + dt.timedelta(seconds=now // SECOND)).astimezone(tz).date()
    dates = [today - dt.timedelta(days=back) for back in range(count - 1, -2, -1)]
    starts = [_midnight(date, tz) for date in dates]
    return [
        DayBounds(date.isoformat(), start, end)
        for date, start, end in zip(dates, starts, starts[1:], strict=False)
    ]


def days_of(
    bounds: Sequence[DayBounds],
    recorded: Sequence[Span],
    recent: Sequence[tuple[Instant, Instant]],
    gaps: Iterable[GapFacts],
    now: Instant,
) -> list[Day]:
    """`recorded`: what the index has of each day; `recent`: spans it does not know yet."""
    lacking: list[dict[Cause, int]] = [defaultdict(int) for _ in bounds]
    for gap in gaps:
        end = min(now, now if gap.end is None else gap.end)
        for day, found in zip(bounds, lacking, strict=True):
            if (span := _shared(day, gap.start, end)) > 0:
                found[gap.cause] += span
    return [
        Day(
            day,
            Span(known + sum(max(0, _shared(day, *span)) for span in recent)),
            {cause: Span(span) for cause, span in found.items()},
        )
        for day, known, found in zip(bounds, recorded, lacking, strict=True)
    ]


def lost_of(gaps: Iterable[GapFacts], start: Instant, now: Instant) -> Span:
    """What was lost since `start`."""
    return Span(
        sum(
            max(0, (now if gap.end is None else min(gap.end, now)) - max(gap.start, start))
            for gap in gaps
            if gap.cause not in NOT_LOST
        )
    )


def _shared(day: DayBounds, start: int, end: int) -> int:
    return min(day.end, end) - max(day.start, start)


def _midnight(date: dt.date, zone: zoneinfo.ZoneInfo) -> Instant:
    since = dt.datetime.combine(date, dt.time(), zone).astimezone(dt.UTC) - _EPOCH
    return Instant((since.days * 86_400 + since.seconds) * SECOND)
