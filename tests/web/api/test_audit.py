"""What people do over the API is on record: signing in, looking, changing, being refused."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from tests.web import footage
from tests.web.api.test_routes import routes_of
from tests.web.site import PASSWORD, WebSite, open_web_site
from vms.core.clock import MINUTE, SECOND, FakeClock, Span, rfc3339
from vms.people.audit.entry import Entry, What
from vms.people.audit.records import Query
from vms.people.roles import Granted
from web.witness import what_of


@pytest.fixture
def root(site: WebSite, client: TestClient) -> TestClient:
    """The client, signed in as an administrator."""
    site.parts.accounts.add("root", PASSWORD, role="admin")
    return as_(site, client, "root")


def as_(site: WebSite, client: TestClient, name: str) -> TestClient:
    session = site.parts.sessions.start(site.parts.accounts.get(name), "10.0.0.9")
    client.cookies.set("vms_session", session.token)
    client.headers["X-CSRF-Token"] = session.csrf
    return client


def kept(site: WebSite, *what: What) -> list[Entry]:
    site.parts.trail.flush()
    return [one.entry for one in site.parts.audit.all(Query(what=what))][::-1]


def test_every_route_that_changes_something_has_its_word(site: WebSite) -> None:
    told = 0
    for route in routes_of(site.app):
        for method in route.methods if isinstance(route, APIRoute) else ():
            told += what_of(method, route.path) is not None
    assert told > 40


def test_signing_in_is_told_whether_it_works_or_not(site: WebSite, client: TestClient) -> None:
    for name, password in (("ali", PASSWORD), ("ali", "wrong wrong"), ("hunter2 oops", "x")):
        client.post("/api/session", json={"username": name, "password": password})
    told = [(one.who, one.outcome) for one in kept(site, What.SIGN_IN)]
    assert told == [("ali", "done"), ("ali", "denied"), ("(unknown)", "denied")]


def test_who_was_given_what_is_told(site: WebSite, root: TestClient) -> None:
    made = {"name": "veli", "password": PASSWORD, "grants": [{"role": "admin"}]}
    assert root.post("/api/people", json=made).status_code == 201
    less = {"grants": [{"role": "operator", "cameras": ["gate-south"]}], "password": f"{PASSWORD}x"}
    assert root.patch("/api/people/veli", json=less).status_code == 200
    duties = {"permissions": ["live"], "approval": ["export"]}
    assert root.put("/api/roles/desk", json=duties).status_code == 200
    assert root.put("/api/roles/desk", json={**duties, "approval": []}).status_code == 200
    told = [(one.subject, one.detail) for one in kept(site, What.PEOPLE)]
    assert told[:2] == [
        ("veli", "added with admin on *"),
        ("veli", "roles: admin on * → operator on gate-south; password"),
    ]
    assert [one[0] for one in told[2:]] == ["desk", "desk"]
    assert "approval: – → export" in told[2][1]
    assert told[3][1] == "approval: export → –"
    assert PASSWORD not in str(told)


def test_what_is_done_and_what_is_refused_are_told(site: WebSite, root: TestClient) -> None:
    site.parts.accounts.add("veli", PASSWORD, grants=[Granted("operator", ("gate-south",))])
    assert root.delete("/api/people/ali").status_code == 204
    assert root.delete("/api/people/nobody").status_code == 404
    as_(site, root, "veli")
    assert root.get("/api/cameras/gate-north/timeline").status_code == 403
    assert root.get("/api/audit").status_code == 403
    done, refused, reading = kept(site)
    assert (done.what, done.who, done.subject, done.detail, done.via, done.outcome) == (
        *(What.PEOPLE, "root", "ali", "DELETE people/{name}", "session", "done"),
    )
    assert (refused.what, refused.who, refused.camera, refused.outcome) == (
        *(What.LOOK_BACK, "veli", "gate-north", "denied"),
    )
    assert (reading.what, reading.outcome) == (What.READ_AUDIT, "denied")


def test_looking_back_is_told_with_the_minutes_seen(tmp_path: Path) -> None:
    clock = FakeClock(footage.NOW)
    with (
        open_web_site(tmp_path, clock) as site,
        footage.recorded(site.parts.settings, clock),
        TestClient(site.app, base_url="http://vms.test") as client,
    ):
        ali = as_(site, client, "ali")
        _look_back(site, ali)


def _look_back(site: WebSite, ali: TestClient) -> None:
    span = {"start": rfc3339(footage.START), "end": rfc3339(footage.SECOND_FILE)}
    media = ali.get("/api/cameras/gate-north/media", params=span).json()
    (segment,) = media["segments"]
    head = {"Range": f"bytes=0-{segment['init_length'] - 1}"}
    assert ali.get(segment["url"], headers=head).status_code == 206
    assert kept(site, What.LOOK_BACK) == []  # neither list nor file head is a picture
    _, offset, size, _ = segment["fragments"][0]
    first = {"Range": f"bytes={offset}-{offset + size - 1}"}
    assert ali.get(segment["url"], headers=first).status_code == 206
    (one,) = kept(site, What.LOOK_BACK)
    assert (one.who, one.camera, one.subject) == ("ali", "gate-north", "main")
    assert one.start == footage.START
    assert footage.START < (one.end or 0) < footage.SECOND_FILE
    site.clock.advance(Span(MINUTE))
    # A range that the server does not heed is no little range: all of it goes out.
    for asked in ("bytes=0-0", "bytes=999999999-"):
        odd = ali.get(segment["url"], headers={"Range": asked, "If-Range": '"another"'})
        assert odd.status_code == 200
        assert len(odd.content) > offset + size
    (whole,) = kept(site, What.LOOK_BACK)
    assert (whole.phase, whole.end) == ("goes_on", footage.SECOND_FILE)
    picture = ali.get("/api/cameras/gate-north/frame.jpg", params={"at": span["start"]})
    assert picture.status_code == 200
    (snapshot,) = kept(site, What.SNAPSHOT)
    assert (snapshot.start, snapshot.end) == (footage.START, footage.START + SECOND)


def test_the_audit_is_searched_page_by_page_and_the_reading_told(
    site: WebSite, root: TestClient
) -> None:
    now = site.clock.now()
    for number in range(5):
        site.parts.trail.tell(
            Entry(now, What.HOLD, "=cmd()", camera="gate-north", subject=str(number))
        )
    site.parts.trail.flush()
    asked = {"camera": "gate-north", "person": "=CMD()", "what": "hold", "limit": "3"}
    first = root.get("/api/audit", params=asked).json()
    rest = root.get("/api/audit", params={**asked, "before": str(first["next"])}).json()
    subjects = [one["subject"] for one in [*first["entries"], *rest["entries"]]]
    assert subjects == ["4", "3", "2", "1", "0"]
    assert rest["next"] is None
    (reading,) = kept(site, What.READ_AUDIT)
    assert reading.detail == "camera gate-north, person =CMD(), hold"
    sheet = root.get("/api/audit/sheet.csv", params=asked).text
    assert "\r\n" in sheet
    lines = list(csv.DictReader(io.StringIO(sheet)))
    assert [line["who"] for line in lines] == ["'=cmd()"] * 5
    assert root.get("/api/audit", params={"from": "yesterday"}).status_code == 422
