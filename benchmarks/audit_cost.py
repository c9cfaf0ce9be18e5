"""What the audit costs while fifty people watch: telling, merging, ledger and rows.

25 watch live (the live processes are asked every two seconds), 25 look back (a range a second
each). Time is moved by hand, CPU is this process's, kernel included. Promise: at most 1 % of one.
Beside it stands the least: one line appended to a file, and synced, for each range and each look.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.report import Figure, Report
from storage.database import migrate, open_database
from storage.ledger.log import Ledger
from vms.core.clock import SECOND, FakeClock, Instant, Span
from vms.people.audit.book import Book
from vms.people.audit.entry import What
from vms.people.audit.records import Records
from vms.people.audit.trail import Trail
from vms.people.audit.viewing import Eye

PROMISE = 1.0
VIEWERS = 50
MINUTES = 10


def eyes(what: What) -> list[Eye]:
    """Half of the viewers, each with a name and a camera."""
    eye = Eye("", "session", "10.0.0.9", "", "main", what)
    return [replace(eye, who=f"{what}-{n}", camera=f"gate-{n}") for n in range(VIEWERS // 2)]


def measure(folder: Path, seconds: int) -> tuple[float, float, int]:
    """Percent of a core: ours and the least; how many entries were kept."""
    clock = FakeClock()
    engine = open_database(f"sqlite:///{folder / 'gozcu.db'}")
    migrate(engine)
    trail = Trail(Book(engine, Ledger(folder / "ledger", None, clock), folder / "a", clock), clock)
    since, live, back = clock.now(), eyes(What.LIVE), eyes(What.LOOK_BACK)
    start = time.process_time_ns()
    for second in range(seconds):
        for eye in back:
            at = Instant(since + second * SECOND)
            trail.saw(eye, at, Instant(at + SECOND))
        if second % 2 == 0:
            trail.watching([(eye, since) for eye in live])
        trail.flush()
        clock.advance(Span(SECOND))
    ours = time.process_time_ns() - start
    kept = Records(engine).last()
    engine.dispose()
    start = time.process_time_ns()
    with (folder / "least").open("a") as file:
        for second in range(seconds):
            for eye in back + (live if second % 2 == 0 else []):
                file.write(f"{eye.who} {eye.camera} {second}\n")
            file.flush()
            os.fdatasync(file.fileno())
    least = time.process_time_ns() - start
    return ours / seconds / 1e7, least / seconds / 1e7, kept


def run() -> Report:
    """Ten minutes of fifty viewers."""
    with tempfile.TemporaryDirectory() as folder:
        ours, least, kept = measure(Path(folder), MINUTES * 60)
    return Report(
        "audit_cost",
        "Audit of 50 viewers",
        f"25 watch live, 25 look back, a range a second each, {MINUTES} min by a clock moved by "
        "hand; CPU of the process, kernel included, beside a line a look synced each second.",
        (
            Figure("audit", ours, "% of a core", PROMISE, digits=3),
            Figure("least: a line a look", least, "% of a core", digits=3),
            Figure("entries kept", kept, digits=0),
        ),
    )
