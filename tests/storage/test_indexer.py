"""The index's writing thread: waits for a database, never for a change that can't be."""

from dataclasses import replace
from pathlib import Path

import pytest

from storage.database import migrate, open_database
from storage.facts import GapFacts
from storage.fmp4 import init_section
from storage.index import ChangeRefused, Index
from storage.indexer import Indexer
from storage.rows import PutGap, PutSegment
from tests.storage.house import FORMAT, key
from vms.core.clock import SECOND, Instant
from vms.core.errors import StorageError
from vms.core.model import Cause

GATE = key("gate")
FOREVER = Instant(2**62)


@pytest.fixture
def index(tmp_path: Path) -> Index:
    engine = open_database(f"sqlite:///{tmp_path / 'gozcu.db'}")
    migrate(engine)
    index = Index(engine)
    index.know_volume("here", "/video")
    return index


def row(second: int, volume: str = "here") -> PutSegment:
    start = Instant(second * SECOND)
    end = Instant(start + SECOND)
    return PutSegment(GATE, start, end, volume, init_section(FORMAT), 1, 9, bytes(32))


def gap(second: int, detail: str = "") -> PutGap:
    start = Instant(second * SECOND)
    return PutGap(GapFacts(GATE, start, Instant(start + SECOND), Cause.SILENT, detail))


@pytest.mark.parametrize(
    "bad",
    [
        row(3, "a volume nobody knows"),
        replace(row(3), size=2**70),
        gap(3, "\udcff"),
    ],
)
def test_a_change_that_is_always_refused_holds_up_no_other(index: Index, bad: PutSegment) -> None:
    indexer = Indexer(index)
    indexer.put([row(1), row(2), bad, gap(4), row(5)])
    assert indexer.flush()
    assert [one.start // SECOND for one in index.segments(GATE, 0, FOREVER)] == [1, 2, 5]
    assert [one.start // SECOND for one in index.gaps(GATE, Instant(0), FOREVER)] == [4]
    assert indexer.aside == 1
    indexer.put([row(6)])
    assert indexer.flush()


def test_a_refused_change_alone_is_tried_a_few_times_and_then_put_aside(index: Index) -> None:
    indexer = Indexer(index)
    indexer.put([row(1, "a volume nobody knows")])
    assert [indexer.flush() for _ in range(6)] == [False] * 4 + [True] * 2
    assert indexer.aside == 1


def test_a_volume_that_becomes_known_in_between_is_no_reason_to_lose_its_row(index: Index) -> None:
    indexer = Indexer(index)
    indexer.put([row(1, "late")])
    assert not indexer.flush()
    index.know_volume("late", "/late")
    assert indexer.flush()
    assert index.segment(GATE, SECOND) is not None


class Sulking(Index):
    """A database that has a bad day."""

    error: type[StorageError] | None = None

    def apply(self, changes: object) -> None:
        if self.error is not None:
            raise self.error(Cause.DISK_FAILED, "not today")
        super().apply(changes)


@pytest.mark.parametrize("error", [StorageError, ChangeRefused])
def test_a_database_that_takes_nothing_loses_nothing(tmp_path: Path, error: type) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'gozcu.db'}")
    migrate(engine)
    index = Sulking(engine)
    index.know_volume("here", "/video")
    indexer = Indexer(index)
    index.error = error
    for second in range(20):
        indexer.put([row(2 * second), gap(2 * second + 1)])
        assert not indexer.flush()
    index.error = None
    assert indexer.flush()
    assert len(index.segments(GATE, 0, FOREVER)) == 20
    assert (indexer.aside, indexer.lost) == (0, 0)
