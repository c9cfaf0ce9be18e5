"""A bare machine is back: backup and restore of a site with a full index and its ledger."""

from __future__ import annotations

import time

from benchmarks.processes import workplace
from benchmarks.report import Figure, Report
from benchmarks.timeline import FORM, START
from storage.ledger import Ledger
from storage.ledger.leaves import SegmentLeaf
from storage.synthetic import fill_index
from vms.app.backup import back_up
from vms.app.restore import restore
from vms.app.site import Site, open_site
from vms.core.clock import MINUTE, Instant
from vms.core.model import CameraId, StreamKey
from vms.core.secret import Secret

ROWS, CAMERAS = 100_000, 100
PASSWORD = Secret("correct horse battery")


def run(rows: int = ROWS) -> Report:
    """Make a site, back it up, bring it back in another folder."""
    with workplace() as folder:
        old, new, file = folder / "old.toml", folder / "new.toml", folder / "site.backup"
        old.write_text('[system]\ndata = "data"\n')
        with open_site(old) as site:
            count = _fill(site, rows)
            began = time.perf_counter()
            back_up(site, file, PASSWORD, _untold)
            saved = time.perf_counter() - began
            (folder / "data").rename(folder / "gone")
            began = time.perf_counter()
            done = restore(file, new, PASSWORD, site.clock, _untold, force=False)
            back = time.perf_counter() - began
        size = file.stat().st_size
    return Report(
        name="restore",
        title="A bare machine is back",
        how=f"{count:,} segments in SQLite and as many leaves in the ledger; {done.rows:,} rows.",
        figures=(
            Figure("restore", back, "s", 60),
            Figure("backup, while the site runs", saved, "s"),
            Figure("the file", size / 1e6, "MB"),
        ),
    )


def _fill(site: Site, rows: int) -> int:
    streams = [StreamKey(CameraId(f"camera-{number:03}")) for number in range(CAMERAS)]
    count = fill_index(site.engine, streams, START, rows // CAMERAS, FORM)
    ledger = Ledger.of(site.settings, site.clock)
    for key in streams:
        starts = [Instant(START + n * MINUTE) for n in range(rows // CAMERAS)]
        ledger.append(
            [SegmentLeaf(key, at, Instant(at + MINUTE), bytes(32), 30_000_000) for at in starts]
        )
    return count


def _untold(_done: int, _total: int) -> None:
    """Nobody watches."""
