"""Motion begins and ends once, and dates from what was seen; the pace fits the machine."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vms.cameras.motion.deciding import QUIET, Change, Decider
from vms.cameras.motion.pace import BUDGET, seldom
from vms.core.clock import MILLISECOND, SECOND, Instant


def play(shares: list[float], step: int = SECOND // 4) -> list[Change]:
    decider, found = Decider("kapı", 0.01), []
    for number, share in enumerate(shares):
        change = decider.take(share, Instant(number * step))
        if change is not None:
            found.append(change)
    return found


def test_one_picture_alone_is_no_motion() -> None:
    assert play([0, 0.5, 0, 0, 0.5, 0]) == []


def test_it_begins_with_the_first_of_two_and_ends_with_the_last() -> None:
    shares = [0, 0.02, 0.02, 0.006, *[0.0] * 9]
    on, off = play(shares)
    assert (on.on, on.at, off.on, off.at) == (True, SECOND // 4, False, 3 * SECOND // 4)


def test_a_pause_does_not_end_it() -> None:
    assert len(play([0.02, 0.02, *[0.0] * 7, 0.02, 0.02, *[0.0] * 9])) == 2


def test_keyframes_that_come_seldom_are_two_in_a_row_as_well() -> None:
    on, off = play([0.02, 0.02, 0, 0], step=2 * SECOND)
    assert (on.at, off.at) == (0, 2 * SECOND)


def test_a_clock_that_was_set_back_does_not_keep_motion_going() -> None:
    decider = Decider("kapı", 0.01)
    decider.take(0.02, Instant(100 * SECOND))
    assert decider.take(0.02, Instant(101 * SECOND)) is not None
    assert decider.take(0.0, Instant(SECOND)) == Change("kapı", False, Instant(101 * SECOND))


@given(st.lists(st.tuples(st.floats(0, 0.03), st.integers(40, 3_000)), max_size=60))
def test_begins_and_ends_alternate_in_time(looks: list[tuple[float, int]]) -> None:
    decider, at, found = Decider("kapı", 0.01), Instant(0), []
    for share, step in looks:
        at = Instant(at + step * MILLISECOND)
        change = decider.take(share, at) if share < 0.025 else decider.rest(at)
        if change is not None:
            assert change.on or at - change.at >= QUIET
            found.append(change)
    last = decider.end()
    found += [last] if last is not None else []
    assert [one.on for one in found] == [number % 2 == 0 for number in range(len(found))]
    assert [one.at for one in found] == sorted(one.at for one in found)
    assert decider.since is None


costs = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0, 0.5))


@given(costs, st.sets(st.sampled_from("abcdefgh")))
def test_what_is_looked_at_often_fits_the_budget_and_no_more_is_left_out(
    costs: dict[str, float], before: set[str]
) -> None:
    chosen = seldom(costs, before)
    often = sum(cost for camera, cost in costs.items() if camera not in chosen)
    assert often <= BUDGET + 1e-9
    if sum(costs.values()) <= BUDGET * 0.8:
        assert chosen == frozenset()


def test_a_camera_comes_back_only_when_there_is_room_for_it() -> None:
    assert seldom({"a": 0.4, "b": 0.3}) == {"a"}
    assert "a" in seldom({"a": 0.35, "b": 0.2}, {"a"})
    assert seldom({"a": 0.1, "b": 0.3}, {"a"}) == frozenset()
