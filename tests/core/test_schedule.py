"""Weekly schedules: read exactly, refused with a reason, right on the days the clocks change."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.core.clock import HOUR, MINUTE, SECOND, Instant, parse_rfc3339
from vms.core.schedule import DAYS, WEEK_MINUTES, Weekly, WeekSpan, merged, parse_week_spans

BERLIN = "Europe/Berlin"


def weekly(*spans: str, zone: str = "Europe/Istanbul") -> Weekly:
    return Weekly("hours", parse_week_spans(spans), zone)


def hour(day: str, hours: float) -> int:
    return DAYS.index(day) * 24 * 60 + round(hours * 60)


def test_spans_are_read_by_day() -> None:
    assert parse_week_spans(["mon,wed 08:00-18:30"]) == (
        WeekSpan(hour("mon", 8), hour("mon", 18.5)),
        WeekSpan(hour("wed", 8), hour("wed", 18.5)),
    )
    assert len(parse_week_spans(["daily 00:00-24:00"])) == 7
    assert [s.start for s in parse_week_spans(["sat-mon 10:00-11:00"])] == [
        hour("mon", 10), hour("sat", 10), hour("sun", 10)
    ]  # fmt: skip


def test_over_midnight_goes_on_the_next_day_and_over_the_week() -> None:
    assert parse_week_spans(["fri 22:00-06:00"]) == (WeekSpan(hour("fri", 22), hour("sat", 6)),)
    assert parse_week_spans(["sun 22:00-06:00"]) == (
        WeekSpan(0, hour("mon", 6)),
        WeekSpan(hour("sun", 22), WEEK_MINUTES),
    )


@pytest.mark.parametrize(
    ("spans", "says"),
    [
        (["mon 08:00-08:00"], "no length"),
        (["mon 24:00-06:00"], "begins at 24:00"),
        (["mon 08:00-18:00", "mon-fri 17:00-19:00"], "overlaps 'mon 08:00-18:00'"),
        (["sun 22:00-06:00", "mon 05:00-07:00"], "overlaps"),
        (["mon,mon 08:00-18:00"], "overlaps"),
        (["mo 08:00-18:00"], "is no day"),
        (["mon 08:00-18:60"], "00:00 to 24:00"),
        (["mon 08:00-24:01"], "00:00 to 24:00"),
        (["mon 8-18"], "is not a span such as"),
    ],
)
def test_a_bad_span_is_refused_with_a_reason(spans: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_week_spans(spans)


def test_spans_that_touch_become_one_and_the_hours_stay() -> None:
    apart = parse_week_spans(["mon 08:00-12:00", "mon 12:00-18:00", "tue 08:00-09:00"])
    assert merged(apart) == parse_week_spans(["mon 08:00-18:00", "tue 08:00-09:00"])
    assert merged([WeekSpan(0, 30), WeekSpan(10, 20)]) == (WeekSpan(0, 30),)
    assert merged(parse_week_spans(["daily 00:00-24:00"])) == (WeekSpan(0, WEEK_MINUTES),)
    assert merged(()) == ()


def test_the_sites_clock_decides() -> None:
    office = weekly("mon-fri 08:00-18:00")
    thursday = parse_rfc3339("2026-11-26T08:00:00+03:00")
    assert office.covers(thursday)
    assert not office.covers(Instant(thursday - 1))
    assert office.next_change(thursday) == thursday + 10 * HOUR
    friday_evening = parse_rfc3339("2026-11-27T18:00:00+03:00")
    assert office.next_change(friday_evening) == friday_evening + 62 * HOUR
    assert weekly("daily 00:00-24:00").next_change(thursday) is None


def test_an_hour_that_is_left_out_covers_nothing() -> None:
    """Berlin, 29 March 2026: 02:00 is 03:00."""
    night = weekly("sun 02:00-03:00", zone=BERLIN)
    change = parse_rfc3339("2026-03-29T01:00:00Z")
    assert not any(night.covers(Instant(change + n * MINUTE)) for n in range(-90, 90))
    early = weekly("sun 01:30-03:30", zone=BERLIN)
    begin = Instant(change - 30 * MINUTE)
    assert early.covers(begin)
    assert early.next_change(begin) == change + 30 * MINUTE


def test_an_hour_that_comes_twice_is_covered_twice() -> None:
    """Berlin, 25 October 2026: 03:00 is 02:00 again."""
    night = weekly("sun 02:00-02:30", zone=BERLIN)
    first = parse_rfc3339("2026-10-25T00:00:00Z")
    edges = [first]
    for _ in range(3):
        following = night.next_change(edges[-1])
        assert following is not None
        edges.append(following)
    assert [(edge - first) // MINUTE for edge in edges] == [0, 30, 60, 90]
    whole = weekly("sun 01:00-04:00", zone=BERLIN)
    begin = Instant(first - HOUR)
    assert whole.covers(begin)
    assert whole.next_change(begin) == begin + 4 * HOUR


@st.composite
def weeks(draw: st.DrawFn) -> Weekly:
    edges = sorted(draw(st.sets(st.integers(0, WEEK_MINUTES), min_size=2, max_size=8)))
    spans = tuple(WeekSpan(*pair) for pair in zip(edges[::2], edges[1::2], strict=False))
    zone = draw(
        st.sampled_from(["Europe/Istanbul", BERLIN, "Asia/Kathmandu", "Australia/Lord_Howe"])
    )
    return Weekly("hours", spans, zone)


moments = st.integers(
    parse_rfc3339("2026-01-01T00:00:00Z") // SECOND, parse_rfc3339("2027-01-01T00:00:00Z") // SECOND
).map(lambda seconds: Instant(seconds * SECOND))


@given(weeks(), moments)
def test_nothing_changes_before_the_next_change(schedule: Weekly, at: Instant) -> None:
    now, change = schedule.covers(at), schedule.next_change(at)
    end = change if change is not None else Instant(at + 8 * 24 * HOUR)
    assert end > at
    step = max(SECOND, (end - at) // 97)
    assert all(schedule.covers(Instant(t)) == now for t in range(at, end, step))
    assert schedule.covers(Instant(end - 1)) == now
    if change is not None:
        assert schedule.covers(change) != now


@given(weeks(), moments)
def test_what_the_wall_shows_decides(schedule: Weekly, at: Instant) -> None:
    wall = dt.datetime.fromtimestamp(at // SECOND, zoneinfo.ZoneInfo(schedule.zone))
    minute = (wall.isoweekday() - 1) * 1_440 + wall.hour * 60 + wall.minute
    assert schedule.covers(at) == any(s.start <= minute < s.end for s in schedule.spans)
