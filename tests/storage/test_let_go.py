"""A database that is away for longer than changes can wait: what was let go is found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage import indexer as indexer_module
from storage.audit.check import Audit
from storage.check import Level, check_coverage
from storage.coverage import holes, settle
from storage.database import migrate, open_database
from storage.facts import GapFacts
from storage.findings import Findings
from storage.index import Index
from storage.indexer import Indexer
from storage.ledger import Ledger
from storage.let_go import LetGo
from storage.recording import Store
from tests.storage.house import Recorder, key, settings
from tests.storage.test_indexer import Sulking, gap, row
from vms.core.clock import HOUR, SECOND, FakeClock, Instant
from vms.core.errors import StorageError
from vms.core.model import Cause

GATE, YARD = key("gate"), key("yard")
FOREVER = Instant(2**62)


class Site:
    """A store of two cameras, whose database can go away."""

    def __init__(self, root: Path, *volumes: str) -> None:
        self.root, self.clock, self.house = root, FakeClock(), settings(root, *volumes)
        self.engine = open_database(self.house.database_url)
        migrate(self.engine)
        self.index = Index(self.engine)

    def start(self) -> Store:
        store = Store(self.house, self.clock, threads=False).__enter__()
        self.recovered = store.recover([GATE, YARD])
        store._indexer._index = index = Sulking(store._engine)
        self.database = index
        note = store._let_go.note
        store._let_go.note = lambda gone: self._answering() and note(gone)  # type: ignore
        self.recorders = [Recorder(store, self.clock, one) for one in (GATE, YARD)]
        return store

    def _answering(self) -> bool:
        if self.database.error is not None:
            raise self.database.error(Cause.DISK_FAILED, "not today")
        return True

    def record(self, store: Store, seconds: int, *, gate: bool = True) -> None:
        for _ in range(seconds):
            self.clock.advance(SECOND)
            for recorder in self.recorders if gate else self.recorders[1:]:
                recorder.step()
            store.pump()

    def away(self, store: Store, cause: Cause) -> None:
        """The gate's connection ends."""
        gate = self.recorders[0]
        if gate.segment is not None:
            gate.segment.close(self.clock.now())
            gate.segment = None
        store.open_gap(GATE, self.clock.now(), cause)
        store.pump()

    def files(self) -> int:
        return len(list(self.root.rglob("*.mp4")))

    def rows(self) -> int:
        return sum(len(self.index.segments(one, 0, FOREVER)) for one in (GATE, YARD))

    def told(self) -> dict[str, str]:
        return {one.kind: one.detail for one in Findings(self.engine, self.clock).open()}

    def outage(self, store: Store) -> None:
        """A minute of it, in which the gate comes back, goes and comes back."""
        self.record(store, 9)
        self.away(store, Cause.UNREACHABLE)
        self.record(store, 3, gate=False)
        self.database.error = StorageError
        self.record(store, 30)
        self.away(store, Cause.REFUSED)
        self.record(store, 2, gate=False)
        self.record(store, 30)
        assert store._indexer.lost > 0
        self.database.error = None
        self.record(store, 3)

    def hours_later(self, store: Store) -> None:
        """Newer rows, further away than recovery looks by itself."""
        self.away(store, Cause.SILENT)
        self.recorders[1].segment.close(self.clock.now())  # type: ignore[union-attr]
        self.recorders[1].segment = None
        store.open_gap(YARD, self.clock.now(), Cause.NOT_SCHEDULED)
        store.pump()
        self.clock.advance(5 * HOUR)
        self.record(store, 6)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexer_module, "WAITING_MAX", 8)


@pytest.mark.parametrize("clean", [True, False])
def test_what_was_let_go_is_found_again_at_the_next_start(tmp_path: Path, clean: bool) -> None:
    site = Site(tmp_path)
    store = site.start()
    site.outage(store)
    site.hours_later(store)
    assert "may be missing" in site.told()["rows_let_go"]
    assert site.rows() < site.files()
    if clean:
        store.close()
    store = site.start()
    assert site.recovered.findings == []
    assert site.recovered.adopted > 0
    assert site.rows() == site.files()
    for stream in (GATE, YARD):
        assert check_coverage(site.engine, stream, site.clock.now()) == []
    ledger = Ledger.of(site.house, site.clock)
    ledger.checkpoint()
    ledger.replicate([volume.path for volume in site.house.volumes])
    audit = Audit(site.engine, site.house, ledger, site.clock, patience=0)
    assert list(audit.findings(Level.HASH)) == []
    causes = [one.cause for one in site.index.gaps(GATE, Instant(0), FOREVER)]
    end = Cause.RECORDER_STOPPED if clean else Cause.RECORDER_CRASHED
    assert causes == [Cause.UNREACHABLE, Cause.REFUSED, Cause.SILENT, end]
    assert LetGo(site.engine, site.clock).all() == {}
    assert "rows_let_go" not in site.told()
    store.close()


