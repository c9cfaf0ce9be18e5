"""`vms verify` without a file: whatever is tampered with is found and named, and nothing else."""

import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from storage.audit.check import Audit
from storage.check import Level
from storage.facts import RunFacts
from storage.findings import Kind
from storage.ledger import Ledger
from storage.ledger.leaves import DeleteLeaf, LiftLeaf, SegmentLeaf, parse
from storage.recording import Store
from storage.rows import SegmentRow
from tests.storage.house import FORMAT, key, second
from tests.storage.tampering import MANIPULATIONS, House, tampered
from vms.core.clock import Instant, SystemClock
from vms.core.model import Cause

NAMES = [manipulation.__name__ for manipulation in MANIPULATIONS]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    base = "/dev/shm" if Path("/dev/shm").is_dir() else None
    folder = Path(tempfile.mkdtemp(dir=base))
    (folder / "house").mkdir()
    one = House(folder / "house")
    yield one
    one.engine.dispose()
    shutil.rmtree(folder)


def test_an_untouched_archive_is_well(house: House) -> None:
    assert house.check(kept=True) == []
    assert len(house.rows()) > 20


@pytest.mark.parametrize("round_", range(2))
@pytest.mark.parametrize(
    "number", range(len(MANIPULATIONS)), ids=[m.__name__ for m in MANIPULATIONS]
)
def test_what_was_tampered_with_is_found_and_named(house: House, number: int, round_: int) -> None:
    told, found, named = tampered(house, number + round_ * len(MANIPULATIONS))
    assert named, (told, found)


def test_a_swapped_and_a_missing_file_are_told_apart_from_a_damaged_one(house: House) -> None:
    one, other = house.rows()[3], house.rows()[9]
    with house.undone():
        data = house.file(one).read_bytes()
        house.file(one).write_bytes(house.file(other).read_bytes())
        house.file(other).unlink()
        found = {finding.kind: finding.detail for finding in house.check()}
    assert f"holds the footage of {_id(other)}" in found[Kind.FOOTAGE_DAMAGED]
    assert "no rule deleted it" in found[Kind.FOOTAGE_MISSING]
    assert len(data) > 0


def test_a_kept_head_finds_what_was_signed_anew_with_the_stolen_key(house: House) -> None:
    with house.undone():
        lines = (house.root / "ledger/leaves/000000000.jsonl").read_bytes().splitlines()
        shutil.rmtree(house.root / "ledger")
        shutil.rmtree(house.root / "video/.gozcu/ledger")
        forger = Ledger.of(house.settings, house.clock)
        lift = LiftLeaf("a hold that never was", "me", Instant(0))
        forger.append([lift, *(parse(line) for line in lines)])
        for finding in house.check():  # the places of all rows have moved by one
            assert finding.kind in (Kind.ROW_CHANGED, Kind.LEDGER_DAMAGED)
        forger.checkpoint()
        assert any("kept head" in one.detail for one in house.check(kept=True))


def test_a_deletion_that_was_not_carried_out_can_be_taken_back(house: House) -> None:
    row = house.rows()[3]
    with house.undone():
        house.ledger.append([_deletion(row)])
        assert "its row is not" in _told(house)[Kind.ROW_UNKNOWN]
        _keep(house, row)
        assert house.check() == []
        house.ledger.append([_deletion(row)])
        assert "its row is not" in _told(house)[Kind.ROW_UNKNOWN]


@pytest.mark.parametrize("file_too", [False, True])
def test_what_is_gone_is_not_hidden_by_taking_its_deletion_back(
    house: House, file_too: bool
) -> None:
    row = house.rows()[3]
    with house.undone():
        house.ledger.append([_deletion(row)])
        _keep(house, row)
        _forget_row(house, row)
        if file_too:
            house.file(row).unlink()
        told = _told(house)
        assert _id(row) in {one.subject for one in house.check()}
        kind = Kind.FOOTAGE_MISSING if file_too else Kind.ROW_MISSING
        assert kind in told


