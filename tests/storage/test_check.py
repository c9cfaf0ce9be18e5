"""The check finds what is wrong, by name, and nothing that is only on its way."""

from __future__ import annotations

import os
import shutil
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage import check
from storage.archive import Archive
from storage.check import Level, check_coverage, total, verify_archive
from storage.database import open_database
from storage.facts import SegmentFacts
from storage.findings import Kind
from storage.hashing import hash_file, in_threads
from storage.layout import Stage, path_of
from storage.listing import Listing
from storage.recording import Store
from storage.synthetic import fill_index
from tests.storage.house import FORMAT, Recorder, fresh_database, key, settings
from vms.core.clock import DAY, HOUR, SECOND, FakeClock, Instant, Span
from vms.core.config import Settings

GATE, SQUARE = key("gate"), key("square")
FOREVER = Instant(2**62)
ID = "(SELECT id FROM stream WHERE camera = 'gate')"


@dataclass
class Checked:
    """Two cameras with half a minute of footage each, on two volumes, hours ago."""

    house: Settings
    clock: FakeClock
    engine: sa.Engine
    facts: list[SegmentFacts]

    def found(self, level: Level = Level.HASH, **more: object) -> list[tuple[Kind, str]]:
        given = {"patience": 0.0, "threads": 2, **more}
        findings = verify_archive(self.engine, self.house.volumes, level, self.clock, **given)
        return [(one.kind, one.subject) for one in findings]

    def delete_row(self, facts: SegmentFacts) -> None:
        """Of the first stream."""
        with self.engine.begin() as connection:
            connection.exec_driver_sql(
                f"DELETE FROM segment WHERE start = {facts.start} AND stream_id = {ID}"
            )


@pytest.fixture
def site(tmp_path: Path, template: Path) -> Iterator[Checked]:
    house, clock = settings(tmp_path, "one", "two"), FakeClock()
    fresh_database(tmp_path, template)
    for volume in ("one", "two"):
        (tmp_path / volume).mkdir()
    with Store(house, clock, threads=False) as store:
        recorders = [Recorder(store, clock, stream) for stream in (GATE, SQUARE)]
        for second in range(30):
            if second == 15:  # the first volume is left for the second
                store._volumes.writers[0].resting_until = 2**62
            clock.advance(SECOND)
            for recorder in recorders:
                recorder.step()
            store.pump()
    clock.advance(3 * HOUR)
    engine = open_database(house.database_url)
    archive = Archive(engine, house.volumes, clock)
    facts = [
        one for stream in (GATE, SQUARE) for one in archive.segments(stream, Instant(0), FOREVER)
    ]
    assert {one.path.parts[-6] for one in facts} == {"one", "two"}
    yield Checked(house, clock, engine, facts)
    engine.dispose()


def test_all_is_well(site: Checked) -> None:
    for level in Level:
        assert site.found(level) == []


