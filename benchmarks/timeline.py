"""Promise: the timeline of one camera over 30 days from an index of 4.3 million rows ≤ 50 ms.

    python -m benchmarks.timeline [--cameras 100] [--days 30] [--database URL]

Prints p50 and p95 of what the web asks of the archive, and appends a line of JSON with --out.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from storage.archive import Archive
from storage.database import migrate, open_database
from storage.synthetic import fill_index
from vms.core.clock import DAY, HOUR, MINUTE, SECOND, FakeClock, Instant, Span
from vms.core.media import StreamFormat, VideoFormat
from vms.core.model import CameraId, StreamKey

START = Instant(1_760_000_040 * SECOND // MINUTE * MINUTE)
FORM = StreamFormat(
    VideoFormat("h264", 1920, 1080, (bytes.fromhex("6742c01ed903c5a8"),), (b"\x68\xce\x3c\x80",))
)


def measure(times: int, what: Callable[[], object]) -> tuple[float, float]:
    """p50 and p95 in milliseconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        what()
        taken.append((time.perf_counter() - began) * 1000)
    taken.sort()
    return taken[len(taken) // 2], taken[int(len(taken) * 0.95)]


def run(cameras: int, days: int, url: str) -> dict[str, object]:
    engine = open_database(url)
    migrate(engine)
    streams = [StreamKey(CameraId(f"camera-{number:03}")) for number in range(cameras)]
    began = time.perf_counter()
    rows = fill_index(engine, streams, START, days * 24 * 60, FORM)
    filled = time.perf_counter() - began
    end = Instant(START + days * DAY)
    archive = Archive(engine, (), FakeClock(now=end + DAY))
    rng = random.Random(1)

    def any_time() -> Instant:
        return Instant(START + rng.randrange(days * DAY - HOUR))

    def any_stream() -> StreamKey:
        return rng.choice(streams)

    def month() -> object:
        return archive.timeline(any_stream(), START, end, Span(days * DAY // 1200))

    def day() -> object:
        start = any_time()
        return archive.timeline(any_stream(), start, Instant(start + DAY), Span(DAY // 1200))

    def segments() -> object:
        start = any_time()
        return archive.segments(any_stream(), start, Instant(start + 10 * MINUTE))

    figures = {
        "timeline of 30 days": measure(60, month),
        "timeline of a day": measure(200, day),
        "what covers t": measure(2_000, lambda: archive.covering(any_stream(), any_time())),
        "segments of 10 minutes": measure(500, segments),
        "next footage after t": measure(500, lambda: archive.next_start(any_stream(), any_time())),
    }
    return {"rows": rows, "fill_s": filled, "ms": figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=100)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--database")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.database or f"sqlite:///{folder}/index.db"
        result = run(given.cameras, given.days, url)
        if given.database is None:
            size = sum(path.stat().st_size for path in Path(folder).iterdir())
            print(
                f"{result['rows']:,} rows, {size / 1e6:.0f} MB, filled in {result['fill_s']:.0f} s"
            )
    figures = result["ms"]
    assert isinstance(figures, dict)
    print(f"{'question':28} {'p50 ms':>9} {'p95 ms':>9}")
    for name, (p50, p95) in figures.items():
        print(f"{name:28} {p50:9.2f} {p95:9.2f}")
    if given.out is not None:
        with given.out.open("a") as file:
            file.write(json.dumps({"benchmark": "timeline", **result}) + "\n")


if __name__ == "__main__":
    main()
