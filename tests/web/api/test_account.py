"""My account over HTTP: the second factor from setting it up to losing the telephone."""

from __future__ import annotations

import pyotp
from starlette.testclient import TestClient

from tests.web.site import PASSWORD, WebSite
from vms.core.clock import SECOND
from vms.people.roles import Granted, RoleSettings

FACTOR = "/api/account/second-factor"
GOOD = {"username": "ali", "password": PASSWORD}


def code_of(secret: str, site: WebSite) -> str:
    return pyotp.TOTP(secret).at(site.clock.now() // SECOND)


def enrol(client: TestClient, site: WebSite) -> tuple[str, list[str]]:
    begun = client.post(FACTOR, json={"password": PASSWORD})
    assert begun.status_code == 201
    assert begun.json()["picture"].startswith("data:image/svg+xml")
    assert begun.headers["cache-control"] == "no-store"
    secret = begun.json()["secret"]
    told = client.post(f"{FACTOR}/confirm", json={"code": code_of(secret, site)})
    assert told.status_code == 200
    site.clock.advance(30 * SECOND)
    return secret, told.json()["recovery_codes"]


def test_a_code_is_asked_after_it_is_set_up(site: WebSite, ali: TestClient) -> None:
    assert ali.get(FACTOR).json() == {"since": None, "recovery_left": 0, "required": False}
    wrong = ali.post(FACTOR, json={"password": "wrong password"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_credentials")
    secret, codes = enrol(ali, site)
    assert len(codes) == 10
    assert ali.get(FACTOR).json()["recovery_left"] == 10
    stranger = TestClient(site.app, base_url="http://vms.test")
    asked = stranger.post("/api/session", json=GOOD)
    assert (asked.status_code, asked.json()["code"]) == (401, "code_asked")
    assert "set-cookie" not in asked.headers
    wrong = stranger.post("/api/session", json=GOOD | {"otp": "abc"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_code")
    right = stranger.post("/api/session", json=GOOD | {"otp": code_of(secret, site)})
    assert right.status_code == 200
    assert stranger.post("/api/session", json=GOOD | {"otp": codes[3]}).status_code == 200
    assert ali.post(FACTOR, json={"password": PASSWORD}).status_code == 409


def test_removing_it_needs_password_and_code(site: WebSite, ali: TestClient) -> None:
    secret, _ = enrol(ali, site)
    wrong = ali.post(f"{FACTOR}/remove", json={"password": PASSWORD, "code": "abc"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_code")
    both = {"password": PASSWORD, "code": code_of(secret, site)}
    assert ali.post(f"{FACTOR}/remove", json=both).status_code == 204
    assert ali.get("/api/session").status_code == 401
    client = TestClient(site.app, base_url="http://vms.test")
    assert client.post("/api/session", json=GOOD).status_code == 200


def test_who_must_enrol_reaches_only_that(site: WebSite, ali: TestClient) -> None:
    permits = ("own_session", "cameras", "live", "system")
    site.parts.roles.put(RoleSettings("guard", permits, second_factor=True))
    site.parts.accounts.grant("ali", [Granted("guard")])
    facts = ali.get("/api/session").json()
    assert (facts["must_enrol"], facts["permissions"]) == (True, ["own_session"])
    for path in ("/api/cameras", "/api/system", "/api/cameras/gate-north"):
        assert ali.get(path).status_code == 403, path
    assert ali.get(FACTOR).json()["required"]
    enrol(ali, site)
    assert not ali.get("/api/session").json()["must_enrol"]
    assert ali.get("/api/cameras").status_code == 200


def test_a_program_with_a_token_looks_after_no_account(site: WebSite) -> None:
    token = site.parts.sessions.make_token(site.parts.accounts.get("ali"), "wall")
    client = TestClient(site.app, base_url="http://vms.test")
    client.headers["Authorization"] = f"Bearer {token}"
    assert client.get(FACTOR).status_code == 403
    assert client.post(FACTOR, json={"password": PASSWORD}).status_code == 403


def test_an_administrator_resets_it_and_nobody_else(site: WebSite, ali: TestClient) -> None:
    enrol(ali, site)
    path = "/api/people/ali/second-factor"
    assert ali.delete(path).status_code == 403
    site.parts.accounts.add("root", PASSWORD, role="admin")
    session = site.parts.sessions.start(site.parts.accounts.get("root"), "10.0.0.8")
    root = TestClient(site.app, base_url="http://vms.test")
    root.cookies.set("vms_session", session.token)
    root.headers["X-CSRF-Token"] = session.csrf
    assert root.delete(path).status_code == 204
    assert root.delete(path).status_code == 404
    assert ali.get("/api/session").status_code == 401


PASSWORDS, NEW = "/api/account/password", "another horse battery"


def signed_in(site: WebSite, password: str) -> TestClient:
    client = TestClient(site.app, base_url="http://vms.test")
    told = client.post("/api/session", json={"username": "ali", "password": password})
    assert told.status_code == 200
    client.headers["X-CSRF-Token"] = told.json()["csrf"]
    return client


def test_changing_the_password_asks_for_the_present_one(site: WebSite, ali: TestClient) -> None:
    other = signed_in(site, PASSWORD)
    wrong = ali.post(PASSWORDS, json={"password": "wrong password", "new": NEW})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_credentials")
    for new, code in (
        ("7 wolves!", "password_short"),
        ("password1234", "password_common"),
        ("ali and his horse", "password_name"),
        (PASSWORD, "password_same"),
    ):
        refused = ali.post(PASSWORDS, json={"password": PASSWORD, "new": new})
        assert (refused.status_code, refused.json()["code"]) == (422, code)
        assert new not in refused.text
    assert other.get("/api/session").status_code == 200
    assert ali.post(PASSWORDS, json={"password": PASSWORD, "new": NEW}).status_code == 204
    assert other.get("/api/session").status_code == 401
    assert ali.get("/api/session").status_code == 200
    assert site.parts.accounts.check("ali", PASSWORD) is None
    signed_in(site, NEW)


def test_with_a_second_factor_its_code_is_asked_too(site: WebSite, ali: TestClient) -> None:
    secret, _ = enrol(ali, site)
    both = {"password": PASSWORD, "new": NEW}
    asked = ali.post(PASSWORDS, json=both)
    assert (asked.status_code, asked.json()["code"]) == (403, "code_asked")
    assert ali.post(PASSWORDS, json=both | {"code": code_of(secret, site)}).status_code == 204


def test_a_password_somebody_else_chose_is_changed_first(site: WebSite, ali: TestClient) -> None:
    site.parts.accounts.add("root", PASSWORD, role="admin")
    session = site.parts.sessions.start(site.parts.accounts.get("root"), "10.0.0.8")
    root = TestClient(site.app, base_url="http://vms.test")
    root.cookies.set("vms_session", session.token)
    root.headers["X-CSRF-Token"] = session.csrf
    weak = root.patch("/api/people/ali", json={"password": "password1234"})
    assert (weak.status_code, weak.json()["code"]) == (422, "password_common")
    assert ali.get("/api/session").status_code == 200
    assert root.patch("/api/people/ali", json={"password": "told by telephone"}).status_code == 200
    client = signed_in(site, "told by telephone")
    facts = client.get("/api/session").json()
    assert (facts["must_change"], facts["permissions"]) == (True, ["own_session"])
    for path in ("/api/cameras", "/api/account/sessions", FACTOR):
        assert client.get(path).status_code == 403, path
    token = {"label": "way around", "password": "told by telephone"}
    assert client.post("/api/account/tokens", json=token).status_code == 403
    both = {"password": "told by telephone", "new": NEW}
    assert client.post(PASSWORDS, json=both).status_code == 204
    assert not client.get("/api/session").json()["must_change"]
    assert client.get("/api/cameras").status_code == 200
    made = root.post("/api/people", json={"name": "veli", "grants": [{"role": "operator"}]})
    assert site.parts.accounts.get("veli").must_change
    assert site.parts.accounts.check("veli", made.json()["password"]) is not None
