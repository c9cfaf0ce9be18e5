"""The hours that cameras go by: listed for who changes cameras, told with each camera, as its notes
are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.web.site import PASSWORD, WebSite, open_web_site
from vms.core.clock import FakeClock
from vms.core.config_camera import CameraSettings
from vms.core.model import CameraId, State, StreamKey
from vms.core.notes import Note
from vms.core.status import StreamStatus, WorkerStatus, status_path, write_status
from vms.people.roles import Granted, RoleSettings

SCHEDULES = [
    {"name": "office", "spans": ["mon-fri 08:00-18:00", "sat 09:00-12:00"]},
    {"name": "night", "spans": ["daily 22:00-06:00"]},
    {"name": "idle", "spans": ["sun 00:00-24:00"]},
]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WebSite]:
    with open_web_site(tmp_path, FakeClock(), schedules=SCHEDULES) as site:
        site.parts.accounts.add("ayse", PASSWORD, role="admin")
        for slug, more in (
            ("park-1", {"record": "schedule:office", "privacy": "night"}),
            ("park-2", {"record": "schedule:office"}),
        ):
            camera = {"id": slug, "source": "rtsp://10.0.0.7/main", **more}
            site.parts.cameras.add(CameraSettings.model_validate(camera), "ayse")
        yield site


@contextlib.contextmanager
def signed_in(site: WebSite, name: str) -> Iterator[TestClient]:
    session = site.parts.sessions.start(site.parts.accounts.get(name), "10.0.0.9")
    with TestClient(site.app, base_url="http://vms.test") as client:
        client.cookies.set("vms_session", session.token)
        client.headers["X-CSRF-Token"] = session.csrf
        yield client


def test_schedules_are_listed_with_their_hours_and_cameras(site: WebSite) -> None:
    with signed_in(site, "ayse") as ayse:
        assert ayse.get("/api/schedules").json() == [
            {**SCHEDULES[2], "recorded": [], "hidden": []},
            {**SCHEDULES[1], "recorded": [], "hidden": ["park-1"]},
            {**SCHEDULES[0], "recorded": ["park-1", "park-2"], "hidden": []},
        ]


def test_schedules_are_for_who_may_change_every_camera(site: WebSite) -> None:
    site.parts.roles.put(RoleSettings("tech", ("own_session", "cameras", "registry")))
    site.parts.accounts.add("tech", PASSWORD, grants=[Granted("tech", ("park-2",))])
    for name in ("tech", "ali"):
        with signed_in(site, name) as client:
            assert client.get("/api/schedules").status_code == 403


def test_a_camera_tells_the_hours_it_goes_by_to_whoever_watches_it(site: WebSite) -> None:
    with signed_in(site, "ali") as ali:
        assert ali.get("/api/cameras/park-1").json()["schedules"] == [SCHEDULES[1], SCHEDULES[0]]
        assert ali.get("/api/cameras/gate-north").json()["schedules"] == []


def test_a_note_of_the_recorder_is_told_with_its_code(site: WebSite) -> None:
    said = (str(Note("sound_not_recorded", "OPUS")), "Something new.")
    now = site.clock.now()
    stream = StreamStatus(State.RECORDING, now, notes=said)
    worker = WorkerStatus(0, 1, 1, now, {StreamKey(CameraId("gate-north")): stream})
    write_status(status_path(site.run_dir, 0), worker)
    with signed_in(site, "ali") as ali:
        told = ali.get("/api/cameras/gate-north").json()["streams"]["main"]
    assert told["notes"] == list(said)
    assert told["noted"] == [
        {"code": "sound_not_recorded", "about": "OPUS", "text": said[0]},
        {"code": None, "about": "", "text": said[1]},
    ]
