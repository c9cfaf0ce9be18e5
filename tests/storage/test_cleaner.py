"""Deleting: ledger, row, file; held spans stay; each deleted second is a gap that says why."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import sqlalchemy as sa

from storage.archive import Archive
from storage.audit.check import Audit
from storage.cleaner import BATCH, Cleaner, Shelf
from storage.database import open_database
from storage.disk import Disk, RealDisk
from storage.facts import GapFacts, RunFacts
from storage.holds.repository import HoldOrder, Holds
from storage.index import Index
from storage.layout import path_of
from storage.ledger.late import add_late_leaves
from storage.ledger.leaves import DeleteLeaf, SegmentLeaf, parse
from storage.ledger.log import Ledger
from storage.recording import Store
from storage.retention import plan
from storage.rows import PutSegment
from storage.schema import segment as segment_table
from storage.schema import usage
from storage.shelf import folder_shelves
from storage.stock import SqlStock
from tests.storage.house import FORMAT, fresh_database, key, open_store, second, settings
from vms.core.clock import DAY, HOUR, MINUTE, SECOND, FakeClock, Instant
from vms.core.config_storage import RetentionRule
from vms.core.errors import StorageError
from vms.core.model import CameraId, Cause, StreamKey

FOREVER = Instant(2**62)
STREAMS = GATE, YARD = key("gate"), key("yard")
BEGIN = Instant(1_763_800_000 * SECOND // HOUR * HOUR)


@dataclasses.dataclass
class House:
    """A small archive and who cleans it."""

    root: Path
    clock: FakeClock
    disk: Disk

    def __post_init__(self) -> None:
        self.settings = settings(self.root)
        self.engine = open_database(self.settings.database_url)
        self.index, self.stock = Index(self.engine), SqlStock(self.engine)
        self.ledger = Ledger.of(self.settings, self.clock)
        self.holds = Holds(self.engine, self.settings.volumes, RealDisk(), self.clock)
        self.archive = Archive(self.engine, self.settings.volumes, self.clock)
        self.cleaner = self.make_cleaner()

    def make_cleaner(self) -> Cleaner:
        volumes = self.settings.volumes
        return Cleaner(
            self.engine,
            lambda: folder_shelves(volumes, self.disk),
            len(volumes),
            self.holds,
            self.ledger,
            self.clock,
        )

    def record(self, stream: StreamKey, at: int, count: int, length: int = 60) -> None:
        """`count` segments of `length` seconds, of which the first second has pictures."""
        self.clock.advance(at + count * length * SECOND - self.clock.now())
        with open_store(self.root, self.clock) as store:
            store.recover([])
            for n in range(count):
                start = Instant(at + n * length * SECOND)
                one = store.open_segment(stream, start, FORMAT, RunFacts(1, start))
                one.append(second(n, 0, key=True))
                one.append(second(n, length - 1))
                one.close(Instant(start + length * SECOND))
                store.pump()

    def clean(self, rule: RetentionRule | None, *, now: int | None = None) -> int:
        """What the rule lets go, for all cameras; how many segments."""
        rules = {"gate": rule, "yard": rule}
        at = Instant(self.clock.now() if now is None else now)
        due = plan(self.stock, rules, self.holds.spans(), at, set(self.volumes()))
        return self.cleaner.delete(due, rules).segments

    def volumes(self) -> list[str]:
        return list(folder_shelves(self.settings.volumes, self.disk))

    def gaps(self, stream: StreamKey, cause: Cause = Cause.DELETED) -> list[GapFacts]:
        return [one for one in self.index.gaps(stream, Instant(0), FOREVER) if one.cause is cause]

    def files(self) -> list[Path]:
        return sorted((self.root / "video").rglob("*.mp4"))

    def leaves(self) -> list[DeleteLeaf]:
        found = [parse(line) for _, line in self.ledger.leaves()]
        return [leaf for leaf in found if isinstance(leaf, DeleteLeaf)]

    def verified(self) -> list[str]:
        """What `vms verify` finds."""
        add_late_leaves(self.engine, self.ledger)
        self.ledger.checkpoint()
        audit = Audit(self.engine, self.settings, self.ledger, self.clock, patience=0)
        return [f"{found.kind} {found.subject}: {found.detail}" for found in audit.findings()]

    def starts(self, stream: StreamKey) -> list[Instant]:
        return [one.start for one in self.index.segments(stream, Instant(0), FOREVER)]


@pytest.fixture
def house(tmp_path: Path, template: Path) -> Iterator[House]:
    fresh_database(tmp_path, template)
    house = House(tmp_path, FakeClock(now=BEGIN), RealDisk())
    yield house
    house.engine.dispose()


def rule(**values: object) -> RetentionRule:
    return RetentionRule.model_validate({"name": "short", **values})


def test_what_went_is_a_leaf_a_gap_and_no_file(house: House) -> None:
    house.record(GATE, BEGIN, 10)
    hashes = {one.start: one.sha256 for one in house.index.segments(GATE, Instant(0), FOREVER)}
    assert house.clean(rule(keep="4 min", reason="Yönerge")) == 6
    assert house.starts(GATE) == [BEGIN + n * MINUTE for n in range(6, 10)]
    assert len(house.files()) == 4
    (gap,) = house.gaps(GATE)
    assert (gap.start, gap.end) == (BEGIN, BEGIN + 6 * MINUTE)
    assert gap.detail == "short: older than 4 min (Yönerge)"
    assert [(leaf.start, leaf.sha256, leaf.rule, leaf.by) for leaf in house.leaves()] == [
        (BEGIN + n * MINUTE, hashes[BEGIN + n * MINUTE], "short", "custodian") for n in range(6)
    ]
    replica = house.root / "video" / ".gozcu" / "ledger"
    assert list(replica.rglob("*.jsonl"))


def test_the_gap_of_a_rule_grows_and_takes_no_real_gap_in(house: House) -> None:
    house.record(GATE, BEGIN, 3)
    house.record(GATE, BEGIN + 20 * MINUTE, 3)  # the recorder was stopped in between
    for keep in (22, 21, 3, 2, 1):
        house.clean(rule(keep=f"{keep} min"))
    first, then = house.gaps(GATE)[:1], house.gaps(GATE, Cause.RECORDER_STOPPED)
    assert [(one.start, one.end) for one in first] == [(BEGIN, BEGIN + MINUTE)]
    assert (then[0].start, then[0].end) == (BEGIN + 3 * MINUTE, BEGIN + 20 * MINUTE)


def test_one_rule_makes_one_gap_of_a_contiguous_span(house: House) -> None:
    house.record(GATE, BEGIN, 130, length=30)
    short = rule(keep="5 min")
    for minute in range(6, 66, 7):
        house.clean(short, now=BEGIN + minute * MINUTE)
    (gap,) = house.gaps(GATE)
    assert (gap.start, gap.end) == (BEGIN, BEGIN + 57 * MINUTE)


def test_held_spans_stay_and_what_lies_around_them_goes(house: House) -> None:
    house.record(GATE, BEGIN, 10)
    house.record(YARD, BEGIN + 10 * MINUTE, 2)
    order = HoldOrder(
        CameraId("gate"), Instant(BEGIN + 150 * SECOND), Instant(BEGIN + 250 * SECOND), "case"
    )
    hold = house.holds.add(order, "ayse")
    assert house.clean(rule(keep="1 min"), now=BEGIN + DAY) == 9
    kept = [BEGIN + n * MINUTE for n in (2, 3, 4)]
    assert house.starts(GATE) == kept
    assert [(one.start, one.end) for one in house.gaps(GATE)] == [
        (BEGIN, BEGIN + 2 * MINUTE),
        (BEGIN + 5 * MINUTE, BEGIN + 10 * MINUTE),
    ]
    house.holds.lift(hold.id, "ayse", "closed")
    assert house.clean(rule(keep="1 min"), now=BEGIN + DAY) == 3
    (gap,) = house.gaps(GATE)
    assert (gap.start, gap.end) == (BEGIN, BEGIN + 10 * MINUTE)


def test_a_hold_that_the_database_lost_still_holds(house: House) -> None:
    house.record(GATE, BEGIN, 5)
    order = HoldOrder(CameraId("gate"), BEGIN, Instant(BEGIN + DAY), "case")
    house.holds.add(order, "ayse")
    with house.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM hold")
    assert house.clean(rule(keep="1 min"), now=BEGIN + DAY) == 0
    assert len(house.files()) == 5


def test_a_hold_made_after_the_plan_is_obeyed(house: House) -> None:
    house.record(GATE, BEGIN, 5)
    rules = {"gate": rule(keep="1 min")}
    due = plan(house.stock, rules, house.holds.spans(), Instant(BEGIN + DAY), set(house.volumes()))
    house.holds.add(HoldOrder(CameraId("gate"), BEGIN, Instant(BEGIN + DAY), "case"), "ayse")
    done = house.cleaner.delete(due, rules)
    assert (done.segments, done.held) == (0, 5)
    assert house.leaves() == []


def test_more_than_a_batch_goes_in_batches_and_can_be_stopped_between(house: House) -> None:
    house.record(GATE, BEGIN, 2 * BATCH + 20, length=2)
    rules = {"gate": rule(keep="1 min")}
    now = Instant(BEGIN + DAY)
    due = plan(house.stock, rules, house.holds.spans(), now, set(house.volumes()))
    assert house.cleaner.delete(due, rules, lambda: False).segments == BATCH
    assert house.clean(rules["gate"], now=now) == BATCH + 20


def test_usage_follows_the_rows(house: House) -> None:
    house.record(GATE, BEGIN, 5)
    house.clean(rule(keep="2 min"))
    with house.engine.connect() as connection:
        counted = connection.execute(
            sa.select(sa.func.sum(usage.c.segments), sa.func.sum(usage.c.bytes))
        ).one()
        rows = connection.execute(
            sa.select(sa.func.count(), sa.func.sum(segment_table.c.bytes))
        ).one()
    assert tuple(counted) == tuple(rows)
    house.clean(rule(keep="1 min"), now=BEGIN + DAY)
    assert house.stock.totals() == {}


def test_empty_folders_go_but_not_those_a_writer_may_use(house: House) -> None:
    house.record(GATE, BEGIN, 3)
    folder = house.files()[0].parent
    house.clean(rule(keep="1 min"), now=BEGIN + DAY)
    assert folder.is_dir()
    house.clock.advance(3 * HOUR)
    house.cleaner.finish()
    assert not folder.exists()
    assert not folder.parent.exists()
    house.record(GATE, BEGIN + DAY, 2)
    assert len(house.files()) == 2


def test_what_was_put_away_goes_with_the_last_footage_of_its_hour(house: House) -> None:
    house.record(GATE, BEGIN, 3)
    first, second = house.files()[:2]
    away = second.with_suffix(".abandoned")
    second.rename(away)
    house.clean(rule(keep="1 min"), now=BEGIN + DAY)
    assert (first.exists(), away.exists()) == (False, True)  # a writer may still be there
    span = (Instant(BEGIN + MINUTE), Instant(BEGIN + 2 * MINUTE))
    hold = house.holds.add(HoldOrder(GATE.camera, *span, "case"), "ayse")
    house.clock.advance(3 * HOUR)
    house.cleaner.finish()
    assert away.exists()
    house.holds.lift(hold.id, "ayse", "closed")
    house.cleaner.finish()
    assert not away.parent.exists()


class Refusing(RealDisk):
    """A disk that unlinks nothing until it is told to."""

    refuses = True

    def unlink(self, path: Path) -> None:
        if self.refuses:
            raise OSError(5, "no", str(path))
        super().unlink(path)


def test_a_file_that_cannot_be_unlinked_is_tried_again(tmp_path: Path, template: Path) -> None:
    fresh_database(tmp_path, template)
    disk = Refusing()
    house = House(tmp_path, FakeClock(now=BEGIN), disk)
    house.record(GATE, BEGIN, 3)
    house.clean(rule(keep="1 min"), now=BEGIN + DAY)
    assert (len(house.files()), house.starts(GATE)) == (3, [])
    disk.refuses = False
    assert house.cleaner.finish() == 3
    assert house.files() == []
    assert house.cleaner.finish() == 0
    house.engine.dispose()


class Sick:
    """A volume that answers nothing."""

    root = None

    def _refuse(self, *_: object) -> NoReturn:
        raise OSError(5, "Input/output error")

    remove = has = put_away = tidy = sync = _refuse


def sick_beside(house: House) -> Cleaner:
    """A cleaner of the house's volume and of a sick one, which comes first."""
    volumes = house.settings.volumes

    def shelves() -> dict[str, Shelf]:
        return {"sick": Sick(), **folder_shelves(volumes, house.disk)}

    return Cleaner(house.engine, shelves, 2, house.holds, house.ledger, house.clock)


