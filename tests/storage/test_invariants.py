"""The checker of invariants can fail: each broken on purpose is named by its number."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.clock_hands import ClockHands
from storage.disk import RealDisk
from storage.layout import path_of
from storage.ledger.leaves import DeleteLeaf
from storage.schema import gap as gap_table
from storage.schema import segment as segment_table
from storage.schema import usage
from tests.storage.house import key, settings
from tests.storage.invariants import INVARIANTS, assert_invariants, problems
from tests.storage.minutes import BEGIN, HELD, recorded
from tests.storage.sim_disk import SimDisk
from tests.storage.world import Promised, World, finals_on, kept_engine, lay_out
from vms.core.clock import DAY, FakeClock

GATE, FIRST = key("gate"), (key("gate"), BEGIN)


@pytest.fixture
def world(ground: Path) -> World:
    """Minutes of footage, two of them held, all well."""
    image, sent = recorded(ground)
    house, clock = settings(ground), FakeClock(now=BEGIN + DAY)
    engine = kept_engine(house.database_url)
    engine.dispose()
    lay_out(ground, image)
    made = World(house, clock, engine, disk=SimDisk([ground / "video"]))
    made.promised = Promised(
        sent=sent,
        kept=frozenset(picture for _, picture in sent[GATE]),
        loss=0,
        finals=finals_on([ground / "video"]),
        rows=made.rows,
        held=[(GATE, *HELD)],
    )
    return made


def file_of(world: World) -> Path:
    """Of the first segment of the gate."""
    (root,) = world.roots.values()
    return root / path_of(*FIRST)


def told_deleted(world: World) -> None:
    row = world.rows[FIRST]
    leaf = DeleteLeaf(
        *FIRST, row.end, row.sha256, row.size, "month", "30 days", "x", world.clock.now()
    )
    world.ledger.append([leaf])


def execute(world: World, statement: sa.Executable) -> None:
    with world.engine.begin() as connection:
        connection.execute(statement)


def a_byte_more(world: World) -> None:
    with file_of(world).open("ab") as file:
        file.write(b"\0")


def a_row_without_its_file(world: World) -> None:
    file_of(world).unlink()


def a_deletion_that_nobody_finished(world: World) -> None:
    told_deleted(world)


def a_hold_that_lost_its_footage(world: World) -> None:
    start = BEGIN + 120 * 10**9
    (root,) = world.roots.values()
    (root / path_of(GATE, start)).unlink()
    execute(world, sa.delete(segment_table).where(segment_table.c.start == start))


def a_second_that_nobody_explains(world: World) -> None:
    execute(world, sa.delete(gap_table))


def footage_that_is_gone(world: World) -> None:
    file_of(world).unlink()
    execute(world, sa.delete(segment_table).where(segment_table.c.start == BEGIN))


def a_row_that_no_volume_knows_so(world: World) -> None:
    changed = sa.update(segment_table).where(segment_table.c.start == BEGIN)
    execute(world, changed.values(end=segment_table.c.end - 1))


def usage_that_hides_footage(world: World) -> None:
    execute(world, sa.delete(usage))


def a_sync_that_is_tried_again(world: World) -> None:
    (root,) = world.roots.values()
    disk = world.disk = SimDisk([root], at=2, fault="refuse")
    fd = disk.create(root / "x.part")
    with pytest.raises(OSError, match="Input/output error"):
        disk.sync_file(fd)
    disk.sync_file(fd)
    disk.close(fd)
    (root / "x.part").unlink()


def a_clock_that_is_always_believed(world: World) -> None:
    del world  # the guard is broken below


def a_second_lost_beside_a_good_volume(world: World) -> None:
    world.promised = replace(world.promised, spare=True, refused=1)


BROKEN: dict[int, Callable[[World], None]] = {
    1: a_byte_more,
    2: a_row_without_its_file,
    3: a_deletion_that_nobody_finished,
    4: a_hold_that_lost_its_footage,
    5: a_second_that_nobody_explains,
    6: footage_that_is_gone,
    7: a_row_that_no_volume_knows_so,
    8: usage_that_hides_footage,
    9: a_sync_that_is_tried_again,
    10: a_clock_that_is_always_believed,
    11: a_second_lost_beside_a_good_volume,
}


def test_a_world_that_is_well_breaks_none(world: World) -> None:
    assert_invariants(world)


def test_there_are_eleven_and_each_says_its_number() -> None:
    assert list(INVARIANTS) == list(BROKEN) == list(range(1, 12))
    for number, ask in INVARIANTS.items():
        assert (ask.__doc__ or "").startswith(f"{number}. ")


@pytest.mark.parametrize("number", BROKEN)
def test_what_is_broken_is_named(
    world: World, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    BROKEN[number](world)
    if number == 10:
        monkeypatch.setattr(ClockHands, "doubt", lambda *_: None)
    world.look_again()
    named = {int(re.findall(r"invariant (\d+):", said)[0]) for said in problems(world)}
    assert number in named


def test_a_draft_under_a_final_name_is_not_complete(world: World) -> None:
    """Invariant 1, where no promise was made: a file that was cut off in a fragment."""
    world.promised = Promised()
    file = file_of(world)
    fd = RealDisk().open_for_repair(file)
    os.truncate(fd, file.stat().st_size * 2 // 3)
    os.close(fd)
    assert any("not complete" in said for said in problems(world, ends=False))
