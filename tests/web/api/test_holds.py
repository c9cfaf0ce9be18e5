"""Holds over HTTP: made, listed, lifted, shown on the timeline, and only by who may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.web.footage import GAP, NOW, START, recorded
from tests.web.site import PASSWORD, WebSite, open_web_site
from vms.core.clock import DAY, SECOND, FakeClock, parse_rfc3339, rfc3339

SPAN = {"start": rfc3339(START), "end": rfc3339(START + 4 * SECOND)}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    clock = FakeClock(NOW)
    with open_web_site(tmp_path_factory.mktemp("holds"), clock) as site:
        site.parts.accounts.add("ayse", PASSWORD, role="admin")
        with recorded(site.parts.settings, clock):
            yield site


@pytest.fixture
def ayse(site: WebSite) -> Iterator[TestClient]:
    """An administrator."""
    session = site.parts.sessions.start(site.parts.accounts.get("ayse"), "10.0.0.9")
    with TestClient(site.app, base_url="http://vms.test") as client:
        client.cookies.set("vms_session", session.token)
        client.headers["X-CSRF-Token"] = session.csrf
        yield client
    for hold in site.parts.holds.active():
        site.parts.holds.lift(hold.id, "the test", "over")


def order(**more: object) -> dict[str, object]:
    return {"camera": "gate-north", **SPAN, "reason": "case 7", **more}


def test_a_hold_is_made_shown_and_lifted(ayse: TestClient, site: WebSite) -> None:
    made = ayse.post("/api/holds", json=order(until=rfc3339(NOW + DAY)))
    assert made.status_code == 201, made.text
    hold = made.json()
    assert (hold["made_by"], hold["reason"], hold["lifted"]) == ("ayse", "case 7", None)
    assert ayse.get("/api/holds").json() == [hold]
    assert ayse.get("/api/holds", params={"camera": "gate-south"}).json() == []
    timeline = ayse.get("/api/cameras/gate-north/timeline", params=SPAN).json()
    (shown,) = timeline["holds"]
    assert parse_rfc3339(shown["until"]) == NOW + DAY
    assert shown == {name: hold[name] for name in ("id", "start", "end", "reason", "until")}
    later = {"start": rfc3339(GAP), "end": rfc3339(NOW)}
    assert ayse.get("/api/cameras/gate-north/timeline", params=later).json()["holds"] == []
    assert (site.parts.settings.volumes[0].path / f".gozcu/holds/{hold['id']}.json").exists()

    lifted = ayse.post(f"/api/holds/{hold['id']}/lift", json={"reason": "closed"})
    assert (lifted.status_code, lifted.json()["lift_reason"]) == (200, "closed")
    assert ayse.get("/api/holds").json() == []
    assert lifted.json() in ayse.get("/api/holds", params={"lifted": True}).json()
    again = ayse.post(f"/api/holds/{hold['id']}/lift", json={"reason": "closed"})
    assert (again.status_code, again.json()["code"]) == (409, "refused")


@pytest.mark.parametrize(
    ("wrong", "status", "says"),
    [
        ({"camera": "nobody"}, 404, "no camera"),
        ({"reason": " "}, 409, "needs a reason"),
        ({"end": rfc3339(NOW + DAY)}, 409, "future"),
        ({"end": rfc3339(START - SECOND)}, 409, "after its start"),
        ({"until": rfc3339(START)}, 409, "is past"),
        ({"start": rfc3339(GAP + SECOND), "end": rfc3339(GAP + 2 * SECOND)}, 409, "no footage"),
        ({"start": "yesterday"}, 422, "RFC 3339"),
        ({"reason": "x" * 2_000}, 422, "at most"),
    ],
)
def test_what_can_not_be_held_is_refused_and_changes_nothing(
    ayse: TestClient, wrong: dict[str, object], status: int, says: str
) -> None:
    answer = ayse.post("/api/holds", json=order(**wrong))
    assert answer.status_code == status, answer.text
    assert says in answer.json()["detail"]
    assert ayse.get("/api/holds").json() == []


def test_a_hold_nobody_made_can_not_be_lifted(ayse: TestClient) -> None:
    answer = ayse.post("/api/holds/0123456789ab/lift", json={"reason": "closed"})
    assert answer.status_code == 404


def test_an_operator_sees_holds_on_the_timeline_and_makes_none(
    ayse: TestClient, site: WebSite
) -> None:
    ayse.post("/api/holds", json=order())
    session = site.sign_in()
    with TestClient(site.app, base_url="http://vms.test") as ali:
        ali.cookies.set("vms_session", session.token)
        ali.headers["X-CSRF-Token"] = session.csrf
        assert ali.post("/api/holds", json=order()).status_code == 403
        assert ali.get("/api/holds").status_code == 403
        assert len(ali.get("/api/cameras/gate-north/timeline", params=SPAN).json()["holds"]) == 1


def test_the_volumes_of_a_site_without_any_take_no_hold(tmp_path: Path) -> None:
    clock = FakeClock(NOW)
    with open_web_site(tmp_path, clock) as site:
        assert site.parts.holds.active() == []
        assert site.parts.holds.check() == []
