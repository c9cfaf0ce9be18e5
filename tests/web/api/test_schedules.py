"""The hours that cameras go by: listed, made, changed and removed by who changes cameras, told with
each camera, as its notes are."""

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
from vms.people.audit.entry import Entry, What
from vms.people.audit.records import Query
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
            {**SCHEDULES[2], "origin": "file", "recorded": [], "hidden": []},
            {**SCHEDULES[1], "origin": "file", "recorded": [], "hidden": ["park-1"]},
            {**SCHEDULES[0], "origin": "file", "recorded": ["park-1", "park-2"], "hidden": []},
        ]


EVENING = {"name": "evening", "spans": ["daily 18:00-22:00"]}
LATER = {"spans": ["daily 19:00-22:15"]}


def goes_by(site: WebSite, camera: str, **settings: str) -> None:
    site.parts.cameras.change(
        camera, lambda before: CameraSettings.model_validate({**dict(before), **settings}), "ayse"
    )


def told(site: WebSite) -> list[Entry]:
    site.parts.trail.flush()
    found = site.parts.audit.all(Query(what=(What.CAMERAS,)))
    return [one.entry for one in found][::-1]


def test_a_schedule_is_made_changed_and_removed(site: WebSite) -> None:
    with signed_in(site, "ayse") as ayse:
        made = ayse.post("/api/schedules", json=EVENING)
        assert (made.status_code, made.headers["Location"]) == (201, "/api/schedules/evening")
        assert made.json() == {**EVENING, "origin": "database", "recorded": [], "hidden": []}
        goes_by(site, "park-2", record="schedule:evening")
        goes_by(site, "park-1", privacy="evening")
        changed = ayse.put("/api/schedules/evening", json=LATER)
        assert changed.status_code == 200
        assert changed.json() == {
            **EVENING,
            **LATER,
            "origin": "database",
            "recorded": ["park-2"],
            "hidden": ["park-1"],
        }
        assert ayse.get("/api/cameras/park-2").json()["schedules"] == [{**EVENING, **LATER}]
        used = ayse.delete("/api/schedules/evening")
        assert (used.status_code, used.json()["code"]) == (409, "refused")
        assert "park-2 recorded in its hours; park-1 hidden in them" in used.json()["detail"]
        goes_by(site, "park-2", record="continuous")
        goes_by(site, "park-1", privacy="night")
        assert ayse.delete("/api/schedules/evening").status_code == 204
        assert "evening" not in str(ayse.get("/api/schedules").json())
        assert ayse.delete("/api/schedules/evening").status_code == 404
        assert ayse.put("/api/schedules/evening", json=LATER).status_code == 404


def test_a_change_is_told_with_before_and_after_for_each_camera_that_goes_by_it(
    site: WebSite,
) -> None:
    with signed_in(site, "ayse") as ayse:
        ayse.post("/api/schedules", json=EVENING)
        goes_by(site, "park-2", record="schedule:evening")
        goes_by(site, "park-1", privacy="evening")
        ayse.put("/api/schedules/evening", json=LATER)
        goes_by(site, "park-2", record="continuous")
        goes_by(site, "park-1", privacy="night")
        ayse.delete("/api/schedules/evening")
        changes = ayse.get("/api/cameras/park-1/history").json()
    entries = told(site)
    assert {(one.who, one.subject, one.outcome) for one in entries} == {("ayse", "evening", "done")}
    assert [(one.camera, one.detail) for one in entries] == [
        ("", "added: daily 18:00-22:00"),
        ("park-2", "changed: daily 18:00-22:00 → daily 19:00-22:15"),
        ("park-1", "changed: daily 18:00-22:00 → daily 19:00-22:15"),
        ("", "removed: daily 19:00-22:15"),
    ]
    assert changes[1]["by"] == "ayse"
    assert changes[1]["fields"] == [
        {"name": "schedule evening", "before": "daily 18:00-22:00", "after": "daily 19:00-22:15"}
    ]


def test_those_of_the_file_are_refused_and_say_where_they_are_changed(site: WebSite) -> None:
    with signed_in(site, "ayse") as ayse:
        refusals = (
            ayse.put("/api/schedules/office", json=LATER),
            ayse.delete("/api/schedules/office"),
        )
        for refused in refusals:
            assert (refused.status_code, refused.json()["code"]) == (409, "refused")
            assert "declared in cameras.toml, under [[schedules]]" in refused.json()["detail"]
            assert "change it there" in refused.json()["detail"]
        taken = ayse.post("/api/schedules", json={**EVENING, "name": "office"})
        assert (taken.status_code, taken.json()["code"]) == (409, "already_exists")
        assert ayse.get("/api/schedules").json()[2]["spans"] == SCHEDULES[0]["spans"]
    assert told(site) == []  # nothing was done


@pytest.mark.parametrize(
    ("wrong", "field", "says"),
    [
        ({"name": "Akşam"}, "name", "lower-case letters, digits and single hyphens"),
        ({"spans": []}, "spans", "write at least one"),
        ({"spans": ["every day"]}, "spans", "is not a span such as 'mon-fri 08:00-18:00'"),
        ({"spans": ["mon 08:00-18:00", "daily 17:00-19:00"]}, "spans", "overlaps"),
        ({"spans": ["daily 00:00-24:00"] * 337}, "spans", "at most 336"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    site: WebSite, wrong: dict[str, object], field: str, says: str
) -> None:
    with signed_in(site, "ayse") as ayse:
        refused = ayse.post("/api/schedules", json={**EVENING, **wrong})
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert (error["field"], says in error["message"]) == (field, True)


def test_schedules_are_for_who_may_change_every_camera(site: WebSite) -> None:
    site.parts.roles.put(RoleSettings("tech", ("own_session", "cameras", "registry")))
    site.parts.accounts.add("tech", PASSWORD, grants=[Granted("tech", ("park-2",))])
    for name in ("tech", "ali"):
        with signed_in(site, name) as client:
            assert client.get("/api/schedules").status_code == 403
            assert client.post("/api/schedules", json=EVENING).status_code == 403
            assert client.put("/api/schedules/night", json=LATER).status_code == 403
            assert client.delete("/api/schedules/idle").status_code == 403


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
