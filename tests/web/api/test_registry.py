"""Cameras added, changed, replaced and removed over HTTP; and no secret comes out anywhere."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from starlette.testclient import TestClient

from tests.web.site import PASSWORD, WebSite, open_web_site
from vms.cameras.dump import dump_cameras
from vms.core.clock import FakeClock
from vms.people.roles import Granted, RoleSettings
from web.app import openapi_document

CANARY = "kanarya-7c1e9"
NEW = {
    "id": "park-1",
    "name": "Şehir Parkı",
    "groups": ["parklar"],
    "source": "rtsp://10.0.0.7/main",
    "username": "vms",
    "password": CANARY,
    "location": {"lat": 39.9, "lon": 32.8, "heading": 120, "fov": 70},
    "inventory": {"make": "Axis", "serial": "ACCC8E", "installed": "2026-05-31"},
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WebSite]:
    with open_web_site(tmp_path, FakeClock()) as site:
        site.parts.accounts.add("ayse", PASSWORD, role="admin")
        yield site


@pytest.fixture
def ayse(site: WebSite) -> Iterator[TestClient]:
    """An administrator."""
    session = site.parts.sessions.start(site.parts.accounts.get("ayse"), "10.0.0.9")
    with TestClient(site.app, base_url="http://vms.test", raise_server_exceptions=False) as client:
        client.cookies.set("vms_session", session.token)
        client.headers["X-CSRF-Token"] = session.csrf
        yield client


def test_a_camera_is_added_changed_and_removed(ayse: TestClient) -> None:
    made = ayse.post("/api/cameras", json=NEW)
    assert made.status_code == 201, made.text
    assert made.headers["location"] == "/api/cameras/park-1"
    form = made.json()
    assert (form["has_password"], form["origin"]) == (True, "database")
    assert "password" not in form
    assert ayse.get("/api/cameras/park-1/settings").json() == form
    assert form in ayse.get("/api/registry").json()
    whole = ayse.get("/api/cameras/park-1").json()
    assert whole["inventory"]["installed"] == "2026-05-31"
    assert "source" not in whole["inventory"]

    patch = {"name": "Park", "inventory": {"notes": "lens cleaned", "serial": None}}
    changed = ayse.patch("/api/cameras/park-1", json=patch).json()
    assert (changed["name"], changed["has_password"]) == ("Park", True)
    assert changed["inventory"] == {
        **form["inventory"],
        "notes": "lens cleaned",
        "serial": "",
    }
    gone = ayse.delete("/api/cameras/park-1")
    assert gone.status_code == 200
    assert gone.json() == {"camera": "park-1", "first": None, "detail": "It has no footage."}
    assert ayse.get("/api/cameras/park-1").status_code == 404
    kinds = [one["kind"] for one in ayse.get("/api/cameras/park-1/history").json()]
    assert kinds == ["removed", "changed", "added"]


@pytest.mark.parametrize(
    ("wrong", "field", "remedy"),
    [
        ({"source": None}, "source", None),
        ({"sorce": "x"}, "sorce", "did you mean 'source'?"),
        ({"transport": "tpc"}, "transport", "use 'auto', 'tcp', 'udp' or 'libav'"),
        ({"location": {"lat": 99, "lon": 1}}, "location.lat", None),
        ({"inventory": {"installed": "31.02.2026"}}, "inventory.installed", None),
        ({"secret": "/etc/shadow"}, "secret", "send the password itself, as password"),
        ({"name": "two\nlines"}, "name", None),
    ],
)
def test_what_is_wrong_is_named_with_its_field(
    ayse: TestClient, wrong: dict[str, object], field: str, remedy: str | None
) -> None:
    answer = ayse.post("/api/cameras", json={**NEW, **wrong})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation")
    (error,) = answer.json()["errors"]
    assert (error["in"], error["field"], error["remedy"]) == ("body", field, remedy)
    assert CANARY not in answer.text
    assert ayse.get("/api/cameras/park-1").status_code == 404


def test_what_the_file_declares_is_read_only(ayse: TestClient) -> None:
    for answer in (
        ayse.patch("/api/cameras/gate-north", json={"name": "x"}),
        ayse.delete("/api/cameras/gate-north"),
        ayse.post("/api/cameras/gate-north/replace", json={"source": "rtsp://10.0.0.9/x"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "refused")
        assert "cameras.toml" in answer.json()["detail"]
    taken = ayse.post("/api/cameras", json={**NEW, "id": "gate-north"})
    assert (taken.status_code, taken.json()["code"]) == (409, "already_exists")
    assert ayse.delete("/api/cameras/nobody").status_code == 404


def test_another_device_takes_its_place(ayse: TestClient) -> None:
    ayse.post("/api/cameras", json={**NEW, "sub": "rtsp://10.0.0.7/sub"})
    device = {"source": "rtsp://10.0.0.8/live", "inventory": {"make": "Hanwha"}}
    asked = ayse.post("/api/cameras/park-1/replace", json=device)
    assert asked.status_code == 422
    assert asked.json()["errors"][0]["field"] == "password"
    done = ayse.post("/api/cameras/park-1/replace", json={**device, "password": CANARY + "-2"})
    assert done.status_code == 200, done.text
    form = done.json()
    assert (form["id"], form["name"], form["groups"]) == ("park-1", "Şehir Parkı", ["parklar"])
    assert (form["source"], form["sub"]) == ("rtsp://10.0.0.8/live", None)
    assert (form["inventory"]["make"], form["inventory"]["serial"]) == ("Hanwha", "")
    newest = ayse.get("/api/cameras/park-1/history").json()[0]
    assert (newest["kind"], newest["by"]) == ("replaced", "ayse")
    fields = {one["name"]: (one["before"], one["after"]) for one in newest["fields"]}
    assert fields["source"] == ("rtsp://10.0.0.7/main", "rtsp://10.0.0.8/live")
    assert fields["inventory.serial"] == ("ACCC8E", "none")
    assert fields["password"] == ("***", "***")


def test_a_stored_password_is_not_handed_to_another_host(ayse: TestClient) -> None:
    ayse.post("/api/cameras", json=NEW)
    stolen = ayse.patch("/api/cameras/park-1", json={"source": "rtsp://10.6.6.6/main"})
    assert (stolen.status_code, stolen.json()["errors"][0]["field"]) == (422, "password")
    asked = ayse.patch("/api/cameras/park-1", json={"onvif": "http://10.6.6.6"})
    assert (asked.status_code, asked.json()["errors"][0]["field"]) == (422, "password")
    same = ayse.patch("/api/cameras/park-1", json={"source": "rtsp://10.0.0.7/other"})
    assert (same.status_code, same.json()["has_password"]) == (200, True)
    pasted = f"rtsp://vms:{CANARY}@10.0.0.9/main"
    moved = ayse.patch("/api/cameras/park-1", json={"source": pasted})
    assert (moved.status_code, moved.json()["source"]) == (200, "rtsp://10.0.0.9/main")


def test_registry_on_one_camera_reaches_no_other_of_its_recorder(
    site: WebSite, ayse: TestClient
) -> None:
    ayse.post("/api/cameras", json=NEW)
    site.parts.roles.put(RoleSettings("tech", ("own_session", "cameras", "registry")))
    tech = site.parts.accounts.add("tech", PASSWORD, grants=[Granted("tech", ("park-1",))])
    session = site.parts.sessions.start(tech, "10.0.0.9")
    with TestClient(site.app, base_url="http://vms.test") as client:
        client.cookies.set("vms_session", session.token)
        client.headers["X-CSRF-Token"] = session.csrf
        other = {"source": "rtsp://10.0.0.7/second"}
        for place in ("rtsp://10.0.0.7/second", "rtsp://10.0.0.7:8554/main"):
            for send, url, body in (
                (client.patch, "/api/cameras/park-1", {"source": place}),
                (client.post, "/api/cameras/park-1/replace", {"source": place}),
                (client.post, "/api/cameras/park-1/test", {"source": place}),
            ):
                answer = send(url, json=body)
                assert (answer.status_code, answer.json()["errors"][0]["field"]) == (
                    422,
                    "password",
                )
        same = {"source": "RTSP://10.0.0.7/main", "name": "Park"}
        assert client.patch("/api/cameras/park-1", json=same).status_code == 200
        knows = client.patch("/api/cameras/park-1", json={**other, "password": CANARY})
        assert knows.status_code == 200


def test_nobody_looks_past_a_block_at_a_second_camera_of_a_recorder(
    site: WebSite, ayse: TestClient
) -> None:
    ayse.post("/api/cameras", json=NEW)
    other = {"source": "rtsp://10.0.0.7/second"}
    block = {"camera": "gate-north", "reason": "case 7"}
    assert ayse.post("/api/blocks", json=block).status_code == 201
    for send, url in (
        (ayse.patch, "/api/cameras/park-1"),
        (ayse.post, "/api/cameras/park-1/replace"),
        (ayse.post, "/api/cameras/park-1/test"),
    ):
        answer = send(url, json=other)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "password")


def test_only_administrators_change_cameras_and_see_addresses(
    ayse: TestClient, site: WebSite
) -> None:
    ayse.post("/api/cameras", json=NEW)
    ayse.patch("/api/cameras/park-1", json={"source": "rtsp://10.0.0.7/b", "name": "Park"})
    assert ayse.post("/api/cameras", json=NEW, headers={"X-CSRF-Token": "x"}).status_code == 403
    session = site.sign_in()
    headers = {"X-CSRF-Token": session.csrf, "Cookie": f"vms_session={session.token}"}
    with TestClient(site.app, base_url="http://vms.test") as ali:
        for method, path in (
            ("POST", "/api/cameras"),
            ("PATCH", "/api/cameras/park-1"),
            ("DELETE", "/api/cameras/park-1"),
            ("POST", "/api/cameras/park-1/replace"),
            ("GET", "/api/cameras/park-1/settings"),
            ("GET", "/api/registry"),
        ):
            body = NEW if method in ("POST", "PATCH") else None
            assert ali.request(method, path, json=body, headers=headers).status_code == 403
        newest = ali.get("/api/cameras/park-1/history", headers=headers).json()[0]
    shown = {one["name"]: one["after"] for one in newest["fields"]}
    assert shown == {"name": "Park", "source": None}


def test_the_canary_is_nowhere(
    ayse: TestClient, site: WebSite, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in answers, logs, the database's bytes or a dump: only sealed."""
    caplog.set_level(logging.DEBUG)
    answers = []
    with structlog.testing.capture_logs() as lines:
        answers.append(ayse.post("/api/cameras", json=NEW))
        answers.append(ayse.post("/api/cameras", json=NEW))
        answers.append(ayse.post("/api/cameras", json={**NEW, "id": "B", "password": [CANARY]}))
        answers.append(ayse.post("/api/cameras", json={"source": f"rtsp://a:{CANARY}"}))
        answers.append(ayse.post("/api/cameras", json={"source": f"a:{CANARY}@10.0.0.1/x"}))
        answers.append(ayse.patch("/api/cameras/park-1", json={"password": CANARY + "2"}))
        query = f"rtsp://10.0.0.7/?user=vms&password={CANARY}3"
        answers.append(ayse.patch("/api/cameras/park-1", json={"source": query}))
        answers += [
            ayse.get(f"/api/cameras/park-1{rest}") for rest in ("", "/settings", "/history")
        ]
        answers += [ayse.get("/api/registry"), ayse.get("/api/cameras"), ayse.get("/metrics")]
    assert [answer.status_code for answer in answers[:7]] == [201, 409, 422, 422, 422, 200, 200]
    told = [line for line in lines if line["event"] == "a camera was changed"]
    assert [(one["kind"], one["by"]) for one in told] == [("added", "ayse")] + [
        ("changed", "ayse")
    ] * 2
    stored = b"".join(file.read_bytes() for file in site.parts.settings.system.data.glob("*.db*"))
    assert b"park-1" in stored
    assert site.parts.cameras.get("park-1").settings.password.reveal() == CANARY + "3"  # type: ignore[union-attr]
    dumped = dump_cameras(site.parts.cameras.list())
    assert "${PARK_1_PASSWORD}" in dumped
    said = [*(answer.text for answer in answers), *map(str, lines), caplog.text, dumped]
    for text in said:
        assert CANARY not in text
    assert CANARY.encode() not in stored


def test_the_description_says_that_passwords_are_only_written() -> None:
    form = openapi_document()["components"]["schemas"]["CameraForm"]["properties"]
    assert form["password"]["anyOf"][0]["writeOnly"] is True
