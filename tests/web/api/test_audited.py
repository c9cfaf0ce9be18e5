"""What people do over HTTP is on record: every route that changes something, and every look."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from tests.web.api.test_routes import routes_of
from tests.web.site import PASSWORD, WebSite, open_web_site
from vms.core.clock import SECOND, Instant, rfc3339
from vms.people.audit.entry import Entry, What
from vms.people.audit.records import Query
from vms.people.roles import Granted
from web.acts import UNTOLD, act_of

READS = {"GET", "HEAD", "OPTIONS"}


def on_record(site: WebSite, query: Query | None = None) -> list[Entry]:
    """The oldest first."""
    site.parts.audit.flush()
    return [one.entry for one in site.parts.records.all(query or Query())][::-1]


def test_no_changing_route_is_left_out(site: WebSite) -> None:
    changing = [
        (method, route.path)
        for route in routes_of(site.app)
        for method in getattr(route, "methods", ())
        if method not in READS
    ]
    assert len(changing) > 40
    assert {one for one in changing if act_of(*one) is None} == UNTOLD & set(changing)
    unnamed = {one for one in changing if (act := act_of(*one)) and act.what is What.SETTINGS}
    assert unnamed == set(), "give these a word of their own in web/acts.py"


def test_every_route_with_pictures_is_on_record(site: WebSite) -> None:
    pictures = (".jpg", ".mp4", "/mse", "}/file")
    for route in routes_of(site.app):
        if route.path.endswith(pictures) and "POST" not in getattr(route, "methods", ()):
            assert act_of("GET", route.path) is not None, route.path


def test_signing_in_and_out_is_told_and_a_typed_password_never(
    site: WebSite, client: TestClient
) -> None:
    client.post("/api/session", json={"username": "hunter2hunter2", "password": "x"})
    client.post("/api/session", json={"username": "ALI", "password": "wrong"})
    signed = client.post("/api/session", json={"username": "ali", "password": PASSWORD})
    client.delete("/api/session", headers={"X-CSRF-Token": signed.json()["csrf"]})
    told = on_record(site)
    assert [(one.what, one.who, one.outcome, one.via) for one in told] == [
        (What.SIGN_IN, "(unknown)", "denied", "none"),
        (What.SIGN_IN, "ali", "denied", "none"),
        (What.SIGN_IN, "ali", "done", "none"),
        (What.SIGN_OUT, "ali", "done", "session"),
    ]
    assert told[0].address == "testclient"


def test_what_is_refused_is_on_record_and_what_is_only_read_is_not(
    site: WebSite, ali: TestClient
) -> None:
    assert ali.get("/api/cameras").status_code == 200
    assert ali.get("/api/people").status_code == 403
    assert ali.put("/api/retention/rules/x", json={}).status_code == 403
    assert [(one.what, one.outcome, one.subject, one.detail) for one in on_record(site)] == [
        (What.SETTINGS, "denied", "", "GET /api/people"),
        (What.RETENTION, "denied", "x", "PUT /api/retention/rules/{name}"),
    ]


def test_a_joystick_is_one_entry_with_its_span(site: WebSite, ali: TestClient) -> None:
    for _ in range(20):
        ali.post("/api/cameras/gate-north/ptz/lease", json={})
        site.clock.advance(500_000_000)
    steered = [one for one in on_record(site) if one.what is What.STEER]
    failed = [one for one in steered if one.outcome == "failed"]
    done = [one for one in steered if one.outcome == "done"]
    assert bool(failed) != bool(done)  # a device that is not there refuses each
    if done:
        assert len(done) == 1


def test_an_export_is_an_entry_for_each_of_its_cameras(tmp_path: Path) -> None:
    with open_web_site(tmp_path) as site:
        site.parts.accounts.add("root", PASSWORD, grants=[Granted("admin")])
        client = TestClient(site.app, base_url="http://vms.test")
        session = site.parts.sessions.start(site.parts.accounts.get("root"), "10.0.0.9")
        client.cookies.set("vms_session", session.token)
        client.headers["X-CSRF-Token"] = session.csrf
        order = {
            "cameras": ["gate-north", "gate-south"],
            "start": rfc3339(Instant(site.clock.now() - 600 * SECOND)),
            "end": rfc3339(Instant(site.clock.now() - 60 * SECOND)),
            "reason": "2026/114",
        }
        assert client.post("/api/exports", json=order).status_code == 201
        told = on_record(site, Query(what=(What.EXPORT,)))
        assert [(one.camera, one.who, one.detail) for one in told] == [
            (camera, "root", "2026/114 · POST /api/exports")
            for camera in ("gate-north", "gate-south")
        ]
        assert all(one.start is not None and one.end is not None for one in told)
