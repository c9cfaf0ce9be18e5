"""Exports: one hour beside `ffmpeg -c copy` of the same files; memory of a day; every NAL equal."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.report import Figure, Report
from storage.archive import Archive
from storage.database import migrate, open_database
from storage.disk import RealDisk
from storage.facts import GapFacts, RunFacts, Sample, SegmentFacts
from storage.ledger import Ledger
from storage.recording import Store
from vms.core.clock import MINUTE, SECOND, FakeClock, Instant
from vms.core.config import Settings, SystemSettings
from vms.core.config_storage import VolumeSettings
from vms.core.model import CameraId, StreamKey
from vms.evidence.export import Exporter
from vms.evidence.house import House
from vms.evidence.local import SiteTime
from vms.evidence.order import Order

GATE = StreamKey(CameraId("gate"))
START = Instant(1_763_800_000 * SECOND)
_ROUNDS = 3


class Unsynced(RealDisk):
    """As ffmpeg leaves its output: in the kernel's hands."""

    def sync_file(self, fd: int) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """`minutes` of footage that is the same few files again and again, at times of their own."""

    archive: Archive
    files: Sequence[SegmentFacts]
    minutes: int

    def segments(self, stream: StreamKey, start: Instant, end: Instant) -> list[SegmentFacts]:
        found = []
        for number, file in zip(range(self.minutes), itertools.cycle(self.files), strict=False):
            begins = Instant(START + number * MINUTE)
            if begins < end and begins + MINUTE > start:
                found.append(replace(file, start=begins, end=Instant(begins + MINUTE)))
        return found

    def gaps(self, stream: StreamKey, start: Instant, end: Instant) -> list[GapFacts]:
        return []

    def open(self, segment: SegmentFacts) -> int:
        return self.archive.open(segment)

    def next_start(self, stream: StreamKey, at: Instant) -> Instant | None:
        return None


def settings_in(folder: Path) -> Settings:
    return Settings(
        file=folder / "cameras.toml",
        system=SystemSettings(data=folder),
        volumes=(VolumeSettings(path=folder / "video", reserve=0),),
    )


def record(folder: Path, minutes: int, bits: int) -> None:
    """Files of a minute with 25 pictures a second and AAC, filled up to `bits` a second."""
    from tests.storage.encoded import coded, fragments

    stream = coded(seconds=60, audio="aac")
    size = bits // 8 // 25

    def filled(sample: Sample) -> Sample:
        more = max(8, size - len(sample.data) - 4)  # a NAL unit of filler data (H.264 §7.3.2.7)
        data = sample.data + more.to_bytes(4, "big") + b"\x0c" + b"\xff" * (more - 2) + b"\x80"
        return sample._replace(data=data)

    pieces = [replace(one, video=[filled(s) for s in one.video]) for one in fragments(stream)]
    settings, clock = settings_in(folder), FakeClock(START)
    engine = open_database(settings.database_url)
    migrate(engine)
    engine.dispose()
    with Store(settings, clock, threads=False) as store:
        store.recover([GATE])
        for number in range(minutes):
            at = Instant(START + number * MINUTE)
            segment = store.open_segment(GATE, at, stream.format, RunFacts(1, START))
            for piece in pieces:
                assert segment.append(piece)
                store.pump()
            clock.advance(MINUTE)
            segment.close(Instant(at + MINUTE))
            store.pump()


def export(folder: Path, minutes: int, output: Path, synced: bool) -> dict[str, float]:
    """In a process of its own: seconds taken, and the most memory it ever had."""
    settings, clock = settings_in(folder), FakeClock(START + (minutes + 1) * MINUTE)
    engine = open_database(settings.database_url)
    archive = Archive(engine, settings.volumes, clock)
    end = Instant(START + minutes * MINUTE)
    files = archive.segments(GATE, START, end)
    footage = Repeated(archive, files, minutes)
    ledger = Ledger.of(settings, clock)
    house = House(
        *("Benchmark", "Gözcü", SiteTime("Europe/Istanbul"), footage, ledger),
        lambda *_: {},
        lambda camera: camera,
    )
    order = Order("benchmark", (GATE.camera,), START, end, "", "benchmark", clock.now())
    began = time.perf_counter()
    disk = RealDisk() if synced else Unsynced()
    Exporter(house, disk, clock).run(order, output)
    took = time.perf_counter() - began
    return {"seconds": took, "peak": peak_memory()}


def peak_memory() -> float:
    """The most memory of this process, MB. Not `ru_maxrss`: that begins with the parent's."""
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(line) / 1024


