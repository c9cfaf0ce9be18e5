"""Events over HTTP: told, listed, shown on the timeline, and only by who may."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.web.site import WebSite, open_web_site
from vms.core.clock import MINUTE, SECOND, FakeClock, rfc3339

URL = "/api/cameras/gate-north/events"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    with open_web_site(tmp_path_factory.mktemp("events")) as site:
        yield site


@pytest.fixture
def ali(site: WebSite) -> Iterator[TestClient]:
    session = site.sign_in()
    with TestClient(site.app, base_url="http://vms.test") as client:
        client.cookies.set("vms_session", session.token)
        client.headers["X-CSRF-Token"] = session.csrf
        yield client
    site.clock.advance(MINUTE)


def last_minute(clock: FakeClock) -> dict[str, str]:
    now = clock.now()
    return {"start": rfc3339(now - 30 * SECOND), "end": rfc3339(now + SECOND)}


def test_an_event_is_told_and_stands_on_the_timeline(ali: TestClient, site: WebSite) -> None:
    start = rfc3339(site.clock.now() - 20 * SECOND)
    order = {"kind": "motion", "start": start, "end": rfc3339(site.clock.now()), "detail": "kapı"}
    told = ali.post(URL, json=order)
    assert told.status_code == 201, told.text
    assert told.json() == {**order, "id": told.json()["id"], "lasts": False}
    assert ali.get(URL, params=last_minute(site.clock)).json() == [told.json()]
    timeline = ali.get("/api/cameras/gate-north/timeline", params=last_minute(site.clock)).json()
    assert timeline["events"] == [told.json()]
    other = ali.get("/api/cameras/gate-south/timeline", params=last_minute(site.clock)).json()
    assert other["events"] == []


def test_an_event_lasts_until_it_is_ended(ali: TestClient, site: WebSite) -> None:
    told = ali.post(URL, json={"kind": "digital_input", "lasts": True}).json()
    assert told["lasts"]
    site.clock.advance(5 * SECOND)
    (listed,) = ali.get(URL, params=last_minute(site.clock)).json()
    assert (listed["lasts"], listed["end"]) == (True, rfc3339(site.clock.now()))
    ended = ali.post(f"{URL}/{told['id']}/end", json={})
    assert (ended.status_code, ended.json()) == (200, {"id": told["id"]})
    (listed,) = ali.get(URL, params=last_minute(site.clock)).json()
    assert listed["lasts"] is False
    assert ali.post(f"{URL}/999999/end", json={}).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "status", "says"),
    [
        ({"kind": "No Word"}, 422, "no kind of event"),
        ({"start": "2020-01-01T00:00:00Z"}, 422, "last day"),
        ({"detail": "x" * 501}, 422, "at most"),
        ({"end": "2020-01-01T00:00:00Z"}, 422, "from the start on"),
    ],
)
def test_what_can_not_be_is_refused(
    ali: TestClient, wrong: dict[str, object], status: int, says: str
) -> None:
    answer = ali.post(URL, json={"kind": "motion", **wrong})
    assert answer.status_code == status
    assert says in answer.json()["detail"]


def test_a_camera_nobody_knows_has_no_events(ali: TestClient, site: WebSite) -> None:
    assert ali.post("/api/cameras/nobody/events", json={"kind": "motion"}).status_code == 404
    with TestClient(site.app, base_url="http://vms.test") as stranger:
        assert stranger.post(URL, json={"kind": "motion"}).status_code == 401
