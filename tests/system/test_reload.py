"""cameras.toml changed while the system runs; bad files; `vms apply` and `vms dump`."""

from __future__ import annotations

import contextlib
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from benchmarks.processes import wait_until
from tests.system.footage import untiled
from tests.system.site import SIGN_IN, Fleet, Site, drawn, new_site, simulated
from vms.core.model import Cause, State


@dataclass(slots=True)
class Moving:
    """A running `vms up` whose settings change; `listed`: what they say now."""

    site: Site
    fleet: Fleet
    listed: list[dict[str, Any]]

    def change(self, listed: list[dict[str, Any]]) -> None:
        self.listed = listed
        self.site.write(listed)


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moving]:
    folder = tmp_path_factory.mktemp("reload")
    with simulated(folder, [drawn(n) for n in ("calm", "moved", "gone", "new")]) as fleet:
        site = new_site(folder)
        listed = [{"id": n, "source": fleet.url(n)} for n in ("calm", "moved", "gone")]
        site.write(listed)
        with site.up():
            site.wait_recording("calm", "moved", "gone")
            yield Moving(site, fleet, listed)


def calm(site: Site) -> None:
    """The unchanged camera was not touched."""
    status = site.status("calm")
    assert status is not None
    assert (status.state, status.runs, status.errors) == (State.RECORDING, 1, 0)


def test_cameras_come_change_and_go_without_touching_the_others(moving: Moving) -> None:
    site, fleet = moving.site, moving.fleet
    moving.change(
        [
            {"id": "calm", "source": fleet.url("calm"), "groups": ["renamed group"]},
            {"id": "moved", "source": fleet.url("gone")},
            {"id": "new", "source": fleet.url("new")},
        ]
    )
    site.wait_recording("new", within=30)
    wait_until(lambda: site.status("gone") is None, 30, "the removed camera let go")
    site.wait_recording("moved", within=30)
    calm(site)
    listed = {fact["id"]: fact["state"] for fact in site.facts("cameras")}
    assert listed == {"calm": "recording", "moved": "recording", "new": "recording"}
    gone = site.coverage("gone")[1]
    assert (gone[-1]["cause"], gone[-1]["open"]) == (Cause.REMOVED, True)
    assert len(site.coverage("gone")[0]) == 1
    moved = site.coverage("moved")[1]
    assert len(moved) >= 2
    assert untiled(site.coverage("moved")[0], moved) == []
    assert [gap["cause"] for gap in site.coverage("calm")[1]] == [Cause.CONNECTING]
    assert "cameras.toml was read again" in site.log.read_text()


def test_a_bad_file_changes_nothing_and_says_where(moving: Moving) -> None:
    site = moving.site
    good = site.config.read_text()
    before = site.statuses().keys()
    lines = good.replace('id = "calm"', 'id = "calm"\nsorce = "x"').splitlines()
    line = lines.index('sorce = "x"') + 1
    site.config.write_text("\n".join(lines))
    log = wait_until(
        lambda: "nothing was changed" in site.log.read_text() and site.log.read_text(),
        10,
        "the bad file noticed",
    )
    said = next(text for text in log.splitlines() if "nothing was changed" in text)
    assert f"cameras.toml:{line}" in said or f"line {line}" in said, said
    assert "did you mean 'source'" in said
    assert site.statuses().keys() == before
    calm(site)
    site.config.write_text(good)


def test_apply_says_what_would_change_then_does_it(moving: Moving, tmp_path: Path) -> None:
    site, fleet = moving.site, moving.fleet
    assert site.facts("apply") == []
    # A file beside the watched one: what `vms up` follows stays as it is.
    more = tmp_path / "more.toml"
    camera = f'\n[[cameras]]\nid = "gone"\nname = "Yine"\nsource = "{fleet.url("gone")}"\n'
    more.write_text(site.config.read_text() + camera)
    tried = site.vms("apply", "--dry-run", config=more)
    assert tried.returncode == 0
    assert "gone" in tried.stdout
    assert "calm" not in tried.stdout
    assert [fact["id"] for fact in site.facts("cameras")] == ["calm", "moved", "new"]
    done = site.vms("apply", config=more)
    assert (done.returncode, done.stdout) == (0, tried.stdout)
    site.wait_recording("gone", within=30)
    causes = [gap["cause"] for gap in site.coverage("gone")[1]]
    assert Cause.REMOVED in causes
    assert untiled(*site.coverage("gone")) == []
    assert site.vms("apply").returncode == 0
    wait_until(lambda: site.status("gone") is None, 30, "the camera let go again")
    calm(site)


