"""Signing in over HTTP: cookie, CSRF, throttle, and nothing without it."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.web.site import PASSWORD, WebSite
from vms.core.clock import HOUR
from vms.people.permissions import ADMIN, BUILT_IN, OPERATOR


def test_signing_in_gives_a_strict_cookie_and_the_facts(client: TestClient) -> None:
    answer = client.post("/api/session", json={"username": "ALİ", "password": PASSWORD})
    body = answer.json()
    assert body["user"] == {
        "name": "ali",
        "display_name": "ali",
        "role": "operator",
        "origin": "local",
    }
    assert body["system"] == {"name": "Deneme", "timezone": "Europe/Istanbul"}
    cookie = answer.headers["set-cookie"]
    for part in ("vms_session=", "HttpOnly", "SameSite=strict", "Path=/"):
        assert part in cookie
    assert "Secure" not in cookie
    assert client.get("/api/session").json() == body


def test_the_cookie_is_secure_over_tls(site: WebSite) -> None:
    client = TestClient(site.app, base_url="https://vms.test")
    answer = client.post("/api/session", json={"username": "ali", "password": PASSWORD})
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("name", ["ali", "nobody"])
def test_a_wrong_password_is_401_with_one_text(client: TestClient, name: str) -> None:
    answer = client.post("/api/session", json={"username": name, "password": "wrong password"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "wrong_credentials"
    assert "set-cookie" not in answer.headers


def test_guessing_is_429_with_retry_after(client: TestClient) -> None:
    wrong = {"username": "ali", "password": "wrong password"}
    answers = [client.post("/api/session", json=wrong) for _ in range(5)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].json()["code"] == "too_many_tries"


def test_a_bad_body_is_422_without_echoing_the_password(client: TestClient) -> None:
    answer = client.post("/api/session", json={"username": "", "password": "my-secret", "x": 1})
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == {"username", "x"}
    assert "my-secret" not in answer.text


def test_a_form_from_another_site_cannot_sign_in(client: TestClient) -> None:
    credentials = '{"username": "ali", "password": "' + PASSWORD + '"}'
    answer = client.post(
        "/api/session", content=credentials, headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 422
    good = {"username": "ali", "password": PASSWORD}
    answer = client.post("/api/session", json=good, headers={"origin": "http://evil.test"})
    assert (answer.status_code, answer.json()["code"]) == (403, "origin")


def test_nothing_without_a_sign_in(client: TestClient) -> None:
    for path in ("/api/session", "/api/cameras", "/api/system", "/api/openapi.json", "/metrics"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "sign_in"), path


def test_signing_out_ends_it(ali: TestClient) -> None:
    cookie = ali.cookies["vms_session"]
    assert ali.delete("/api/session").status_code == 204
    ali.cookies.set("vms_session", cookie)
    assert ali.get("/api/session").status_code == 401


def test_unsafe_methods_need_the_csrf_value(ali: TestClient) -> None:
    del ali.headers["X-CSRF-Token"]
    for value in (b"", b"wrong", b"\xff"):
        answer = ali.delete("/api/session", headers=[(b"X-CSRF-Token", value)])
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf")


@pytest.mark.parametrize("header", ["Origin", "Referer", "Sec-Fetch-Site", "Sec-Fetch-Mode"])
def test_what_a_browser_may_have_sent_needs_it_and_a_program_with_the_cookie_does_not(
    ali: TestClient, header: str
) -> None:
    del ali.headers["X-CSRF-Token"]
    for value in ("http://testserver", "null", ""):
        answer = ali.delete("/api/session", headers={header: value})
        assert answer.status_code == 403
        assert answer.json()["code"] in ("csrf", "origin")
    assert ali.delete("/api/session").status_code == 204


def test_a_session_ends_after_rest(site: WebSite, ali: TestClient) -> None:
    site.clock.advance(12 * HOUR)
    assert ali.get("/api/session").status_code == 401


def test_an_api_token_needs_neither_cookie_nor_csrf(site: WebSite, client: TestClient) -> None:
    token = site.parts.sessions.make_token(site.parts.accounts.get("ali"), "script")
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/cameras", headers=headers).status_code == 200
    assert client.delete("/api/session", headers=headers).status_code == 204
    wrong = {"Authorization": "Bearer vms_wrong"}
    assert client.get("/api/cameras", headers=wrong).status_code == 401


def test_a_session_says_what_its_owner_may(ali: TestClient) -> None:
    may = set(ali.get("/api/session").json()["permissions"])
    assert {"live", "archive"} <= may
    assert may == BUILT_IN[OPERATOR].permissions < BUILT_IN[ADMIN].permissions
