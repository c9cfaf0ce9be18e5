"""The crash machine: the disk stops, tears or refuses at its n-th operation, for every n.

Then recovery runs, and every invariant of design §7 that applies yet is asserted by number.
"""

from __future__ import annotations

import functools
import hashlib
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.archive import Archive
from storage.check import verify_archive
from storage.database import open_database
from storage.fmp4 import read_moof, samples_of
from storage.index import Index
from storage.layout import HOUSE
from storage.recording import Store
from storage.segment_file import read_file_head, walk
from tests.storage.house import Recorder, fresh_database, key, open_store, settings
from tests.storage.sim_disk import Crash, Fault, SimDisk
from vms.core.clock import SECOND, FakeClock, Instant
from vms.core.model import Cause

CAMERAS = ("gate", "square")
FOREVER = Instant(2**62)
OPERATIONS = 81  # of the scenario; checked below


class Trial:
    """One run of the scenario on its own folder."""

    def __init__(self, root: Path, template: Path, at: int, fault: Fault, **more: object) -> None:
        self.root, self.clock = root, FakeClock()
        (root / "video").mkdir()
        fresh_database(root, template)
        self.disk = SimDisk(root / "video", at=at, fault=fault, **more)
        self.recorders: list[Recorder] = []
        self.durable: dict[str, int] = {}

    def run(self) -> bool:
        """Record, rotate, lose a camera, stop; False if the disk crashed on the way."""
        store = open_store(self.root, self.clock, self.disk)
        try:
            store.__enter__()
            self._record(store)
            store.close()
        except Crash:
            self.disk.process_ended()
            return False
        return True

    def _record(self, store: Store) -> None:
        store.recover([key(name) for name in CAMERAS])
        self.recorders = [Recorder(store, self.clock, key(name)) for name in CAMERAS]
        for recorder in self.recorders:
            store.open_gap(recorder.stream, self.clock.now(), Cause.CONNECTING)
        for second in range(7):
            self.clock.advance(SECOND)
            for recorder in self.recorders:
                if second == 4 and recorder is self.recorders[1]:
                    self._lose(recorder)
                else:
                    recorder.step()
            syncs = _count(self.disk, "sync_volume")
            sent = {str(one.stream): len(one.sent) for one in self.recorders}
            store.pump()
            if _count(self.disk, "sync_volume") > syncs:
                self.durable = sent

    def _lose(self, recorder: Recorder) -> None:
        start = Instant(self.clock.now() - SECOND)
        if recorder.segment is not None:
            recorder.segment.close(start)
            recorder.segment = None
        recorder.store.open_gap(recorder.stream, start, Cause.UNREACHABLE, "no route")


def _count(disk: SimDisk, name: str) -> int:
    return sum(line.startswith(name) for line in disk.log)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("database") / "template.db"


@pytest.fixture
def folder() -> Iterator[Path]:
    base = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=base) as name:
        yield Path(name)


def test_the_scenario_is_covered_to_its_last_operation(folder: Path, template: Path) -> None:
    trial = Trial(folder, template, 0, "stop")
    assert trial.run()
    assert trial.disk.done == OPERATIONS
    assert_invariants(trial)
    assert not list(verify_archive(*_archive(folder), clock=trial.clock))


@pytest.mark.parametrize("at", range(1, OPERATIONS + 1))
@pytest.mark.parametrize("fault", ["stop", "tear"])
def test_killed_at_any_operation(folder: Path, template: Path, fault: Fault, at: int) -> None:
    trial = Trial(folder, template, at, fault)
    written = [] if trial.run() else _fragments_on_disk(folder)
    finals = _finals(folder)
    recover_twice(trial)
    assert_invariants(trial)
    assert finals.items() <= _finals(folder).items(), "invariant 1"
    if written:
        assert set(written) <= set(_fragments_on_disk(folder)), "invariant 6"


@pytest.mark.parametrize("at", range(1, OPERATIONS + 1))
@pytest.mark.parametrize("fault", ["stop", "tear"])
def test_power_cut_at_any_operation(folder: Path, template: Path, fault: Fault, at: int) -> None:
    trial = Trial(folder, template, at, fault)
    if not trial.run():
        trial.disk.cut_power(random.Random(at))
    recover_twice(trial)
    assert_invariants(trial)
    pictures = {data for _, data in _pictures(folder)}
    for recorder in trial.recorders:  # invariant 6: what was synced is there
        for _, fragment in recorder.sent[: trial.durable.get(str(recorder.stream), 0)]:
            assert {sample.data for sample in fragment.video} <= pictures


