"""Time over runs, and decode times of reordered pictures."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from vms.core.clock import SECOND
from web.live.decodetime import DecodeClock
from web.live.mediaclock import MediaClock

WALL = 1_763_800_000 * SECOND


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), st.data())
def test_time_never_goes_back_over_runs(runs: list[int], data: st.DataObject) -> None:
    clock = MediaClock()
    last = 0
    for pictures in runs:
        clock.begin_run()
        wall = WALL + data.draw(st.integers(-10, 10)) * SECOND
        start = data.draw(st.integers(-(1 << 40), 1 << 40))
        for number in range(pictures):
            ticks = clock.ticks(start + number * 3_600, 90_000, wall, 90_000)
            assert ticks > last
            last = ticks


def test_steps_within_a_run_are_exact() -> None:
    clock = MediaClock()
    clock.begin_run()
    times = [clock.ticks(7 + n * 3_003, 90_000, WALL, 90_000) for n in range(1_000)]
    assert {b - a for a, b in itertools.pairwise(times)} == {3_003}


def test_a_new_run_lies_where_the_wall_clock_says() -> None:
    clock = MediaClock()
    clock.begin_run()
    first = clock.ticks(500, 90_000, WALL, 90_000)
    clock.begin_run()
    second = clock.ticks(99, 90_000, WALL + 7 * SECOND, 90_000)
    assert second - first == 7 * 90_000


def test_sound_and_pictures_share_the_line() -> None:
    clock = MediaClock()
    clock.begin_run()
    video = clock.ticks(90_000, 90_000, WALL, 90_000)
    audio = clock.ticks(16_000, 16_000, WALL, 16_000)
    assert video / 90_000 == audio / 16_000


def reorder(count: int, pyramid: list[int]) -> list[int]:
    """Presentation order numbers in decode order: I, then groups with B-frames."""
    order, base = [0], 1
    while len(order) < count:
        order += [base + place for place in pyramid]
        base += len(pyramid)
    return order


@given(st.sampled_from([[0], [1, 0], [2, 0, 1], [3, 1, 0, 2], [7, 3, 1, 0, 2, 5, 4, 6]]))
def test_decode_times_rise_and_stay_before_presentation_once_learnt(pyramid: list[int]) -> None:
    learner = DecodeClock(3_600)
    for number in reorder(40, pyramid):
        learner.stamp(number * 3_600)
    clock = DecodeClock(3_600, learner.depth)
    stamps = [(clock.stamp(n * 3_600), n * 3_600) for n in reorder(200, pyramid)]
    decode = [d for d, _ in stamps]
    assert decode == sorted(set(decode))
    assert all(d <= p for d, p in stamps)


def test_without_reordering_both_times_are_one() -> None:
    clock = DecodeClock(3_600)
    assert [clock.stamp(n * 3_600) for n in range(50)] == [n * 3_600 for n in range(50)]
    assert clock.depth == 0


@given(st.lists(st.integers(-(1 << 40), 1 << 40), max_size=100))
def test_decode_times_rise_whatever_comes(times: list[int]) -> None:
    clock = DecodeClock(3_600)
    stamps = [clock.stamp(time) for time in times]
    assert stamps == sorted(set(stamps))