def exported(folder: Path, minutes: int, output: Path, *, synced: bool) -> dict[str, float]:
    output.unlink(missing_ok=True)
    arguments = [str(folder), str(minutes), str(output), str(int(synced))]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.export", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    facts: dict[str, float] = json.loads(done.stdout)
    return facts


def concatenated(files: Sequence[Path], output: Path, *, synced: bool) -> float:
    """Seconds that ffmpeg needs for one file of the same footage."""
    output.unlink(missing_ok=True)
    listed = output.with_suffix(".txt")
    listed.write_text("".join(f"file '{file}'\n" for file in files))
    began = time.perf_counter()
    command = ["ffmpeg", "-y", "-v", "error", "-f", "concat", "-safe", "0", "-i", str(listed)]
    subprocess.run([*command, "-c", "copy", str(output)], check=True)
    if synced:
        subprocess.run(["sync", str(output)], check=True)
    return time.perf_counter() - began


def differing(files: Sequence[Path], clip: Path) -> int:
    """Coded pictures of the clip that are not those of the stored files, byte for byte."""
    from benchmarks.stored import coded_units

    pairs: Iterator[tuple[bytes | None, bytes | None]] = itertools.zip_longest(
        coded_units(files), coded_units([clip])
    )
    return sum(stored != given for stored, given in pairs)


def hashing(size: int) -> float:
    """Seconds of one core for the SHA-256 of so many bytes: an export needs two of each byte."""
    piece, rounds = bytes(1 << 20), 500
    began = time.perf_counter()
    for _ in range(rounds):
        hashlib.sha256(piece)
    return (time.perf_counter() - began) / rounds / len(piece) * size


def run() -> Report:
    """Both speeds in turn, in one run."""
    from vms.evidence.verification import verify_package

    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        ours: dict[bool, list[float]] = {False: [], True: []}
        theirs: dict[bool, list[float]] = {False: [], True: []}
        hour, day = folder / "hour", folder / "day"
        hour.mkdir()
        record(hour, 60, 4_000_000)
        files = sorted((hour / "video").rglob("*.mp4"))
        out = folder / "ours.zip"
        for synced in (False, True):
            for turn in range(_ROUNDS):
                for us in (False, True) if turn % 2 else (True, False):
                    if us:
                        facts = exported(hour, 60, out, synced=synced)
                        ours[synced].append(facts["seconds"])
                        continue
                    seconds = concatenated(files, folder / "theirs.mp4", synced=synced)
                    theirs[synced].append(seconds)
        size = out.stat().st_size
        hashed = hashing(size)
        green = verify_package(out).good
        with zipfile.ZipFile(out) as package:
            (clip,) = (one for one in package.namelist() if one.endswith(".mp4"))
            package.extract(clip, folder)
        wrong = differing(files, folder / clip)
        for file in (out, folder / "theirs.mp4", folder / clip, *files):
            file.unlink()
        day.mkdir()
        record(day, 10, 200_000)
        whole = exported(day, 24 * 60, folder / "day.zip", synced=False)
    fast = [statistics.median(ours[synced]) for synced in (False, True)]
    slow = [statistics.median(theirs[synced]) for synced in (False, True)]
    return Report(
        "export",
        "Handing out footage",
        "One hour of 4 Mbit/s with sound in 60 files, exported (files checked against their "
        "hashes, clip hashed, signed, zipped) and concatenated by `ffmpeg -c copy`, "
        f"{_ROUNDS} times each, who begins in turn, medians; then 24 hours of 25 pictures a second "
        "and AAC, at 0.2 Mbit/s.",
        (
            Figure("speed beside ffmpeg", slow[0] / fast[0], "×", 1, "at least"),
            Figure("the same, both until it is on the disk", slow[1] / fast[1], "×"),
            Figure("one hour", fast[0], "s"),
            Figure("of which two SHA-256 of each byte, seconds of a core", 2 * hashed, "s"),
            Figure("MB of package a second", size / 1e6 / fast[0], "MB/s", digits=0),
            Figure("coded pictures that differ, of 90,000", wrong, "", 0, digits=0),
            Figure("package not green", int(not green), "", 0, digits=0),
            Figure("memory for 24 hours", whole["peak"], "MB", 100, digits=0),
            Figure("24 hours", whole["seconds"], "s", digits=0),
        ),
    )


if __name__ == "__main__":
    where, length, target, sync = sys.argv[1:]
    print(json.dumps(export(Path(where), int(length), Path(target), bool(int(sync)))))
