"""Rows written while the ledger could not be get their leaves later, a batch at a time."""

from pathlib import Path

import pytest

from storage.database import migrate, open_database
from storage.facts import ClockFacts, GapFacts
from storage.fmp4 import init_section
from storage.index import Index
from storage.ledger import Ledger
from storage.ledger.late import add_late_leaves
from storage.ledger.leaves import GapLeaf, SegmentLeaf, parse
from storage.rows import PutGap, PutSegment
from tests.storage.house import FORMAT, key
from vms.core.clock import SECOND, FakeClock, Instant
from vms.core.errors import StorageError
from vms.core.model import Cause

FOREVER = Instant(2**62)


def _filled(root: Path) -> tuple:
    engine = open_database(f"sqlite:///{root / 'gozcu.db'}")
    migrate(engine)
    index = Index(engine)
    index.know_volume("here", "/video")
    init = init_section(FORMAT)
    for name in ("gate", "square"):
        for n in range(0, 14, 2):
            start, end = Instant(n * SECOND), Instant((n + 1) * SECOND)
            clock = ClockFacts(5, 6, None) if n % 4 else None
            sha256 = bytes([n]) * 32
            leaf = 7 if n == 4 else None
            index.apply(
                [
                    PutSegment(
                        key(name), start, end, "here", init, 1, 9, sha256, clock, n or None, leaf
                    ),
                    PutGap(GapFacts(key(name), end, Instant(end + SECOND), Cause.SILENT, "x")),
                ]
            )
        index.apply(
            [
                PutGap(GapFacts(key(name), Instant(20 * SECOND), Instant(21), Cause.DELETED)),
                PutGap(GapFacts(key(name), Instant(22 * SECOND), None, Cause.SILENT)),
            ]
        )
    return engine, index, Ledger(root / "ledger", None, FakeClock())


def test_all_rows_without_a_leaf_get_theirs(tmp_path: Path) -> None:
    engine, index, ledger = _filled(tmp_path)
    rounds = []
    while done := add_late_leaves(engine, ledger, 4):
        rounds.append(done)
    assert rounds == [8, 8, 8, 2]
    assert ledger.size() == 26
    for row in index.every_segment():
        if row.leaf != 7 or row.start != 4 * SECOND:
            assert parse(ledger.read(row.leaf)) == SegmentLeaf.of(row)
    gaps = [one for line in ledger.leaves() if isinstance(one := parse(line[1]), GapLeaf)]
    assert len(gaps) == 14
    assert {one.cause for one in gaps} == {Cause.SILENT}


def test_a_ledger_that_still_cant_be_written_changes_no_row(tmp_path: Path) -> None:
    engine, index, ledger = _filled(tmp_path)
    (tmp_path / "ledger").write_text("a file where a folder should be")
    with pytest.raises(StorageError):
        add_late_leaves(engine, ledger)
    assert [row.leaf for row in index.every_segment()].count(None) == 12


@pytest.mark.parametrize("table", ["segment", "gap"])
def test_late_rows_are_found_without_reading_the_others(tmp_path: Path, table: str) -> None:
    from storage.ledger.late import _LATE_GAPS, _LATE_SEGMENTS

    engine, _, _ = _filled(tmp_path)
    query = {"segment": _LATE_SEGMENTS, "gap": _LATE_GAPS}[table].limit(5)
    text = str(query.compile(engine, compile_kwargs={"literal_binds": True}))
    with engine.connect() as connection:
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all())
    assert f"{table}_late" in plan