def _refusals() -> Iterator[object]:
    """All, of which every run takes a part: a refusal of a kind at every operation."""
    for at in range(1, OPERATIONS + 1):
        for errno, stubborn in ((5, False), (28, False), (5, True), (28, True)):
            often = (errno, stubborn) == ((5, False), (28, False), (5, True), (28, True))[at % 4]
            name = f"{'EIO' if errno == 5 else 'ENOSPC'}-{'on' if stubborn else 'once'}-{at}"
            marks = () if often or at in (30, 31, 32) else (pytest.mark.nightly,)
            yield pytest.param(at, errno, stubborn, id=name, marks=marks)


@pytest.mark.parametrize(("at", "errno", "stubborn"), list(_refusals()))
def test_refused_at_any_operation(
    folder: Path, template: Path, errno: int, at: int, stubborn: bool
) -> None:
    trial = Trial(folder, template, at, "refuse", errno=errno, stubborn=stubborn)
    try:
        trial.run()
    except OSError as error:
        pytest.fail(f"the disk's refusal came out of the store: {error}")
    except Exception as error:
        if type(error).__name__ != "StorageError":
            raise
        return  # a volume that can't even be opened: the recorder says so and ends
    assert_invariants(trial)
    before = _rows(trial)
    recover_twice(trial)
    assert_invariants(trial)
    assert before.items() <= _rows(trial).items(), "recovery takes nothing away"


def recover_twice(trial: Trial) -> None:
    """Recovery, and again: the second time changes nothing."""
    trial.clock.advance(3 * SECOND)
    trial.disk = SimDisk(trial.root / "video")
    seen = []
    for _ in range(2):
        store = open_store(trial.root, trial.clock, trial.disk)
        store.__enter__()
        store.recover([key(name) for name in CAMERAS])
        store._stop()  # as if killed: no goodbye
        seen.append((_rows(trial), _gaps(trial), _finals(trial.root)))
    assert seen[0] == seen[1]
    assert not list(trial.root.rglob("*.part"))


def assert_invariants(trial: Trial) -> None:
    engine, volumes = _archive(trial.root)
    archive = Archive(engine, volumes, trial.clock)
    for name in CAMERAS:
        stream = key(name)
        for segment in archive.segments(stream, Instant(0), FOREVER):
            assert not segment.open
            data = segment.path.read_bytes()  # invariant 2: a row means a file
            assert hashlib.sha256(data).digest() == segment.sha256, "invariant 1"
            assert segment.path.suffix == ".mp4"
            assert archive.fragments(segment).fragments[0].key
    for finding in verify_archive(engine, volumes, clock=trial.clock):
        assert "put away" in finding.detail, finding  # invariants 1, 2, 5
    sent = {
        sample.data: start
        for recorder in trial.recorders
        for start, fragment in recorder.sent
        for sample in fragment.video
    }
    for at, data in _pictures(trial.root):  # what is kept is what was sent, at its time
        assert sent[data] == at


def _archive(root: Path) -> tuple:
    house = settings(root)
    return _engine(house.database_url), house.volumes


@functools.lru_cache(maxsize=1)
def _engine(url: str) -> sa.Engine:
    """One engine for all the questions of a trial: a new one compiles each query again."""
    return open_database(url)


def _rows(trial: Trial) -> dict[tuple, object]:
    index = Index(_archive(trial.root)[0])
    return {(row.stream, row.start): row for row in index.every_segment()}


def _gaps(trial: Trial) -> list:
    index = Index(_archive(trial.root)[0])
    return [index.gaps(key(name), Instant(0), FOREVER) for name in CAMERAS]


def _finals(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (root / "video").rglob("*.mp4")}


def _whole(root: Path) -> Iterator[tuple[Path, int, bytes]]:
    for path in sorted((root / "video").rglob("2*")):
        if not path.is_file() or HOUSE in path.parts or path.suffix == ".abandoned":
            continue
        with path.open("rb") as file:
            try:
                head = read_file_head(file.fileno())
            except ValueError:
                continue
            data = path.read_bytes()
            for placed in walk(file.fileno(), len(data), head.length):
                yield path, head.head.start, data[placed.offset : placed.offset + placed.size]


def _fragments_on_disk(root: Path) -> list[bytes]:
    return [data for _, _, data in _whole(root)]


def _pictures(root: Path) -> Iterator[tuple[Instant, bytes]]:
    for path, start, data in _whole(root):
        if path.suffix != ".mp4":
            continue
        video = read_moof(data).video
        assert video is not None
        at = Instant(start + video.time * SECOND // 90_000)
        for sample in samples_of(data, video):
            yield at, sample.data
