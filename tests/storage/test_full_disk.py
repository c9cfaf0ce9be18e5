"""Footage, ledger and database on one disk at its last byte: room is made all the same."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from storage.archive import Archive
from storage.ballast import Ballast
from storage.check import check_coverage
from storage.cleaner import Cleaner
from storage.database import open_database
from storage.disk import RealDisk
from storage.facts import RunFacts
from storage.index import Index
from storage.ledger import Ledger
from storage.ledger.leaves import DeleteLeaf, parse
from storage.retention import relieve
from storage.shelf import folder_shelves
from tests.storage.house import FORMAT, fresh_database, key, open_store, second
from tests.storage.test_cleaner import BEGIN, FOREVER, GATE, House
from vms.app.retention_duty import RetentionDuty
from vms.app.site import open_site
from vms.core.clock import MINUTE, FakeClock, Instant
from vms.core.config import Settings
from vms.core.errors import StorageError
from vms.core.model import Cause

MB = 1_000_000


class Tight(Ledger):
    """A ledger whose disk has room for so many leaves at a time."""

    room = 0
    asked: list[int]

    def append(self, leaves: Sequence[object]) -> int:
        self.asked.append(len(leaves))
        if len(leaves) > self.room:
            raise StorageError(Cause.DISK_FULL, "no space left on device")
        return super().append(leaves)  # type: ignore[arg-type]


@pytest.fixture
def house(tmp_path: Path, template: Path) -> Iterator[House]:
    fresh_database(tmp_path, template)
    house = House(tmp_path, FakeClock(now=BEGIN), RealDisk())
    house.record(GATE, BEGIN, 20)
    yield house
    house.engine.dispose()


def relieved(house: House, room: int, gives: list[bool]) -> tuple[int, list[int]]:
    """How many segments went from a full volume, and how many leaves each append was asked for."""
    ledger = Tight.of(house.settings, house.clock)
    ledger.room, ledger.asked = room, []

    def make_room() -> bool:
        given = bool(gives) and gives.pop(0)
        ledger.room += 5 if given else 0
        return given

    volumes = house.settings.volumes
    cleaner = Cleaner(
        house.engine,
        lambda: folder_shelves(volumes, house.disk),
        len(volumes),
        house.holds,
        ledger,
        house.clock,
        make_room=make_room,
    )
    (uuid,) = house.volumes()
    held, now = house.holds.spans(), house.clock.now()
    due = relieve(house.stock, {"gate": None}, held, now, uuid, 10**9)
    return cleaner.delete(due, {"gate": None}).segments, ledger.asked


@pytest.mark.parametrize("room", [1, 3, 19])
def test_a_ledger_with_little_room_takes_small_batches(house: House, room: int) -> None:
    gone, asked = relieved(house, room, [])
    assert gone == 20
    assert asked[0] == 20
    assert house.files() == []
    assert {leaf.start for leaf in house.leaves()} == {BEGIN + n * MINUTE for n in range(20)}
    assert check_coverage(house.engine, GATE) == []


def test_what_is_given_up_is_used_before_batches_become_small(house: House) -> None:
    gone, asked = relieved(house, 0, [True])
    assert gone == 20
    assert asked[:4] == [20, 20, 10, 5]


def test_a_ledger_without_any_room_says_so_and_nothing_went(house: House) -> None:
    with pytest.raises(StorageError, match="no space left"):
        relieved(house, 0, [])
    assert len(house.files()) == 20
    assert len(house.starts(GATE)) == 20


def test_a_database_that_is_full_is_told_from_one_that_fails(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'small.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x BLOB)")
    with engine.connect() as connection, pytest.raises(StorageError) as caught:
        connection.exec_driver_sql("PRAGMA max_page_count = 2")
        connection.exec_driver_sql("INSERT INTO t VALUES (zeroblob(1000000))")
    assert caught.value.cause is Cause.DISK_FULL
    engine.dispose()


# -- ballast ------------------------------------------------------------------------------------


class Sized(RealDisk):
    """A disk that says how much is free, and takes no more than that."""

    left = 10**9

    def free(self, root: Path) -> int:
        return self.left


def test_ballast_is_made_given_up_in_pieces_and_made_anew(tmp_path: Path) -> None:
    disk = Sized()
    ballast = Ballast(tmp_path, disk, size=4 * MB)
    assert not ballast.give_up()
    ballast.keep()
    assert ballast.path.stat().st_blocks * 512 >= 4 * MB
    disk.left = 0
    sizes = []
    while ballast.give_up():
        ballast.keep()
        sizes.append(ballast.path.stat().st_size // MB)
    assert sizes == [3, 2, 1, 0]
    disk.left = 15 * MB
    ballast.keep()
    assert ballast.path.stat().st_size == 0, "it never is what fills the disk"
    disk.left = 16 * MB
    ballast.keep()
    assert ballast.path.stat().st_size == 4 * MB


def test_ballast_that_can_not_be_cut_is_removed(tmp_path: Path) -> None:
    class Stubborn(RealDisk):
        def truncate(self, fd: int, size: int) -> None:
            raise OSError(errno.ENOSPC, "no space left on device")

    ballast = Ballast(tmp_path, Stubborn(), size=MB)
    ballast.keep()
    assert ballast.give_up()
    assert not ballast.path.exists()
    assert not ballast.give_up()


# -- a real disk ----------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB in memory."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system of its own")
    root = tmp_path / "small"
    root.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(root)],
        capture_output=True, text=True, check=False, timeout=10,
    )  # fmt: skip
    if made.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    try:
        yield root
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True, timeout=10)


def fill(path: Path) -> None:
    """Take the last byte."""
    with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4_096)):
            pass


def test_a_disk_at_its_last_byte_is_relieved(small: Path, template: Path) -> None:
    fresh_database(small, template)
    clock = FakeClock(now=BEGIN)
    with open_store(small, clock) as store:
        store.recover([])
        for n in range(300):
            start = Instant(BEGIN + n * MINUTE)
            one = store.open_segment(key("gate"), start, FORMAT, RunFacts(1, start))
            one.append(second(n, 0, key=True, size=6_000))
            one.close(Instant(start + MINUTE))
            clock.advance(MINUTE)
            store.pump()
    settings = Settings.model_validate(
        {
            "file": small / "cameras.toml",
            "system": {"data": small},
            "volumes": [{"path": small / "video", "reserve": 0}],
            "cameras": [{"id": "gate", "source": "rtsp://10.0.0.1/x"}],
        }
    )
    with open_site(settings, clock) as site:
        site.registry.apply(settings.cameras)
        duty, stop = RetentionDuty(site, pause=0), threading.Event()
        duty.work(stop)  # there is room: nothing goes, and the ballast is made
        index, files = Index(site.engine), lambda: len(list(small.rglob("*.mp4")))
        assert (small / "ballast").stat().st_size > MB
        before = files()
        # What stands in SQLite's log has been taken over, as after a clean end: it must grow.
        with site.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        fill(small / "filler")
        assert RealDisk().free(small) == 0
        clock.advance(MINUTE)
        duty.work(stop)
        assert files() < before - 100
        assert RealDisk().free(small) > MB
        assert len(index.segments(GATE, Instant(0), FOREVER)) == files()
        gone = [parse(line) for _, line in site.ledger.leaves()]
        starts = {leaf.start for leaf in gone if isinstance(leaf, DeleteLeaf)}
        assert starts == {BEGIN + n * MINUTE for n in range(before - files())}
        archive = Archive(site.engine, settings.volumes, clock)
        assert archive.gaps(GATE, Instant(0), FOREVER)[0].cause is Cause.DELETED
        (small / "filler").unlink()
        duty.work(stop)
        assert (small / "ballast").stat().st_size == Ballast(small, RealDisk())._size
        duty.close()
