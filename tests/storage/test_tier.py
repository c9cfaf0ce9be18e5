"""Moving to a bucket, and everything read from there as if it still stood here."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from storage.archive import Archive
from storage.check import Level, verify_archive
from storage.database import migrate, open_database
from storage.disk import RealDisk
from storage.findings import Findings, Kind
from storage.holds.held import HeldSpans
from storage.index import Index
from storage.layout import path_of
from storage.ledger import Ledger
from storage.ledger.leaves import DeleteLeaf, MoveLeaf, SegmentLeaf, parse
from storage.rebuild import Rebuild, Rebuilt
from storage.rows import SegmentRow
from storage.scrub import Scrub
from storage.tiers.bucket import Bucket, BucketError
from storage.tiers.cache import Cache
from storage.tiers.check import verify_tiers
from storage.tiers.mover import Mover
from storage.tiers.moves import Moves
from storage.tiers.opened import IDENTITY, Tier, Tiers, stands_in_bucket
from storage.tiers.rebuild import TierRebuild
from storage.volume import find_volume
from tests.storage.bucket_server import NAME, BucketServer, bucket_server
from tests.storage.house import Recorder, fresh_database, key, open_store, settings
from vms.core.clock import DAY, MINUTE, SECOND, FakeClock, Instant
from vms.core.config import Settings
from vms.core.errors import StorageError
from vms.core.model import Cause

GATE = key("gate")
NOW = threading.Event()


@pytest.fixture(scope="module")
def server() -> Iterator[BucketServer]:
    with bucket_server() as running:
        yield running


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("db") / "template.db"


@pytest.fixture(autouse=True)
def emptied(server: BucketServer) -> None:
    for found in list(server.bucket().listed()):
        server.bucket().delete(found.key)


class Crashed(BaseException):
    """The machine stopped here."""


@dataclass
class Steps:
    """Counts the operations of a round and stops the machine before or after the n-th."""

    stop_at: int = -1
    after: bool = False
    done: int = 0
    names: list[str] = field(default_factory=list)

    def around(self, thing: Any, *names: str) -> Any:
        steps = self

        class Around:
            def __getattr__(self, name: str) -> Any:
                real = getattr(thing, name)
                if name not in names:
                    return real

                def counted(*given: Any, **named: Any) -> Any:
                    number, steps.done = steps.done, steps.done + 1
                    steps.names.append(name)
                    if number == steps.stop_at and not steps.after:
                        raise Crashed
                    try:
                        return real(*given, **named)
                    finally:
                        if number == steps.stop_at:
                            raise Crashed

                return counted

        return Around()


class House:
    """Recorded footage of one camera, a bucket, and what moves the one to the other."""

    def __init__(self, root: Path, template: Path, server: BucketServer) -> None:
        self.root, self.server, self.clock = root, server, FakeClock()
        fresh_database(root, template)
        self.settings = settings(root)
        self.engine = open_database(self.settings.database_url)
        self.index, self.moves = Index(self.engine), Moves(self.engine)
        self.findings = Findings(self.engine, self.clock)
        self.ledger = Ledger.of(self.settings, self.clock)
        self.bucket: Bucket = server.bucket("/site")

    def record(self, seconds: int = 9) -> None:
        with open_store(self.root, self.clock) as store:
            store.recover([GATE])
            recorder = Recorder(store, self.clock, GATE)
            for _ in range(seconds):
                self.clock.advance(SECOND)
                recorder.step()
                store.pump()
            if recorder.segment is not None:
                recorder.segment.close(self.clock.now())
            store.pump()
        self.clock.advance(10 * MINUTE)

    def mover(self, steps: Steps | None = None) -> Mover:
        steps = steps or Steps()
        bucket = steps.around(self.bucket, "put", "read", "size", "delete")
        return Mover(
            Tier(self.server.settings("/site"), bucket),
            steps.around(self.moves, "move", "note"),
            steps.around(self.index, "know_volume"),
            steps.around(self.ledger, "append", "replicate"),
            self.findings,
            steps.around(RealDisk(), "unlink"),
            self.clock,
            roots=self.roots,
            wanted=lambda stream: True,
        )

    def roots(self) -> dict[str, Path]:
        path = self.settings.volumes[0].path
        uuid = find_volume(path)
        return {} if uuid is None else {uuid: path}

    def tiers(self) -> Tiers:
        tier = Tier(self.server.settings("/site"), self.bucket)
        return Tiers([tier], Cache(self.root / "cache", 10**9, reserve=0), self.clock)

    def archive(self) -> Archive:
        return Archive(self.engine, self.settings.volumes, self.clock, self.tiers())

    def rows(self) -> list[SegmentRow]:
        return self.index.segments(GATE, 0, 2**62)

    def here(self) -> list[Path]:
        return sorted(self.settings.volumes[0].path.glob("gate/**/*.mp4"))

    def there(self) -> list[str]:
        return [found.key for found in self.bucket.listed() if found.key != IDENTITY]

    def bytes_of(self, archive: Archive, start: Instant) -> bytes:
        fd = archive.open(archive.segment(GATE, start))
        try:
            return os.pread(fd, 1 << 24, 0)
        finally:
            os.close(fd)

    def assert_whole(self) -> None:
        """Every segment stands in exactly one place, that of its row, and is what was written."""
        archive = self.archive()
        local = {str(path.relative_to(self.settings.volumes[0].path)) for path in self.here()}
        for row in self.rows():
            name = str(path_of(row.stream, row.start))
            far = stands_in_bucket(row.volume_path)
            assert (name in local, name in self.there()) == (not far, far), name
            assert hashlib.sha256(self.bytes_of(archive, row.start)).digest() == row.sha256
        assert len(local) + len(self.there()) == len(self.rows())


@pytest.fixture
def house(tmp_path: Path, template: Path, server: BucketServer) -> Iterator[House]:
    made = House(tmp_path, template, server)
    made.record()
    yield made
    made.engine.dispose()


def test_old_segments_move_and_are_read_from_there(house: House) -> None:
    before = {
        row.start: path.read_bytes() for row, path in zip(house.rows(), house.here(), strict=True)
    }
    source = house.rows()[0].volume
    assert len(before) == 3
    assert house.mover().round(NOW) == 3
    assert house.here() == []
    house.assert_whole()
    archive = house.archive()
    for start, data in before.items():
        assert house.bytes_of(archive, start) == data
    leaves = [parse(line) for _, line in house.ledger.leaves()]
    moved = [leaf for leaf in leaves if isinstance(leaf, MoveLeaf)]
    assert [(leaf.start, leaf.sha256) for leaf in moved] == [
        (row.start, row.sha256) for row in house.rows()
    ]
    assert {leaf.source for leaf in moved} == {source}
    assert {leaf.target for leaf in moved} == {row.volume for row in house.rows()}
    stored = house.moves.stored(house.rows()[0].volume)
    assert (stored.segments, stored.size) == (3, sum(map(len, before.values())))
    assert stored.oldest == house.rows()[0].start
    assert house.moves.stored(source).segments == 0
    assert house.mover().round(NOW) == 0


def test_the_replica_on_the_volume_tells_of_the_move(house: House) -> None:
    house.mover().round(NOW)
    replica = house.settings.volumes[0].path / ".gozcu/ledger/leaves/000000000.jsonl"
    assert replica.read_bytes().count(b'"kind":"move"') == 3


def test_the_scrub_reads_what_stands_there_again(house: House) -> None:
    house.mover().round(NOW)
    tier = Tier(house.server.settings("/site"), house.bucket)
    tiers = Tiers([tier], Cache(house.root / "cache", 10**9, reserve=0), house.clock)
    told = house.settings.model_copy(update={"tiers": (tier.settings,)})
    bad = house.rows()[1]
    key_ = str(path_of(GATE, bad.start))
    good = house.bucket.read(key_, 0, bad.size)
    house.bucket.put(key_, iter([good[:-1] + b"\0"]))

    def scrubbed(settings: Settings) -> tuple[int, list[tuple[Kind, str]]]:
        scrub = Scrub(house.engine, settings, house.clock, tiers)
        for _ in range(62):  # one period to rest, one to read
            scrub.round(NOW)
            house.clock.advance(DAY)
        return scrub.state().total, [(one.kind, one.subject) for one in house.findings.open()]

    size = sum(row.size for row in house.rows())
    off = tier.settings.model_copy(update={"scrub": False})
    assert scrubbed(told.model_copy(update={"tiers": (off,)})) == (0, [])
    assert scrubbed(told) == (size, [(Kind.FOOTAGE_DAMAGED, f"gate.main.{bad.start}")])
    house.bucket.put(key_, iter([good]))
    assert scrubbed(told) == (size, [])


def test_pictures_fragments_and_timelines_are_the_same_from_there(house: House) -> None:
    old = house.archive()
    listed = old.segments(GATE, Instant(0), house.clock.now())
    fragments = old.fragments_of(listed)
    at = Instant(listed[1].start + SECOND)
    picture, line = (
        old.keyframe_at(GATE, at),
        old.timeline(GATE, Instant(0), house.clock.now(), SECOND),
    )
    house.mover().round(NOW)
    new = house.archive()
    again = new.segments(GATE, Instant(0), house.clock.now())
    assert [one.bucket for one in again] == [f"s3://{NAME}/site"] * 3
    assert again[0].as_json()["path"] == f"s3://{NAME}/site/{path_of(GATE, again[0].start)}"
    assert new.fragments_of(again) == fragments
    assert new.keyframe_at(GATE, at) == picture
    assert new.timeline(GATE, Instant(0), house.clock.now(), SECOND) == line
    assert not (house.root / "cache").exists(), "small spans need no whole segment"
    os.close(new.open(again[0]))
    assert new.keyframe_at(GATE, Instant(again[0].start + SECOND)) is not None


def test_who_still_knows_the_old_place_finds_the_new_one(house: House) -> None:
    archive = house.archive()
    old = archive.segments(GATE, Instant(0), house.clock.now())[0]
    data = old.path.read_bytes()
    house.mover().round(NOW)
    fd = archive.open(old)
    assert os.pread(fd, len(data) + 1, 0) == data
    os.close(fd)


def test_what_is_younger_stays(house: House) -> None:
    house.record(3)
    house.clock.advance(-10 * MINUTE + 30 * SECOND)
    assert house.mover().round(NOW) == 3
    assert len(house.here()) == 1
    house.assert_whole()


def test_streams_that_are_not_wanted_stay(house: House) -> None:
    mover = house.mover()
    mover._wanted = lambda stream: stream.camera == "yard"
    assert mover.round(NOW) == 0
    assert len(house.here()) == 3


def test_a_damaged_file_stays_and_is_told(house: House) -> None:
    path = house.here()[1]
    data = bytearray(path.read_bytes())
    data[2_000] ^= 1
    path.write_bytes(data)
    mover = house.mover()
    mover.round(NOW)
    assert house.here() == [path]
    assert len(house.there()) == 2
    (finding,) = house.findings.open()
    assert finding.kind == Kind.FOOTAGE_DAMAGED
    assert finding.subject.startswith("gate.main.")
    assert mover.round(NOW) == 0  # and the others go on without it


def test_a_bucket_that_gives_back_other_bytes_gets_nothing(house: House) -> None:
    class Liar:
        def __getattr__(self, name: str) -> Any:
            return getattr(house.server.bucket("/site"), name)

        def put(self, key: str, pieces: Iterator[bytes]) -> None:
            data = bytearray(b"".join(pieces))
            data[len(data) // 2] ^= key.endswith(".mp4")
            house.server.bucket("/site").put(key, iter([bytes(data)]))

    true, house.bucket = house.bucket, Liar()  # type: ignore[assignment]
    with pytest.raises(BucketError, match="does not give back what it took"):
        house.mover().round(NOW)
    assert len(house.here()) == 3
    house.bucket = true
    assert house.mover().round(NOW) == 3
    house.assert_whole()


def test_an_outage_is_waited_out(house: House) -> None:
    mover = house.mover()
    house.server.stop()
    try:
        with pytest.raises(BucketError, match="can't be reached"):
            mover.round(NOW)
        assert len(house.here()) == 3
    finally:
        house.server.start()
    assert mover.round(NOW) == 3
    house.assert_whole()


def test_reading_in_an_outage_says_so_and_works_again(house: House) -> None:
    house.mover().round(NOW)
    archive = house.archive()
    segments = archive.segments(GATE, Instant(0), house.clock.now())
    os.close(archive.open(segments[0]))
    house.server.stop()
    try:
        os.close(archive.open(segments[0]))  # a copy is here
        with pytest.raises(StorageError, match="can't be reached") as caught:
            archive.open(segments[1])
        assert caught.value.cause is Cause.UNREACHABLE
        with pytest.raises(StorageError, match="can't be reached"):
            archive.fragments(segments[1])
    finally:
        house.server.start()
    assert house.bytes_of(archive, segments[1].start)


def test_a_damaged_object_is_never_given_out(house: House) -> None:
    house.mover().round(NOW)
    archive = house.archive()
    segment = archive.segments(GATE, Instant(0), house.clock.now())[0]
    data = bytearray(house.bytes_of(house.archive(), segment.start))
    shutil.rmtree(house.root / "cache")
    data[-9_000] ^= 1
    house.bucket.put(str(segment.path), iter([bytes(data)]))
    with pytest.raises(StorageError, match="not what was written") as caught:
        archive.open(segment)
    assert caught.value.cause is Cause.FOOTAGE_DAMAGED
    house.bucket.delete(str(segment.path))
    with pytest.raises(StorageError, match="no such object"):
        archive.open(segment)


def test_another_bucket_under_the_same_name_is_noticed(house: House) -> None:
    house.mover().round(NOW)
    house.bucket.put(IDENTITY, iter([b'{"uuid": "00000000-0000-4000-8000-000000000000"}']))
    archive = house.archive()
    with pytest.raises(StorageError, match="is not the bucket that was written to"):
        archive.open(archive.segments(GATE, Instant(0), house.clock.now())[0])
    with pytest.raises(StorageError, match="is not the bucket that was written to"):
        house.mover().round(NOW)


def test_a_tier_taken_out_of_the_settings_is_asked_for(house: House) -> None:
    house.mover().round(NOW)
    tiers = Tiers([], Cache(house.root / "cache", 10**9, reserve=0), house.clock)
    archive = Archive(house.engine, house.settings.volumes, house.clock, tiers)
    with pytest.raises(StorageError, match=r"which no \[\[tiers\]\] of the settings names"):
        archive.open(archive.segments(GATE, Instant(0), house.clock.now())[0])


def test_too_many_readers_are_refused_at_once(house: House) -> None:
    house.mover().round(NOW)
    tiers = house.tiers()
    with contextlib.ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(tiers.reader())
        with pytest.raises(StorageError, match="readers already wait"), tiers.reader():
            pass
    with tiers.reader():
        pass


def _deleted(house: House, row: SegmentRow) -> None:
    """What the cleaner does before it unlinks."""
    leaf = DeleteLeaf(
        row.stream, row.start, row.end, row.sha256, row.size, "r", "", "test", house.clock.now()
    )
    house.ledger.append([leaf])
    with house.engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM segment WHERE start = {row.start}")


def test_what_is_deleted_on_its_way_stays_nowhere(house: House) -> None:
    row = house.rows()[0]
    real = house.moves.move

    def late(moving: SegmentRow, target: str) -> bool:
        if moving.start == row.start:
            _deleted(house, row)
        return real(moving, target)

    house.moves.move = late  # type: ignore[method-assign]
    mover = house.mover()
    mover.round(NOW)
    house.here()[0].unlink()  # the cleaner's part
    house.assert_whole()
    assert len(house.there()) == 2


def test_told_to_stop_it_stops_between_pieces(house: House) -> None:
    stopping = threading.Event()
    stopping.set()
    assert house.mover().round(stopping) == 0
    house.assert_whole()


@pytest.mark.timeout(400)
def test_a_crash_at_any_step_is_finished_or_undone(
    tmp_path: Path, template: Path, server: BucketServer
) -> None:
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    first = House(recorded, template, server)
    first.record(6)
    first.engine.dispose()
    counting = Steps()
    _copy(recorded, tmp_path / "counted", template, server).mover(counting).round(NOW)
    assert {"put", "read", "size", "note", "move", "append", "replicate", "unlink"} <= set(
        counting.names
    )
    cases = [(number, after) for number in range(counting.done) for after in (False, True)]
    for number, after in cases:
        root = tmp_path / f"{number}-{after}"
        _crash(_copy(recorded, root, template, server), number, after)
    print(f"{len(cases)} crashes of a move")


def _copy(recorded: Path, root: Path, template: Path, server: BucketServer) -> House:
    for found in list(server.bucket().listed()):
        server.bucket().delete(found.key)
    root.mkdir()
    house = House(root, template, server)
    house.clock.advance(20 * MINUTE)
    house.engine.dispose()
    shutil.copytree(recorded, root, dirs_exist_ok=True)
    return house


def _crash(house: House, number: int, after: bool) -> None:
    with pytest.raises(Crashed):
        house.mover(Steps(number, after)).round(NOW)
    archive = house.archive()
    for row in house.rows():  # whole in between too
        assert hashlib.sha256(house.bytes_of(archive, row.start)).digest() == row.sha256
    house.mover().round(NOW)
    house.assert_whole()
    assert house.here() == []
    assert house.moves.noted("archive") == (0, [])
    house.engine.dispose()


@pytest.mark.parametrize("step", ["put", "append", "move", "unlink"])
def test_a_crash_and_a_deletion_leave_nothing(house: House, step: str) -> None:
    steps = Steps()
    mover = house.mover(steps)
    row = house.rows()[0]
    name = str(path_of(row.stream, row.start))

    _crash_after(steps, step)
    with pytest.raises(Crashed):
        mover.round(NOW)
    moved = stands_in_bucket(house.rows()[0].volume_path)
    _deleted(house, row)
    if moved:  # the cleaner's last step, by the row it saw
        house.bucket.delete(name)
    else:
        (house.settings.volumes[0].path / name).unlink()
    house.mover().round(NOW)
    assert name not in house.there()
    assert not (house.settings.volumes[0].path / name).exists()
    house.assert_whole()


def test_no_row_and_no_word_in_the_ledger_deletes_nothing(house: House) -> None:
    steps = Steps()
    _crash_after(steps, "note")
    with pytest.raises(Crashed):
        house.mover(steps).round(NOW)
    with house.engine.begin() as connection:  # an index that is being rebuilt
        connection.exec_driver_sql("DELETE FROM segment")
    house.mover().round(NOW)
    assert len(house.here()) == 3


def _crash_after(steps: Steps, name: str) -> None:
    """Stop after the first operation of this name."""

    class Names(list[str]):
        def append(self, done: str) -> None:
            super().append(done)
            if done == name and self.count(name) == 1:
                steps.stop_at, steps.after = steps.done - 1, True

    steps.names = Names()


def test_wrong_keys_move_nothing(house: House) -> None:
    house.server.call("POST", "/moto-api/reset-auth", b"0")
    try:
        with pytest.raises(BucketError, match="refuses the keys"):
            house.mover().round(NOW)
    finally:
        house.server.call("POST", "/moto-api/reset-auth", b"inf")
    assert len(house.here()) == 3


# -- checking -----------------------------------------------------------------------------


def _told(house: House, level: Level = Level.HASH) -> list[tuple[str, str]]:
    tiers = house.tiers()
    near = verify_archive(house.engine, house.settings.volumes, level, house.clock, patience=0)
    far = verify_tiers(house.engine, tiers, level)
    return [(one.kind.value, one.subject) for one in (*near, *far)]


def test_a_check_reads_the_bucket_and_finds_nothing_where_all_is_well(house: House) -> None:
    house.record(3)
    house.clock.advance(-10 * MINUTE + 30 * SECOND)
    house.mover().round(NOW)
    counted = [0, 0]

    def progress(files: int, size: int) -> None:
        counted[0] += files
        counted[1] += size

    tiers = house.tiers()
    assert list(verify_tiers(house.engine, tiers, progress=progress)) == []
    assert counted == [3, sum(row.size for row in house.rows()[:3])]
    assert _told(house) == []


def test_a_check_names_what_is_wrong_in_the_bucket(house: House) -> None:
    house.mover().round(NOW)
    names = [f"gate.main.{row.start}" for row in house.rows()]
    flipped, gone, short = (str(path_of(GATE, row.start)) for row in house.rows())
    data = bytearray(house.bucket.read(flipped, 0, 1 << 22))
    data[3_000] ^= 1
    house.bucket.put(flipped, iter([bytes(data)]))
    house.bucket.delete(gone)
    house.bucket.put(short, iter([house.bucket.read(short, 0, 9_999)]))
    added = path_of(GATE, Instant(house.rows()[0].start - MINUTE))
    house.bucket.put(str(added), iter([b"footage of somebody else"]))
    house.bucket.put("notes.txt", iter([b"x"]))
    damaged, missing, unknown = "footage_damaged", "footage_missing", "footage_unknown"
    strange = [
        (unknown, f"gate.main.{house.rows()[0].start - MINUTE}"),
        (unknown, f"s3://{NAME}/site/notes.txt"),
    ]
    assert sorted(_told(house)) == sorted(
        [(damaged, names[0]), (missing, names[1]), (damaged, names[2]), *strange]
    )
    assert sorted(_told(house, Level.SIZE)) == sorted(
        [(missing, names[1]), (damaged, names[2]), *strange]
    )
    assert sorted(_told(house, Level.PRESENCE)) == sorted([(missing, names[1]), *strange])


def test_a_check_in_the_middle_of_a_move_raises_no_alarm(house: House) -> None:
    steps = Steps()
    _crash_after(steps, "append")
    with pytest.raises(Crashed):
        house.mover(steps).round(NOW)
    assert len(house.there()) == 3
    assert _told(house) == []


def test_a_check_without_the_bucket_says_what_it_could_not_see(house: House) -> None:
    house.mover().round(NOW)
    house.server.stop()
    try:
        assert _told(house) == [("tier_unreachable", f"s3://{NAME}/site")]
    finally:
        house.server.start()


# -- rebuilding ---------------------------------------------------------------------------


def _rebuilt(house: House, level: Level = Level.HASH) -> Rebuilt:
    """What `vms storage rebuild` does."""
    tiers, ledger = house.tiers(), Ledger.of(house.settings, house.clock)
    held = HeldSpans(())
    far = TierRebuild(house.engine, ledger, held, house.root / "far.db", level=level, threads=2)
    done = far.run(tiers)
    near = Rebuild(
        house.engine,
        house.settings.volumes,
        ledger,
        lambda: held,
        RealDisk(),
        house.clock,
        house.root / "near.db",
        level=level,
    ).run()
    done.findings += near.findings
    done.lost += near.lost
    return done


def _in_ledger(house: House) -> None:
    """What the recorder's bookkeeping does: each row has its leaf."""
    for row in house.rows():
        if row.leaf is None:
            house.ledger.append([SegmentLeaf.of(row)])


