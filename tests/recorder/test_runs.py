"""Where a run's footage lies beside the footage before it: at the time it was taken."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recorder.line import Line
from vms.core.clock import SECOND
from vms.core.model import Cause


def test_a_camera_that_begins_with_an_old_keyframe_is_never_stamped_late() -> None:
    line = Line()
    for _ in range(8):
        line.connect(age=4)
        line.record(30)
        line.lose()
    errors = line.errors()
    assert len(errors) == len(line.taken)
    assert max(map(abs, errors.values())) < 0.1
    assert line.intake.dropped == 0
    line.assert_tiled()


def test_a_source_that_begins_with_a_burst_is_never_stamped_late() -> None:
    line = Line()
    for _ in range(5):
        line.connect(age=1.5, burst=True)
        line.record(20)
        line.lose()
    errors = line.errors()
    assert len(errors) == len(line.taken)
    assert max(map(abs, errors.values())) < 0.1
    line.assert_tiled()


def test_runs_whose_first_pictures_come_late_add_nothing_up() -> None:
    """What a run is off by its own start, the runs that follow do not add to theirs."""
    line = Line()
    for _ in range(8):
        line.connect(late=1.5)
        line.record(20)
        line.lose(6)
        assert line.keeper.absence.covered is not None
    errors = line.errors().values()
    assert min(errors) > -0.2
    assert max(errors) < 1.5
    line.assert_tiled()


def test_pictures_older_than_the_footage_so_far_are_kept_and_move_nothing() -> None:
    line = Line()
    line.connect()
    line.record(10)
    line.lose(wait=0.5)
    before = line.end
    line.connect(age=4, burst=True)
    line.record(20)
    line.lose()
    errors = line.errors()
    assert len(errors) == len(line.taken), "what follows can't be decoded without them"
    late = [number for number, error in errors.items() if abs(error) > 0.1]
    assert late
    assert all(line.taken[number] < before for number in late)
    line.assert_tiled()


def test_a_keyframe_of_before_the_gap_does_not_hide_it() -> None:
    line = Line()
    line.connect()
    line.record(10)
    line.lose()
    back = line.clock.now()
    line.connect(age=8)
    line.record(20)
    line.lose()
    assert len(line.shown()) == len(line.taken)
    assert abs(line.shelf.segments[1].start - back) < SECOND // 10
    line.assert_tiled()


def test_gaps_are_as_long_as_they_were_when_the_clock_is_set_back_meanwhile() -> None:
    line = Line()
    line.connect()
    line.record(10)
    line.lose()
    line.clock.step(-60 * SECOND)
    line.connect(age=4)
    line.record(10)
    line.lose()
    errors = line.errors()
    assert max(map(abs, errors.values())) < 0.1
    line.assert_tiled()


def test_a_clock_set_back_in_a_run_is_not_gone_further_from_by_later_runs() -> None:
    line = Line()
    line.connect()
    line.record(10)
    line.clock.step(-100 * SECOND)
    line.record(10)
    for _ in range(8):
        line.lose()
        line.connect(age=4)
        line.record(30)
    line.intake.end()
    errors = line.errors()
    assert len(errors) == len(line.taken)
    assert max(errors.values()) < 0.1
    assert min(errors.values()) > -0.5, "worked off by 500 ppm, and no faster"
    line.assert_tiled()


def test_a_silence_is_as_long_as_it_was_though_the_clock_was_set_back_before() -> None:
    line = Line(gop=1)
    line.connect()
    line.record(10)
    line.clock.step(-100 * SECOND)
    line.record(10)
    line.be_silent(7)
    line.record(10)
    line.intake.end()
    assert [gap.cause for gap in line.shelf.gaps][1:] == [Cause.SILENT]
    assert max(map(abs, line.errors().values())) < 0.2
    line.assert_tiled()


def test_a_recorder_started_with_the_clock_behind_its_archive_goes_on_from_there() -> None:
    line = Line()
    line.connect()
    line.record(10)
    line.lose()
    line.restart()
    line.clock.step(-100 * SECOND)
    line.connect(age=4)
    line.record(10)
    line.intake.end()
    assert len(line.shown()) == len(line.taken)
    assert max(map(abs, line.errors().values())) < 6
    line.assert_tiled()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_whatever_happens_to_runs_and_clocks_time_is_tiled(seed: int, steps: bool) -> None:
    rng = random.Random(seed)
    line = Line(fps=rng.choice([1, 5, 25]), gop=rng.choice([1, 10, 50]))
    reached: dict[int, int] = {}
    for _ in range(rng.randint(2, 6)):
        before = line.shelf.coverage.until or 0
        first = len(line.taken)
        line.connect(rng.choice([0, 0, 0.5, 4, 9.5]), burst=rng.random() < 0.5)
        line.record(rng.uniform(0.2, 15))
        if steps and rng.random() < 0.5:
            line.clock.step(round(rng.choice([-500, -3, -0.7, 0.7, 3, 500]) * SECOND))
            line.record(rng.uniform(0.2, 15))
        reached.update(dict.fromkeys(range(first, len(line.taken)), before))
        ended, wait = line.clock.now(), rng.choice([0.1, 5, 20])
        line.lose(wait)
        assert steps or line.shelf.gaps[-1].start < ended + SECOND // 3, "no gap of the future"
        if steps and rng.random() < 0.3:
            line.clock.step(rng.choice([-500, -3, 3, 500]) * SECOND)
        if rng.random() < 0.3:
            line.intake.missing(Cause.UNREACHABLE)
    line.assert_tiled()
    errors = line.errors()
    assert len(errors) + line.intake.dropped == len(line.taken)
    if not steps:
        fresh = [error for number, error in errors.items() if line.taken[number] >= reached[number]]
        blur = 0.35 + 1 / line.fps  # a sweep, and what the newest picture of a burst is old
        assert max(map(abs, fresh), default=0) < blur