def test_a_volume_that_answers_nothing_keeps_no_other_from_being_finished(house: House) -> None:
    house.record(GATE, BEGIN, 4)
    rows = house.index.segments(GATE, Instant(0), FOREVER)
    files = [house.root / "video" / path_of(GATE, one.start) for one in rows]
    kept = [file.read_bytes() for file in files]
    cleaner = sick_beside(house)
    rules = {"gate": rule(keep="1 min")}
    due = plan(house.stock, rules, house.holds.spans(), house.clock.now(), set(house.volumes()))
    assert cleaner.delete(due, rules).segments == 3
    files[0].write_bytes(kept[0])  # its unlink was undone by a power cut
    cleaner = sick_beside(house)
    assert cleaner.finish() == 1
    assert not files[0].exists()
    files[1].write_bytes(kept[1])
    assert cleaner.finish() == 1, "what the sick volume may still have is looked for again"
    assert not files[1].exists()
    folder = files[0].parent
    later = Instant(BEGIN + DAY)
    due = plan(house.stock, rules, house.holds.spans(), later, set(house.volumes()))
    assert cleaner.delete(due, rules).segments == 1
    house.clock.advance(3 * HOUR)
    cleaner._emptied.add("sick", GATE, BEGIN)
    cleaner.finish()
    assert not folder.exists()


