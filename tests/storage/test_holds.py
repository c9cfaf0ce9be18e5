"""Holds in the database and beside the footage: either suffices, each is repaired from the other.

The crash machine adds and lifts on two volumes, on a disk that stops, tears or refuses at its
n-th operation, for every n: afterwards never fewer holds than were promised (invariant 4).
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from storage.database import open_database
from storage.disk import RealDisk
from storage.holds.files import holds_folder
from storage.holds.held import Hold, Lift, Told
from storage.holds.leaves import HoldLeaves
from storage.holds.order import HoldOrder
from storage.holds.repository import Holds
from storage.ledger import Ledger
from storage.ledger.leaves import Leaf, SegmentLeaf
from storage.schema import hold as hold_table
from storage.volume import prepare_volume
from tests.storage.house import fresh_database, key, settings
from tests.storage.sim_disk import Crash, Fault, SimDisk
from vms.core.clock import HOUR, SECOND, FakeClock, Instant
from vms.core.errors import NotFound, Refused, StorageError
from vms.core.model import CameraId, Cause

T = 1_763_800_000 * SECOND
GATE = key("gate")
OPERATIONS = 34  # of adding and lifting on two volumes; checked below


class ListedLeaves:
    """A ledger's leaves in memory; the real one passes the same tests (`ledgers`)."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.refuses = False

    def append(self, leaves: Sequence[Leaf]) -> int:
        self._answer()
        self.lines += [leaf.line() for leaf in leaves]
        return len(self.lines) - len(leaves)

    def size(self) -> int:
        self._answer()
        return len(self.lines)

    def leaves(self, start: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
        self._answer()
        yield from list(enumerate(self.lines))[start:end]

    def _answer(self) -> None:
        if self.refuses:
            raise StorageError(Cause.DISK_FAILED, "for the test")


class House:
    """Two volumes and a database in a folder."""

    def __init__(self, root: Path, template: Path) -> None:
        self.root, self.clock, self.leaves = root, FakeClock(), ListedLeaves()
        fresh_database(root, template)
        self.settings = settings(root, "one", "two")
        self.roots = [volume.path for volume in self.settings.volumes]
        for volume in self.settings.volumes:
            volume.path.mkdir()
            prepare_volume(volume, RealDisk(), self.clock)
        self.engine = open_database(self.settings.database_url)
        self.disk = SimDisk(self.roots)

    def holds(self, *, ledger: bool = True) -> Holds:
        told = HoldLeaves(self.leaves) if ledger else None
        volumes, lock = self.settings.volumes, self.root / "holds.lock"
        return Holds(self.engine, volumes, self.disk, self.clock, told, lock=lock)

    def add(self, start: int = 0, end: int = 60) -> Hold:
        return self.holds().add(order(start, end), "ayşe")

    def forget_rows(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(hold_table.delete())

    def file(self, hold: Hold, volume: int = 0) -> Path:
        return holds_folder(self.roots[volume]) / f"{hold.id}.json"


def order(start: int = 0, end: int = 60, **more: object) -> HoldOrder:
    span = Instant(T + start * SECOND), Instant(T + end * SECOND)
    return replace(HoldOrder(CameraId("gate"), *span, "case 7"), **more)  # type: ignore[arg-type]


def held(holds: Holds, at: int) -> bool:
    return holds.covers(GATE, Instant(T + at * SECOND), Instant(T + at * SECOND + 1))


@pytest.fixture
def house(template: Path) -> Iterator[House]:
    base = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=base) as name:
        house = House(Path(name), template)
        yield house
        house.engine.dispose()


def test_a_hold_stands_in_the_database_on_every_volume_and_in_the_ledger(house: House) -> None:
    made = house.add()
    assert house.holds().active() == [made]
    assert house.file(made, 0).exists()
    assert house.file(made, 1).exists()
    assert HoldLeaves(house.leaves).told(made.id) == Told(made, None)
    assert held(house.holds(), 59)
    assert not held(house.holds(), 60)
    assert house.holds().check() == []


def test_a_lifted_hold_holds_no_more_and_is_still_listed(house: House) -> None:
    made = house.add()
    house.clock.advance(SECOND)
    house.holds().lift(made.id, "ali", "closed")
    assert house.holds().active() == []
    (listed,) = house.holds().all()
    assert (listed.lifted_by, listed.lift_reason) == ("ali", "closed")
    assert not held(house.holds(), 5)
    assert house.holds().check() == []


def test_refusals_change_nothing(house: House) -> None:
    with pytest.raises(Refused, match="reason"):
        house.holds().add(order(reason=" \n"), "ayşe")
    made = house.add()
    with pytest.raises(Refused, match="reason"):
        house.holds().lift(made.id, "ali", " ")
    with pytest.raises(NotFound):
        house.holds().lift("nothing", "ali", "closed")
    house.holds().lift(made.id, "ali", "closed")
    with pytest.raises(Refused, match="before, by ali"):
        house.holds().lift(made.id, "ali", "closed")
    assert len(house.holds().all()) == 1


@pytest.mark.parametrize("ledger", [True, False])
def test_the_holds_are_rebuilt_from_any_one_volume(house: House, ledger: bool) -> None:
    kept, ended = house.add(), house.add(100, 160)
    house.holds().lift(ended.id, "ali", "closed")
    before = house.holds().all()
    house.forget_rows()
    shutil.rmtree(holds_folder(house.roots[0]))
    if not ledger:
        house.leaves = ListedLeaves()
    holds = house.holds(ledger=ledger)
    assert held(holds, 5), "a file suffices"
    holds.repair()
    assert holds.all() == before
    assert holds.check() == []
    assert house.file(kept, 0).read_bytes() == house.file(kept, 1).read_bytes()


def test_a_row_suffices_and_the_files_are_written_again(house: House) -> None:
    made = house.add()
    for root in house.roots:
        shutil.rmtree(holds_folder(root))
    assert held(house.holds(), 5)
    assert len(house.holds().repair()) == 2
    assert house.holds().repair() == []
    assert house.file(made, 0).exists()
    assert house.file(made, 1).exists()


def test_the_ledger_suffices(house: House) -> None:
    made = house.add()
    house.forget_rows()
    for root in house.roots:
        shutil.rmtree(holds_folder(root))
    assert held(house.holds(), 5)
    assert "does not know" in house.holds().repair()[0].detail
    assert house.holds().active() == [made]
    assert house.holds().check() == []


def test_an_old_volume_that_comes_back_undoes_no_lift(house: House) -> None:
    made = house.add()
    away = house.root / "away"
    house.roots[1].rename(away)
    house.holds().lift(made.id, "ali", "closed")
    house.holds().repair()
    away.rename(house.roots[1])
    assert not held(house.holds(), 5)
    house.forget_rows()
    assert not held(house.holds(), 5)
    house.holds().repair()
    assert [hold.lifted_by for hold in house.holds().all()] == ["ali"]
    assert b'"ali"' in house.file(made, 1).read_bytes()


def test_a_new_volume_gets_the_holds(house: House) -> None:
    made = house.add()
    shutil.rmtree(house.roots[1])
    house.roots[1].mkdir()
    prepare_volume(house.settings.volumes[1], RealDisk(), house.clock)
    house.holds().repair()
    assert house.file(made, 1).exists()


def test_nothing_is_written_into_an_empty_mount_point(house: House) -> None:
    shutil.rmtree(house.roots[1])
    house.roots[1].mkdir()
    house.add()
    house.holds().repair()
    assert list(house.roots[1].iterdir()) == []


def test_a_damaged_file_is_reported_and_written_again(house: House) -> None:
    made = house.add()
    house.file(made).write_bytes(house.file(made).read_bytes()[:-40])
    assert held(house.holds(), 5)
    (problem,) = house.holds().check()
    assert problem.subject == str(house.file(made))
    assert "damaged" in problem.detail
    assert [one.subject for one in house.holds().repair()] == [str(house.file(made))]
    assert house.holds().check() == house.holds().repair() == []


def test_a_damaged_file_nobody_else_knows_of_holds_everything_until_it_is_lifted(
    house: House,
) -> None:
    strange = holds_folder(house.roots[0]) / "0123456789ab.json"
    strange.parent.mkdir()
    strange.write_text("{torn")
    assert house.holds().covers(key("other"), Instant(0), Instant(1))
    assert "damaged" in " ".join(problem.detail for problem in house.holds().repair())
    assert strange.read_text() == "{torn", "what it meant may still be found out"
    house.holds().lift("0123456789ab", "ali", "nothing by this name was ever held")
    assert not house.holds().covers(key("other"), Instant(0), Instant(1))
    house.holds().repair()
    assert not house.holds().covers(key("other"), Instant(0), Instant(1))


def test_a_volume_whose_holds_cannot_be_read_holds_everything(house: House) -> None:
    holds_folder(house.roots[0]).write_text("no folder")
    assert house.holds().covers(key("other"), Instant(0), Instant(1))
    assert "can't be read" in house.holds().check()[0].detail


@pytest.mark.parametrize(
    "how", ["row lifted", "row shortened", "row gone", "file gone", "tombstone"]
)
def test_tampering_lifts_nothing_and_is_found(house: House, how: str) -> None:
    made = house.add()
    with house.engine.begin() as connection:
        if how == "row lifted":
            connection.execute(hold_table.update().values(lifted=T, lifted_by="x"))
        elif how == "row shortened":
            connection.execute(hold_table.update().values(end=T + 1))
        elif how == "row gone":
            connection.execute(hold_table.delete())
    if how == "file gone":
        house.file(made).unlink()
    elif how == "tombstone":
        forged = replace(made, lifted=Instant(T), lifted_by="x", lift_reason="x")
        house.holds()._files.put(house.roots[0], forged)
    assert held(house.holds(), 5)
    assert house.holds().check()
    house.holds().repair()
    assert house.holds().active() == [made]
    assert house.holds().check() == []


def test_drafts_of_a_crash_are_swept(house: House) -> None:
    house.add()
    draft = holds_folder(house.roots[0]) / "0123456789ab.77777777.draft"
    draft.write_text("{torn")
    os.utime(draft, ns=(house.clock.now(), house.clock.now()))
    house.holds().repair()
    assert draft.exists(), "somebody may be writing it"
    house.clock.advance(2 * HOUR)
    house.holds().repair()
    assert not draft.exists()


def test_a_ledger_that_refuses_delays_no_hold_and_stops_a_lift(house: House) -> None:
    house.leaves.refuses = True
    made = house.add()
    assert held(house.holds(), 5)
    with pytest.raises(StorageError):
        house.holds().lift(made.id, "ali", "closed")
    assert held(house.holds(), 5)
    house.leaves.refuses = False
    house.holds().repair()
    assert HoldLeaves(house.leaves).told(made.id) == Told(made, None)


def test_a_hold_waits_for_a_deletion_in_progress(house: House) -> None:
    with house.holds().deleting() as spans:
        assert not spans.covers(GATE, Instant(T), Instant(T + 1))
        other = house.holds()
        assert not other._own.locked()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("storage.holds.repository._PATIENCE", 0.05)
            with pytest.raises(StorageError, match="try again"):
                other.add(order(), "ayşe")
    assert house.holds().all() == []


def test_the_ledger_tells_holds_and_lifts_from_all_else(house: House) -> None:
    ledger = Ledger(house.root / "ledger", None, house.clock)
    for leaves in (house.leaves, ledger):
        one, two = HoldLeaves(leaves), HoldLeaves(leaves)
        made = house.add()
        quoted = replace(made, id="quoted", reason='"kind":"lift"')
        one.held(made)
        other = SegmentLeaf(GATE, made.start, made.end, bytes(32), 1)
        leaves.append([other, other])
        one.held(quoted)
        one.held(replace(made, end=made.start))
        assert two.told(made.id) == Told(made, None)
        lifted = replace(made, lifted=Instant(T), lifted_by="ali", lift_reason="closed")
        two.lifted(lifted)
        assert one.told(made.id) == Told(made, Lift(Instant(T), "ali", "closed"))
        assert one.told("quoted") == Told(quoted, None)
        assert "quoted" in one.open_ids()
        assert made.id not in one.open_ids()


# -- the crash machine ------------------------------------------------------------------------


def _scenario(house: House, promised: dict[str, Hold], lifted: set[str]) -> None:
    """Add two holds and lift the first. What returned was promised."""
    first = house.add(0, 60)
    promised[first.id] = first
    second = house.add(100, 160)
    promised[second.id] = second
    lifted.add(first.id)  # from here on it may be lifted
    house.holds().lift(first.id, "ali", "closed")


def test_the_scenario_is_covered_to_its_last_operation(house: House) -> None:
    _scenario(house, {}, set())
    assert house.disk.done == OPERATIONS


def _crash_points() -> list[object]:
    """Every operation with every fault and aftermath; a third of them each time, all nightly."""
    faults, afters = ("stop", "tear", "refuse"), (
        "as it is", "power cut", "no rows", "one volume", "no ledger",
    )  # fmt: skip
    return [
        pytest.param(
            fault, at, after, marks=() if (at + a + f) % 3 == 0 else (pytest.mark.nightly,)
        )
        for f, fault in enumerate(faults)
        for a, after in enumerate(afters)
        for at in range(1, OPERATIONS + 1)
    ]


@pytest.mark.parametrize(("fault", "at", "after"), _crash_points())
def test_never_fewer_holds_than_promised(house: House, fault: Fault, at: int, after: str) -> None:
    house.disk = SimDisk(house.roots, at=at, fault=fault)
    promised: dict[str, Hold] = {}
    lifted: set[str] = set()
    try:
        _scenario(house, promised, lifted)
    except Crash:
        pass
    else:
        assert fault == "refuse", "a refusal stops nobody"
    if after == "power cut":
        house.disk.cut_power(random.Random(at))
    elif after == "no rows":
        house.forget_rows()
    elif after == "one volume":
        shutil.rmtree(holds_folder(house.roots[at % 2]), ignore_errors=True)
    house.disk = SimDisk(house.roots)
    ledger = after != "no ledger"
    for _ in range(2):
        active = {hold.id: hold for hold in house.holds(ledger=ledger).active()}
        for hold_id, hold in promised.items():
            assert hold_id in lifted or active.get(hold_id) == hold
        if len(lifted) == 1 and fault == "refuse":  # the lift was told to be done
            assert not lifted & active.keys()
        house.holds(ledger=ledger).repair()
    assert house.holds(ledger=ledger).check() == []
    settled = house.holds(ledger=ledger).all()
    house.forget_rows()
    house.holds(ledger=ledger).repair()
    assert house.holds(ledger=ledger).all() == settled, "invariant 7"
