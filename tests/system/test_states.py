"""Cameras that can't be recorded: each says why, in words, and costs the others nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from benchmarks.processes import free_port, wait_until
from tests.system.footage import audited, untiled
from tests.system.site import Site, drawn, gst_server, new_site, simulated
from vms.core.clock import SECOND
from vms.core.model import Cause, State
from vms.core.status import StreamStatus

SICK = {
    "liar": Cause.REFUSED,
    "nobody": Cause.REFUSED,
    "closed": Cause.UNREACHABLE,
    "nowhere": Cause.UNREACHABLE,
    "unknown": Cause.NOT_FOUND,
    "deaf": Cause.NOT_FOUND,
    "voice": Cause.NO_VIDEO,
    "motion": Cause.UNSUPPORTED_CODEC,
}
_VOICE = "audiotestsrc is-live=true ! alawenc ! rtppcmapay name=pay0 pt=8"
_MOTION = (
    "videotestsrc is-live=true ! video/x-raw,format=I420,width=160,height=120 ! jpegenc ! "
    "rtpjpegpay name=pay0 pt=26"
)


@dataclass(frozen=True, slots=True)
class Hospital:
    """A running recorder with one healthy camera among sick ones."""

    site: Site


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    folder = tmp_path_factory.mktemp("states")
    cameras = [drawn("well"), drawn("locked", auth="digest", algorithm="SHA-256")]
    with (
        simulated(folder, cameras) as fleet,
        gst_server({"/voice": _VOICE, "/motion": _MOTION}) as gst,
    ):
        locked = fleet.url("locked")
        site = new_site(folder)
        site.write(
            [
                {"id": "well", "source": fleet.url("well")},
                {"id": "liar", "source": locked, "username": "vms", "password": "wrong"},
                {"id": "nobody", "source": locked},
                {"id": "closed", "source": f"rtsp://127.0.0.1:{free_port()}/main"},
                # RFC 5737: an address that never answers.
                {"id": "nowhere", "source": "rtsp://192.0.2.1/main"},
                {"id": "unknown", "source": fleet.url("well").replace("well", "nobody")},
                {"id": "deaf", "source": f"{gst}/other"},
                {"id": "voice", "source": f"{gst}/voice"},
                {"id": "motion", "source": f"{gst}/motion"},
            ]
        )
        with site.recorder():
            site.wait_recording("well")
            yield Hospital(site)


@pytest.mark.parametrize("camera", SICK)
def test_a_sick_camera_says_why_and_when_it_is_tried_again(hospital: Hospital, camera: str) -> None:
    status = hospital.site.wait_state(camera, State.FAILED, SICK[camera], within=40)
    assert status.detail
    assert status.detail.endswith(".")
    assert len(status.detail.split()) > 3
    assert "Traceback" not in status.detail
    assert status.retry_at is not None


def test_its_gap_has_the_same_cause(hospital: Hospital) -> None:
    for camera, cause in SICK.items():
        hospital.site.wait_state(camera, State.FAILED, cause, within=40)
        gaps = hospital.site.coverage(camera)[1]
        assert gaps[-1]["cause"] == cause, f"{camera}: {gaps}"
        assert gaps[-1]["open"]
        assert untiled([], gaps) == []


def test_staff_read_it_in_plain_words(hospital: Hospital) -> None:
    for camera, cause in SICK.items():
        hospital.site.wait_state(camera, State.FAILED, cause, within=40)
    listed = {fact["id"]: fact for fact in hospital.site.facts("cameras")}
    for camera, cause in SICK.items():
        fact = listed[camera]
        assert (fact["state"], fact["problem_code"]) == ("failed", cause)
        assert len(fact["problem"].split()) > 2
        assert fact["last_frame"] is None
        assert fact["fps"] is None
    assert listed["well"]["state"] == "recording"


def test_no_password_stands_in_the_log(hospital: Hospital) -> None:
    hospital.site.wait_state("liar", State.FAILED, Cause.REFUSED)
    log = hospital.site.log.read_text()
    assert "wrong" not in log.replace("is wrong", "").replace("wrong user or password", "")
    assert "Traceback" not in log


def test_the_healthy_camera_was_recorded_all_the_while(hospital: Hospital) -> None:
    site = hospital.site

    def for_long() -> StreamStatus | None:
        now = site.status("well")
        lasted = 0 if now is None or now.last_frame is None else now.last_frame - now.since
        return now if lasted > 8 * SECOND else None  # long enough for second tries of the others

    status = wait_until(for_long, 30, "eight seconds of footage")
    assert (status.state, status.runs, status.errors) == (State.RECORDING, 1, 0)
    time.sleep(1.2)
    gaps = site.coverage("well")[1]
    assert [gap["cause"] for gap in gaps] == [Cause.CONNECTING]
    assert gaps[0]["seconds"] < 15
    segments = site.coverage("well")[0]
    assert untiled(segments, gaps) == []
    # The file being written may end anywhere; what is whole of it is clean.
    assert audited([*site.files("well"), *site.parts()]).clean
