"""Checking and rebuilding beside `sha256sum` over the same files in the same run."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.processes import workplace
from benchmarks.report import Figure, Report
from benchmarks.write import FORM, RATE, pictures
from storage.check import Level, verify_archive
from storage.database import migrate, open_database
from storage.disk import RealDisk
from storage.facts import Fragment, RunFacts
from storage.holds.held import HeldSpans
from storage.ledger.log import Ledger
from storage.rebuild import Rebuild
from storage.recording import Store
from vms.core.clock import SECOND, FakeClock, Instant
from vms.core.config import Settings, SystemSettings
from vms.core.config_storage import VolumeSettings
from vms.core.model import CameraId, Cause, StreamKey

_FILES, _SECONDS, _THREADS, _ROUNDS = 40, 30, 2, 3


def run(files: int = _FILES) -> Report:
    """Record, then read everything again in each way, one after the other, several rounds."""
    with workplace() as folder:
        house = Settings(
            file=folder / "cameras.toml",
            system=SystemSettings(data=folder),
            volumes=(VolumeSettings(path=folder / "video", reserve=0),),
        )
        clock = FakeClock()
        _record(house, clock, files)
        paths = sorted((folder / "video").rglob("*.mp4"))
        size = sum(path.stat().st_size for path in paths)
        ways = {
            "sha256sum": lambda: _sha256sum(paths),
            "check": lambda: _check(house, clock),
            "rebuild": lambda: _rebuild(house, clock, Level.HASH),
            "rebuild --level size": lambda: _rebuild(house, clock, Level.SIZE),
        }
        _sha256sum(paths)  # so that all read from memory: what is compared is the work
        taken = {name: min(_timed(way) for _ in range(_ROUNDS)) for name, way in ways.items()}
    return _report(taken, len(paths), size)


def _report(taken: dict[str, float], files: int, size: int) -> Report:
    peer = taken["sha256sum"]
    figures = [
        Figure("check, speed over sha256sum's", peer / taken["check"], "", 0.9, "at least"),
        Figure("rebuild, speed over sha256sum's", peer / taken["rebuild"], "", 0.9, "at least"),
    ]
    for name, seconds in taken.items():
        figures.append(Figure(name, size / 1e6 / seconds, "MB/s", digits=0))
        figures.append(Figure(name, files / seconds, "files/s", digits=0))
    how = (
        f"{files} segments of {size / files / 1e6:.1f} MB in the page cache; the best of {_ROUNDS} "
        f"rounds each; {_THREADS} threads, sha256sum with one process per core (xargs -P)."
    )
    return Report("rebuild", "Checking and rebuilding", how, tuple(figures))


def _record(house: Settings, clock: FakeClock, files: int) -> None:
    video, stream = pictures(), StreamKey(CameraId("camera"))
    with Store(house, clock, threads=False) as store:
        store.recover([])
        store.open_gap(stream, clock.now(), Cause.CONNECTING)
        for _ in range(files):
            start = clock.now()
            segment = store.open_segment(stream, start, FORM, RunFacts(1, start))
            for second in range(_SECONDS):
                clock.advance(SECOND)
                segment.append(Fragment(video, [], second * RATE))
                store.pump()
            segment.close(Instant(start + _SECONDS * SECOND))
            store.pump()


def _timed(way: Callable[[], None]) -> float:
    began = time.perf_counter()
    way()
    return time.perf_counter() - began


def _sha256sum(paths: list[Path]) -> None:
    given = b"\0".join(bytes(path) for path in paths)
    each = str(-(-len(paths) // _THREADS))
    command = ["xargs", "-0", "-P", str(_THREADS), "-n", each, "sha256sum"]
    subprocess.run(command, input=given, stdout=subprocess.DEVNULL, check=True)


def _check(house: Settings, clock: FakeClock) -> None:
    engine = open_database(house.database_url)
    found = list(verify_archive(engine, house.volumes, clock=clock, threads=_THREADS, patience=0))
    engine.dispose()
    assert not found, found[:3]


def _rebuild(house: Settings, clock: FakeClock, level: Level) -> None:
    """From nothing but the volume: the database is a new one each time."""
    file = house.system.data / "rebuilt.db"
    file.unlink(missing_ok=True)
    engine = open_database(f"sqlite:///{file}")
    migrate(engine)
    done = Rebuild(
        engine,
        house.volumes,
        Ledger.of(house, clock),
        lambda: HeldSpans([]),
        RealDisk(),
        clock,
        house.system.data / "leaves.db",
        level=level,
        threads=_THREADS,
    ).run()
    engine.dispose()
    assert not done.findings, done.findings[:3]
