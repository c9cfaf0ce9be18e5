"""Bytes become spans: what is told of a viewing, when, and that nothing is left out."""

from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from vms.core.clock import MINUTE, SECOND, Instant
from vms.people.audit.entry import Entry, What
from vms.people.audit.viewing import IDLE, NEAR, OPEN_MAX, Eye, Viewings, seen_of

ALI = Eye("ali", "session", "10.0.0.9", "gate-north", "main", What.LOOK_BACK)
LIVE = replace(ALI, what=What.LIVE)
T = Instant(1_795_000_000 * SECOND)


def viewings() -> Viewings:
    numbers = itertools.count()
    return Viewings(lambda: f"v{next(numbers)}")


def after(seconds: float) -> Instant:
    return Instant(T + int(seconds * SECOND))


def told(entries: list[Entry]) -> list[tuple[str, str | None, int, int]]:
    return [
        (one.viewing, one.phase, (one.start - T) // SECOND, (one.end - T) // SECOND)
        for one in entries
        if one.start is not None and one.end is not None
    ]


def test_a_viewing_is_told_at_once_each_minute_and_at_its_end() -> None:
    open_ = viewings()
    entries: list[Entry] = []
    for second in range(0, 130, 10):
        entries += open_.saw(ALI, after(second), after(second + 10), after(second))
    entries += open_.idle(Instant(after(120) + IDLE + 1))
    assert told(entries) == [
        ("v0", "opened", 0, 10),
        ("v0", "goes_on", 0, 70),
        ("v0", "goes_on", 0, 130),
        ("v0", "closed", 0, 130),
    ]
    assert len(open_) == 0


def test_a_leap_in_the_footage_is_another_viewing_and_going_back_is_the_same() -> None:
    open_ = viewings()
    entries = open_.saw(ALI, after(0), after(10), T)
    entries += open_.saw(ALI, after(7_200), after(7_210), T)
    entries += open_.saw(ALI, after(-10), after(0), T)
    assert [one.viewing for one in entries] == ["v0", "v1"]
    assert told(open_.end(T)) == [("v0", "closed", -10, 10), ("v1", "closed", 7_200, 7_210)]


def test_live_lasts_as_long_as_somebody_is_there() -> None:
    open_ = viewings()
    entries = open_.saw(LIVE, after(0), after(0), after(0))
    for second in range(2, 66, 2):
        entries += open_.watching([(LIVE, after(0))], after(second))
    entries += open_.watching([], after(70))
    assert told(entries) == [
        ("v0", "opened", 0, 0),
        ("v0", "goes_on", 0, 60),
        ("v0", "closed", 0, 64),
    ]


def test_a_viewer_who_was_there_before_is_known_since_when() -> None:
    entries = viewings().watching([(LIVE, after(-300))], after(0))
    assert told(entries) == [("v0", "opened", -300, 0)]


def test_viewings_are_bounded() -> None:
    open_ = viewings()
    for number in range(OPEN_MAX + 50):
        eye = replace(ALI, who=f"p{number}")
        found = open_.saw(eye, T, after(1), Instant(T + number))
    assert len(open_) == OPEN_MAX
    assert [one.phase for one in found] == ["closed", "opened"]


@given(
    st.lists(st.tuples(st.integers(0, 3_600), st.integers(1, 30), st.integers(0, 40)), max_size=60),
    st.integers(0, 60),
)
def test_up_to_a_crash_all_but_a_minute_is_told(
    pieces: list[tuple[int, int, int]], crash: int
) -> None:
    open_, now, last = viewings(), T, dict[str, Entry]()
    for place, (start, length, wait) in enumerate(pieces):
        if place == crash:
            break
        now = Instant(now + wait * SECOND)
        for entry in open_.saw(ALI, after(start), after(start + length), now):
            last[entry.viewing] = entry
        covered = any(
            one.start - NEAR <= after(start) and after(start + length) <= one.end + NEAR + MINUTE
            for one in last.values()
            if one.start is not None and one.end is not None
        )
        assert covered or now - max(one.at for one in last.values()) < MINUTE


def test_bytes_of_a_file_are_the_footage_in_them() -> None:
    fragments = [(after(0), 1_000, 500), (after(1), 1_500, 500), (after(2), 2_000, 500)]
    assert seen_of(fragments, after(3), 0, 1_000) is None
    assert seen_of(fragments, after(3), 0, 2_500) == (after(0), after(3))
    assert seen_of(fragments, after(3), 1_600, 1_700) == (after(1), after(2))
    assert seen_of(fragments, after(3), 2_000, 2_001) == (after(2), after(3))
