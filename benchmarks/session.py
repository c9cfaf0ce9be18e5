"""What one access unit costs between the source and the writer: session, run clock, empty hub.

    python -m benchmarks.session [--seconds 600] [--out FILE]

Promise: at most 15 µs per access unit (25 a second: 0.04 % of a core). Beside it stands the least
a recorder in Python could do with a unit: append it to a list and make one sample of it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from pathlib import Path

from recorder.runclock import Reading
from recorder.session import Rules, Session
from recorder.source import Element
from storage.facts import Sample
from vms.core.clock import MILLISECOND, SECOND, Instant, Mono
from vms.core.live import LiveHub
from vms.core.media import AccessUnit, StreamFormat, Track, VideoFormat
from vms.core.model import CameraId, StreamKey

PROMISE = 15.0
FORMAT = StreamFormat(VideoFormat("h264", 1920, 1080, (b"\x67\x64\x00\x28",), (b"\x68",)))
READING = Reading(Instant(1_763_800_000 * SECOND), Mono(0))


def sweeps(seconds: int, fps: int = 25, gop: int = 50) -> list[list[Element]]:
    """What a camera of `fps` gives to sweeps every 200 ms."""
    data = bytes(20_000)
    found: list[list[Element]] = []
    for sweep in range(seconds * 5):
        arrival = Mono((sweep + 1) * 200 * MILLISECOND)
        numbers = range(sweep * fps // 5, (sweep + 1) * fps // 5)
        found.append(
            [
                AccessUnit(Track.VIDEO, data, number * 90_000 // fps, arrival, number % gop == 0)
                for number in numbers
            ]
        )
    return found


def measure(batches: list[list[Element]]) -> tuple[float, float, int]:
    """Microseconds of CPU per unit: ours and the least, and how many actions came."""
    key = StreamKey(CameraId("bench"))
    hub = LiveHub(lambda _: (), lambda *_: None)
    session = Session(Rules(), READING)
    session.feed([FORMAT])
    units = sum(len(batch) for batch in batches)
    actions = 0
    start = time.process_time_ns()
    for batch in batches:
        actions += len(session.feed(batch))
        hub.is_watched(key)
    ours = time.process_time_ns() - start
    kept: list[Sample] = []
    start = time.process_time_ns()
    for batch in batches:
        for unit in batch:
            assert isinstance(unit, AccessUnit)
            kept.append(Sample(unit.data, 3_600, 0, unit.key))
        if len(kept) > 25:
            kept.clear()
    least = time.process_time_ns() - start
    return ours / units / 1e3, least / units / 1e3, actions


def main() -> None:
    """Print a table and append a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    batches = sweeps(arguments.seconds)
    runs = [measure(batches) for _ in range(3)]
    ours, least, actions = min(runs)
    print("per access unit, 1080p25, sweeps of 200 ms        µs      % of a core at 25/s")
    print(f"session + run clock + hub nobody watches  {ours:10.2f}  {ours * 25 / 1e4:12.4f}")
    print(f"least: one list, one sample               {least:10.2f}  {least * 25 / 1e4:12.4f}")
    print(f"promise ≤ {PROMISE} µs: {'kept' if ours <= PROMISE else 'BROKEN'}")
    if arguments.out is not None:
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
        ).stdout.strip()
        line = {
            "benchmark": "session",
            "us_per_unit": round(ours, 3),
            "us_least": round(least, 3),
            "actions": actions,
            "cpus": os.cpu_count(),
            "machine": platform.machine(),
            "python": platform.python_version(),
            "commit": commit,
        }
        with arguments.out.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
