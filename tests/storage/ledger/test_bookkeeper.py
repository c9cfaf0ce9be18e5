"""What goes into the index has its leaf first: from the indexer, from recovery, and once only."""

from dataclasses import replace
from pathlib import Path

import pytest

from storage.database import migrate, open_database
from storage.disk import RealDisk
from storage.facts import GapFacts
from storage.fmp4 import init_section
from storage.index import Index
from storage.indexer import Indexer
from storage.ledger import Ledger
from storage.ledger.bookkeeper import Bookkeeper, leaf_of
from storage.ledger.leaves import GapLeaf, SegmentLeaf, parse
from storage.rows import DropGap, PutGap, PutSegment
from tests.storage.house import FORMAT, Recorder, key, open_store, settings
from vms.core.clock import SECOND, FakeClock, Instant
from vms.core.errors import StorageError
from vms.core.model import Cause

GATE = key("gate")
FOREVER = Instant(2**62)


class FullDisk(RealDisk):
    """A disk that takes nothing while it is `full`."""

    full = False

    def write(self, fd: int, data: bytes, offset: int) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().write(fd, data, offset)


class Sulking(Index):
    """A database that has a bad day."""

    bad = False

    def apply(self, changes: object) -> None:
        if self.bad:
            raise StorageError(Cause.DISK_FAILED, "not today")
        super().apply(changes)


@pytest.fixture
def disk() -> FullDisk:
    return FullDisk()


@pytest.fixture
def ledger(tmp_path: Path, disk: FullDisk) -> Ledger:
    return Ledger(tmp_path / "ledger", disk, FakeClock())


@pytest.fixture
def index(tmp_path: Path) -> Sulking:
    engine = open_database(f"sqlite:///{tmp_path / 'gozcu.db'}")
    migrate(engine)
    index = Sulking(engine)
    index.know_volume("here", "/video")
    return index


def row(second: int) -> PutSegment:
    start = Instant(second * SECOND)
    end = Instant(start + SECOND)
    return PutSegment(GATE, start, end, "here", init_section(FORMAT), 1, 9, bytes(32), None, 25)


def gap(second: int, cause: Cause = Cause.SILENT, *, lasts: bool = False) -> PutGap:
    start = Instant(second * SECOND)
    return PutGap(GapFacts(GATE, start, None if lasts else Instant(start + SECOND), cause))


def rows_and_leaves(index: Index) -> list[tuple[int, int | None]]:
    return [(one.start // SECOND, one.leaf) for one in index.segments(GATE, 0, FOREVER)]


def test_rows_know_the_places_of_their_leaves(index: Sulking, ledger: Ledger) -> None:
    indexer = Indexer(index, Bookkeeper(ledger))
    indexer.put([row(1), gap(2, lasts=True)])
    indexer.put([gap(2), DropGap(GATE, Instant(9)), gap(4, Cause.DELETED), row(3)])
    assert indexer.flush()
    kept = [parse(line) for _, line in ledger.leaves()]
    assert kept == [SegmentLeaf.of(row(1)), GapLeaf.of(gap(2).gap), SegmentLeaf.of(row(3))]
    assert rows_and_leaves(index) == [(1, 0), (3, 2)]


def test_a_database_that_refuses_costs_no_second_leaf(index: Sulking, ledger: Ledger) -> None:
    indexer = Indexer(index, Bookkeeper(ledger))
    index.bad = True
    indexer.put([row(1), gap(2)])
    for _ in range(3):
        assert not indexer.flush()
    indexer.put([row(3)])
    assert not indexer.flush()
    index.bad = False
    assert indexer.flush()
    assert ledger.size() == 3
    assert rows_and_leaves(index) == [(1, 0), (3, 2)]


def test_a_ledger_that_cant_be_written_stops_no_recording(
    index: Sulking, ledger: Ledger, disk: FullDisk
) -> None:
    indexer = Indexer(index, Bookkeeper(ledger))
    disk.full = True
    indexer.put([row(1), gap(2)])
    assert indexer.flush()
    assert rows_and_leaves(index) == [(1, None)]
    disk.full = False
    indexer.put([row(3)])
    assert indexer.flush()
    assert rows_and_leaves(index) == [(1, None), (3, 0)]


def test_a_fault_of_the_ledgers_loses_no_change(index: Sulking, ledger: Ledger) -> None:
    class Broken(Bookkeeper):
        def booked(self, changes: object) -> list:
            raise KeyError("a bug")

    indexer = Indexer(index, Broken(ledger))
    indexer.put([row(1)])
    with pytest.raises(KeyError):
        indexer.flush()
    indexer._books = Bookkeeper(ledger)
    assert indexer.flush()
    assert rows_and_leaves(index) == [(1, 0)]


def test_a_gap_that_is_taken_back_says_so(ledger: Ledger) -> None:
    was = gap(2).gap
    (done,) = Bookkeeper(ledger).booked([DropGap(GATE, was.start, was)])
    assert done.leaf == 0
    assert parse(ledger.read(0)) == GapLeaf.of(replace(was, end=was.start))
    assert leaf_of(done) is None
    assert leaf_of(DropGap(GATE, was.start)) is None
    assert leaf_of(DropGap(GATE, was.start, gap(2, Cause.DELETED).gap)) is None


def test_a_change_that_fits_no_leaf_goes_without(index: Sulking, ledger: Ledger) -> None:
    huge = PutGap(replace(gap(1).gap, detail="x" * 70_000))
    assert Bookkeeper(ledger).booked([huge, row(2)])[1].leaf == 0


def test_recorded_footage_and_what_recovery_finds_have_leaves(tmp_path: Path) -> None:
    clock = FakeClock()
    (tmp_path / "video").mkdir()
    with open_store(tmp_path, clock) as store:
        store.recover([GATE])
        recorder = Recorder(store, clock, GATE)
        for _ in range(8):
            clock.advance(SECOND)
            recorder.step()
            store.pump()
        recorder.segment = None
        store._open.clear()
        store._stop()  # as if killed
    with open_store(tmp_path, clock) as store:
        recovered = store.recover([GATE])
        assert len(recovered.salvaged) == 1
    house = settings(tmp_path)
    ledger = Ledger.of(house, clock)
    leaves = dict(ledger.leaves())
    segments = Index(open_database(house.database_url)).segments(GATE, 0, FOREVER)
    assert len(segments) == 3
    for one in segments:
        assert parse(leaves[one.leaf]) == SegmentLeaf.of(one)
        assert one.frames in (15, 10)
