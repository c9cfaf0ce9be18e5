"""Signing in at a real provider of OpenID Connect, honest and crooked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from starlette.testclient import TestClient

from tests.people.provider import Provider, provider
from tests.web.site import PASSWORD, WebSite, open_web_site
from vms.core.clock import HOUR, MINUTE, SECOND, FakeClock, Instant
from vms.people.permissions import BUILT_IN
from vms.people.roles import Granted, RoleSettings

START, BACK = "/api/session/oidc", "/api/session/oidc/callback"
GROUPS = {
    "vms-admins": [{"role": "admin"}],
    "vms-operators": [{"role": "operator", "cameras": ["group:meydan"]}],
    "vms-more": [{"role": "operator", "cameras": ["gate-south"]}, {"role": "auditor"}],
    "vms-odd": [{"role": "nowhere"}],
}


@pytest.fixture(scope="module")
def idp() -> Iterator[Provider]:
    with provider() as found:
        yield found


def settings_of(idp: Provider, **more: Any) -> dict[str, Any]:
    return {
        "issuer": idp.issuer, "client_id": "gozcu", "client_secret": "canary-client-secret",
        "console": "https://vms.test", "name": "Belediye Kimlik", "groups": GROUPS, **more,
    }  # fmt: skip


@pytest.fixture
def house(tmp_path: Path, idp: Provider) -> Iterator[WebSite]:
    idp.crooked("")
    idp.set_user("s-1", preferred_username="ayse", name="Ayşe Yılmaz", groups=["vms-operators"])
    clock = FakeClock(Instant(time.time_ns()))  # the provider lives by the machine's clock
    with open_web_site(tmp_path, clock, oidc=settings_of(idp)) as site:
        yield site


def browser(site: WebSite) -> TestClient:
    return TestClient(
        site.app, base_url="https://vms.test", raise_server_exceptions=False,
        follow_redirects=False,
    )  # fmt: skip


def begun(client: TestClient) -> str:
    answer = client.get(START)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def came_back(client: TestClient, location: str) -> str:
    """Where the console goes on."""
    assert location.startswith(f"https://vms.test{BACK}?")
    answer = client.get(location)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def signed_in(site: WebSite, idp: Provider, sub: str = "s-1") -> TestClient:
    client = browser(site)
    assert came_back(client, idp.approve(begun(client), sub)) == "/"
    client.headers["X-CSRF-Token"] = client.get("/api/session").json()["csrf"]
    return client


def refused(site: WebSite, idp: Provider, sub: str = "s-1") -> str:
    client = browser(site)
    place = came_back(client, idp.approve(begun(client), sub))
    assert client.get("/api/session").status_code == 401
    return place.removeprefix("/?signin=")


def code_at(secret: str, now: int) -> str:
    return pyotp.TOTP(secret).at(now // SECOND)


def test_the_sign_in_page_is_told_what_there_is(house: WebSite, client: TestClient) -> None:
    told = browser(house).get("/api/session/ways").json()
    assert told == {"oidc": {"name": "Belediye Kimlik"}, "directory": False}
    assert client.get("/api/session/ways").json() == {"oidc": None, "directory": False}
    for path in (START, BACK):
        assert client.get(path).status_code == 404
    assert client.post(f"{START}/code", json={"otp": "1"}).status_code == 404


def test_a_person_of_a_group_comes_in_with_its_roles(house: WebSite, idp: Provider) -> None:
    client = browser(house)
    place = begun(client)
    asked = parse_qs(urlsplit(place).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [f"https://vms.test{BACK}"]
    assert "canary-client-secret" not in place
    back = idp.approve(place, "s-1")
    answer = client.get(back)
    assert answer.headers["location"] == "/"
    cookies = answer.headers.get_list("set-cookie")
    session = next(one for one in cookies if one.startswith("vms_session="))
    for part in ("HttpOnly", "SameSite=strict", "Secure"):
        assert part in session
    facts = client.get("/api/session").json()
    assert facts["user"] == {
        "name": "ayse", "display_name": "Ayşe Yılmaz", "role": "operator", "origin": "oidc",
    }  # fmt: skip
    assert client.get("/api/cameras/gate-north").status_code == 200
    assert client.get("/api/cameras/gate-south").status_code == 403
    who = house.parts.accounts.get("ayse")
    assert (who.origin, who.grants) == ("oidc", (Granted("operator", ("group:meydan",)),))
    # Coming back twice is once too often.
    client.cookies.clear()
    assert came_back(client, back) == "/?signin=oidc_flow"


def test_who_is_signed_in_there_already_is_asked_again(
    house: WebSite, idp: Provider, tmp_path: Path
) -> None:
    asked = parse_qs(urlsplit(begun(browser(house))).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])
    who = {"preferred_username": "ayse", "groups": ["vms-operators"]}
    now = time.time_ns() // SECOND
    idp.set_user("s-1", **who, auth_time="now")
    assert refused(house, idp) == "oidc_token"
    idp.set_user("s-1", **who, auth_time=now)
    signed_in(house, idp)
    for before in (True, 0, now - 3_600):
        idp.set_user("s-1", **who, auth_time=before)
        assert refused(house, idp) == "oidc_not_asked"
    clock = FakeClock(Instant(time.time_ns()))
    (tmp_path / "b").mkdir()
    with open_web_site(tmp_path / "b", clock, oidc=settings_of(idp, fresh=False)) as other:
        assert "prompt" not in begun(browser(other))
        signed_in(other, idp)  # asked an hour ago


def test_groups_count_anew_at_each_sign_in(house: WebSite, idp: Provider) -> None:
    first = signed_in(house, idp)
    idp.set_user("s-1", preferred_username="renamed", groups=["vms-more", "vms-operators"])
    signed_in(house, idp)
    assert house.parts.accounts.get("ayse").grants == (
        Granted("operator", ("group:meydan", "gate-south")),
        Granted("auditor"),
    )
    idp.set_user("s-1", preferred_username="ayse", groups=["others"])
    assert first.get("/api/session").status_code == 200
    assert refused(house, idp) == "no_group"
    assert house.parts.accounts.get("ayse").grants == ()
    assert first.get("/api/session").status_code == 401
    idp.set_user("s-2", preferred_username="new")
    assert refused(house, idp, "s-2") == "no_group"
    assert not house.parts.accounts.knows("new")


def test_a_name_never_opens_somebody_elses_account(house: WebSite, idp: Provider) -> None:
    idp.set_user("s-3", preferred_username="ALİ", groups=["vms-admins"])
    assert refused(house, idp, "s-3") == "name_taken"
    assert house.parts.accounts.get("ali").origin == "local"
    signed_in(house, idp)
    idp.set_user("s-4", preferred_username="ayse", groups=["vms-admins"])
    assert refused(house, idp, "s-4") == "name_taken"


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ("signature", "oidc_token"),
        ("unsigned", "oidc_token"),
        ("claims", "oidc_token"),
        ("nonce", "oidc_token"),
        ("audience", "oidc_token"),
        ("redirect", "oidc_down"),
        ("large", "oidc_down"),
    ],
)
def test_a_crooked_provider_lets_nobody_in(
    house: WebSite, idp: Provider, how: str, word: str
) -> None:
    idp.crooked(how)
    assert refused(house, idp) == word
    assert not house.parts.accounts.knows("ayse")


@pytest.mark.parametrize("how", ["issuer", "elsewhere"])
def test_a_provider_that_is_not_the_one_of_the_settings_is_not_asked(
    house: WebSite, idp: Provider, how: str
) -> None:
    idp.crooked(how)
    assert begun(browser(house)) == "/?signin=oidc_down"


def test_an_old_token_is_none(tmp_path: Path) -> None:
    with provider(token_age_s=2) as idp:
        idp.set_user("s-1", preferred_username="ayse", groups=["vms-operators"])
        clock = FakeClock(Instant(time.time_ns()))
        with open_web_site(tmp_path, clock, oidc=settings_of(idp)) as site:
            client = browser(site)
            back = idp.approve(begun(client), "s-1")
            clock.advance(5 * MINUTE)
            assert came_back(client, back) == "/?signin=oidc_token"


def test_only_the_browser_that_began_comes_back(house: WebSite, idp: Provider) -> None:
    mine, other = browser(house), browser(house)
    back = idp.approve(begun(mine), "s-1")
    begun(other)
    assert came_back(other, back) == "/?signin=oidc_flow"  # another's cookie: signing in as me
    assert came_back(browser(house), back) == "/?signin=oidc_flow"  # none
    late = browser(house)
    back = idp.approve(begun(late), "s-1")
    house.clock.advance(10 * MINUTE)
    assert came_back(late, back) == "/?signin=oidc_flow"
    for cookie in ("x", "é" * 10, "A" * 5_000, late.cookies.get("vms_session", "")):
        answer = browser(house).get(
            f"{BACK}?state=a&code=b", headers={"cookie": f"vms_oidc={cookie}".encode()}
        )
        assert answer.headers["location"] in ("/?signin=oidc_flow", "/?signin=too_many_tries")


def test_who_says_no_there_is_not_in(house: WebSite, idp: Provider) -> None:
    client = browser(house)
    place = begun(client)
    state = parse_qs(urlsplit(place).query)["state"][0]
    back = f"https://vms.test{BACK}?error=access_denied&state={state}"
    assert came_back(client, back) == "/?signin=oidc_refused"


def test_another_issuer_that_answers_is_refused(house: WebSite, idp: Provider) -> None:
    client = browser(house)
    back = idp.approve(begun(client), "s-1")
    assert came_back(client, f"{back}&iss=https%3A%2F%2Fevil.test") == "/?signin=oidc_refused"


def test_groups_mapped_to_no_role_are_told_to_the_administrator(
    house: WebSite, idp: Provider
) -> None:
    idp.set_user("s-5", preferred_username="odd", groups=["vms-odd"])
    assert refused(house, idp, "s-5") == "oidc_down"


def test_coming_back_without_a_flow_is_slowed_down(house: WebSite, idp: Provider) -> None:
    client = browser(house)
    words = [came_back(client, f"https://vms.test{BACK}?state=a&code=b") for _ in range(6)]
    assert words[-1] == "/?signin=too_many_tries"
    house.clock.advance(MINUTE)
    signed_in(house, idp)  # and then let in


def test_a_provider_that_is_away_keeps_no_local_account_out(tmp_path: Path) -> None:
    gone = Provider("http://127.0.0.1:1")
    with open_web_site(tmp_path, oidc=settings_of(gone)) as site:
        client = browser(site)
        assert begun(client) == "/?signin=oidc_down"
        answer = client.post("/api/session", json={"username": "ali", "password": PASSWORD})
        assert answer.status_code == 200


def test_a_sign_in_from_elsewhere_ends_at_its_age(tmp_path: Path, idp: Provider) -> None:
    idp.crooked("")
    idp.set_user("s-1", preferred_username="ayse", groups=["vms-operators"])
    clock = FakeClock(Instant(time.time_ns()))
    with open_web_site(tmp_path, clock, oidc=settings_of(idp, session="1 h")) as site:
        client = signed_in(site, idp)
        for _ in range(5):
            assert client.get("/api/session").status_code == 200
            clock.advance(12 * MINUTE)
        assert client.get("/api/session").status_code == 401


def test_what_is_kept_elsewhere_is_not_changed_here(house: WebSite, idp: Provider) -> None:
    client = signed_in(house, idp)
    form = {"password": "x", "new": "a long new password here"}
    answer = client.post("/api/account/password", json=form)
    assert (answer.status_code, answer.json()["code"]) == (409, "external")
    token = {"label": "x", "password": "x"}
    assert client.post("/api/account/tokens", json=token).json()["code"] == "external"
    root = browser(house)
    house.parts.accounts.add("root", PASSWORD, role="admin")
    session = house.parts.sessions.start(house.parts.accounts.get("root"), "10.0.0.9")
    root.cookies.set("vms_session", session.token)
    root.headers["X-CSRF-Token"] = session.csrf
    listed = {one["name"]: one["origin"] for one in root.get("/api/people").json()}
    assert listed == {"ali": "local", "ayse": "oidc", "root": "local"}
    for patch in ({"password": "a long new password"}, {"grants": [{"role": "admin"}]}):
        answer = root.patch("/api/people/ayse", json=patch)
        assert (answer.status_code, answer.json()["code"]) == (409, "external")
    assert root.delete("/api/people/ayse").status_code == 204


def test_an_administrator_from_elsewhere_is_not_the_last_one(house: WebSite, idp: Provider) -> None:
    house.parts.accounts.add("root", PASSWORD, role="admin")
    idp.set_user("s-1", preferred_username="ayse", groups=["vms-admins"])
    client = signed_in(house, idp)
    assert set(client.get("/api/session").json()["permissions"]) == BUILT_IN["admin"].permissions
    answer = client.delete("/api/people/root")
    assert (answer.status_code, "only administrator" in answer.text) == (422, True)


def guarded(site: WebSite) -> None:
    settings = RoleSettings(
        "operator", tuple(sorted(BUILT_IN["operator"].permissions)),
        priority=BUILT_IN["operator"].priority, second_factor=True,
    )  # fmt: skip
    site.parts.roles.put(settings)


def test_the_duty_of_a_second_factor_holds_for_people_from_elsewhere(
    house: WebSite, idp: Provider
) -> None:
    guarded(house)
    client = signed_in(house, idp)
    assert client.get("/api/session").json()["must_enrol"] is True
    begun_ = client.post("/api/account/second-factor", json={})
    assert begun_.status_code == 201, begun_.text
    secret = begun_.json()["secret"]
    code = code_at(secret, house.clock.now())
    assert client.post("/api/account/second-factor/confirm", json={"code": code}).status_code == 200
    assert client.get("/api/session").json()["must_enrol"] is False

    house.clock.advance(2 * MINUTE)
    again = browser(house)
    assert came_back(again, idp.approve(begun(again), "s-1")) == "/?signin=code_asked"
    assert again.get("/api/session").status_code == 401
    wrong = again.post(f"{START}/code", json={"otp": "000000"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_code")
    code = code_at(secret, house.clock.now())
    assert again.post(f"{START}/code", json={"otp": code}).status_code == 200
    assert again.get("/api/session").status_code == 200
    assert browser(house).post(f"{START}/code", json={"otp": code}).json()["code"] == "oidc_flow"
    # Later it takes a new sign-in to change it.
    late = signed_in_with(house, idp, secret)
    house.clock.advance(HOUR)
    answer = late.post("/api/account/second-factor/remove", json={"code": "000000"})
    assert (answer.status_code, answer.json()["code"]) == (403, "sign_in_again")


def signed_in_with(site: WebSite, idp: Provider, secret: str) -> TestClient:
    site.clock.advance(2 * MINUTE)
    client = browser(site)
    assert came_back(client, idp.approve(begun(client), "s-1")) == "/?signin=code_asked"
    code = code_at(secret, site.clock.now())
    client.headers["X-CSRF-Token"] = client.post(f"{START}/code", json={"otp": code}).json()["csrf"]
    return client


def test_a_second_factor_of_the_provider_counts_where_an_administrator_says_so(
    tmp_path: Path, idp: Provider
) -> None:
    idp.crooked("")
    idp.set_user("s-6", preferred_username="fatma", groups=["vms-operators"], amr=["pwd", "mfa"])
    for factor, must in ((["mfa"], False), ([], True)):
        folder = tmp_path / str(must)
        folder.mkdir()
        clock = FakeClock(Instant(time.time_ns()))
        with open_web_site(folder, clock, oidc=settings_of(idp, factor=factor)) as site:
            guarded(site)
            client = signed_in(site, idp, "s-6")
            assert client.get("/api/session").json()["must_enrol"] is must
            clock.advance(3 * SECOND)
            assert client.get("/api/cameras").status_code == (403 if must else 200)