def _without_index(house: House) -> None:
    house.engine.dispose()
    for file in house.root.glob("gozcu.db*"):
        file.unlink()
    migrate(house.engine)


def test_a_lost_index_is_rebuilt_from_bucket_and_volumes(house: House) -> None:
    house.record(6)
    house.clock.advance(-10 * MINUTE + 30 * SECOND)
    house.mover().round(NOW)
    _in_ledger(house)
    before = house.rows()
    assert {stands_in_bucket(row.volume_path) for row in before} == {True, False}
    _without_index(house)
    done = _rebuilt(house)
    assert (done.lost, done.findings) == (0, [])
    after = house.rows()
    assert [(row.start, row.end, row.volume, row.sha256, row.size) for row in after] == [
        (row.start, row.end, row.volume, row.sha256, row.size) for row in before
    ]
    house.assert_whole()
    again = _rebuilt(house, Level.SIZE)
    assert (again.segments, again.findings, house.rows()) == (3, [], after)
    assert _told(house) == []


def test_a_rebuild_finishes_deletions_and_names_damage_in_the_bucket(house: House) -> None:
    house.mover().round(NOW)
    _in_ledger(house)
    first, second, third = house.rows()
    _deleted(house, first)  # and the machine stopped before the object went
    data = bytearray(house.bucket.read(str(path_of(GATE, second.start)), 0, 1 << 22))
    data[3_000] ^= 1
    house.bucket.put(str(path_of(GATE, second.start)), iter([bytes(data)]))
    _without_index(house)
    done = _rebuilt(house)
    assert [(one.kind, one.subject) for one in done.findings] == [
        (Kind.FOOTAGE_DAMAGED, f"gate.main.{second.start}")
    ]
    assert (done.deleted, len(house.there())) == (1, 2)
    assert [row.start for row in house.rows()] == [second.start, third.start]
    assert house.rows()[0].sha256 == second.sha256, "the row still shows the damage"
    assert _told(house) == [("footage_damaged", f"gate.main.{second.start}")]


def test_a_row_without_its_object_is_lost_and_told(house: House) -> None:
    house.mover().round(NOW)
    _in_ledger(house)
    gone = house.rows()[1]
    house.bucket.delete(str(path_of(GATE, gone.start)))
    done = _rebuilt(house)
    assert (done.dropped, done.lost) == (1, 1)
    assert [one.kind for one in done.findings] == [Kind.FOOTAGE_MISSING]


def test_without_its_bucket_nothing_is_rebuilt(house: House) -> None:
    house.mover().round(NOW)
    before = house.rows()
    house.server.stop()
    try:
        with pytest.raises(BucketError, match="can't be reached"):
            _rebuilt(house)
    finally:
        house.server.start()
    assert house.rows() == before