def test_a_volume_that_gets_no_replica_keeps_nothing_of_the_others_from_going(house: House) -> None:
    house.settings = two = settings(house.root, "video", "other")
    with Store(two, house.clock, threads=False) as store:
        store.recover([])
        for n in range(5):
            start = Instant(BEGIN + n * MINUTE)
            house.clock.advance(start + MINUTE - house.clock.now())
            opened = [store.open_segment(one, start, FORMAT, RunFacts(1, start)) for one in STREAMS]
            for one in opened:
                one.append(second(n, 0, key=True))
                one.close(Instant(start + MINUTE))
            store.pump()
    volumes = {one.start: one.volume_path for one in house.index.segments(GATE, 0, FOREVER)}
    sick = Path(volumes[BEGIN])

    class Deaf(Ledger):
        """Whose replica on one volume can't be written."""

        def replicate(self, roots: Iterable[Path]) -> None:
            if sick in (some := list(roots)):
                raise StorageError(Cause.DISK_FAILED, f"{sick} is read-only")
            super().replicate(some)

    def left() -> dict[str, int]:
        rows = [one for key in STREAMS for one in house.index.segments(key, 0, FOREVER)]
        return {path: sum(one.volume_path == path for one in rows) for path in paths}

    paths = [str(one.path) for one in two.volumes]
    before = left()
    assert all(before.values())
    cleaner = Cleaner(
        house.engine,
        lambda: folder_shelves(two.volumes, house.disk),
        2,
        house.holds,
        Deaf.of(two, house.clock),
        house.clock,
        batch=2,
    )
    rules = {"gate": rule(keep="1 min"), "yard": rule(keep="1 min")}
    at = Instant(BEGIN + DAY)
    due = plan(house.stock, rules, house.holds.spans(), at, set(house.volumes()))
    cleaner.delete(due, rules)
    assert left() == {path: before[path] if path == str(sick) else 0 for path in paths}


