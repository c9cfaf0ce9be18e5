"""Segments and gaps tile the time line, while recording and after any crash (invariant 5)."""

from hypothesis import given
from hypothesis import strategies as st

from storage.coverage import Coverage, holes, settle
from storage.facts import GapFacts
from storage.rows import DropGap, PutGap
from tests.storage.house import key
from vms.core.clock import Instant
from vms.core.model import Cause

STREAM = key("gate")
causes = st.sampled_from(Cause)


def gap(start: int, end: int | None, cause: Cause = Cause.UNREACHABLE) -> GapFacts:
    return GapFacts(STREAM, Instant(start), None if end is None else Instant(end), cause)


class Table:
    """The gap table as the index would keep it."""

    def __init__(self) -> None:
        self.rows: dict[int, GapFacts] = {}

    def apply(self, changes) -> None:
        for change in changes:
            if isinstance(change, PutGap):
                self.rows[change.gap.start] = change.gap
            elif isinstance(change, DropGap):
                self.rows.pop(change.start, None)


steps = st.lists(
    st.tuples(st.sampled_from(["gap", "change", "close", "segment"]), st.integers(0, 50), causes),
    max_size=30,
)


@given(steps)
def test_whatever_a_session_does_no_second_is_without_a_word(todo) -> None:
    coverage, table, segments, now = Coverage(STREAM), Table(), [], 1_000
    for what, ahead, cause in todo:
        now += ahead
        at = Instant(now)
        if what == "gap":
            table.apply(coverage.open_gap(at, cause, ""))
        elif what == "change":
            table.apply(coverage.change_gap(at, cause, ""))
        elif what == "close":
            table.apply(coverage.close_gap(at))
        else:
            changes, _ = coverage.open_segment(at)
            table.apply(changes)
            now += 7
            coverage.close_segment(Instant(now))
            segments.append((at, Instant(now)))
    last = coverage.until if coverage.gap is None else None
    assert not list(holes(segments, table.rows.values(), Instant(last or now)))
    assert sum(row.end is None for row in table.rows.values()) <= 1


def test_a_gap_begins_where_footage_ended_and_not_later() -> None:
    coverage = Coverage(STREAM, Instant(100))
    (put,) = coverage.open_gap(Instant(130), Cause.SILENT, "")
    assert put == PutGap(gap(100, None, Cause.SILENT))


def test_a_gap_without_length_never_was() -> None:
    coverage = Coverage(STREAM, Instant(100))
    coverage.open_gap(Instant(100), Cause.CONNECTING, "")
    changes, before = coverage.open_segment(Instant(100))
    assert changes == [DropGap(STREAM, Instant(100))]
    assert before == ()


def test_a_new_detail_keeps_one_gap_and_a_new_cause_splits_it() -> None:
    coverage, table = Coverage(STREAM, Instant(100)), Table()
    table.apply(coverage.open_gap(Instant(100), Cause.UNREACHABLE, "first"))
    table.apply(coverage.change_gap(Instant(110), Cause.UNREACHABLE, "second"))
    table.apply(coverage.change_gap(Instant(120), Cause.REFUSED, "third"))
    assert [(row.start, row.end, row.detail) for row in table.rows.values()] == [
        (100, 120, "second"),
        (120, None, "third"),
    ]


@st.composite
def histories(draw):
    """Segments and gaps that once tiled the time, of which a crash lost some rows."""
    at, segments, gaps = 1_000, [], []
    for _ in range(draw(st.integers(0, 12))):
        length = draw(st.integers(1, 60))
        if draw(st.booleans()):
            segments.append((Instant(at), Instant(at + length)))
        else:
            gaps.append(gap(at, at + length, draw(causes)))
        at += length
    kept = [one for one in gaps if draw(st.booleans())]
    if kept and draw(st.booleans()):  # its end was never told to the index
        kept[-1] = gap(kept[-1].start, None, kept[-1].cause)
    remembered = [one for one in gaps if draw(st.booleans())]
    alive = draw(st.one_of(st.none(), st.integers(900, at + 100).map(Instant)))
    return segments, kept, remembered, Instant(at + draw(st.integers(0, 100))), alive


@given(histories())
def test_settling_tiles_the_time_and_doing_it_twice_changes_nothing(history) -> None:
    segments, gaps, remembered, now, alive = history
    settlement = settle(STREAM, segments, gaps, remembered, now, alive)
    rows = {one.start: one for one in gaps}
    for one in settlement.drop:
        del rows[one.start]
    rows |= {one.start: one for one in settlement.put}
    result = sorted(rows.values(), key=lambda one: one.start)
    if not segments and not gaps:
        assert not result
        return
    assert not list(holes(segments, result, now))
    assert settlement.open == result[-1]
    assert result[-1].end is None
    again = settle(STREAM, segments, result, remembered, now, alive)
    assert (again.drop, again.put) == ((), ())


def test_causes_that_are_known_survive() -> None:
    segments = [(Instant(0), Instant(10)), (Instant(30), Instant(40))]
    known = gap(10, 20, Cause.REFUSED)
    told = gap(20, 30, Cause.SILENT)
    settlement = settle(STREAM, segments, [known], [told], Instant(50), None)
    assert not settlement.drop
    assert [(one.start, one.end, one.cause) for one in settlement.put] == [
        (20, 30, Cause.SILENT),
        (40, None, Cause.RECORDER_CRASHED),
    ]


def test_an_unreachable_camera_stays_so_until_the_recorder_died() -> None:
    settlement = settle(STREAM, [(Instant(0), Instant(10))], [gap(10, None)], [], Instant(90),
                        Instant(60))  # fmt: skip
    assert [(one.start, one.end, one.cause) for one in settlement.put] == [
        (10, 60, Cause.UNREACHABLE),
        (60, None, Cause.RECORDER_CRASHED),
    ]


def test_after_a_clean_stop_nothing_is_to_be_settled() -> None:
    stopped = gap(10, None, Cause.RECORDER_STOPPED)
    settlement = settle(STREAM, [(Instant(0), Instant(10))], [stopped], [], Instant(90), None)
    assert (settlement.drop, settlement.put, settlement.open) == ((), (), stopped)
