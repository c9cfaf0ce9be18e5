"""A month by the days of the site: what was recorded and what was lost adds up to each day."""

from __future__ import annotations

from pathlib import Path

from storage.days import DayBounds, days_of, last_days, lost_of
from storage.facts import GapFacts, RunFacts
from tests.storage.house import FORMAT, Recorder, key, open_archive, open_store, picture, second
from vms.core.clock import DAY, HOUR, MINUTE, SECOND, FakeClock, Instant, Span, parse_rfc3339
from vms.core.model import Cause

GATE = key("gate")
NOON = parse_rfc3339("2026-11-26T12:00:00+03:00")


def gap(start: int, end: int | None, cause: Cause) -> GapFacts:
    return GapFacts(GATE, Instant(start), None if end is None else Instant(end), cause)


def test_days_begin_at_the_site_s_midnight() -> None:
    days = last_days("Europe/Istanbul", NOON, 3)
    assert [day.date for day in days] == ["2026-11-24", "2026-11-25", "2026-11-26"]
    assert days[-1].start == parse_rfc3339("2026-11-26T00:00:00+03:00")
    assert [day.end for day in days[:-1]] == [day.start for day in days[1:]]


def test_a_day_on_which_clocks_change_has_its_own_length() -> None:
    days = last_days("Europe/Berlin", parse_rfc3339("2026-10-26T12:00:00Z"), 2)
    assert [(day.end - day.start) // HOUR for day in days] == [25, 24]


def test_gaps_are_cut_at_midnight_and_counted_by_cause() -> None:
    yesterday, today = bounds = last_days("Europe/Istanbul", NOON, 2)
    gaps = [
        gap(yesterday.start + HOUR, yesterday.start + 2 * HOUR, Cause.PRIVACY),
        gap(yesterday.end - MINUTE, yesterday.end + 2 * MINUTE, Cause.SILENT),
        gap(NOON - 3 * MINUTE, None, Cause.UNREACHABLE),
    ]
    recent = [(Instant(NOON - 5 * MINUTE), Instant(NOON - 3 * MINUTE))]
    before, now = days_of(bounds, [Span(20 * HOUR), Span(0)], recent, gaps, NOON)
    assert before.gaps == {Cause.PRIVACY: HOUR, Cause.SILENT: MINUTE}
    assert (before.recorded, before.lost, before.chosen) == (20 * HOUR, MINUTE, HOUR)
    assert now.gaps == {Cause.SILENT: 2 * MINUTE, Cause.UNREACHABLE: 3 * MINUTE}
    assert (now.recorded, now.lost) == (2 * MINUTE, 5 * MINUTE)
    assert lost_of(gaps, today.start, NOON) == 5 * MINUTE


def test_what_a_rule_let_go_was_not_lost() -> None:
    day = DayBounds("2026-11-26", Instant(0), Instant(24 * HOUR))
    (found,) = days_of([day], [Span(0)], [], [gap(0, HOUR, Cause.DELETED)], Instant(30 * SECOND))
    assert (found.lost, found.chosen, found.gaps) == (0, 0, {Cause.DELETED: 30 * SECOND})


def test_the_index_adds_up_what_was_recorded_and_knows_the_open_file(tmp_path: Path) -> None:
    clock = FakeClock(now=NOON - 10 * SECOND)
    midnight = DayBounds("a", Instant(NOON - DAY), Instant(NOON - 6 * SECOND))
    after = DayBounds("b", Instant(NOON - 6 * SECOND), Instant(NOON + DAY))
    with open_store(tmp_path, clock) as store:
        store.recover([])
        recorder = Recorder(store, clock, GATE)
        for _ in range(8):
            clock.advance(SECOND)
            recorder.step()
            store.pump()
        archive = open_archive(tmp_path, clock)
        days = archive.days(GATE, [midnight, after])
        assert [day.recorded for day in days] == [4 * SECOND, 4 * SECOND]
        assert archive.days(key("nobody"), [after])[0].recorded == 0


def test_a_keyframe_is_read_alone_with_the_way_to_the_next(tmp_path: Path) -> None:
    clock = FakeClock(now=NOON)
    with open_store(tmp_path, clock) as store:
        store.recover([])
        segment = store.open_segment(GATE, NOON, FORMAT, RunFacts(1, NOON))
        for at in range(10):
            segment.append(second(at, at, key=at in (0, 2, 6)))
        segment.close(Instant(NOON + 10 * SECOND))
        store.pump()
        clock.advance(20 * SECOND)
        archive = open_archive(tmp_path, clock)
        found = archive.keyframe_before(GATE, Instant(NOON + 5 * SECOND))
        assert found is not None
        assert (found.time, found.spacing) == (NOON + 2 * SECOND, 4 * SECOND)
        assert [sample.data for sample in found.samples] == [picture(10, 3_000).data]
        assert archive.keyframe_before(GATE, Instant(NOON - 1)) is None