def test_a_volume_that_is_away_at_the_start_is_looked_through_when_it_is_back(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path, "a", "b")
    store = site.start()
    site.outage(store)
    site.hours_later(store)
    store.close()
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*.mp4")} == {"a", "b"}
    (tmp_path / "a").rename(tmp_path / "away")
    (tmp_path / "a").mkdir()
    store = site.start()
    assert LetGo(site.engine, site.clock).all() != {}
    (tmp_path / "a").rmdir()
    (tmp_path / "away").rename(tmp_path / "a")
    site.clock.advance(6 * SECOND)
    store.tend()
    assert site.rows() == site.files()
    store.close()
    site.start().close()
    assert LetGo(site.engine, site.clock).all() == {}
    for stream in (GATE, YARD):
        assert check_coverage(site.engine, stream, site.clock.now()) == []


def test_nothing_newer_goes_in_before_the_note(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'gozcu.db'}")
    migrate(engine)
    index, clock = Sulking(engine), FakeClock()
    index.know_volume("here", "/video")
    notes = LetGo(engine, clock)
    indexer = Indexer(index, None, notes)
    indexer.put([row(n) for n in range(5, 12)])
    indexer.put([gap(2), *(row(n) for n in range(20, 25))])
    assert indexer.lost == 5
    real, index_full = notes.note, StorageError(Cause.DISK_FULL, "not today")

    def refuse(gone: object) -> None:
        raise index_full

    notes.note = refuse  # type: ignore[method-assign, assignment]
    assert not indexer.flush()
    assert index.segments(row(1).stream, 0, FOREVER) == []
    notes.note = real  # type: ignore[method-assign]
    assert indexer.flush()
    assert len(index.segments(row(1).stream, 0, FOREVER)) == 7
    assert notes.all() == {row(1).stream: 5 * SECOND}


def test_the_older_note_holds_and_each_stream_is_forgotten_by_itself(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'gozcu.db'}")
    migrate(engine)
    notes, findings = LetGo(engine, FakeClock()), Findings(engine, FakeClock())
    notes.note({GATE: Instant(7), YARD: Instant(9)})
    notes.note({GATE: Instant(8), YARD: Instant(3)})
    assert notes.all() == {GATE: 7, YARD: 3}
    notes.forget([GATE, key("other")])
    assert notes.all() == {YARD: 3}
    assert len(findings.open()) == 1
    notes.forget([YARD])
    assert findings.open() == []


def test_a_gap_that_never_heard_of_its_end_does_not_speak_for_later_ones() -> None:
    def told(start: int, end: int | None, cause: Cause) -> GapFacts:
        return GapFacts(GATE, Instant(start), None if end is None else Instant(end), cause)

    gaps = [
        told(10, None, Cause.UNREACHABLE),
        told(40, 45, Cause.SILENT),
        told(60, None, Cause.RECORDER_STOPPED),
    ]
    segments = [(Instant(0), Instant(10)), (Instant(30), Instant(40)), (Instant(45), Instant(60))]
    done = settle(GATE, segments, gaps, [], Instant(100), Instant(90), Instant(10))
    assert [(one.start, one.end, one.cause) for one in done.all] == [
        (10, 30, Cause.UNREACHABLE),
        (40, 45, Cause.SILENT),
        (60, None, Cause.RECORDER_STOPPED),
    ]
    assert list(holes(segments, done.all, Instant(100))) == []


def test_time_is_tiled_from_where_rows_are_lacking_though_nothing_stands_before() -> None:
    done = settle(GATE, [(Instant(50), Instant(60))], [], [], Instant(60), None, Instant(20))
    assert (done.all[0].start, done.all[0].end) == (20, 50)
