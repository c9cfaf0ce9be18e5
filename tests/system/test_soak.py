"""Long runs, by `make nightly`: nothing grows, nothing is lost, whatever happens in between.

VMS_SOAK_MINUTES shortens them while one works on them.
"""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.console import Console, chromium
from benchmarks.processes import memory_bytes, tree
from benchmarks.site import load_name, simulator
from benchmarks.stored import unreadable
from tests.system.footage import audited, changed, untiled
from tests.system.site import SIGN_IN, Fleet, Site, drawn, new_site, simulated, tree_killed
from vms.core.model import Cause, State

MINUTES = float(os.environ.get("VMS_SOAK_MINUTES", "30"))
CAMERAS = 20
TILES = 16
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Held:
    """What the processes of `vms up` hold."""

    memory: int
    files: int

    @classmethod
    def by(cls, pid: int) -> Held:
        pids = tree(pid)
        return cls(memory_bytes(pids), sum(_open_files(one) for one in pids))


def _open_files(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return 0


def grown(held: list[Held]) -> tuple[int, int]:
    """How much more is held in the last third than in the second: start-up is over by then."""
    third = len(held) // 3
    middle, last = held[third : 2 * third], held[2 * third :]

    def mean(values: list[int]) -> int:
        return sum(values) // len(values)

    return (
        mean([one.memory for one in last]) - mean([one.memory for one in middle]),
        mean([one.files for one in last]) - mean([one.files for one in middle]),
    )


@pytest.mark.nightly
@pytest.mark.timeout(7_200)
def test_a_wall_over_twenty_cameras_holds_no_more_and_loses_nothing(tmp_path: Path) -> None:
    names = [load_name(number) for number in range(CAMERAS)]
    with simulator(tmp_path, "--load", str(CAMERAS)) as served:
        site = new_site(tmp_path)
        site.write(
            [
                {"id": name, "source": served.url(name), "sub": served.url(name, "sub")}
                for name in names
            ],
            workers=2,
        )
        with site.up() as up, chromium() as browser:
            site.wait_recording(*names, within=60)
            found = SIGN_IN.search(up.said)
            assert found is not None
            console = Console(up.url, found[2], found[3], site.config, up.process.pid)
            page = console.page(browser, width=1920, height=1080)
            page.goto(f"{up.url}/?layout={TILES}")
            held: list[Held] = []
            pages: list[int] = []
            ends = time.monotonic() + 60 * MINUTES
            while time.monotonic() < ends:
                page.wait_for_timeout(60_000 * MINUTES / 30)
                held.append(Held.by(up.process.pid))
                pages.append(page.evaluate("() => performance.memory.usedJSHeapSize"))
                assert moving(page) == TILES
            statuses = site.statuses()
            workers = site.worker_pids()
            restarted = site.log.read_text().count("process ended, starting it again")
        slow = served.ask(op="stats")["total"]["slow_drops"]
    assert restarted == 0
    assert len(workers) == 2
    memory, files = grown(held)
    assert memory < 30 * MB, [one.memory // MB for one in held]
    assert files < 8, [one.files for one in held]
    third = len(pages) // 3
    assert min(pages[-third:]) < 1.3 * min(pages[third : 2 * third]) + 5 * MB
    for name in names:
        segments, gaps = site.coverage(name)
        assert untiled(segments, gaps) == []
        assert [gap["cause"] for gap in gaps] == [Cause.CONNECTING, Cause.RECORDER_STOPPED]
        report = audited(site.files(name))
        assert report.clean or slow, report.examples
    assert {(s.runs, s.errors) for s in statuses.values()} == {(1, 0)}


def moving(page: Any) -> int:
    """How many players show new pictures within two seconds."""
    counts = "() => [...document.querySelectorAll('vms-player')].map((p) => p.stats.decoded)"
    before = page.evaluate(counts)
    page.wait_for_timeout(2_000)
    return sum(b > a for a, b in zip(before, page.evaluate(counts), strict=True))


def random_fault(rng: random.Random, fleet: Fleet, camera: str) -> str:
    """Something goes wrong with a camera for some seconds."""
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("stop", {}),
        ("hang", {}),
        ("freeze", {}),
        ("drop", {"rate": round(rng.uniform(0.001, 0.3), 3)}),
        ("jump-clock", {"seconds": rng.randint(-90_000, 90_000), "rtp": rng.random() < 0.5}),
        ("resolution", {"width": rng.choice((320, 480)), "height": rng.choice((180, 270))}),
        ("garbage", {"bytes": rng.randint(1, 70_000), "every": rng.uniform(0.05, 2)}),
        ("password", {}),
    ]
    name, args = rng.choice(kinds)
    lasting = rng.uniform(0.5, 15)
    fleet.fault(camera, name, lasting=lasting, **args)
    return f"{camera}: {name} {args} for {lasting:.1f} s"


@pytest.mark.nightly
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_faults_never_break_an_invariant(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    names = [f"camera-{number}" for number in range(6)]
    cameras = [
        drawn(
            name,
            audio=rng.choice(("none", "aac", "pcma")),
            video={"codec": rng.choice(("h264", "h264", "h265"))},
            auth=rng.choice(("none", "digest")),
        )
        for name in names
    ]
    done: list[str] = []
    with simulated(tmp_path, cameras) as fleet:
        site = new_site(tmp_path)
        site.write(
            [
                {"id": n, "source": fleet.url(n), "username": "vms", "password": "gozcu"}
                for n in names
            ],
            segment="5 s",
            workers=2,
        )
        ends = time.monotonic() + 60 * MINUTES / 3
        while time.monotonic() < ends:
            with site.recorder() as process:
                site.wait_recording(*names, within=60)
                until = min(ends, time.monotonic() + rng.uniform(20, 120))
                while time.monotonic() < until:
                    done.append(random_fault(rng, fleet, rng.choice(names)))
                    if rng.random() < 0.05:
                        done.append("worker killed")
                        tree_killed(list(site.worker_pids().values())[:1])
                    time.sleep(rng.uniform(0.2, 4))
                for name in names:
                    fleet.clear(name)
                # Whatever was done to it: a healthy camera is recorded again.
                for name in names:
                    site.wait_state(name, State.RECORDING, within=60)
                assert memory_bytes(tree(process.pid)) < 400 * MB
                if rng.random() < 0.3:
                    done.append("recorder killed")
                    tree_killed(tree(process.pid))
                    for file in site.run_dir.glob("*.status.json"):
                        file.unlink()
        with site.recorder():
            site.wait_recording(*names, within=60)
    assert_invariants(site, names, done)


def assert_invariants(site: Site, names: list[str], done: list[str]) -> None:
    assert site.parts() == []
    for name in names:
        segments, gaps = site.coverage(name)
        assert untiled(segments, gaps) == [], done
        files = site.files(name)
        assert unreadable(files) == [], done
        report = audited(files)
        assert report.units > 0
        assert report.duplicated == 0, (report.examples, done)
        assert changed(files) == [], (report.examples, done)
    verified = site.vms("verify")
    assert verified.returncode == 0, verified.stdout
    assert "Traceback" not in site.log.read_text(), done
