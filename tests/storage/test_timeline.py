"""A timeline is merged to the pixel, and nothing disappears in it."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from storage.facts import GapFacts
from storage.timeline import merge_gaps, merge_spans, without
from tests.storage.house import key
from vms.core.clock import Instant, Span
from vms.core.model import Cause

STREAM = key("gate")


def gap(start: int, end: int | None, cause: Cause = Cause.SILENT) -> GapFacts:
    return GapFacts(STREAM, Instant(start), None if end is None else Instant(end), cause)


lengths = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), max_size=40)


@given(lengths, st.integers(0, 50))
def test_merged_gaps_are_few_ordered_and_hide_none(pairs, resolution) -> None:
    gaps, at = [], 0
    for quiet, lost in pairs:
        at += quiet
        gaps.append(gap(at, at + lost))
        at += lost
    merged = merge_gaps(gaps, Instant(at), Span(resolution))
    assert len(merged) <= len(gaps)
    for one in gaps:
        assert any(m.start <= one.start and one.end <= m.end for m in merged)
    for a, b in itertools.pairwise(merged):
        assert a.end <= b.start
    if resolution <= 1:
        assert list(merged) == gaps


@given(lengths, st.integers(0, 500), st.integers(0, 500))
def test_what_gaps_leave_and_gaps_together_are_the_whole(pairs, start, length) -> None:
    gaps, at = [], 0
    for quiet, lost in pairs:
        at += quiet
        gaps.append(gap(at, at + lost))
        at += lost
    end = start + length
    left = without(start, end, gaps)
    covered = {t for a, b in left for t in range(a, b)}
    lost = {t for one in gaps for t in range(max(one.start, start), min(one.end, end))}
    assert not covered & lost
    assert covered | lost == set(range(start, end))


def test_spans_are_cut_to_the_screen_and_grow_together_within_a_pixel() -> None:
    spans = [(0, 10), (12, 20), (40, 90)]
    assert merge_spans(spans, Instant(5), Instant(60), Span(2)) == ((5, 20), (40, 60))


def test_gaps_of_one_pixel_carry_the_cause_that_lasted_longest() -> None:
    gaps = [gap(0, 2), gap(3, 9, Cause.REFUSED), gap(9, 10)]
    (one,) = merge_gaps(gaps, Instant(100), Span(20))
    assert (one.start, one.end, one.cause) == (0, 10, Cause.REFUSED)


def test_a_gap_that_lasts_stays_open() -> None:
    merged = merge_gaps([gap(0, 2), gap(3, None)], Instant(10), Span(5))
    assert merged[-1].end is None