def test_each_harm_is_found_and_named_at_its_level(site: Checked) -> None:
    gone, short, flipped, unread = site.facts[1:5]
    gone.path.unlink()
    short.path.write_bytes(short.path.read_bytes()[:-1])
    data = bytearray(flipped.path.read_bytes())
    data[len(data) // 2] ^= 1
    flipped.path.write_bytes(data)
    unread.path.unlink()
    unread.path.mkdir()
    presence = [(Kind.FOOTAGE_MISSING, gone.id)]
    size = [*presence, (Kind.FOOTAGE_DAMAGED, short.id), (Kind.FOOTAGE_DAMAGED, unread.id)]
    assert sorted(site.found(Level.PRESENCE)) == sorted(presence)
    assert sorted(site.found(Level.SIZE)) == sorted(size)
    assert sorted(site.found()) == sorted([*size, (Kind.FOOTAGE_DAMAGED, flipped.id)])


def test_files_that_are_none_of_ours_are_named_wherever_they_lie(site: Checked) -> None:
    root, hour = site.house.volumes[0].path, site.facts[0].path.parent
    other_hour = hour.with_name("00")
    other_hour.mkdir()
    (root / "lost+found").mkdir()
    (root / "lost+found" / "#1").touch()
    strangers = [
        root / "notes.txt",
        root / "gate" / "notes.txt",
        root / "holiday" / "a" / "b" / "c" / "d" / "e.mov",
        root / "gate" / "main" / "notes.txt",
        hour / "notes.txt",
        other_hour / site.facts[0].path.name,  # the name of another hour
    ]
    for path in strangers:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert sorted(site.found()) == sorted((Kind.FOOTAGE_UNKNOWN, str(path)) for path in strangers)


@pytest.mark.parametrize("age", [0, 3 * HOUR])
@pytest.mark.parametrize("stage", ["mp4", "part"])
def test_a_copy_put_beside_the_footage_is_found_however_young(
    site: Checked, age: Span, stage: str
) -> None:
    mine = site.facts[1]
    site.clock.step(age - 3 * HOUR)
    moved = Instant(mine.start + SECOND // 2)
    other_volume = site.house.volumes["one" in mine.path.parts].path
    roots = (mine.path.parents[4], other_volume)
    copies = [roots[0] / path_of(GATE, moved, Stage(stage))]  # at another time
    copies += [roots[0] / path_of(key("ghost"), mine.start, Stage(stage))]  # of another camera
    if stage == "mp4":
        copies += [roots[1] / path_of(GATE, mine.start, Stage.FINAL)]  # on another volume
    else:
        copies += [mine.path.with_suffix(".part")]  # beside itself
    for copy in copies:
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(mine.path, copy)
        ((kind, subject), *more) = site.found()
        assert (kind, more) == (Kind.FOOTAGE_UNKNOWN, []), copy
        assert subject.startswith(("gate.main", "ghost.main"))
        archive = Archive(site.engine, site.house.volumes, site.clock)
        for stream in (GATE, key("ghost")):
            listed = archive.segments(stream, Instant(0), FOREVER)
            assert [one for one in listed if one.path == copy] == []
        copy.unlink()
    assert site.found() == []


def test_a_file_without_a_row_is_found_once_it_should_have_one(site: Checked) -> None:
    lost = site.facts[3]
    with site.engine.begin() as connection:
        connection.exec_driver_sql(
            f"DELETE FROM segment WHERE start = {lost.start} AND stream_id = {ID}"
        )
    found = site.found()
    assert (Kind.FOOTAGE_UNKNOWN, lost.id) in found
    assert (Kind.TIME_UNEXPLAINED, "gate.main") in found
    assert len(found) == 2
    site.clock.step(-3 * HOUR)  # as if it had just been written
    assert [kind for kind, _ in site.found()] == [Kind.TIME_UNEXPLAINED]


def test_a_copy_left_on_another_volume_is_found(site: Checked) -> None:
    one = site.facts[0]
    copy = site.house.volumes[1].path / one.path.relative_to(site.house.volumes[0].path)
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(one.path, copy)
    assert site.found() == [(Kind.FOOTAGE_UNKNOWN, one.id)]


def test_a_file_put_away_is_told(site: Checked) -> None:
    one = site.facts[0]
    one.path.with_suffix(".abandoned").write_bytes(b"x")
    assert site.found() == [(Kind.FOOTAGE_ABANDONED, one.id)]


def test_a_missing_volume_is_one_finding_that_counts_its_segments(site: Checked) -> None:
    root = site.house.volumes[1].path
    root.rename(root.with_name("elsewhere"))
    (found,) = verify_archive(site.engine, site.house.volumes, clock=site.clock, patience=0)
    on_it = sum(one.path.is_relative_to(root) for one in site.facts)
    assert (found.kind, found.subject) == (Kind.VOLUME_MISSING, str(root))
    assert f"{on_it} segments" in found.detail


def test_a_volume_that_lost_its_identity_is_still_read(site: Checked) -> None:
    root = site.house.volumes[1].path
    (root / ".gozcu" / "volume.json").unlink()
    damaged = next(one for one in site.facts if one.path.is_relative_to(root))
    damaged.path.write_bytes(b"")
    assert site.found() == [
        (Kind.VOLUME_MISSING, str(root)),
        (Kind.FOOTAGE_DAMAGED, damaged.id),
    ]


def test_a_volume_mounted_elsewhere_is_recognised(site: Checked) -> None:
    one, two = (volume.path for volume in site.house.volumes)
    one.rename(one.with_name("swap"))
    two.rename(one)
    one.with_name("swap").rename(two)
    assert site.found() == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_cannot_be_listed_is_told(site: Checked) -> None:
    folder = site.facts[0].path.parent
    folder.chmod(0)
    try:
        assert (Kind.VOLUME_FAILED, str(folder)) in site.found()
    finally:
        folder.chmod(0o750)


def _while_looking(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Do something after the rows were read and before the files are looked at."""
    real, done = check.check_file, threading.Event()

    def look(*given: object) -> object:
        if not done.is_set():
            done.set()
            act()
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(check, "check_file", look)


def test_what_is_deleted_meanwhile_is_no_finding(
    site: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = site.facts[0]

    def delete() -> None:
        site.delete_row(one)
        with site.engine.begin() as connection:
            connection.exec_driver_sql(
                'INSERT INTO gap (stream_id, start, "end", cause, detail) VALUES '
                f"({ID}, {one.start}, {one.end}, 'deleted', '')"
            )
        one.path.unlink()

    _while_looking(monkeypatch, delete)
    assert site.found(threads=1) == []


def test_what_moves_to_another_volume_meanwhile_is_no_finding(
    site: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = site.facts[0]
    roots = [volume.path for volume in site.house.volumes]

    def move() -> None:
        copy = roots[1] / one.path.relative_to(roots[0])
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(one.path, copy)
        with site.engine.begin() as connection:
            connection.exec_driver_sql(
                f"UPDATE segment SET volume_id = 2 WHERE start = {one.start} AND stream_id = {ID}"
            )

    _while_looking(monkeypatch, move)
    assert site.found(threads=1) == []


def test_a_gap_that_came_before_its_segments_row_is_no_finding(site: Checked) -> None:
    """The gap's row comes at once, that of the segment before it after its sync."""
    lost = site.facts[9]
    with site.engine.begin() as connection:
        kept = connection.exec_driver_sql(
            f"SELECT * FROM segment WHERE start = {lost.start} AND stream_id = {ID}"
        ).one()
    site.delete_row(lost)
    site.clock.step(-3 * HOUR)
    assert check_coverage(site.engine, GATE)

    def arrive() -> None:
        marks = ",".join("?" * len(kept))
        with site.engine.begin() as connection:
            connection.exec_driver_sql(f"INSERT INTO segment VALUES ({marks})", tuple(kept))

    late = threading.Timer(0.3, arrive)
    late.start()
    assert site.found(patience=1.5) == []
    late.join()


def test_progress_counts_every_file_and_byte(site: Checked) -> None:
    done: list[tuple[int, int]] = []
    site.found(progress=lambda files, size: done.append((files, size)))
    summed = (sum(files for files, _ in done), sum(size for _, size in done))
    assert summed == total(site.engine) == (len(site.facts), sum(one.size for one in site.facts))


def test_the_check_holds_little_however_much_there_is(tmp_path: Path, template: Path) -> None:
    fresh_database(tmp_path, template)
    house = settings(tmp_path)
    engine = open_database(house.database_url)
    begin = Instant(1_760_000_000 * SECOND // DAY * DAY)
    rows = fill_index(engine, [GATE], begin, 30 * 24 * 60, FORMAT)
    assert rows > 40_000
    listing = Listing(engine)
    list(listing.batch(GATE, 0, 10))  # what is made once
    tracemalloc.start()
    try:
        assert check_coverage(engine, GATE) == []
        assert sum(1 for _ in listing.rows(GATE)) == rows
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        engine.dispose()
    assert peak < 12_000_000, "a month of rows is gone through, not held"


def test_hashing_in_threads_keeps_the_order_and_ends_when_nobody_asks(tmp_path: Path) -> None:
    files = [tmp_path / str(number) for number in range(50)]
    for number, file in enumerate(files):
        file.write_bytes(bytes([number]) * 10_000)
    taken: list[Path] = []

    def given() -> Iterator[Path]:
        for file in files:
            taken.append(file)
            yield file

    digests = list(in_threads(hash_file, files, 4))
    assert digests == [hash_file(file) for file in files]
    some = in_threads(hash_file, given(), 2)
    next(some)
    some.close()
    assert len(taken) <= 9


def test_coverage_names_holes_and_overlaps(site: Checked) -> None:
    with site.engine.begin() as connection:
        connection.exec_driver_sql(f'UPDATE segment SET "end" = "end" + 7 WHERE stream_id = {ID}')
    (first, *_) = check_coverage(site.engine, GATE)
    assert "overlaps" in first
    assert (Kind.TIME_UNEXPLAINED, "gate.main") in site.found()
