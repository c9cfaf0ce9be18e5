"""Activity: from sizes to levels, kept beside the row, gone with it, found again."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from storage.activity.meter import ABOVE, Levels, Meter, Pictures
from storage.activity.rows import ActivityRows
from storage.activity.steps import Active, active, by_second, steps
from storage.database import migrate, open_database
from storage.fmp4 import init_section
from storage.index import Index
from storage.rows import DropSegment, PutSegment
from storage.schema import activity, activity_hour
from tests.storage.house import FORMAT, key
from vms.core.clock import DAY, HOUR, MINUTE, SECOND, Instant

RATE, FPS = 90_000, 10
GATE = key("gate")
START = Instant(1_760_000_400 * SECOND // HOUR * HOUR)


def minute(
    moving: range,
    *,
    seed: int = 1,
    gop: int = 20,
    noise: float = 0.03,
    size: float = 1_000,
    grown: float = 1.6,
) -> Pictures:
    """A minute of pictures: large keyframes, noise that settles after them, motion in between,
    which makes them `grown` times as large."""
    rng = random.Random(seed)
    pictures = Pictures()
    for number in range(60 * FPS):
        age, second = number % gop, number // FPS
        usual = size * (1 + 1 / (age + 1)) * rng.gauss(1, noise)
        coded = usual * (grown if second in moving else 1)
        pictures.add([(RATE // FPS, int(coded if age else 20 * size), 0, age == 0)])
    return pictures


def test_what_moves_stands_out_second_by_second() -> None:
    levels = Meter().measure(minute(range(20, 27)), RATE).values
    assert [second for second, level in enumerate(levels) if level >= ABOVE] == list(range(20, 27))


def test_what_hardly_stands_out_counts_where_it_lasts() -> None:
    """7 % in one second may be noise; in several on end it is not."""
    alone = Meter().measure(minute(range(20, 21), grown=1.07, noise=0.01), RATE).values
    lasting = Meter().measure(minute(range(20, 26), grown=1.07, noise=0.01), RATE).values
    assert max(alone) < ABOVE
    assert [n for n, level in enumerate(lasting) if level >= ABOVE] == list(range(20, 26))


def test_a_second_without_a_picture_is_in_no_run() -> None:
    pictures = minute(range(20, 22), grown=1.07, noise=0.01)
    gap = Pictures()
    for number, (duration, size, composition, is_key) in enumerate(pictures.rows()):
        long = duration + (RATE if number == 21 * FPS - 1 else 0)
        gap.add([(long, size, composition, bool(is_key))])
    assert max(Meter().measure(gap, RATE).values) < ABOVE


@pytest.mark.parametrize("gop", [10, 25, 37, 300])
def test_keyframes_are_no_activity_wherever_they_fall(gop: int) -> None:
    meter = Meter()
    levels = b"".join(meter.measure(minute(range(0), seed=n, gop=gop), RATE).values for n in (1, 2))
    assert sum(level >= ABOVE for level in levels) <= 2


def test_another_bitrate_is_no_activity_for_long() -> None:
    meter = Meter()
    meter.measure(minute(range(0)), RATE)
    meter.measure(minute(range(0), seed=2, size=2_000), RATE)
    assert max(meter.measure(minute(range(0), seed=3, size=2_000), RATE).values) < ABOVE * 2


def test_b_frames_are_held_against_b_frames() -> None:
    pictures = Pictures()
    rng = random.Random(3)
    for number in range(60 * FPS):
        reordered = number % 3 == 1
        size = int((3_000 if reordered else 300) * rng.gauss(1, 0.03))
        pictures.add(
            [(9_000, 20_000 if number % 30 == 0 else size, 27_000 * reordered, number % 30 == 0)]
        )
    levels = Meter().measure(pictures, RATE).values
    assert sum(level >= ABOVE for level in levels) <= 1


pictures_of_any_kind = st.lists(
    st.tuples(
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**31),
        st.integers(-(2**31), 2**31 - 1),
        st.booleans(),
    ),
    max_size=40,
)


@given(pictures_of_any_kind)
def test_any_sizes_and_times_give_levels_and_no_error(
    rows: list[tuple[int, int, int, bool]],
) -> None:
    pictures = Pictures()
    pictures.add(rows)
    assert len(Meter().measure(pictures, RATE).values) <= 86_401


def test_equal_segments_measured_twice_are_equal() -> None:
    first, second = Meter(), Meter()
    for seed in range(3):
        same = minute(range(5, 9), seed=seed)
        assert first.measure(same, RATE) == second.measure(same.copy(), RATE)


def test_steps_tell_highest_and_mean_and_what_is_unknown() -> None:
    seconds = by_second(START, Levels(bytes([10, 30, 0, 200])), Instant(START + 4 * SECOND))
    found = steps(seconds, START, Instant(START + 6 * SECOND), 3)
    assert found.values == ((30, 20), (200, 100), None)


def test_seconds_close_to_each_other_are_one_span() -> None:
    levels = Levels(bytes([0, 99, 0, 0, 120, 0, 0, 0, 0, 0, 0, 0, 80, 0]))
    found = active(
        by_second(START, levels, Instant(START + MINUTE)), START, Instant(START + MINUTE), 64
    )
    peak, alone = Instant(START + 4 * SECOND), Instant(START + 12 * SECOND)
    assert found == [
        Active(Instant(START + SECOND), Instant(START + 5 * SECOND), 120, peak),
        Active(Instant(START + 12 * SECOND), Instant(START + 13 * SECOND), 80, alone),
    ]
    first = active(
        by_second(START, levels, Instant(START + MINUTE)), START, Instant(START + MINUTE), 64, 1
    )
    assert first == found[:1]


def put(at: int, levels: bytes) -> PutSegment:
    start = Instant(START + at)
    return PutSegment(
        GATE, start, Instant(start + len(levels) * SECOND), "v", init_section(FORMAT), 1, 9,
        bytes(32), activity=Levels(levels),
    )  # fmt: skip


def test_levels_come_with_the_row_and_go_with_it(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/gozcu.db")
    migrate(engine)
    index = Index(engine)
    index.know_volume("v", "/v")
    first, second = put(0, bytes([1, 200, 0, 0])), put(MINUTE, bytes([90, 0]))
    index.apply([first, second])
    index.apply([first, replace(second, activity=None)])  # nobody looked: what is known stays

    def hours() -> list[tuple[int, ...]]:
        with engine.connect() as connection:
            query = sa.select(activity_hour.c.peak, activity_hour.c.total, activity_hour.c.seconds)
            return [tuple(row) for row in connection.execute(query)]

    assert hours() == [(200, 291, 6)]
    rows = ActivityRows(engine)
    for span in (HOUR, DAY, 20 * DAY):
        found = rows.measured(GATE, START, Instant(START + span))
        assert (max(one.peak for one in found), sum(one.total for one in found)) == (200, 291)
    assert [one.peak for one in rows.seconds(GATE, START, Instant(START + HOUR), 100)] == [
        1,
        200,
        0,
        0,
    ]
    index.apply([DropSegment(GATE, first.start)])
    assert hours() == [(90, 90, 2)]
    index.apply([DropSegment(GATE, second.start)])
    assert hours() == []
    with engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(activity)).scalar() == 0
    engine.dispose()
