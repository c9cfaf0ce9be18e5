"""Starting, signing in, stopping, starting again; and the demo."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import httpx2
import pytest

from benchmarks.processes import ROOT, VMS, free_port, running, wait_until
from tests.system.conftest import Town
from tests.system.site import SIGN_IN, Site, drawn, new_site, simulated
from vms.core.model import State


def test_the_printed_line_signs_in_and_nothing_opens_without_it(running_town: Town) -> None:
    assert len(SIGN_IN.findall(running_town.site.log.read_text())) == 1
    url = running_town.up.url
    assert f"Sign in at {url} as admin with " in running_town.up.said
    for path in (
        "/api/session",
        "/api/cameras",
        "/api/cameras/square/frame.jpg?at=2026-01-01T00:00:00Z",
    ):
        assert httpx2.get(url + path).status_code == 401, path
    # A program of this machine may read the metrics, one behind a proxy is somewhere else.
    proxied = {"X-Forwarded-For": "203.0.113.9"}
    assert httpx2.get(f"{url}/metrics", headers=proxied).status_code == 401
    wrong = {"username": "admin", "password": "not it"}
    refused = httpx2.post(f"{url}/api/session", json=wrong)
    assert refused.status_code == 401
    assert refused.headers["content-type"].startswith("application/problem+json")
    with running_town.client() as client:
        assert client.get("/api/session").json()["user"]["name"] == "admin"
        states = {c["id"]: c["state"] for c in client.get("/api/cameras").json()}
        assert states["square"] == "recording"
        assert client.get("/metrics").status_code == 200
        page = client.get("/")
        assert page.status_code == 200
        assert "<script" in page.text


def test_no_password_of_a_camera_leaves_the_house(running_town: Town) -> None:
    with running_town.client() as client:
        shown = client.get("/api/cameras").text + client.get("/api/cameras/gate").text
    shown += running_town.site.log.read_text() + running_town.site.vms("dump").stdout
    assert "gozcu" not in shown.replace("gozcu.db", "")


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, str, str, int | None]:
    """A site started twice and stopped: what it said each time, its last exit code."""
    folder = tmp_path_factory.mktemp("twice")
    with simulated(folder, [drawn("gate")]) as fleet:
        site = new_site(folder)
        site.write([{"id": "gate", "source": fleet.url("gate")}])
        with site.up() as first:
            site.wait_recording("gate")
        site.log.rename(folder / "first.log")
        with site.up() as second:
            site.wait_recording("gate")
            wait_until(lambda: site.parts(), 30, "a file being written")
        return site, first.said, second.said, second.process.returncode


def test_a_second_start_does_not_know_the_password_any_more(
    stopped: tuple[Site, str, str, int | None],
) -> None:
    _, first, second, _ = stopped
    assert SIGN_IN.search(first)
    assert "with the password set before" in second
    assert "vms users passwd admin" in second


def test_a_stop_leaves_whole_files_and_a_gap_that_says_so(
    stopped: tuple[Site, str, str, int | None],
) -> None:
    site, _, _, code = stopped
    assert code == 0
    assert site.parts() == []
    assert len(site.files("gate")) == 2
    gaps = site.facts("gaps", "gate")
    causes = [gap["cause"] for gap in gaps]
    assert causes.count("recorder_stopped") == 2
    assert causes[-1] == "recorder_stopped"
    assert gaps[-1]["open"] is True
    assert site.facts("cameras")[0]["state"] == State.STOPPED
    assert "Traceback" not in site.log.read_text()
    assert site.vms("verify").returncode == 0


def test_two_systems_do_not_share_a_data_folder(running_town: Town) -> None:
    again = running_town.site.vms("up")
    assert again.returncode == 1
    assert "a system already runs on" in again.stderr
    assert "stop it first" in again.stderr


def test_the_demo_runs_from_the_settings_file_that_comes_with_the_project(tmp_path: Path) -> None:
    simulator, web = free_port(2), free_port()
    text = (ROOT / "cameras.toml").read_text()
    text = text.replace(":8554/", f":{simulator}/").replace("127.0.0.1:8080", f"127.0.0.1:{web}")
    (tmp_path / "cameras.toml").write_text(text)
    log = tmp_path / "demo.log"
    site = Site(tmp_path, web)
    with running((*VMS, "demo", "--config", str(site.config)), log=log) as process:
        said = wait_until(lambda: SIGN_IN.search(log.read_text()), 40, "the sign-in line")
        names = re.findall(r'^id = "(.+?)"', text, re.MULTILINE)
        assert len(names) == 6
        site.wait_recording(*names, within=40)
        with httpx2.Client(base_url=said[1]) as client:
            body = {"username": said[2], "password": said[3]}
            assert client.post("/api/session", json=body).status_code == 200
            kinds = {
                (c["streams"]["main"]["codec"], c["streams"]["main"]["audio"])
                for c in client.get("/api/cameras").json()
            }
        assert {"h264", "h265"} == {codec for codec, _ in kinds}
        assert {"aac", "pcma", None} >= {audio for _, audio in kinds}
    assert process.returncode == 0
    assert not list((tmp_path / "data").rglob("*.part"))
    shutil.rmtree(tmp_path / "data")
