"""Motion in a sub stream, with real processes: found, told, recorded with its pre-roll."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.processes import tree, wait_until
from benchmarks.stored import coded_units
from tests.cameras.motion.scenes import Walker, write_film
from tests.system.footage import audited, changed, untiled
from tests.system.site import Site, new_site, simulated
from vms.alarms.event import Event
from vms.app.site import open_site
from vms.core.clock import SECOND, Instant, SystemClock
from vms.core.model import State
from vms.simulator.audit import stamps
from vms.simulator.sei import Stamp

LENGTH, FPS = 14, 10
WALK = Walker(6, 9)
PRE_ROLL = 3
GATE = {
    "sensitivity": 4,
    "zones": [{"name": "kapı", "points": [[0, 0.4], [1, 0.4], [1, 1], [0, 1]]}],
}


def motion_of(site: Site) -> Sequence[Event]:
    with open_site(site.config) as opened:
        return opened.events.active(Instant(0))[::-1]


def wait_event(site: Site, count: int, *, ended: bool, within: float = 90) -> Event:
    def look() -> Event | None:
        found = motion_of(site)
        good = len(found) >= count and (found[count - 1].end is not None) == ended
        return found[count - 1] if good else None

    event: Event = wait_until(look, within, f"{count} events, ended: {ended}")
    return event


def motion_process(parent: int) -> int | None:
    for pid in tree(parent):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"motion" in command:
            return pid
    return None


def walk_begins(pictures: Sequence[Stamp]) -> list[int]:
    """When the pictures were taken with which a walk begins."""
    first = round(WALK.start * FPS)
    return [one.time for one in pictures if one.counter % (LENGTH * FPS) == first]


def table(value: Any) -> str:
    """JSON's braces as TOML's."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {table(one)}" for key, one in value.items()) + "}"
    return f"[{', '.join(map(table, value))}]" if isinstance(value, list) else repr(value)


def test_motion_is_told_in_time_and_recorded_from_before_it_began(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    write_film(film, LENGTH, FPS, WALK)
    with simulated(tmp_path, [{"id": "gate", "file": str(film)}]) as fleet:
        site = new_site(tmp_path)
        gate = {"id": "gate", "source": fleet.url("gate"), "sub": fleet.url("gate")}
        gate |= {"record": "events", "pre_roll": f"{PRE_ROLL} s", "post_roll": "2 s"}
        site.write([gate])
        site.config.write_text(f"{site.config.read_text()}motion = {table(GATE)}\n")
        with site.recorder() as process:
            begun = wait_event(site, 1, ended=False)
            assert SystemClock().now() - begun.start < 10 * SECOND
            assert (begun.kind, begun.detail) == ("motion", "kapı")
            site.wait_state("gate", State.RECORDING, within=30)
            status = site.status("gate", "sub")
            assert status is not None
            assert status.viewers == 0, "nobody looks on"
            first = wait_event(site, 2, ended=True)
            # A process that dies comes back, and finds what comes next.
            pid = wait_until(lambda: motion_process(process.pid), 30, "the motion process")
            os.kill(pid, signal.SIGKILL)
            second = wait_event(site, 4, ended=False)
            assert motion_process(process.pid) not in (None, pid)
            time.sleep(1)
        files = site.files("gate")
        pictures = [one for one in stamps(coded_units(files)) if one is not None]
        report = audited(files)
        assert (report.duplicated, report.out_of_order) == (0, 0)
        assert changed(files) == []
        assert untiled(*site.coverage("gate")) == []
        # Of the walk in whose midst the process began to look, the rest is told: not asked here.
        for event in (first, second):
            assert min(abs(event.start - walked) for walked in walk_begins(pictures)) < SECOND
            begin = event.start - PRE_ROLL * SECOND
            before = [one for one in pictures if begin - SECOND // FPS <= one.time < event.start]
            assert len(before) >= PRE_ROLL * FPS, "the pre-roll is there, to the picture"
        assert first.end is not None
        assert 2 * SECOND < first.end - first.start < 4 * SECOND
        # What lasted when the system was stopped is over.
        assert all(event.end is not None for event in motion_of(site))
