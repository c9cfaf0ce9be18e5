"""Volumes of a running store: recognised by their identity, left, taken up again."""

from __future__ import annotations

import errno
import itertools
import json
import shutil
import threading
import time
from pathlib import Path

import pytest

from storage.archive import Archive
from storage.check import check_coverage
from storage.database import open_database
from storage.disk import RealDisk
from storage.findings import Findings, Kind
from storage.known_volumes import KnownVolumes
from storage.layout import HOUSE
from storage.overview import Overview
from storage.recording import Store
from storage.volume import VolumeState, find_volume
from tests.storage.house import Recorder, key, settings
from tests.storage.sim_disk import SimDisk
from vms.core.clock import SECOND, FakeClock, Instant, SystemClock
from vms.core.config import Settings
from vms.core.errors import StorageError
from vms.core.model import Cause
from vms.core.status import VolumeStatus, WorkerStatus, status_path, write_status

GATE = key("gate")
FOREVER = Instant(2**62)


class Moody(RealDisk):
    """Refuses what is asked under some folders; hangs in writes to another."""

    def __init__(self) -> None:
        self.refuses: dict[str, int] = {}
        self.no_reserve = False
        self.hangs = ""
        self.thawed = threading.Event()

    def _check(self, path: Path) -> None:
        for name, code in self.refuses.items():
            if f"/{name}/" in f"{path}/":
                raise OSError(code, "refused", str(path))

    def create(self, path: Path) -> int:
        self._check(path)
        return super().create(path)

    def write_parts(self, fd: int, parts: list[bytes], offset: int) -> None:
        path = Path(f"/proc/self/fd/{fd}").readlink()
        self._check(path)
        if self.hangs and f"/{self.hangs}/" in str(path):
            self.thawed.wait()
        super().write_parts(fd, parts, offset)

    def reserve(self, fd: int, size: int) -> None:
        if self.no_reserve:
            raise OSError(errno.ENOSPC, "no room ahead")
        super().reserve(fd, size)


def record(store: Store, clock: FakeClock, seconds: int, names: tuple[str, ...]) -> list[Recorder]:
    recorders = [Recorder(store, clock, key(name)) for name in names]
    for _ in range(seconds):
        clock.advance(SECOND)
        for recorder in recorders:
            recorder.step()
        store.pump()
        store.tend()
    return recorders


def states(store: Store) -> list[VolumeState]:
    return [one.state for one in store.volumes]


def test_an_empty_mount_point_is_no_new_volume(tmp_path: Path) -> None:
    clock, house = FakeClock(), settings(tmp_path, "a", "b")
    with Store(house, clock, threads=False) as store:
        record(store, clock, 3, ("gate", "square"))
    (tmp_path / "a").rename(tmp_path / "unmounted")
    (tmp_path / "a").mkdir()
    with Store(house, clock, threads=False) as store:
        store.recover([])
        assert states(store) == [VolumeState.MISSING, VolumeState.GOOD]
        assert "vms storage accept" in store.volumes[0].detail
        clock.advance(60 * SECOND)
        store.tend()
        assert list((tmp_path / "a").iterdir()) == []
        (tmp_path / "a").rmdir()
        (tmp_path / "unmounted").rename(tmp_path / "a")
        clock.advance(6 * SECOND)
        store.tend()
        assert states(store) == [VolumeState.GOOD, VolumeState.GOOD]


def test_a_foreign_disk_is_not_written_to_until_it_is_accepted(tmp_path: Path) -> None:
    clock, house = FakeClock(), settings(tmp_path, "a", "b")
    with Store(house, clock, threads=False) as store:
        record(store, clock, 3, ("gate",))
    file = tmp_path / "a" / HOUSE / "volume.json"
    other = "00000000-0000-4000-8000-000000000001"
    file.write_text(json.dumps({"uuid": other}))
    known = KnownVolumes(open_database(house.database_url))
    with Store(house, clock, threads=False) as store:
        assert states(store) == [VolumeState.FOREIGN, VolumeState.GOOD]
        assert other in store.volumes[0].detail
        assert known.accept(tmp_path / "a") is not None
        clock.advance(6 * SECOND)
        store.tend()
        assert states(store) == [VolumeState.GOOD, VolumeState.GOOD]
    with Store(house, clock, threads=False) as store:
        assert states(store) == [VolumeState.GOOD, VolumeState.GOOD]


