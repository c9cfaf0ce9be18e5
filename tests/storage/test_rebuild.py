"""The index is made anew from the volumes alone, as it was (invariant 7)."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.audit.check import Audit
from storage.check import Level, check_coverage, verify_archive
from storage.database import open_database
from storage.disk import RealDisk
from storage.facts import GapFacts
from storage.findings import Kind
from storage.holds.repository import HoldOrder, Holds
from storage.index import Index
from storage.layout import path_of
from storage.ledger.leaves import DeleteLeaf, GapLeaf, SegmentLeaf, parse
from storage.ledger.log import Ledger
from storage.rebuild import Rebuild, Rebuilt
from storage.recording import Store
from storage.rows import DropSegment, PutGap, SegmentRow
from storage.schema import activity, activity_hour, usage
from tests.storage.house import Recorder, fresh_database, key, settings
from tests.storage.sim_disk import Crash, SimDisk
from vms.core.clock import SECOND, FakeClock, Instant
from vms.core.config import Settings
from vms.core.model import CameraId, Cause

GATE, SQUARE = key("gate"), key("square")
FOREVER = Instant(2**62)


@dataclass
class Site:
    """Two cameras, two volumes, half a minute of footage; one camera was away for a moment."""

    root: Path
    template: Path
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        fresh_database(self.root, self.template)
        self.house: Settings = settings(self.root, "one", "two")
        for volume in self.house.volumes:
            volume.path.mkdir()
        self.engine = open_database(self.house.database_url)
        self.ledger = Ledger.of(self.house, self.clock)

    @property
    def roots(self) -> list[Path]:
        return [volume.path for volume in self.house.volumes]

    def record(self) -> None:
        with Store(self.house, self.clock, threads=False) as store:
            store.recover([GATE, SQUARE])
            recorders = [Recorder(store, self.clock, stream) for stream in (GATE, SQUARE)]
            for stream in (GATE, SQUARE):
                store.open_gap(stream, self.clock.now(), Cause.CONNECTING)
            for second in range(24):
                if second == 12:
                    store._volumes.writers[0].resting_until = 2**62
                self.clock.advance(SECOND)
                for recorder in recorders:
                    if second in (6, 7) and recorder.stream == SQUARE:
                        self._away(store, recorder)
                    else:
                        recorder.step()
                store.pump()
        self.into_ledger()

    def _away(self, store: Store, recorder: Recorder) -> None:
        start = Instant(self.clock.now() - SECOND)
        if recorder.segment is not None:
            recorder.segment.close(start)
            recorder.segment = None
        store.open_gap(recorder.stream, start, Cause.UNREACHABLE, "no route")

    def into_ledger(self) -> None:
        """Give each row that has none its leaf, as the custodian does."""
        index = Index(self.engine)
        with self.engine.begin() as connection:
            for row in list(index.every_segment()):
                if row.leaf is None:
                    place = self.ledger.append([SegmentLeaf.of(row)])
                    connection.exec_driver_sql(
                        f"UPDATE segment SET leaf = {place} WHERE start = {row.start} AND "
                        f"stream_id = (SELECT id FROM stream WHERE camera = '{row.stream.camera}')"
                    )
        for stream in index.streams():
            for gap in index.gaps(stream, 0, FOREVER):
                if gap.end is not None:
                    place = self.ledger.append([GapLeaf.of(gap)])
                    index.apply([PutGap(gap, place)])
        self.ledger.replicate(self.roots)

    def delete(self, row: SegmentRow, *, unlink: bool = True) -> None:
        """As the cleaner does: ledger, row and gap, file."""
        leaf = DeleteLeaf(
            row.stream, row.start, row.end, row.sha256, row.size, "month", "30 days", "x",
            self.clock.now(),
        )  # fmt: skip
        self.ledger.append([leaf])
        self.ledger.replicate(self.roots)
        gap = GapFacts(row.stream, row.start, row.end, Cause.DELETED, "month: 30 days")
        Index(self.engine).apply([DropSegment(row.stream, row.start), PutGap(gap)])
        if unlink:
            self.path(row).unlink()

    def path(self, row: SegmentRow) -> Path:
        return Path(row.volume_path) / path_of(row.stream, row.start)

    def rows(self) -> list[SegmentRow]:
        return list(Index(self.engine).every_segment())

    def gaps(self) -> list[GapFacts]:
        """All but what the last is called: a clean stop stands in the database alone."""
        index = Index(self.engine)
        found = [gap for one in (GATE, SQUARE) for gap in index.gaps(one, 0, FOREVER)]
        return [replace(g, cause=Cause.SILENT, detail="") if g.end is None else g for g in found]

    def lose_index(self) -> None:
        """All that is not on a volume: database and ledger."""
        self.engine.dispose()
        for file in self.root.glob("gozcu.db*"):
            file.unlink()
        fresh_database(self.root, self.template)
        shutil.rmtree(self.root / "ledger", ignore_errors=True)
        self.engine = open_database(self.house.database_url)
        self.ledger = Ledger.of(self.house, self.clock)

    def holds(self) -> Holds:
        return Holds(self.engine, self.house.volumes, RealDisk(), self.clock)

    def rebuild(self, level: Level = Level.HASH, disk: SimDisk | None = None) -> Rebuilt:
        holds = self.holds()
        holds.repair()
        return Rebuild(
            self.engine,
            self.house.volumes,
            self.ledger,
            holds.spans,
            disk if disk is not None else RealDisk(),
            self.clock,
            self.root / "rebuild.db",
            level=level,
            threads=2,
        ).run()

    def found(self) -> list[tuple[Kind, str]]:
        findings = verify_archive(self.engine, self.house.volumes, clock=self.clock, patience=0)
        return [(one.kind, one.subject) for one in findings]

    def of_ledger(self) -> list[str]:
        """What is wrong between the ledger and the index."""
        audit = Audit(self.engine, self.house, self.ledger, self.clock, patience=0)
        return [f"{one.subject}: {one.detail}" for one in audit.of_ledger()]

    def usage(self) -> list[tuple[object, ...]]:
        with self.engine.connect() as connection:
            return sorted(tuple(row) for row in connection.execute(sa.select(usage)))


@pytest.fixture
def site(tmp_path: Path, template: Path) -> Iterator[Site]:
    site = Site(tmp_path, template)
    site.record()
    yield site
    site.engine.dispose()


@pytest.mark.parametrize("level", [Level.HASH, Level.SIZE])
def test_a_lost_database_and_ledger_are_as_they_were(site: Site, level: Level) -> None:
    gone, kept = site.rows()[2], site.rows()
    site.delete(gone)
    site.delete(kept[3])
    before = (site.rows(), site.gaps(), site.usage())
    leaves = list(site.ledger.leaves())
    assert [gap.end - gap.start for gap in site.gaps() if gap.cause is Cause.DELETED]
    site.lose_index()
    done = site.rebuild(level)
    assert done.findings == []
    assert [(row.stream, row.start) for row in site.rows()] == [
        (row.stream, row.start) for row in before[0]
    ]
    assert site.rows() == before[0]
    deleted = [gap for gap in site.gaps() if gap.cause is Cause.DELETED]
    assert sum(gap.end - gap.start for gap in deleted) == 6 * SECOND
    assert [gap for gap in site.gaps() if gap not in deleted] == [
        gap for gap in before[1] if gap.cause is not Cause.DELETED
    ]
    assert [row[2:] for row in site.usage()] == [row[2:] for row in before[2]]
    assert list(site.ledger.leaves()) == leaves
    assert site.found() == []


def test_without_any_ledger_files_alone_tell_rows_and_causes(site: Site) -> None:
    before = site.rows()
    gaps = site.gaps()
    for root in site.roots:
        shutil.rmtree(root / ".gozcu" / "ledger")
    site.lose_index()
    done = site.rebuild()
    assert [replace(row, leaf=None) for row in site.rows()] == [
        replace(row, leaf=None) for row in before
    ]
    assert done.leaves == len(before)
    told = [parse(site.ledger.read(row.leaf)) for row in site.rows() if row.leaf is not None]
    assert told == [SegmentLeaf.of(row) for row in site.rows()]
    # What came before the first segment stands in its head; nothing else is lost here.
    assert {gap for gap in site.gaps() if gap.end is not None} == {
        gap for gap in gaps if gap.end is not None
    }
    assert site.found() == []


def test_activity_is_measured_anew_from_the_files(site: Site) -> None:
    site.record()

    def known() -> list[tuple[object, ...]]:
        query = sa.select(activity, activity_hour.c.total).join(
            activity_hour, activity_hour.c.stream_id == activity.c.stream_id
        )
        with site.engine.connect() as connection:
            return sorted(tuple(row) for row in connection.execute(query))

    before = known()
    assert len(before) == len(site.rows())
    site.lose_index()
    site.rebuild()
    assert known() == before


def test_twice_is_once(site: Site) -> None:
    site.delete(site.rows()[1])
    site.lose_index()
    site.rebuild()
    once = (site.rows(), site.gaps(), site.usage(), site.ledger.size())
    site.rebuild()
    assert (site.rows(), site.gaps(), site.usage(), site.ledger.size()) == once


def test_an_index_that_lies_is_put_right(site: Site) -> None:
    rows, gaps, uses = site.rows(), site.gaps(), site.usage()
    with site.engine.begin() as connection:
        connection.exec_driver_sql(
            "DELETE FROM segment WHERE start = (SELECT min(start) FROM segment)"
        )
        connection.exec_driver_sql(
            "UPDATE segment SET sha256 = x'00', bytes = 7 WHERE stream_id = 2"
        )
        connection.exec_driver_sql("UPDATE gap SET cause = 'silent' WHERE cause = 'unreachable'")
        connection.exec_driver_sql("UPDATE usage SET bytes = 1")
    assert site.rebuild().findings == []
    assert (site.rows(), site.gaps(), site.usage()) == (rows, gaps, uses)


def test_a_deletion_that_was_cut_off_is_finished_and_nothing_comes_back(site: Site) -> None:
    row = site.rows()[1]
    site.delete(row, unlink=False)
    site.lose_index()
    done = site.rebuild()
    assert done.deleted == 1
    assert not site.path(row).exists()
    assert row.start not in {one.start for one in site.rows() if one.stream == row.stream}
    assert site.found() == []


def test_a_held_file_stays_whatever_the_ledger_says(site: Site) -> None:
    row = site.rows()[1]
    order = HoldOrder(CameraId("gate"), row.start, row.end, "case 7")
    site.holds().add(order, "ayşe")
    site.delete(row, unlink=False)
    site.lose_index()
    assert site.rebuild().deleted == 0
    assert site.path(row).exists()
    assert (row.stream, row.start) in {(one.stream, one.start) for one in site.rows()}
    assert site.holds().covers(row.stream, row.start, row.end), "rebuilt from the volume's file"
    assert site.of_ledger() == [], "another leaf takes the deletion back"
    site.holds().lift(site.holds().active()[0].id, "ayşe", "closed")
    site.ledger.replicate(site.roots)
    site.lose_index()
    assert site.rebuild().deleted == 0, "until a rule lets it go again"
    assert site.of_ledger() == []
    assert not [gap for gap in site.gaps() if gap.cause is Cause.DELETED and gap.start == row.start]


def test_a_lost_file_is_named_and_its_time_explained(site: Site) -> None:
    row = site.rows()[1]
    site.path(row).unlink()
    site.lose_index()
    done = site.rebuild()
    name = f"{row.stream.camera}.main.{row.start}"
    assert [(one.kind, one.subject) for one in done.findings] == [(Kind.FOOTAGE_MISSING, name)]
    lost = [gap for gap in site.gaps() if gap.cause is Cause.FOOTAGE_DAMAGED]
    assert [(gap.start, gap.end) for gap in lost] == [(row.start, row.end)]
    assert check_coverage(site.engine, row.stream, site.clock.now()) == []


@pytest.mark.parametrize("level", [Level.HASH, Level.SIZE])
def test_a_damaged_file_keeps_the_row_that_shows_it(site: Site, level: Level) -> None:
    row = site.rows()[1]
    data = bytearray(site.path(row).read_bytes())
    data[len(data) // 2] ^= 1
    site.path(row).write_bytes(data)
    site.lose_index()
    done = site.rebuild(level)
    name = f"{row.stream.camera}.main.{row.start}"
    found = [(one.kind, one.subject) for one in done.findings]
    assert found == ([(Kind.FOOTAGE_DAMAGED, name)] if level is Level.HASH else [])
    assert site.rows()[1] == row
    assert site.found() == [(Kind.FOOTAGE_DAMAGED, name)]


def test_rows_of_a_volume_that_is_away_stay(site: Site) -> None:
    rows = site.rows()
    away = site.roots[1]
    away.rename(away.with_name("elsewhere"))
    done = site.rebuild()
    assert site.rows() == rows
    assert [(one.kind, one.subject) for one in done.findings] == [(Kind.VOLUME_MISSING, str(away))]


@pytest.mark.parametrize("at", range(1, 12))
def test_a_crash_in_the_middle_is_mended_by_doing_it_again(
    site: Site, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = site.rows()[1]
    site.delete(row, unlink=False)
    rows = site.rows()
    site.lose_index()
    real, calls = Index.apply, 0

    def apply(self: Index, changes: object) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            raise Crash
        real(self, changes)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Index, "apply", apply)
        with contextlib.suppress(Crash):
            site.rebuild(disk=SimDisk(site.roots, at=at))
    assert site.rebuild().findings == []
    assert site.rows() == rows
    assert not site.path(row).exists()
    assert site.found() == []