def test_the_mark_waits_for_a_volume_whose_deletions_are_not_durable(house: House) -> None:
    house.record(GATE, BEGIN, 3)
    house.clean(rule(keep="2 min"))
    cleaner = sick_beside(house)
    for _ in range(5):
        house.clock.advance(MINUTE)
        cleaner.finish()
    assert cleaner._mark.place(house.ledger.size()) == 0


def test_what_a_crash_left_after_the_leaf_is_finished(house: House) -> None:
    house.record(GATE, BEGIN, 3)
    rows = house.index.segments(GATE, Instant(0), FOREVER)
    house.ledger.append(
        [
            DeleteLeaf(GATE, one.start, one.end, one.sha256, one.size, "r", "why", "c", BEGIN)
            for one in rows[:2]
        ]
    )
    assert house.make_cleaner().finish() == 2
    assert house.starts(GATE) == [rows[2].start]
    assert len(house.files()) == 1
    assert [(one.end, one.detail) for one in house.gaps(GATE)] == [(rows[1].end, "r: why")]
    assert house.make_cleaner().finish() == 0


def test_what_is_held_after_its_leaf_was_written_stays_and_another_leaf_takes_that_one_back(
    house: House,
) -> None:
    house.record(GATE, BEGIN, 1)
    (row,) = house.index.segments(GATE, Instant(0), FOREVER)
    leaf = DeleteLeaf(GATE, row.start, row.end, row.sha256, row.size, "r", "why", "c", BEGIN)
    house.ledger.append([leaf])
    order = HoldOrder(CameraId("gate"), BEGIN, Instant(BEGIN + DAY), "case")
    hold = house.holds.add(order, "ayse")
    for _ in range(3):
        assert house.make_cleaner().finish() == 0
    (row,) = house.index.segments(GATE, Instant(0), FOREVER)
    assert row.leaf == house.ledger.size() - 1
    assert parse(house.ledger.read(row.leaf)) == SegmentLeaf.of(row)
    assert len(house.files()) == 1
    assert house.gaps(GATE) == []
    assert house.verified() == []
    house.holds.lift(hold.id, "ayse", "closed")
    assert house.make_cleaner().finish() == 0, "what was taken back is for a rule to let go anew"
    assert house.clean(rule(keep="1 min"), now=BEGIN + DAY) == 1
    assert house.files() == []
    assert house.verified() == []