def test_other_footage_takes_no_deletion_back(house: House) -> None:
    row, other = house.rows()[3], house.rows()[9]
    with house.undone():
        data = house.file(other).read_bytes()
        house.file(row).write_bytes(data)
        forged = replace(row, sha256=other.sha256, size=other.size)
        house.ledger.append([_deletion(row)])
        _keep(house, forged)
        assert "its row is not" in _told(house)[Kind.ROW_UNKNOWN]
        house.ledger.append([_deletion(forged)])  # one that is taken back hides no other
        _keep(house, forged)
        assert "its row is not" in _told(house)[Kind.ROW_UNKNOWN]


def test_more_leaves_than_fit_at_once_are_read_in_parts(house: House) -> None:
    audit = Audit(
        house.engine,
        house.settings,
        Ledger.of(house.settings, house.clock),
        house.clock,
        patience=0,
        records_max=20,
    )
    assert list(audit.findings(Level.HASH)) == []
    with house.undone():
        row = house.rows()[5]
        house.file(row).unlink()
        with closing(sqlite3.connect(house.root / "gozcu.db")) as database:
            database.execute("DELETE FROM segment WHERE start = ?", (row.start,))
            database.commit()
        assert any(one.subject == _id(row) for one in audit.of_ledger())


def test_nothing_is_told_while_footage_is_recorded_and_deleted(tmp_path: Path) -> None:
    """Rows, leaves and files change under the audit's hands; each change is a right one."""
    (tmp_path / "house").mkdir()
    house = House(tmp_path / "house")
    stopping = threading.Event()

    def work() -> None:
        clock = SystemClock()
        with Store(house.settings, clock) as store:
            store.recover([key("gate")])
            while not stopping.is_set():
                start = Instant(max(clock.now(), store.covered_until(key("gate")) or 0))
                segment = store.open_segment(key("gate"), start, FORMAT, RunFacts(1, start))
                segment.append(second(int(start % 1_000), 0, key=True))
                time.sleep(0.3)
                segment.close(Instant(start + 200_000_000))
                store.open_gap(key("gate"), Instant(start + 200_000_000), Cause.SILENT)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        until = time.monotonic() + 6
        while time.monotonic() < until:
            ledger = Ledger.of(house.settings, SystemClock())
            audit = Audit(house.engine, house.settings, ledger, SystemClock(), patience=3)
            assert list(audit.of_ledger()) == []
    finally:
        stopping.set()
        worker.join(20)
    assert house.ledger.size() > 60
    house.engine.dispose()


def _deletion(row: SegmentRow) -> DeleteLeaf:
    facts = (row.stream, row.start, row.end, row.sha256, row.size)
    return DeleteLeaf(*facts, "default", "old", "custodian", row.end)


def _keep(house: House, row: SegmentRow) -> None:
    """A leaf that says so, and the row with it."""
    place = house.ledger.append([SegmentLeaf.of(row)])
    _change(house, row, f"UPDATE segment SET leaf = {place}, bytes = {row.size}, sha256 = :sha256")


def _forget_row(house: House, row: SegmentRow) -> None:
    _change(house, row, "DELETE FROM segment")


def _change(house: House, row: SegmentRow, statement: str) -> None:
    of = "(SELECT id FROM stream WHERE camera = :camera)"
    facts = {"camera": row.stream.camera, "start": row.start, "sha256": row.sha256}
    with closing(sqlite3.connect(house.root / "gozcu.db")) as database:
        database.execute(f"{statement} WHERE start = :start AND stream_id = {of}", facts)
        database.commit()


def _told(house: House) -> dict[Kind, str]:
    return {finding.kind: finding.detail for finding in house.check()}


def _id(row: SegmentRow) -> str:
    return f"{row.stream.camera}.{row.stream.name}.{row.start}"
