"""The audit over HTTP: searched, paged, taken away as a table; reading it is on record."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.web.site import PASSWORD, WebSite, open_web_site
from vms.core.clock import HOUR, SECOND, Instant, rfc3339
from vms.people.audit.entry import Entry, What


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    with open_web_site(tmp_path_factory.mktemp("audit")) as site:
        now = site.clock.now()
        for number in range(25):
            who, camera = ("ali", "gate-north") if number % 2 else ("veli", "gate-south")
            at = Instant(now - number * HOUR)
            seen = (Instant(at - 48 * HOUR), Instant(at - 47 * HOUR))
            site.parts.audit.tell(
                Entry(
                    *(at, What.LOOK_BACK, who, "session", "10.0.0.9", camera, "main"),
                    start=seen[0],
                    end=seen[1],
                )
            )
        site.parts.audit.tell(Entry(now, What.PEOPLE, "=cmd|' /C calc'!A0", subject='a "b",\nc'))
        site.parts.audit.flush()
        yield site


@pytest.fixture
def auditor(site: WebSite) -> TestClient:
    if not site.parts.accounts.knows("denetci"):
        site.parts.accounts.add("denetci", PASSWORD, role="auditor")
    client = TestClient(site.app, base_url="http://vms.test")
    session = site.parts.sessions.start(site.parts.accounts.get("denetci"), "10.0.0.9")
    client.cookies.set("vms_session", session.token)
    return client


def test_pages_go_on_where_the_last_ended_while_more_comes(
    site: WebSite, auditor: TestClient
) -> None:
    query = {"kind": "look_back", "limit": 10}
    pages, cursor = list[dict[str, object]](), None
    for _ in range(4):
        more = {} if cursor is None else {"cursor": cursor}
        page = auditor.get("/api/audit", params={**query, **more}).json()
        pages += page["entries"]
        site.parts.audit.flush()  # what was just read is a new entry
        cursor = page["next"]
        if cursor is None:
            break
    assert len(pages) == 25
    assert len({one["id"] for one in pages}) == 25
    assert cursor is None


def test_by_person_camera_time_and_footage(site: WebSite, auditor: TestClient) -> None:
    now = site.clock.now()

    def found(**query: object) -> list[dict[str, str]]:
        answer = auditor.get("/api/audit", params={"kind": "look_back", **query})
        assert answer.status_code == 200, answer.text
        return answer.json()["entries"]

    assert {one["who"] for one in found(person="ALI")} == {"ali"}
    assert {one["camera"] for one in found(camera=["gate-south"])} == {"gate-south"}
    span = {"start": rfc3339(Instant(now - 3 * HOUR - 1)), "end": rfc3339(Instant(now - HOUR))}
    assert len(found(**span)) == 2
    assert found(**span, footage=True) == []
    seen = {
        "start": rfc3339(Instant(now - 48 * HOUR + SECOND)),
        "end": rfc3339(Instant(now - 48 * HOUR + 2 * SECOND)),
    }
    (one,) = found(**seen, footage=True)
    assert (one["who"], one["camera"]) == ("veli", "gate-south")
    assert auditor.get("/api/audit", params={"start": "x"}).status_code == 422
    assert auditor.get("/api/audit", params={"kind": "nothing"}).status_code == 422
    assert auditor.get("/api/audit", params={**span, "end": span["start"]}).status_code == 422


def test_reading_is_on_record(site: WebSite, auditor: TestClient) -> None:
    auditor.get("/api/audit", params={"person": "ali"})
    site.parts.audit.flush()
    (newest, *_) = auditor.get("/api/audit", params={"kind": "read_audit"}).json()["entries"]
    assert (newest["who"], newest["detail"]) == ("denetci", "GET /api/audit?person=ali")


def test_the_table_is_rfc_4180_and_runs_no_formula(auditor: TestClient) -> None:
    answer = auditor.get("/api/audit.csv", params={"kind": ["people", "look_back"]})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text.count("\r\n") == answer.text.count("\n") == 27
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert len(rows) == 26
    assert rows[0]["who"] == "'=cmd|' /C calc'!A0"
    assert rows[0]["subject"] == 'a "b", c'
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_who_may_not_read_it_is_refused(tmp_path: Path) -> None:
    with open_web_site(tmp_path) as site:
        client = TestClient(site.app, base_url="http://vms.test")
        client.cookies.set("vms_session", site.sign_in().token)
        assert client.get("/api/audit").json()["permission"] == "audit"
        assert client.get("/api/audit.csv").status_code == 403
