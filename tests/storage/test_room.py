"""Which volume takes the next segment."""

from hypothesis import given
from hypothesis import strategies as st

from storage.room import Room, choose, worth_reserving
from vms.core.model import Cause

GB = 1_000_000_000
sizes = st.integers(0, 100 * GB)
rooms = st.builds(
    Room,
    free=sizes,
    reserve=sizes,
    quota=st.none() | sizes,
    used=sizes,
    ahead=st.integers(0, GB),
    writing=st.integers(0, GB),
    segments=st.integers(0, 500),
    well=st.booleans(),
)


def test_segments_are_spread_by_the_room_each_volume_has() -> None:
    counts = [0, 0, 0]
    free = [1_000 * GB, 100 * GB, 9 * GB]
    for _ in range(111):
        found = choose(
            [Room(f, 10 * GB, segments=n) for f, n in zip(free, counts, strict=True)],
        )
        assert isinstance(found, int)
        counts[found] += 1
    assert counts[2] == 0
    assert 99 <= counts[0] <= 103
    assert counts[0] + counts[1] == 111


def test_of_volumes_with_about_the_same_room_the_first_is_taken() -> None:
    assert choose([Room(100 * GB, 0), Room(100 * GB + 5, 0)]) == 0
    assert choose([Room(100 * GB, 0, segments=1), Room(100 * GB, 0)]) == 1
    assert choose([Room(100 * GB, 0), Room(110 * GB, 0)]) == 1


def test_what_is_reserved_for_open_segments_is_not_taken_for_full() -> None:
    assert choose([Room(50, 60, ahead=20)]) == 0


def test_a_quota_counts_what_is_kept_and_what_is_being_written() -> None:
    full, free = Room(100 * GB, 0, quota=10 * GB, used=9 * GB, writing=GB), Room(2 * GB, GB)
    assert full.left == 0
    assert choose([full, free]) == 1


def test_the_reserve_is_touched_only_when_no_volume_has_room_above_it() -> None:
    low, roomy = Room(7 * GB, 10 * GB), Room(20, 10)
    assert choose([low, roomy]) == 1
    assert choose([low]) == 0
    assert choose([Room(4 * GB, 10 * GB)]) is Cause.DISK_FULL


def test_a_volume_that_failed_lately_is_the_last_choice_but_one() -> None:
    failed = Room(90 * GB, 10 * GB, well=False)
    assert choose([failed, Room(11 * GB, 10 * GB)]) == 1
    assert choose([failed, Room(7 * GB, 10 * GB)]) == 1
    assert choose([failed]) == 0
    assert choose([]) is Cause.DISK_FAILED


@given(st.lists(rooms, max_size=6))
def test_a_full_volume_is_never_chosen(some: list[Room]) -> None:
    found = choose(some)
    if isinstance(found, int):
        assert some[found].dip > 0
        assert some[found].well or not any(room.well and room.dip > 0 for room in some)
    else:
        assert all(room.dip <= 0 for room in some)


def test_space_is_asked_for_ahead_only_where_there_is_plenty() -> None:
    assert worth_reserving(30, 30 * 16)
    assert not worth_reserving(30, 30 * 15)
    assert not worth_reserving(0, GB)
    assert not worth_reserving(1, -5)
