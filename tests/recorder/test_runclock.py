"""Run time: the start is the best lag seen, file time follows slowly, lies and steps are found."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.runclock import NUDGE_PPM, ONE, Reading, RunClock
from vms.core.clock import MILLISECOND, SECOND, Instant, Mono

WALL, MONO = Instant(1_763_800_000 * SECOND), Mono(77 * SECOND)
READING = Reading(WALL, MONO)


def run(clock: RunClock, seconds: int, *, pace: float = 1.0, since: int = 0, blur: int = 0) -> None:
    """A camera of 10 pictures a second whose media clock goes at `pace`."""
    rng = random.Random(seconds)
    for tenth in range(since * 10, (since + seconds) * 10):
        passed = tenth * SECOND // 10
        late = rng.randint(0, blur) if blur and tenth % 7 else 0
        clock.observe(Mono(MONO + passed + late), round(passed * pace))


def test_the_sweeps_blur_is_removed_by_the_least_lag() -> None:
    clock = RunClock(READING)
    run(clock, 5, blur=200 * MILLISECOND)
    assert clock.wall(0) == WALL
    assert clock.wall(3 * SECOND) == WALL + 3 * SECOND


def test_a_late_beginning_is_corrected_by_what_comes_in_time() -> None:
    clock = RunClock(READING)
    clock.observe(Mono(MONO + 2 * SECOND), 0)  # an old keyframe, sent first
    assert clock.wall(0) == WALL + 2 * SECOND
    clock.observe(Mono(MONO + 2 * SECOND), 2 * SECOND)
    assert clock.wall(0) == WALL


def test_a_quartz_that_is_slow_is_followed() -> None:
    clock = RunClock(READING)
    run(clock, 600, pace=0.9999)
    media = round(600 * SECOND * 0.9999)
    assert abs(clock.wall(media) - (WALL + 600 * SECOND)) < 8 * MILLISECOND


@given(st.integers(-10 * SECOND, 10 * SECOND))
def test_file_time_never_bends_by_more_than_500_ppm(error: int) -> None:
    clock = RunClock(READING)
    run(clock, 5)
    pace = clock.pace(0, Instant(clock.wall(0) - error), lead=9 * SECOND)  # set back by so much
    assert abs(pace - ONE) <= ONE * NUDGE_PPM // 1_000_000 + 1
    assert (pace > ONE) == (error > MILLISECOND)
    assert (pace < ONE) == (error < -MILLISECOND)


def test_a_declared_rate_that_is_a_lie_is_found_and_file_time_is_true() -> None:
    for truth in (0.75, 1.5):
        clock = RunClock(READING)
        run(clock, 60, pace=truth)
        pace = clock.pace(0, clock.wall(0))
        assert abs(pace / ONE - 1 / truth) < 0.02
        now = round(60 * SECOND * truth)
        assert abs(clock.wall(now) - (WALL + 60 * SECOND)) < SECOND


@pytest.mark.parametrize("truth", [0.2, 0.5, 0.8, 1.6])
def test_file_time_comes_back_soon_after_a_lie_that_ends(truth: float) -> None:
    clock, media, shown = RunClock(READING), 0, Instant(WALL)
    for tenth in range(6_000):  # a minute of truth, one of a lie, and truth again
        clock.observe(Mono(MONO + tenth * SECOND // 10), media)
        lies = 600 <= tenth < 1_200
        step = round((truth if lies else 1) * SECOND / 10)
        shown = Instant(shown + (step * clock.pace(media, shown) // ONE))
        media += step
    assert abs(shown - (WALL + 600 * SECOND)) < SECOND // 4
    assert abs(clock.pace(media, shown) - ONE) <= ONE * NUDGE_PPM // 1_000_000 + 1


def followed(clock: RunClock, arrivals: list[tuple[float, float]]) -> float:
    """Seconds by which file time is ahead at the end. `arrivals`: with their media time, in s."""
    shown = last = 0
    for arrival, media in arrivals:
        at = round(media * SECOND)
        clock.observe(Mono(MONO + round(arrival * SECOND)), at)
        shown = shown or clock.wall(at)
        shown += (at - last) * clock.pace(last, Instant(shown)) // ONE
        last = at
    return (shown - clock.wall(last)) / SECOND


def test_a_run_that_began_late_is_right_within_a_minute() -> None:
    def late(at: float) -> float:
        return 6 * max(0.0, 1 - at / 4)

    times = [number / 10 for number in range(600)]
    arrivals = [(at + late(at), at) for at in times]
    assert followed(RunClock(READING), arrivals[:50]) > 3, "its pictures seemed to be younger"
    assert abs(followed(RunClock(READING), arrivals)) < 0.2


def test_a_source_that_sends_all_it_has_at_once_is_not_stamped_into_the_future() -> None:
    burst = [(number / 400, number / 10) for number in range(1_200)]  # two minutes in three seconds
    then = [(3 + number / 10, 120 + number / 10) for number in range(900)]
    assert followed(RunClock(READING), burst) < 15
    assert abs(followed(RunClock(READING), burst + then)) < 0.2


def test_congestion_is_no_lie() -> None:
    clock = RunClock(READING)
    run(clock, 30)
    rng = random.Random(1)
    for tenth in range(300, 900):
        passed = tenth * SECOND // 10
        late = rng.randint(0, 800) * MILLISECOND
        clock.observe(Mono(MONO + passed + late), passed)
    assert abs(clock.pace(0, clock.wall(0)) - ONE) <= ONE * NUDGE_PPM // 1_000_000 + 1


def test_a_small_difference_of_the_wall_clock_is_followed_and_a_step_is_said() -> None:
    clock = RunClock(READING)
    run(clock, 1)
    near = Reading(Instant(WALL + SECOND + 30 * MILLISECOND), Mono(MONO + SECOND))
    assert clock.read(near) is None
    assert clock.wall(0) == WALL + 30 * MILLISECOND
    far = Reading(Instant(WALL - 3_600 * SECOND), Mono(MONO + SECOND))
    assert clock.read(far) == -3_601 * SECOND - 30 * MILLISECOND
    assert clock.wall(0) == WALL + 30 * MILLISECOND
    clock.set_to(far)
    assert clock.wall(0) == WALL - 3_601 * SECOND