def test_disks_that_changed_places_are_recognised(tmp_path: Path) -> None:
    clock, house = FakeClock(), settings(tmp_path, "a", "b")
    with Store(house, clock, threads=False) as store:
        record(store, clock, 4, ("gate", "square"))
    before = [find_volume(tmp_path / name) for name in ("a", "b")]
    (tmp_path / "a").rename(tmp_path / "c")
    (tmp_path / "b").rename(tmp_path / "a")
    (tmp_path / "c").rename(tmp_path / "b")
    with Store(house, clock, threads=False) as store:
        assert states(store) == [VolumeState.GOOD, VolumeState.GOOD]
        assert [one.uuid for one in store.volumes] == before[::-1]
        store.recover([])
    archive = Archive(open_database(house.database_url), house.volumes, clock)
    for name in ("gate", "square"):
        for facts in archive.segments(key(name), Instant(0), FOREVER):
            assert facts.path.exists()


def test_the_same_disk_at_two_paths_is_used_once(tmp_path: Path) -> None:
    clock, house = FakeClock(), settings(tmp_path, "a", "b")
    with Store(house, clock, threads=False):
        pass
    shutil.copy(tmp_path / "a" / HOUSE / "volume.json", tmp_path / "b" / HOUSE / "volume.json")
    with Store(house, clock, threads=False) as store:
        assert states(store) == [VolumeState.GOOD, VolumeState.FOREIGN]
        assert "same volume" in store.volumes[1].detail


def test_a_disk_swapped_while_it_is_written_is_left_at_once(tmp_path: Path) -> None:
    clock, house = FakeClock(), settings(tmp_path, "a", "b")
    with Store(house, clock, threads=False) as store:
        store.recover([GATE, key("square")])
        recorders = record(store, clock, 2, ("gate", "square"))
        (tmp_path / "a").rename(tmp_path / "away")  # as a lazy unmount: our files stay open
        (tmp_path / "a").mkdir()
        for _ in range(12):
            clock.advance(SECOND)
            for recorder in recorders:
                recorder.step()
            store.pump()
            store.tend()
        assert states(store) == [VolumeState.MISSING, VolumeState.GOOD]
        assert not list((tmp_path / "a").rglob("*Z.*")), "nothing under the empty mount point"
    archive = Archive(open_database(house.database_url), house.volumes, clock)
    for name in ("gate", "square"):
        assert [g.cause for g in archive.gaps(key(name), Instant(0), FOREVER)] == [
            Cause.RECORDER_STOPPED
        ]
    assert all(recorder.refused == 0 for recorder in recorders)


