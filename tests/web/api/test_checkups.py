"""Health of cameras over HTTP: what is wrong, since when, and the days of the last month."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.web.api.test_exports import signed_in
from tests.web.site import WebSite
from vms.cameras.charts import write_charts
from vms.cameras.health.checks import Chart, Check, Reading
from vms.core.clock import HOUR, MINUTE, Instant, rfc3339


@pytest.fixture
def sick(site: WebSite) -> Instant:
    """gate-north is black; returns when its picture was last good."""
    good = Instant(site.clock.now() - HOUR)
    chart = Chart(good=good, looked=Instant(site.clock.now() - MINUTE))
    for _ in range(3):
        chart.take([Reading(Check.BLACK, True, 1.0, 0.97, "the picture is black")], good)
    chart.take([Reading(Check.FPS, False, 25.0, 15.0)], site.clock.now())
    write_charts(site.run_dir, {"gate-north": chart, "gate-south": Chart()}, site.clock.now())
    return good


def test_the_sick_are_listed_with_their_pictures(ali: TestClient, sick: Instant) -> None:
    body = ali.get("/api/health").json()
    (camera,) = body["cameras"]
    assert (camera["camera"], [one["check"] for one in camera["checks"]]) == (
        "gate-north",
        ["black"],
    )
    assert camera["checks"][0] | {"at": None} == {
        "check": "black",
        "state": "sick",
        "since": rfc3339(sick),
        "at": None,
        "value": 1.0,
        "limit": 0.97,
        "unit": "share",
        "detail": "the picture is black",
        "trouble": "",
    }
    assert camera["good"]["at"] == rfc3339(sick, digits=9)
    assert camera["good"]["url"].startswith("/api/cameras/gate-north/frame.jpg?at=")


def test_a_camera_shows_all_its_checks_known_or_not(ali: TestClient, sick: Instant) -> None:
    body = ali.get("/api/cameras/gate-north/health").json()
    assert [one["check"] for one in body["checks"]] == [str(check) for check in Check]
    states = {one["check"]: one["state"] for one in body["checks"]}
    assert (states["black"], states["fps"], states["turned"]) == ("sick", "well", "unknown")
    assert body["history"] == []
    assert ali.get("/api/cameras/nobody/health").status_code == 404


def test_without_anybody_who_looks_nothing_is_known(
    site: WebSite, ali: TestClient, sick: Instant
) -> None:
    site.clock.advance(5 * MINUTE)
    assert ali.get("/api/health").json() == {"looked": None, "cameras": []}
    body = ali.get("/api/cameras/gate-north/health").json()
    assert {one["state"] for one in body["checks"]} == {"unknown"}


def test_only_who_may_change_cameras_says_that_a_view_is_new(
    site: WebSite, client: TestClient, ali: TestClient
) -> None:
    url = "/api/cameras/gate-north/health/view"
    assert ali.post(url).status_code == 403
    admin = signed_in(site, client, "zehra", "admin")
    answer = admin.post(url)
    assert (answer.status_code, answer.json()) == (
        201,
        {"camera": "gate-north", "since": rfc3339(site.clock.now())},
    )


def test_metrics_have_each_check_that_is_known(ali: TestClient, sick: Instant) -> None:
    text = ali.get("/metrics").text
    assert 'vms_camera_check{camera="gate-north",check="black"} 0.0' in text
    assert 'vms_camera_check{camera="gate-north",check="fps"} 1.0' in text
    assert 'vms_camera_check_value{camera="gate-north",check="fps"} 25.0' in text
    assert 'check="turned"' not in text
    assert "vms_camera_checks_running 1.0" in text


def test_days_of_a_camera_without_footage_are_empty(ali: TestClient) -> None:
    body = ali.get("/api/cameras/gate-north/days?days=3").json()
    assert (len(body["days"]), body["timezone"]) == (3, "Europe/Istanbul")
    assert {day["recorded"] + day["lost"] for day in body["days"]} == {0}
    assert ali.get("/api/cameras/gate-north/days?days=0").status_code == 422
    assert ali.get("/api/cameras/gate-north/days?days=93").status_code == 422
