"""Cameras that fail while they are recorded: what is kept is unchanged, what is lost has a cause.

All faults happen at the same time, each to a camera of its own; then the recorder is stopped
and every stored picture is counted by the stamp it carries.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from benchmarks.stored import coded_units, unreadable
from storage.check import check_coverage
from storage.database import open_database
from tests.system.footage import audited, changed, decode_errors, probe_warnings, untiled
from tests.system.site import Site, drawn, new_site, simulated
from vms.core.clock import SECOND, Instant, SystemClock, parse_rfc3339
from vms.core.config_file import load_settings
from vms.core.model import CameraId, Cause, State, StreamKey
from vms.core.status import StreamStatus
from vms.simulator.audit import stamps

CAMERAS = (
    "well", "stops", "hangs", "freezes", "drops", "garbles", "jumps", "leaps", "rewinds", "resizes"
)  # fmt: skip
HANG_S = 14


@dataclass(frozen=True, slots=True)
class Aftermath:
    """The stopped site. `hung`: when the camera went silent. `at_end`: the last statuses."""

    site: Site
    hung: Instant
    silent: StreamStatus
    at_end: dict[str, StreamStatus]

    def facts(self, camera: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        return self.site.coverage(camera)


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    folder = tmp_path_factory.mktemp("faults")
    cameras = [drawn(camera) | ({"port": 0} if camera == "stops" else {}) for camera in CAMERAS]
    with simulated(folder, cameras) as fleet:
        site = new_site(folder)
        site.write([{"id": c, "source": fleet.url(c)} for c in CAMERAS], segment="10 s")
        with site.recorder():
            site.wait_recording(*CAMERAS, within=40)
            time.sleep(3)
            hung = SystemClock().now()
            fleet.fault("hangs", "hang", lasting=HANG_S)
            fleet.fault("stops", "stop", lasting=4)
            fleet.fault("freezes", "freeze", lasting=5)
            fleet.fault("drops", "drop", lasting=5, rate=0.1)
            fleet.fault("garbles", "garbage", lasting=5, bytes=2000, every=0.5)
            fleet.fault("jumps", "jump-clock", lasting=5, seconds=-3600)
            fleet.fault("leaps", "jump-clock", lasting=5, seconds=7200, rtp=True)
            fleet.fault("rewinds", "jump-clock", lasting=5, seconds=-5, rtp=True)
            fleet.fault("resizes", "resolution", lasting=5, width=640, height=360)
            silent = site.wait_state("hangs", State.FAILED, Cause.SILENT, within=30)
            site.wait_recording(*CAMERAS, within=30)
            time.sleep(3)
            at_end = {str(key.camera): value for key, value in site.statuses().items()}
        yield Aftermath(site, hung, silent, at_end)


@pytest.mark.parametrize("camera", CAMERAS)
def test_segments_and_gaps_tile_the_time(aftermath: Aftermath, camera: str) -> None:
    segments, gaps = aftermath.facts(camera)
    assert untiled(segments, gaps) == []
    assert gaps[-1]["cause"] == Cause.RECORDER_STOPPED
    engine = open_database(load_settings(aftermath.site.config).database_url)
    assert check_coverage(engine, StreamKey(CameraId(camera))) == []
    engine.dispose()


@pytest.mark.parametrize("camera", CAMERAS)
def test_what_is_stored_is_unchanged_once_and_readable(aftermath: Aftermath, camera: str) -> None:
    files = aftermath.site.files(camera)
    report = audited(files)
    assert report.units > 50
    assert (report.duplicated, report.out_of_order) == (0, 0), report.examples
    assert changed(files) == [], report.examples
    # The stamp travels in a picture's first packet, which may be the lost one.
    assert report.unstamped <= aftermath.at_end[camera].lost
    assert unreadable(files) == []
    assert [warning for file in files if (warning := probe_warnings(file))] == []


@pytest.mark.parametrize("camera", ["well", "freezes", "jumps", "leaps", "rewinds", "resizes"])
def test_a_fault_that_loses_nothing_costs_nothing(aftermath: Aftermath, camera: str) -> None:
    report = audited(aftermath.site.files(camera))
    assert report.lost == 0, report.examples
    status = aftermath.at_end[camera]
    assert (status.runs, status.errors, status.lost) == (1, 0, 0)
    _, gaps = aftermath.facts(camera)
    assert [gap["cause"] for gap in gaps] == [Cause.CONNECTING, Cause.RECORDER_STOPPED]


def test_a_camera_that_stops_leaves_a_gap_of_that_length(aftermath: Aftermath) -> None:
    _, gaps = aftermath.facts("stops")
    causes = {gap["cause"] for gap in gaps[1:-1]}
    assert causes <= {Cause.BROKEN_STREAM, Cause.UNREACHABLE, Cause.CONNECTING}
    length = sum(gap["seconds"] for gap in gaps[1:-1])
    # 4 s of fault; then up to 5 s with jitter until the next try, and up to a keyframe.
    assert 4 <= length <= 30
    units = coded_units(aftermath.site.files("stops"))
    times = [stamp.time for stamp in stamps(units) if stamp is not None]
    hole = max(second - first for first, second in itertools.pairwise(times))
    # A gap is as long as what is missing: from the last picture kept to the next one.
    assert abs(hole / SECOND - length) < 0.5


def test_a_silent_camera_is_noticed_within_ten_seconds(aftermath: Aftermath) -> None:
    last = aftermath.silent.last_frame
    assert last is not None
    assert aftermath.silent.since - last <= 13 * SECOND
    _, gaps = aftermath.facts("hangs")
    silent = [gap for gap in gaps if gap["cause"] == Cause.SILENT]
    assert silent
    # The gap begins where the footage ends, not when it was noticed.
    assert abs(parse_rfc3339(silent[0]["start"]) - aftermath.hung) < SECOND


def test_lost_packets_lose_their_pictures_alone(aftermath: Aftermath) -> None:
    report = audited(aftermath.site.files("drops"))
    status = aftermath.at_end["drops"]
    assert status.lost > 0
    assert 0 < report.lost < 50
    assert status.errors == 0


def test_garbage_is_counted_and_got_over(aftermath: Aftermath) -> None:
    status = aftermath.at_end["garbles"]
    assert status.resyncs + status.errors > 0
    assert status.state is State.RECORDING
    assert audited(aftermath.site.files("garbles")).lost < 60


def test_a_new_size_begins_a_new_segment(aftermath: Aftermath) -> None:
    segments, _ = aftermath.facts("resizes")
    sizes = [(s["width"], s["height"]) for s in segments]
    assert (640, 360) in sizes
    assert sizes[0] == sizes[-1] == (320, 180)
    for file in aftermath.site.files("resizes"):
        assert decode_errors(file) == ""


def test_a_camera_with_a_wrong_clock_is_known_by_its_offset(aftermath: Aftermath) -> None:
    # What was said when it ended: the clock was right again.
    offset = aftermath.at_end["well"].clock_offset_ms
    assert offset is not None
    assert abs(offset) < 250


def test_no_fault_makes_a_traceback(aftermath: Aftermath) -> None:
    log = aftermath.site.log.read_text()
    assert "Traceback" not in log
    assert '"level": "critical"' not in log