def killed(folder: Path, house: Settings, clock: FakeClock) -> Path:
    """A disk as if killed with it pulled: what would be the final name of its `.part`."""
    with Store(house, clock, threads=False) as store:
        store.recover([GATE])
        record(store, clock, 2, ("gate",))
    (final,) = folder.rglob("*.mp4")
    engine = open_database(house.database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM segment")
        connection.exec_driver_sql("DELETE FROM gap")
    final.rename(final.with_suffix(".part"))
    return final


def comes_back(folder: Path, root: Path, store: Store, clock: FakeClock) -> None:
    """Recording goes on without the disk that lies in `away`, and then with it."""
    store.open_gap(GATE, Instant(clock.now() - 3 * SECOND), Cause.CONNECTING)
    clock.advance(SECOND)
    record(store, clock, 3, ("gate",))
    root.rmdir()
    (folder / "away").rename(root)
    clock.advance(6 * SECOND)
    store.tend()


def test_what_a_disk_kept_that_was_away_is_taken_up_when_it_is_back(tmp_path: Path) -> None:
    clock, house = FakeClock(), settings(tmp_path, "a", "b")
    final = killed(tmp_path, house, clock)
    engine = open_database(house.database_url)
    root = tmp_path / final.relative_to(tmp_path).parts[0]
    root.rename(tmp_path / "away")
    root.mkdir()
    with Store(house, clock, threads=False) as store:
        comes_back(tmp_path, root, store, clock)
        archive = Archive(engine, house.volumes, clock)
        first = archive.segments(GATE, Instant(0), FOREVER)[0]
        assert first.path == final
        assert final.exists()
    assert check_coverage(engine, GATE) == []


def test_what_is_damaged_on_a_disk_that_comes_back_is_told(tmp_path: Path) -> None:
    clock, house = FakeClock(), settings(tmp_path, "a", "b")
    final = killed(tmp_path, house, clock)
    engine = open_database(house.database_url)
    part = final.with_suffix(".part")
    part.write_bytes(b"damaged!" + part.read_bytes()[8:])
    root = tmp_path / final.relative_to(tmp_path).parts[0]
    root.rename(tmp_path / "away")
    root.mkdir()
    with Store(house, clock, threads=False) as store:
        comes_back(tmp_path, root, store, clock)
    assert final.with_suffix(".abandoned").exists()
    (told,) = Findings(engine, clock).open(Kind.FOOTAGE_ABANDONED)
    assert str(part) in told.detail


def test_a_refused_reservation_is_no_reason_to_fail(tmp_path: Path) -> None:
    clock, disk = FakeClock(), Moody()
    disk.no_reserve = True
    with Store(settings(tmp_path), clock, threads=False, disk=disk) as store:
        (recorder,) = record(store, clock, 3, ("gate",))
        assert recorder.refused == 0
    assert list(tmp_path.rglob("*.mp4"))


def test_a_single_volume_is_used_again_as_soon_as_it_works(tmp_path: Path) -> None:
    clock, disk = FakeClock(), Moody()
    with Store(settings(tmp_path, "a"), clock, threads=False, disk=disk) as store:
        (recorder,) = record(store, clock, 2, ("gate",))
        disk.refuses["a"] = errno.EIO
        clock.advance(SECOND)
        recorder.step()
        store.pump()
        assert states(store) == [VolumeState.FAILED]
        disk.refuses.clear()
        for _ in range(3):
            clock.advance(SECOND)
            store.tend()
            recorder.step()
            store.pump()
        assert states(store) == [VolumeState.GOOD]
        assert recorder.segment is not None
        assert recorder.segment.failed is None


def test_a_fault_of_ours_costs_one_segment_and_the_volume_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, clock = settings(tmp_path), SystemClock()
    with Store(house, clock) as store:
        store.recover([GATE, key("square")])
        bad, good = (Recorder(store, FakeClock(clock.now()), key(n)) for n in ("gate", "square"))
        bad.clock.advance(SECOND)
        good.clock.advance(SECOND)
        bad.step()
        good.step()
        time.sleep(0.3)
        assert bad.segment is not None
        monkeypatch.setattr(bad.segment.draft, "entries", None)
        bad.clock.advance(SECOND)
        bad.step()
        deadline = time.monotonic() + 5
        while bad.segment is not None and bad.segment.failed is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert bad.segment is not None
        assert bad.segment.failed is not None
        assert bad.segment.failed.cause is Cause.RECORDER_CRASHED
        good.clock.advance(SECOND)
        good.step()
    archive = Archive(open_database(house.database_url), house.volumes)
    (kept,) = archive.segments(key("square"), Instant(0), FOREVER)
    assert len(archive.fragments(kept).fragments) == 2
    gaps = archive.gaps(GATE, Instant(0), FOREVER)
    assert Cause.RECORDER_CRASHED in {gap.cause for gap in gaps}


def test_a_hanging_volume_delays_neither_its_segments_nor_the_stop(tmp_path: Path) -> None:
    house, clock, disk = settings(tmp_path, "a", "b"), SystemClock(), Moody()
    store = Store(house, clock, disk=disk)
    with store:
        store.recover([key("gate"), key("square")])
        recorders = [Recorder(store, FakeClock(clock.now()), key(n)) for n in ("gate", "square")]
        for one in recorders:
            one.clock.advance(SECOND)
            one.step()
        time.sleep(1.2)
        disk.hangs = "a"
        until = time.monotonic() + 20
        while not all(
            one.segment and one.segment.part.is_relative_to(tmp_path / "b") for one in recorders
        ):
            assert time.monotonic() < until
            for one in recorders:
                if one.at < one.length:
                    one.clock.advance(SECOND)
                    one.step()
            time.sleep(0.3)
        assert all(one.refused == 0 for one in recorders)
        began = time.monotonic()
    assert time.monotonic() - began < 6
    disk.thawed.set()


def test_what_the_recorder_finds_is_told_to_screens(tmp_path: Path) -> None:
    """A disk that takes no write looks well from outside."""
    house, clock = settings(tmp_path, "a", "b"), SystemClock()
    with Store(house, FakeClock(), threads=False):
        pass
    engine = open_database(house.database_url)
    house.make_run_dirs()
    overview = Overview(engine, house, clock)
    assert [one.state for one in overview.volumes()] == ["good", "good"]
    told = VolumeStatus(str(tmp_path / "a"), None, "failed", "it hangs")
    status = WorkerStatus(0, 1, 1, clock.now(), volumes=(told,))
    write_status(status_path(house.run_dir, 0), status)
    first, second = overview.volumes()
    assert (first.state, first.detail) == ("failed", "it hangs")
    assert second.state == "good"


@pytest.mark.parametrize(("durability", "whole"), [("1s", True), ("process", False)])
def test_durability_says_who_syncs_what(tmp_path: Path, durability: str, whole: bool) -> None:
    """`1s`: the volume each second; `process`: closed files alone, open ones by the kernel."""
    clock = FakeClock()
    (tmp_path / "video").mkdir()
    disk = SimDisk(tmp_path / "video")
    house = settings(tmp_path, durability=durability)
    with Store(house, clock, threads=False, disk=disk) as store:
        disk.log.clear()
        (recorder,) = record(store, clock, 3, ("gate",))
        synced = {line.split()[0] for line in disk.log if line.startswith(("sync_v", "sync_fi"))}
        assert synced == ({"sync_volume"} if whole else set())
        disk.log.clear()
        record_one(store, clock, recorder)
        synced = [line.split()[0] for line in disk.log if line.startswith(("sync_v", "sync_fi"))]
        assert synced[0] == ("sync_volume" if whole else "sync_file")  # then the ledger's own
        named = next(n for n, line in enumerate(disk.log) if line.startswith("rename"))
        assert disk.log.index(next(li for li in disk.log if li.startswith(synced[0]))) < named


def record_one(store: Store, clock: FakeClock, recorder: Recorder) -> None:
    """The second in which a segment of three ends."""
    clock.advance(SECOND)
    recorder.step()
    store.pump()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def pulled(tmp_path: Path, store: Store, clock: FakeClock) -> None:
    """Volume `a` goes, is noticed, and stands at its path again."""
    (tmp_path / "a").rename(tmp_path / "away")
    (tmp_path / "a").mkdir()
    for _ in range(10):
        clock.advance(SECOND)
        store.pump()
        store.tend()
    assert states(store) == [VolumeState.MISSING, VolumeState.GOOD]
    (tmp_path / "a").rmdir()
    (tmp_path / "away").rename(tmp_path / "a")
    clock.advance(6 * SECOND)


@pytest.mark.parametrize("error", [StorageError(Cause.DISK_FAILED, "not today"), OSError(5, "io")])
@pytest.mark.parametrize("step", ["seen", "recover", "know"])
def test_a_volume_that_is_back_and_can_not_be_taken_up_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception
) -> None:
    clock, house = FakeClock(), settings(tmp_path, "a", "b")
    tried: list[int] = []

    def refuse(*_: object) -> None:
        tried.append(clock.monotonic())
        raise error

    with Store(house, clock, threads=False) as store:
        store.recover([GATE])
        pulled(tmp_path, store, clock)
        mount = store._volumes._mounts[0]
        whose = {"seen": mount._known, "recover": mount, "know": store._volumes}[step]
        name = {"seen": "seen", "recover": "_recover", "know": "_know"}[step]
        with monkeypatch.context() as patched:
            patched.setattr(whose, name, refuse)
            store.tend()
            before = open_files()
            for _ in range(20):
                clock.advance(SECOND)
                store.tend()
            assert open_files() == before
            assert all(b - a >= 5 * SECOND for a, b in itertools.pairwise(tried))
            assert 4 <= len(tried) <= 5
            assert states(store) == [VolumeState.FAILED, VolumeState.GOOD]
            assert "can't be taken up" in store.volumes[0].detail
            assert ("not today" if isinstance(error, StorageError) else "io") in (
                store.volumes[0].detail
            )
        clock.advance(6 * SECOND)
        store.tend()
        assert states(store) == [VolumeState.GOOD, VolumeState.GOOD]
        assert len(store._volumes.writers) == 2


def test_a_fault_of_ours_in_taking_up_a_volume_is_told_and_leaks_nothing(tmp_path: Path) -> None:
    clock, house = FakeClock(), settings(tmp_path, "a", "b")
    with Store(house, clock, threads=False) as store:
        store.recover([GATE])
        pulled(tmp_path, store, clock)
        mount, before = store._volumes._mounts[0], open_files()
        mount._recover = lambda volume: 1 // 0  # type: ignore[assignment, return-value]
        with pytest.raises(ZeroDivisionError):
            store.tend()
        store.tend()
        assert open_files() == before
        assert states(store) == [VolumeState.FAILED, VolumeState.GOOD]


def test_a_volume_whose_record_can_not_be_opened_leaks_nothing(tmp_path: Path) -> None:
    clock, house = FakeClock(), settings(tmp_path, "a", "b")
    with Store(house, clock, threads=False):
        pass
    record = tmp_path / "a" / HOUSE / "sync"
    record.unlink()
    record.mkdir()
    with Store(house, clock, threads=False) as store:
        before = open_files()
        for _ in range(4):
            clock.advance(6 * SECOND)
            store.tend()
        assert open_files() == before
        assert states(store) == [VolumeState.FAILED, VolumeState.GOOD]
