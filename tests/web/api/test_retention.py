"""Retention over HTTP: shown, tried, changed, refused, and only by who may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.web.footage import NOW, recorded
from tests.web.site import PASSWORD, WebSite, open_web_site
from vms.core.clock import DAY, FakeClock
from vms.core.config_storage import RetentionRule


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WebSite]:
    clock = FakeClock(NOW)
    with open_web_site(tmp_path, clock) as site:
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


def rules(client: TestClient) -> list[str]:
    return [one["name"] for one in client.get("/api/retention").json()["rules"]]


def test_rules_are_added_shown_changed_and_taken_away(ayse: TestClient, site: WebSite) -> None:
    site.parts.keeping.apply([RetentionRule(name="default", keep=30 * DAY)], "file")
    body = {"keep": 7 * 86_400, "cameras": ["group:meydan"], "reason": "Karar 4", "quota": 10**12}
    assert ayse.put("/api/retention/rules/Meydan", json=body).status_code == 204
    shown = ayse.get("/api/retention").json()
    file, ours = shown["rules"]
    assert (file["name"], file["origin"], file["keep"]) == ("default", "file", 2_592_000)
    assert file["matches"] == ["gate-south"]
    assert (ours["origin"], ours["matches"], ours["quota"]) == ("database", ["gate-north"], 10**12)
    per = {one["camera"]: one for one in shown["cameras"]}
    assert per["gate-north"]["rule"] == "Meydan"
    assert per["gate-north"]["promised"] == 7 * 86_400
    assert per["gate-north"]["bytes"] > 0
    assert shown["clock"] is None
    assert ayse.put("/api/retention/rules/Meydan", json={"keep": 86_400}).status_code == 204
    assert ayse.delete("/api/retention/rules/Meydan").status_code == 204
    assert rules(ayse) == ["default"]
    assert ayse.delete("/api/retention/rules/Meydan").status_code == 404


def test_rules_of_the_file_are_read_only(ayse: TestClient, site: WebSite) -> None:
    site.parts.keeping.apply([RetentionRule(name="default", keep=30 * DAY)], "file")
    for answer in (
        ayse.put("/api/retention/rules/default", json={"keep": 60}),
        ayse.delete("/api/retention/rules/default"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "already_exists")
        assert "declared in cameras.toml" in answer.json()["detail"]


def test_an_effect_is_shown_before_it_is_saved(ayse: TestClient) -> None:
    draft = {"rules": [{"name": "tiny", "quota": 1, "cameras": ["gate-north"]}]}
    seen = ayse.post("/api/retention/preview", json=draft).json()
    per = {one["camera"]: one for one in seen["cameras"]}
    assert seen["segments"] == per["gate-north"]["segments"] > 0
    assert seen["bytes"] == per["gate-north"]["bytes"] > 0
    assert seen["seconds"] > 0
    assert per["gate-south"]["segments"] == 0
    assert rules(ayse) == []
    assert ayse.post("/api/retention/preview", json={"rules": []}).json()["segments"] == 0


def test_a_rule_that_would_delete_everything_is_refused_until_it_is_meant(
    ayse: TestClient,
) -> None:
    tiny = {"quota": 1, "cameras": ["gate-north"]}
    answer = ayse.put("/api/retention/rules/tiny", json=tiny)
    assert (answer.status_code, answer.json()["code"]) == (422, "harmful")
    assert "everything there is of gate-north" in answer.json()["detail"]
    assert rules(ayse) == []
    assert ayse.put("/api/retention/rules/tiny?meant=true", json=tiny).status_code == 204
    assert rules(ayse) == ["tiny"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"keep": 1}, "keep: must be from '1 min'"),
        ({"quota": 0}, "would delete everything"),
        ({"keep": 60, "minimum": 120}, "minimum is longer than keep"),
        ({"cameras": []}, "for nobody"),
        ({"keep": "long"}, "keep"),
        ({"keep": -1}, "keep"),
    ],
)
def test_what_is_no_rule_gets_a_sentence(
    ayse: TestClient, body: dict[str, object], said: str
) -> None:
    answer = ayse.put("/api/retention/rules/odd", json=body)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert rules(ayse) == []


def test_two_rules_of_one_name_are_no_draft(ayse: TestClient) -> None:
    draft = {"rules": [{"name": "a", "keep": 86_400}, {"name": "a", "keep": 90_000}]}
    assert ayse.post("/api/retention/preview", json=draft).status_code == 422


def test_a_doubted_clock_is_shown_and_can_be_confirmed(ayse: TestClient, site: WebSite) -> None:
    site.clock.step(3 * 3_600 * 10**9)  # within a sign-in's life
    assert ayse.get("/api/retention").json()["clock"] is None
    assert ayse.post("/api/retention/confirm-clock").status_code == 200
    site.clock.step(3 * 3_600 * 10**9)
    assert "was set forward" in ayse.get("/api/retention").json()["clock"]
    ayse.post("/api/retention/confirm-clock")
    assert ayse.get("/api/retention").json()["clock"] is None


def test_an_operator_changes_no_rules(site: WebSite) -> None:
    session = site.sign_in()
    with TestClient(site.app, base_url="http://vms.test") as ali:
        ali.cookies.set("vms_session", session.token)
        ali.headers["X-CSRF-Token"] = session.csrf
        assert ali.put("/api/retention/rules/x", json={"keep": 90_000}).status_code == 403
        assert ali.get("/api/retention").status_code == 403