def test_dump_is_a_file_that_changes_nothing(moving: Moving, tmp_path: Path) -> None:
    site = moving.site
    dumped = tomllib.loads(site.vms("dump").stdout)
    wanted = tomllib.loads(site.config.read_text())
    assert [c["id"] for c in dumped["cameras"]] == [c["id"] for c in wanted["cameras"]]
    assert [c["source"] for c in dumped["cameras"]] == [c["source"] for c in wanted["cameras"]]
    head = site.config.read_text().partition("[[cameras]]")[0]
    again = tmp_path / "cameras.toml"
    again.write_text(head + site.vms("dump").stdout)
    back = site.vms("apply", "--json", config=again)
    assert (back.returncode, back.stdout.strip()) == (0, "[]"), back.stdout + back.stderr
    calm(site)


def test_a_camera_added_over_http_is_taken_up_within_seconds(moving: Moving) -> None:
    site, fleet = moving.site, moving.fleet
    found = SIGN_IN.search(site.log.read_text())
    assert found is not None
    url, user, password = found.groups()
    with httpx2.Client(base_url=url, timeout=20) as client:
        answer = client.post("/api/session", json={"username": user, "password": password})
        client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        canary = {"username": "vms", "password": "kanarya-9d2"}
        new = {"id": "added", "source": fleet.url("gone"), **canary}
        assert client.post("/api/cameras", json=new).status_code == 201
        # Two seconds on a machine of its own; the rest is for one busy with tests.
        wait_until(lambda: site.status("added"), 30, "the added camera taken up")
        site.wait_recording("added", within=30)
        calm(site)
        for line in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                assert b"kanarya" not in line.read_bytes()
        assert client.delete("/api/cameras/added").json()["first"] is not None
        wait_until(lambda: site.status("added") is None, 30, "the removed camera let go")
    calm(site)
    assert len(site.coverage("added")[0]) == 1
    assert "kanarya" not in site.log.read_text()


CAMERA = '[[cameras]]\nid = "gate"\nsource = "rtsp://127.0.0.1:1/x"\n'


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[web]\nlisten = "127.0.0.1:9"\nport = 80\n', 3, ["web.port", "no such setting"]),
        (CAMERA + 'surce = "x"\n', 4, ["cameras[1].surce", "did you mean 'source'"]),
        (CAMERA.replace("rtsp://127.0.0.1:1/x", "10.0.0.5"), 3, ["source", "rtsp://"]),
        (CAMERA + CAMERA, 5, ["cameras[2].id", "line 4", "own id"]),
        ('[system]\nname = "A"\ntimezone = "Mars/Base"\n', 3, ["Europe/Istanbul"]),
        ('[[volumes]]\npath = "/proc/video"\n', 2, ["volumes[1].path", "/proc/video", "right"]),
        ('[system\nname = "A"\n', 1, ["not TOML"]),
        (CAMERA + 'password = "${NO_SUCH_WORD}"\n', 4, ["NO_SUCH_WORD", "export"]),
        ("[recorder]\nsegment = 60\n", 2, ["recorder.segment"]),
    ],
)
def test_a_bad_file_at_start_is_refused_with_line_key_and_remedy(
    tmp_path: Path, text: str, line: int, words: list[str]
) -> None:
    site = new_site(tmp_path)
    where = f'[system]\ndata = "{tmp_path}/data"\n'
    offset = 0 if "[system" in text else where.count("\n")
    site.config.write_text(text if "[system" in text else where + text)
    done = site.vms("up")
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.startswith("vms: ")
    assert f"cameras.toml:{line + offset}:" in done.stderr or f"line {line + offset}" in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        site = Site(tmp_path, taken.getsockname()[1])
        site.write([])
        done = site.vms("up")
    assert done.returncode == 1
    assert "another program does" in done.stderr
    assert os.sep in done.stderr
