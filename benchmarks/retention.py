"""Retention over a full index: planning, and what deleting an hour costs who writes meanwhile."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from benchmarks.processes import quantile, workplace
from benchmarks.report import Figure, Report
from benchmarks.timeline import CAMERAS, DAYS, FORM, START
from benchmarks.write import RATE, pictures
from storage.cleaner import Cleaner
from storage.database import migrate, open_database
from storage.disk import RealDisk
from storage.facts import Fragment, RunFacts, Sample
from storage.holds.held import HeldSpans
from storage.holds.repository import Holds
from storage.layout import path_of
from storage.ledger.log import Ledger
from storage.recording import Store
from storage.retention import Deletion, Rules, plan
from storage.segment import OpenSegment
from storage.shelf import folder_shelves
from storage.stock import SqlStock
from storage.synthetic import fill_index
from storage.volume import prepare_volume
from vms.core.clock import DAY, HOUR, MINUTE, SECOND, Instant, SystemClock
from vms.core.config import Settings, SystemSettings
from vms.core.config_storage import RetentionRule, VolumeSettings
from vms.core.model import CameraId, StreamKey

_WRITERS = 20
_FILE = 200_000  # bytes of a stand-in for a segment's file; unlinking is what is measured


def run(cameras: int = CAMERAS, days: int = DAYS) -> Report:
    """Fill an index, plan on it, then delete an hour of all cameras beside a store that writes."""
    with workplace() as folder:
        house = Settings(
            file=folder / "cameras.toml",
            system=SystemSettings(data=folder),
            volumes=(VolumeSettings(path=folder / "video", reserve=0),),
        )
        uuid = prepare_volume(house.volumes[0], RealDisk(), SystemClock()).uuid
        engine = open_database(house.database_url)
        migrate(engine)
        streams = [StreamKey(CameraId(f"camera-{number:03}")) for number in range(cameras)]
        place = (uuid, str(folder / "video"))
        rows = fill_index(engine, streams, START, days * 24 * 60, FORM, volume_at=place)
        end = Instant(START + days * DAY)
        rules: dict[str, RetentionRule | None] = {one.camera: _rule(days) for one in streams}

        planned = []
        for hours in (1, 24, days * 12):
            began = time.perf_counter()
            plan(SqlStock(engine), rules, HeldSpans(), Instant(end + hours * HOUR), {uuid})
            planned.append(time.perf_counter() - began)
        began = time.perf_counter()
        tight: dict[str, RetentionRule | None] = {
            one.camera: RetentionRule(name="q", quota=10**9) for one in streams
        }
        plan(SqlStock(engine), tight, HeldSpans(), end, {uuid})
        planned.append(time.perf_counter() - began)

        _make_files(folder / "video", streams)
        due = plan(SqlStock(engine), rules, HeldSpans(), Instant(end + HOUR), {uuid})
        cleaner = Cleaner(
            engine,
            lambda: folder_shelves(house.volumes, RealDisk()),
            1,
            Holds(engine, house.volumes, RealDisk(), SystemClock()),
            Ledger.of(house, SystemClock()),
            SystemClock(),
        )
        quiet, beside, gone, took = _beside(house, cleaner, due, rules)
        engine.dispose()
    figures = (
        Figure("planning, the worst of four", max(planned), "s", 1),
        Figure("append beside deleting, the longest", max(beside), "ms", 50),
        Figure("append beside deleting, p99", quantile(beside, 0.99), "ms"),
        Figure("append with nothing beside, the longest", max(quiet), "ms"),
        Figure("segments deleted a second", gone / took, "/s"),
    )
    return Report(
        name="retention",
        title="Retention over a full index",
        how=(
            f"{rows:,} rows in SQLite ({cameras} cameras × {days} days × 60 s): an hour, a day, "
            f"half of it and a quota planned; then an hour deleted ({gone:,} segments: ledger, "
            f"rows and files) while a store records {_WRITERS} streams of 4 Mbit/s."
        ),
        figures=figures,
    )


def _rule(days: int) -> RetentionRule:
    return RetentionRule(name="default", keep=days * DAY)


def _make_files(root: Path, streams: list[StreamKey]) -> None:
    data = bytes(_FILE)
    for stream in streams:
        for minute in range(60):
            file = root / path_of(stream, Instant(START + minute * MINUTE))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


def _beside(
    house: Settings, cleaner: Cleaner, due: list[Deletion], rules: Rules
) -> tuple[list[float], list[float], int, float]:
    """Latencies of `append` in ms, before and while footage goes; segments, seconds it took."""
    clock = SystemClock()
    outcome: list[tuple[int, float]] = []

    def clean() -> None:
        began = time.perf_counter()

        def pause() -> bool:
            time.sleep(0.05)
            return True

        done = cleaner.delete(due, rules, pause)
        outcome.append((done.segments, time.perf_counter() - began))

    with Store(house, clock) as store:  # without recovery: it would miss the rows' files
        start = Instant(clock.now())
        segments = [
            store.open_segment(StreamKey(CameraId(f"live-{n}")), start, FORM, RunFacts(1, start))
            for n in range(_WRITERS)
        ]
        video = pictures()
        quiet = [one for second in range(5) for one in _second(segments, video, second)]
        thread = threading.Thread(target=clean, name="clean")
        thread.start()
        beside: list[float] = []
        second = 5
        while thread.is_alive() or second < 10:
            beside += _second(segments, video, second)
            second += 1
        thread.join()
        for segment in segments:
            segment.close(Instant(start + second * SECOND))
    return quiet, beside, *outcome[0]


def _second(segments: list[OpenSegment], video: list[Sample], second: int) -> list[float]:
    tick, taken = time.monotonic(), []
    for number, segment in enumerate(segments):
        began = time.perf_counter()
        accepted = segment.append(Fragment(video, [], second * RATE))
        taken.append((time.perf_counter() - began) * 1000)
        assert accepted, "a fragment was refused"
        time.sleep(max(0.0, tick + (number + 1) / len(segments) - time.monotonic()))
    return taken
