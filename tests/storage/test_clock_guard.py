"""Invariant 10: a clock that jumped makes nothing old."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from storage.clock_guard import Reading, doubt
from storage.clock_hands import ClockHands, running_time, synchronised
from storage.custody import Memory
from storage.schema import metadata
from vms.core.clock import DAY, HOUR, MINUTE, SECOND, FakeClock, Instant

YEAR = 365 * DAY
THEN = Reading(Instant(1_763_800_000 * SECOND), 50 * DAY, "boot-a", False)


def later(span: int, *, step: int = 0, **more: object) -> Reading:
    """`span` later by the hand that nobody sets; the wall clock set by `step` meanwhile."""
    return replace(THEN, wall=Instant(THEN.wall + span + step), running=THEN.running + span, **more)


def test_a_clock_that_runs_on_is_believed() -> None:
    assert doubt(THEN, later(MINUTE), None) is None
    assert doubt(THEN, later(HOUR, step=2 * SECOND), None) is None


@pytest.mark.parametrize("synchronised", [True, False])
@pytest.mark.parametrize(
    ("step", "said"),
    [
        (YEAR, "set forward by 365 d"),
        (HOUR, "set forward by 1 h"),
        (-YEAR, "set back by 365 d"),
        (-HOUR, "set back by 1 h"),
    ],
)
def test_a_clock_that_was_set_is_not(step: int, said: str, synchronised: bool) -> None:
    found = doubt(THEN, later(MINUTE, step=step, synchronised=synchronised), None)
    assert found is not None
    assert said in found


def test_a_clock_set_right_again_is_believed_again() -> None:
    assert doubt(THEN, later(MINUTE, step=YEAR), None) is not None
    assert doubt(THEN, later(2 * MINUTE), None) is None


@given(st.integers(0, 3 * DAY), st.integers(6 * MINUTE, 100 * YEAR), st.booleans(), st.booleans())
def test_no_large_step_is_believed_within_one_boot(
    span: int, step: int, back: bool, ntp: bool
) -> None:
    step += span // 500
    reading = later(span, step=-step if back else step, synchronised=ntp)
    assert doubt(THEN, reading, None) is not None


def test_after_a_restart_a_day_may_have_passed_and_a_week_if_ntp_says_so() -> None:
    again = {"boot": "boot-b", "running": 20 * SECOND}
    for passed, ntp, believed in (
        (10 * HOUR, False, True),
        (3 * DAY, False, False),
        (3 * DAY, True, True),
        (YEAR, True, False),
        (-HOUR, True, False),
    ):
        wall = Instant(THEN.wall + passed)
        found = doubt(THEN, replace(THEN, wall=wall, synchronised=ntp, **again), None)
        assert (found is None) is believed, found


def test_a_restart_makes_no_doubted_clock_right() -> None:
    doubted = later(MINUTE, step=DAY, synchronised=True)
    again = {"boot": "boot-b", "running": 20 * SECOND, "synchronised": True}
    for passed, believed in ((DAY + 5 * MINUTE, False), (5 * MINUTE, True), (-HOUR, False)):
        reading = replace(THEN, wall=Instant(THEN.wall + passed), **again)
        assert (doubt(THEN, reading, None, doubted) is None) is believed
    once_more = replace(THEN, wall=Instant(THEN.wall + DAY), boot="c", running=SECOND)
    assert doubt(THEN, once_more, None, replace(doubted, boot="b")) is not None


def test_both_hands_moved_by_a_year_are_asked_about() -> None:
    # What a machine under a faked time shows: same boot, and both clocks far ahead.
    found = doubt(THEN, later(YEAR, synchronised=True), None)
    assert found is not None
    assert "after retention last ran" in found


def test_where_nothing_was_believed_yet_the_newest_footage_counts() -> None:
    assert doubt(None, THEN, None) is None
    assert doubt(None, THEN, Instant(THEN.wall - HOUR)) is None
    ahead = doubt(None, THEN, Instant(THEN.wall - YEAR))
    assert ahead is not None
    assert "365 d after the newest footage" in ahead
    behind = doubt(None, THEN, Instant(THEN.wall + DAY))
    assert behind is not None
    assert "there is footage from" in behind


def test_what_was_believed_outlives_a_restart_and_a_person_can_say_that_it_is_right() -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    metadata.create_all(engine)
    clock = FakeClock()

    def hands(boot: str = "a") -> ClockHands:
        return ClockHands(
            Memory(engine),
            clock,
            running=clock.monotonic,
            synchronised=lambda: False,
            boot=boot,
        )

    first = hands()
    assert first.doubt(first.read(), None) is None
    first.believe(first.read())
    clock.step(YEAR)
    for other in (hands(), hands("b")):
        assert other.doubt(other.read(), None) is not None
    second = hands("b")
    second.believe(second.read())
    assert second.doubt(second.read(), None) is None
    engine.dispose()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"wall": "x"}', "null"])
def test_a_reading_that_was_damaged_counts_as_none(text: str) -> None:
    assert Reading.of_text(text) is None


def test_the_machines_own_hands_can_be_read() -> None:
    assert running_time() > 0
    assert synchronised() in (True, False)
