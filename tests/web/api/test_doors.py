"""My doors over HTTP: tokens are made with the password, narrowed, listed, and revoked."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.web.api.test_account import code_of, enrol
from tests.web.api.test_audit import kept
from tests.web.site import PASSWORD, WebSite
from vms.core.clock import DAY, rfc3339
from vms.people.audit.entry import What
from vms.people.roles import Granted, RoleSettings

TOKENS, DOORS = "/api/account/tokens", "/api/account/sessions"
WALL = {"label": "wall", "password": PASSWORD}


def program(site: WebSite, token: str) -> TestClient:
    client = TestClient(site.app, base_url="http://vms.test")
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def test_a_token_is_made_used_seen_and_revoked(site: WebSite, ali: TestClient) -> None:
    wanted = WALL | {"days": 7, "permissions": ["cameras", "live"], "cameras": ["gate-north"]}
    made = ali.post(TOKENS, json=wanted)
    assert made.status_code == 201
    assert made.json()["expires"] == rfc3339(site.clock.now() + 7 * DAY)
    wall = program(site, made.json()["token"])
    assert [one["id"] for one in wall.get("/api/cameras").json()] == ["gate-north"]
    assert wall.get("/api/cameras/gate-south").status_code == 403
    assert wall.get("/api/session").status_code == 403
    session, token = ali.get(DOORS).json()
    assert session["kind"] == "session"
    assert (token["label"], token["cameras"]) == ("wall", ["gate-north"])
    assert token["permissions"] == ["cameras", "live"]
    assert token["used"] == rfc3339(site.clock.now())
    assert token["address"] == "testclient"
    assert made.json()["token"] not in ali.get(DOORS).text
    assert ali.delete(f"{DOORS}/{token['id']}").status_code == 204
    assert wall.get("/api/cameras").status_code == 401
    assert ali.delete(f"{DOORS}/{token['id']}").status_code == 404


def test_making_one_takes_the_password_and_the_code(site: WebSite, ali: TestClient) -> None:
    wrong = ali.post(TOKENS, json=WALL | {"password": "wrong password"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_credentials")
    secret, _ = enrol(ali, site)
    asked = ali.post(TOKENS, json=WALL)
    assert (asked.status_code, asked.json()["code"]) == (403, "code_asked")
    assert ali.post(TOKENS, json=WALL | {"code": code_of(secret, site)}).status_code == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {"days": 0},
        {"days": 367},
        {"label": ""},
        {"permissions": ["fly"]},
        {"permissions": []},
        {"cameras": ["../x"]},
    ],
)
def test_what_can_not_be_is_refused(ali: TestClient, wrong: dict[str, object]) -> None:
    assert ali.post(TOKENS, json=WALL | wrong).status_code == 422


def test_no_token_opens_a_way_around_the_second_factor(site: WebSite, ali: TestClient) -> None:
    site.parts.roles.put(RoleSettings("guard", ("own_session", "live"), second_factor=True))
    site.parts.accounts.grant("ali", [Granted("guard")])
    refused = ali.post(TOKENS, json=WALL)
    assert (refused.status_code, "second factor" in refused.json()["detail"]) == (403, True)


def test_a_program_makes_no_token_and_ends_no_sign_in(site: WebSite, ali: TestClient) -> None:
    wall = program(site, ali.post(TOKENS, json=WALL).json()["token"])
    assert wall.post(TOKENS, json=WALL).status_code == 403
    assert wall.get(DOORS).status_code == 403
    door = ali.get(DOORS).json()[0]["id"]
    assert wall.delete(f"{DOORS}/{door}").status_code == 403


def test_nobody_ends_anothers_door_here(site: WebSite, ali: TestClient) -> None:
    veli = site.parts.accounts.add("veli", PASSWORD)
    site.parts.sessions.make_token(veli, "of veli")
    (door,) = site.parts.sessions.doors(veli)
    assert ali.delete(f"{DOORS}/{door.id}").status_code == 404


def test_making_and_revoking_stand_in_the_audit(site: WebSite, ali: TestClient) -> None:
    made = ali.post(TOKENS, json=WALL | {"permissions": ["live"]}).json()["token"]
    door = ali.get(DOORS).json()[1]["id"]
    ali.delete(f"{DOORS}/{door}")
    ali.post(TOKENS, json=WALL | {"password": "wrong password"})
    told = sorted(kept(site, What.ACCOUNT), key=lambda one: (one.at, one.outcome, one.detail))
    assert [one.outcome for one in told] == ["denied", "done", "done"]
    assert told[1].subject == door
    assert told[2].detail == "make a token: wall, 90 d, only live on *"
    assert made not in repr(told)