def test_a_leaf_that_came_late_takes_no_deletion_back_that_is_carried_out(house: House) -> None:
    house.record(GATE, BEGIN, 2)
    first, _ = house.index.segments(GATE, Instant(0), FOREVER)
    leaf = DeleteLeaf(
        GATE, first.start, first.end, first.sha256, first.size, "r", "why", "c", BEGIN
    )
    house.ledger.append([leaf])
    cleaner = house.make_cleaner()

    class Late(Ledger):
        """Where a leaf comes between the look and the deed."""

        def leaves(self, start: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
            yield from super().leaves(start, end)
            house.ledger.append([SegmentLeaf.of(first)])

    cleaner._ledger = Late.of(house.settings, house.clock)
    assert cleaner.finish() == 1
    assert house.verified() == []


def test_a_row_that_a_recovery_put_back_goes_again(house: House) -> None:
    house.record(GATE, BEGIN, 3)
    rows = house.index.segments(GATE, Instant(0), FOREVER)
    file = house.root / "video" / path_of(GATE, rows[0].start)
    data = file.read_bytes()
    house.clean(rule(keep="2 min"))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)  # a recovery read the volume before the file went
    with open_store(house.root, house.clock) as store:
        assert store.recover([]).adopted == 0, "what is booked as deleted is left alone"
    first = rows[0]
    init = data[: data.index(b"uuid") - 4]  # ftyp and moov stand before our first box
    house.index.apply(
        [
            PutSegment(
                *(GATE, first.start, first.end, first.volume, init),
                *(first.run, first.size, first.sha256, first.clock),
            )
        ]
    )
    assert rows[0].start in house.starts(GATE)
    assert house.cleaner.finish() == 1
    assert rows[0].start not in house.starts(GATE)
    assert not file.exists()
    assert [one.start for one in house.gaps(GATE)] == [rows[0].start]


def test_the_mark_follows_and_old_deletions_are_not_looked_at_again(house: House) -> None:
    house.record(GATE, BEGIN, 3)
    house.clean(rule(keep="2 min"))
    for _ in range(5):
        house.clock.advance(MINUTE)
        house.cleaner.finish()
    size = house.ledger.size()
    begun = house.cleaner._begun(house.cleaner._mark.place(size), size)
    assert begun == {}


def test_while_a_volume_is_away_its_segments_stay(house: House) -> None:
    house.record(GATE, BEGIN, 3)
    due = plan(
        house.stock,
        {"gate": rule(keep="1 min")},
        house.holds.spans(),
        Instant(BEGIN + DAY),
        set(house.volumes()),
    )
    (house.root / "video").rename(house.root / "away")
    assert house.cleaner.delete(due, {"gate": rule(keep="1 min")}).segments == 0
    (house.root / "away").rename(house.root / "video")
    assert len(house.starts(GATE)) == 3


def test_without_a_ledger_nothing_goes(house: House) -> None:
    house.record(GATE, BEGIN, 3)
    blocked = house.root / "ledger"
    for name in list(blocked.rglob("*")) if blocked.exists() else []:
        if name.is_file():
            name.unlink()
    import shutil

    shutil.rmtree(blocked, ignore_errors=True)
    blocked.write_text("in the way")
    with pytest.raises(StorageError, match="ledger"):
        house.clean(rule(keep="1 min"), now=BEGIN + DAY)
    assert len(house.starts(GATE)) == 3
    assert len(house.files()) == 3
