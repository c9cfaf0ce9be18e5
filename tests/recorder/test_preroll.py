"""The last seconds in memory: from a keyframe on, long enough, and never more than allowed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recorder.preroll import SLACK, PreRoll, PreRollMemory
from recorder.source import Hole
from tests.recorder.streams import FORMAT, MONO, at, picture, pictures
from vms.core.clock import SECOND, Mono, Span
from vms.core.media import AccessUnit
from vms.core.model import Cause


def taken(roll: PreRoll) -> list[AccessUnit]:
    out = []
    while roll:
        element = roll.take()
        assert isinstance(element, AccessUnit)
        out.append(element)
    return out


@given(st.integers(1, 200), st.integers(0, 20), st.integers(2, 600), st.sampled_from([0, 7, 100]))
def test_it_reaches_back_as_far_as_promised_and_begins_with_a_keyframe(
    gop: int, seconds: int, count: int, first: int
) -> None:
    memory = PreRollMemory(1 << 30)
    roll = PreRoll(Span(seconds * SECOND), memory)
    units = [picture(first + i, i / 25, key=(first + i) % gop == 0, size=10) for i in range(count)]
    for unit in units:
        roll.add(unit, FORMAT)
        roll.trim(unit.arrival)
    keys = [unit for unit in units if unit.key]
    held = taken(roll)
    assert memory.used == roll.size == 0
    if not keys:
        assert held == []
        return
    assert held == units[units.index(held[0]) :], "in order, each once, up to the last"
    assert held[0].key
    promised = units[-1].arrival - seconds * SECOND
    assert held[0].arrival <= promised or held[0] is keys[0]
    later = [key for key in keys if key.arrival > held[0].arrival]
    if seconds and later:  # and not a group more than needed
        assert later[0].arrival > promised - SLACK


def test_what_there_is_no_room_for_is_cut_from_the_front_and_said() -> None:
    memory = PreRollMemory(1 << 20, of_one=2_000)
    roll = PreRoll(Span(60 * SECOND), memory)
    for unit in pictures(100, gop=10):
        roll.add(AccessUnit(unit.track, bytes(50), unit.pts, unit.arrival, unit.key), FORMAT)
        roll.trim(unit.arrival)
    assert roll.cut
    assert roll.size <= 2_000
    assert memory.used == roll.size
    first = roll.first()
    assert isinstance(first, AccessUnit)
    assert first.key


def test_all_cameras_together_stay_within_their_memory() -> None:
    memory = PreRollMemory(5_000)
    rolls = [PreRoll(Span(60 * SECOND), memory) for _ in range(3)]
    for unit in pictures(200, gop=5):
        for roll in rolls:
            roll.add(AccessUnit(unit.track, bytes(40), unit.pts, unit.arrival, unit.key), FORMAT)
            roll.trim(unit.arrival)
            assert memory.used <= memory.limit
    assert memory.used == sum(roll.size for roll in rolls)
    for roll in rolls:
        roll.clear()
    assert memory.used == 0


def test_a_group_too_large_is_forgotten_to_the_next_keyframe() -> None:
    roll = PreRoll(Span(10 * SECOND), PreRollMemory(1 << 20, of_one=100))
    roll.add(picture(0, 0, key=True, size=90), FORMAT)
    roll.add(picture(1, 0.04, key=False, size=90), FORMAT)
    roll.trim(at(0.04))
    assert not roll
    roll.add(picture(2, 0.08, key=False), FORMAT)
    assert not roll
    roll.add(picture(3, 0.12, key=True), FORMAT)
    assert roll.began == Mono(MONO + 120_000_000)


def test_what_is_missing_between_groups_is_held_in_its_place() -> None:
    roll, hole = PreRoll(Span(60 * SECOND), PreRollMemory(1 << 30)), Hole(Cause.BROKEN_STREAM)
    before, after = pictures(5), pictures(5, first=5, since=3.0)
    roll.add(hole, FORMAT)
    for element in [*before, hole, *after]:
        roll.add(element, FORMAT)
    out = []
    while roll:
        out.append(roll.take())
    assert out == [*before, hole, *after]
