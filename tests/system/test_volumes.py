"""Real small disks under a real recorder: full, read-only, hanging, pulled, not mounted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import full_disk, volume_pulled
from benchmarks.loop_disk import LoopDisk, loop_disk, why_not
from benchmarks.processes import VMS, running, wait_until
from benchmarks.report import Report
from benchmarks.site import load_name, simulator, wait_recording
from benchmarks.volumes import cameras_on, files_on, longest_hole, settings_on
from vms.app.site import open_site
from vms.core.clock import Instant, SystemClock
from vms.core.model import StreamKey

pytestmark = [
    pytest.mark.skipif(why_not() is not None, reason=f"real disks: {why_not()}"),
    pytest.mark.timeout(400),
]
CAMERAS = [load_name(number) for number in range(4)]


def assert_met(report: Report) -> None:
    missed = [figure.row() for figure in report.figures if figure.met is False]
    assert not missed


def test_a_full_disk_costs_no_second_and_nothing_that_is_held() -> None:
    assert_met(full_disk.run(cameras=20, seconds=50, megabytes=400, segment=5))


def test_a_volume_that_becomes_read_only_is_left_and_comes_back() -> None:
    assert_met(volume_pulled.run(cameras=8, before=8, away=5, segment=10))


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[tuple[LoopDisk, LoopDisk]]:
    with loop_disk(tmp_path, "a", 300) as first, loop_disk(tmp_path, "b", 300) as second:
        yield first, second


def gaps(config: Path, camera: str) -> list[str]:
    with open_site(config) as site:
        key = StreamKey.parse(f"{camera}/main")
        found = site.archive.gaps(key, Instant(0), SystemClock().now())
    return [gap.cause.value for gap in found if gap.cause not in ("connecting", "recorder_stopped")]


def test_a_volume_that_hangs_holds_up_neither_the_others_nor_the_stop(
    tmp_path: Path, disks: tuple[LoopDisk, LoopDisk]
) -> None:
    first, second = disks
    roots = (first.root, second.root)
    with simulator(tmp_path, "--load", "4") as served:
        sources = {name: served.url(name) for name in CAMERAS}
        config = settings_on(tmp_path, roots, sources, segment=10, reserve="10 MB")
        recorder = (*VMS, "recorder", "--config", str(config))
        with running(recorder, log=tmp_path / "recorder.log"):
            wait_recording(config, 4, within=40)
            time.sleep(4)
            frozen = time.time()
            assert cameras_on(first.root, frozen - 10)
            first.freeze()
            wait_until(lambda: cameras_on(second.root, frozen + 1) == set(CAMERAS), 30, "all on b")
            first.thaw()
            wait_until(lambda: cameras_on(first.root, time.time() - 2), 60, "a written to again")
            time.sleep(2)
    for name in CAMERAS:
        assert longest_hole(files_on(roots, name)) < 0.2
        assert gaps(config, name) == []
    assert not [path for root in roots for path in root.rglob("*.part")]


def test_a_pulled_disk_costs_what_was_not_synced_and_gives_the_rest_back(
    tmp_path: Path, disks: tuple[LoopDisk, LoopDisk]
) -> None:
    first, second = disks
    roots = (first.root, second.root)
    with simulator(tmp_path, "--load", "4") as served:
        sources = {name: served.url(name) for name in CAMERAS}
        config = settings_on(tmp_path, roots, sources, segment=10, reserve="10 MB")
        recorder = (*VMS, "recorder", "--config", str(config))
        with running(recorder, log=tmp_path / "recorder.log"):
            wait_recording(config, 4, within=40)
            time.sleep(6)
            pulled = time.time()
            first.shutdown()
            wait_until(lambda: cameras_on(second.root, pulled + 1) == set(CAMERAS), 30, "all on b")
            first.unmount()
            first.mount()
            wait_until(lambda: cameras_on(first.root, time.time() - 2), 60, "a written to again")
            time.sleep(2)
    # Up to the next keyframe, each 2 s, and the second since the sync before; on a busy machine
    # a sync or a keyframe is missed by a hair, which costs the next.
    for name in CAMERAS:
        assert longest_hole(files_on(roots, name)) < 5
    assert not [path for root in roots for path in root.rglob("*.part")]


def test_a_disk_that_is_not_mounted_at_the_start_is_taken_up_when_it_is(
    tmp_path: Path, disks: tuple[LoopDisk, LoopDisk]
) -> None:
    first, second = disks
    roots = (first.root, second.root)
    with simulator(tmp_path, "--load", "4") as served:
        sources = {name: served.url(name) for name in CAMERAS}
        config = settings_on(tmp_path, roots, sources, segment=10, reserve="10 MB")
        recorder = (*VMS, "recorder", "--config", str(config))
        with running(recorder, log=tmp_path / "recorder.log"):
            wait_recording(config, 4, within=40)
            time.sleep(3)
        first.unmount()
        with running(recorder, log=tmp_path / "recorder.log"):
            time.sleep(2)
            wait_recording(config, 4, within=40)
            time.sleep(6)
            assert list(first.root.iterdir()) == [], "nothing is written to an empty mount point"
            first.mount()
            wait_until(lambda: cameras_on(first.root, time.time() - 2), 60, "a written to again")
    assert not [path for root in roots for path in root.rglob("*.part")]
