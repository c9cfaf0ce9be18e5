"""How cameras, system and probes look, from what the recorder's workers wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.web.site import WebSite
from vms.core.clock import SECOND, rfc3339
from vms.core.model import Cause, State, StreamKey
from vms.core.status import StreamStatus, WorkerStatus, status_path, write_status
from web.api.state import SENTENCES


def write(site: WebSite, **main: object) -> None:
    now = site.clock.now()
    facts: dict[str, object] = {"state": State.RECORDING, "since": now, "last_frame": now, **main}
    streams = {
        StreamKey.parse("gate-north/main"): StreamStatus(**facts),  # type: ignore[arg-type]
        StreamKey.parse("gate-north/sub"): StreamStatus(State.STREAMING, now, codec="h264"),
    }
    status = WorkerStatus(0, 1, 1, now, streams)
    write_status(status_path(site.run_dir, 0), status)


def test_a_recording_camera(site: WebSite, ali: TestClient) -> None:
    write(site, codec="h264", width=1920, height=1080, fps=25.0, bitrate=4_000_000, source="native")
    camera = ali.get("/api/cameras/gate-north").json()
    now = rfc3339(site.clock.now())
    assert (camera["state"], camera["since"], camera["last_frame"]) == ("recording", now, now)
    assert (camera["name"], camera["groups"], camera["origin"]) == (
        "Kuzey Kapı",
        ["meydan"],
        "file",
    )
    assert (camera["fps"], camera["bitrate"], camera["source"]) == (25.0, 4_000_000, "native")
    assert (camera["problem"], camera["problem_code"]) == (None, None)
    assert camera["streams"]["main"]["width"] == 1920
    assert camera["streams"]["sub"]["state"] == "streaming"


def test_a_failed_camera_says_why_and_when_it_is_tried_again(
    site: WebSite, ali: TestClient
) -> None:
    retry = site.clock.now() + 5 * SECOND
    detail = "10.0.0.5:554 refused the connection"
    write(site, state=State.FAILED, cause=Cause.UNREACHABLE, detail=detail, retry_at=retry)
    camera = ali.get("/api/cameras/gate-north").json()
    assert camera["problem"] == SENTENCES[Cause.UNREACHABLE]
    assert (camera["problem_code"], camera["detail"]) == ("unreachable", detail)
    assert camera["retry_at"] == rfc3339(retry)


def test_no_secret_and_no_address_leaves(site: WebSite, ali: TestClient) -> None:
    write(site)
    text = ali.get("/api/cameras").text
    assert "camera-secret" not in text
    assert "rtsp://" not in text


def test_without_a_recorder_cameras_are_stopped(site: WebSite, ali: TestClient) -> None:
    write(site)
    site.clock.advance(6 * SECOND)
    north, south = ali.get("/api/cameras").json()
    assert (north["state"], north["problem_code"]) == ("stopped", "recorder_stopped")
    assert (south["state"], south["problem"]) == ("off", None)
    assert "sub" not in south["streams"]


def test_the_system_counts_and_shows_its_volumes(site: WebSite, ali: TestClient) -> None:
    write(site)
    body = ali.get("/api/system").json()
    assert body["counts"] == {"recording": 1, "failed": 0, "off": 1, "total": 2}
    assert body["recorder"] == {"workers": 1, "running": 1}
    assert body["volumes"][0]["free"] > 0
    assert (body["name"], body["timezone"]) == ("Deneme", "Europe/Istanbul")


def test_a_volume_that_is_gone_says_so(site: WebSite, ali: TestClient) -> None:
    Path(site.parts.settings.volumes[0].path).rmdir()
    volume = ali.get("/api/system").json()["volumes"][0]
    assert (volume["total"], volume["free"]) == (None, None)
    assert "No such file" in volume["problem"]


def test_ready_needs_every_worker_alive(site: WebSite, client: TestClient) -> None:
    assert client.get("/healthz").json() == {"ok": True}
    assert client.get("/readyz").status_code == 503
    write(site)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        200,
        {"ok": True, "database": True, "recorder": True},
    )


def test_metrics_of_streams(site: WebSite, ali: TestClient) -> None:
    write(site, units=250, lost=3, cause=Cause.DISK_SLOW)
    text = ali.get("/metrics").text
    for line in (
        'vms_stream_units_total{camera="gate-north",stream="main"} 250.0',
        'vms_stream_packets_lost_total{camera="gate-north",stream="main"} 3.0',
        'vms_stream_state{camera="gate-north",state="recording",stream="main"} 1.0',
        'vms_stream_problem{camera="gate-north",cause="disk_slow",stream="main"} 1.0',
        "vms_recorder_workers_running 1.0",
    ):
        assert line in text


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_a_sentence(cause: Cause) -> None:
    assert SENTENCES[cause].endswith(".")


class TestConsole:
    """The screens' files."""

    @pytest.fixture(autouse=True)
    def _built(self, site: WebSite) -> None:
        (site.static / "assets").mkdir(parents=True)
        (site.static / "index.html").write_text("<!doctype html><title>page</title>")
        (site.static / "assets" / "app-1a2b.js").write_text("export {}")
        (site.static.parent / "secret.txt").write_text("secret")

    @pytest.mark.parametrize("path", ["/", "/camera/gate-north", "/wall?l=4"])
    def test_every_page_is_the_one_page(self, client: TestClient, path: str) -> None:
        answer = client.get(path)
        assert "<title>page" in answer.text
        assert answer.headers["cache-control"] == "no-cache"

    def test_hashed_files_are_kept(self, client: TestClient) -> None:
        answer = client.get("/assets/app-1a2b.js")
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].startswith("text/javascript")
        assert client.get("/assets/app-old.js").status_code == 404

    @pytest.mark.parametrize(
        "path", ["/../secret.txt", "/..%2fsecret.txt", "/assets/../../secret.txt", "/%00"]
    )
    def test_nothing_outside_is_served(self, client: TestClient, path: str) -> None:
        assert "secret" not in client.get(path).text

    def test_unbuilt_screens_say_what_to_do(self, site: WebSite, client: TestClient) -> None:
        (site.static / "index.html").unlink()
        answer = client.get("/")
        assert answer.status_code == 503
        assert "make ui" in answer.text
