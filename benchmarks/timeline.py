"""The timeline of one camera over 30 days, and the archive's other questions, from a full index."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from benchmarks.processes import quantile, workplace
from benchmarks.report import Figure, Report
from storage.archive import Archive
from storage.database import migrate, open_database
from storage.days import last_days
from storage.synthetic import fill_activity, fill_index
from vms.core.clock import DAY, HOUR, MINUTE, SECOND, FakeClock, Instant, Span
from vms.core.media import StreamFormat, VideoFormat
from vms.core.model import CameraId, StreamKey

START = Instant(1_760_000_040 * SECOND // MINUTE * MINUTE)
FORM = StreamFormat(
    VideoFormat("h264", 1920, 1080, (bytes.fromhex("6742c01ed903c5a8"),), (b"\x68\xce\x3c\x80",))
)
CAMERAS, DAYS = 100, 30
_ACTIVE = 3  # cameras with activity; the timeline is asked of these


def measured(times: int, what: Callable[[], object]) -> list[float]:
    """How long each call took, in milliseconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        what()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def run(cameras: int = CAMERAS, days: int = DAYS) -> Report:
    """Fill an index on disk, and ask it what the web asks."""
    with workplace() as folder:
        file = folder / "index.db"
        rows, times = _asked(f"sqlite:///{file}", cameras, days)
        size = file.stat().st_size
    figures = [
        Figure("timeline of 30 days, p95", quantile(times["month"], 0.95), "ms", 50),
        Figure("30 days one by one, for the strip, p95", quantile(times["strip"], 0.95), "ms", 50),
    ]
    names = {
        "day": "timeline of a day, p95",
        "three": "timeline of three days (as fine as the segments), p95",
        "covering": "what covers a moment, p95",
        "segments": "segments of ten minutes, p95",
        "next": "next footage after a moment, p95",
    }
    figures += [Figure(name, quantile(times[key], 0.95), "ms") for key, name in names.items()]
    return Report(
        name="timeline",
        title="The timeline from a full index",
        how=(
            f"{rows:,} rows in SQLite ({cameras} cameras × {days} days × 60 s), asked for cameras "
            "and times at random; timelines with the activity of 3 of them."
        ),
        figures=tuple(figures),
        notes=(f"{size / rows:.0f} bytes a row, SHA-256 included",),
    )


def _asked(url: str, cameras: int, days: int) -> tuple[int, dict[str, list[float]]]:
    engine = open_database(url)
    migrate(engine)
    streams = [StreamKey(CameraId(f"camera-{number:03}")) for number in range(cameras)]
    rows = fill_index(engine, streams, START, days * 24 * 60, FORM)
    active = streams[:_ACTIVE]
    fill_activity(engine, range(1, len(active) + 1))
    end = Instant(START + days * DAY)
    archive = Archive(engine, (), FakeClock(now=end + DAY))
    rng = random.Random(1)
    bounds = last_days("Europe/Istanbul", end, days)

    def any_time() -> Instant:
        return Instant(START + rng.randrange(days * DAY - HOUR))

    def any_stream() -> StreamKey:
        return rng.choice(streams)

    def line(start: Instant, until: Instant) -> object:
        key, span = rng.choice(active), Span((until - start) // 1200)
        return archive.timeline(key, start, until, span), archive.activity(key, start, until, 1200)

    def month() -> object:
        return line(START, end)

    def days_(number: int) -> object:
        start = Instant(START + rng.randrange(max(1, (days - number) * DAY)))
        return line(start, Instant(start + number * DAY))

    def segments() -> object:
        start = any_time()
        return archive.segments(any_stream(), start, Instant(start + 10 * MINUTE))

    times = {
        "month": measured(60, month),
        "strip": measured(60, lambda: archive.days(any_stream(), bounds)),
        "day": measured(200, lambda: days_(1)),
        "three": measured(60, lambda: days_(min(3, days))),
        "covering": measured(2_000, lambda: archive.covering(any_stream(), any_time())),
        "segments": measured(500, segments),
        "next": measured(500, lambda: archive.next_start(any_stream(), any_time())),
    }
    engine.dispose()
    return rows, times
