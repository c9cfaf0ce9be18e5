"""Signing in with a real directory's names and passwords."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.people.directory import BASE, PEOPLE, ROOT, ROOT_PASSWORD, Directory, directory
from tests.web.site import PASSWORD, WebSite, open_web_site
from vms.core.clock import MINUTE
from vms.core.config_directory import LdapSettings
from vms.core.networks import ANYWHERE, Networks
from vms.people.audit.entry import What
from vms.people.audit.records import Query
from vms.people.externals import ProviderDown
from vms.people.ldap import LdapDirectory, mapped_groups, parts_of_dn
from vms.people.roles import Granted

GROUPS = {
    "vms-admins": [{"role": "admin"}],
    f"CN=vms-operators, OU=groups,{BASE}": [{"role": "operator", "cameras": ["gate-north"]}],
}


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    with directory(tmp_path_factory.mktemp("slapd")) as found:
        yield found


def settings_of(slapd: Directory, **more: Any) -> dict[str, Any]:
    return {
        "url": f"ldaps://localhost:{slapd.tls}", "ca": str(slapd.ca), "bind_dn": ROOT,
        "bind_password": ROOT_PASSWORD, "base": f"ou=people,{BASE}",
        "group_base": f"ou=groups,{BASE}", "groups": GROUPS, **more,
    }  # fmt: skip


@pytest.fixture
def house(tmp_path: Path, slapd: Directory) -> Iterator[WebSite]:
    with open_web_site(tmp_path, ldap=settings_of(slapd)) as site:
        yield site


def sign_in(site: WebSite, name: str, password: str, client: TestClient | None = None) -> Any:
    client = client or TestClient(site.app, base_url="https://vms.test")
    return client.post("/api/session", json={"username": name, "password": password})


def told(site: WebSite) -> list[tuple[str, str, str, str]]:
    site.parts.trail.flush()
    found = [one.entry for one in site.parts.audit.all(Query(what=(What.SIGN_IN,)))][::-1]
    return [(one.who, one.subject, one.outcome, one.detail) for one in found]


def test_a_directorys_person_comes_in_by_the_groups(house: WebSite) -> None:
    answer = sign_in(house, "AYSE", PEOPLE["ayse"])
    assert answer.json()["user"] == {
        "name": "ayse", "display_name": "Ayse Yılmaz", "role": "operator", "origin": "ldap",
    }  # fmt: skip
    assert sign_in(house, "ayse", "wrong password").json()["code"] == "wrong_credentials"
    assert sign_in(house, "ali", PASSWORD).json()["user"]["origin"] == "local"
    assert told(house) == [
        ("ayse", "ldap", "done", ""),
        ("ayse", "ldap", "denied", ""),
        ("ali", "local", "done", ""),
    ]


def test_a_group_of_the_same_name_elsewhere_brings_nothing(house: WebSite) -> None:
    answer = sign_in(house, "veli", PEOPLE["veli"])
    assert (answer.status_code, answer.json()["code"]) == (401, "no_group")
    assert sign_in(house, "can", PEOPLE["can"]).json()["user"]["role"] == "admin"


def test_who_left_the_group_loses_all_at_the_next_sign_in(house: WebSite, slapd: Directory) -> None:
    client = TestClient(house.app, base_url="https://vms.test")
    assert sign_in(house, "ayse", PEOPLE["ayse"], client).status_code == 200
    slapd.take_out("ayse", "vms-operators")
    try:
        assert sign_in(house, "ayse", PEOPLE["ayse"]).json()["code"] == "no_group"
    finally:
        slapd.put_in("ayse", "vms-operators")
    assert client.get("/api/session").status_code == 401
    assert house.parts.accounts.get("ayse").grants == ()
    assert sign_in(house, "ayse", PEOPLE["ayse"]).status_code == 200


@pytest.mark.parametrize("filter_", ["(member={dn})", "(&(objectClass=groupOfNames)(member={dn}))"])
def test_groups_can_be_searched(slapd: Directory, filter_: str) -> None:
    settings = LdapSettings.model_validate(settings_of(slapd, group_filter=filter_))
    found = LdapDirectory(settings, ANYWHERE).prove("ayse", PEOPLE["ayse"])
    assert found is not None
    assert found.grants == (Granted("operator", ("gate-north",)),)


HOSTILE = ["*)(uid=*", "*", "ay*", "ayse)(|(uid=*", "ayse\x00", "ayse ", "a\u00adyse", "ayse\ufe00",
           "(", "\\61yse", "uid=ayse", "ayse,ou=people", "|", "))((", "ays\\65"]  # fmt: skip


def test_no_name_is_more_than_a_name(slapd: Directory) -> None:
    found = LdapDirectory(LdapSettings.model_validate(settings_of(slapd)), ANYWHERE)
    for name in HOSTILE:
        if name.strip() != "ayse":
            assert found.prove(name, PEOPLE["ayse"]) is None, name
    for password in ("", "\x00", "*", " ", "\u00ad", "\ufe00\u200b"):
        assert found.prove("ayse", password) is None


def test_an_empty_password_is_no_bind(house: WebSite) -> None:
    assert sign_in(house, "ayse", "").status_code == 422


@pytest.mark.parametrize(
    "wrong",
    [
        {"bind_password": "wrong"},
        {"base": "ou=nowhere,dc=example,dc=org"},
        {"ca": None},
        {"user_filter": "(|(uid={name})(sn=*))"},
        {"id": "description"},
    ],
)
def test_settings_that_are_wrong_prove_nobody(slapd: Directory, wrong: dict[str, Any]) -> None:
    settings = LdapSettings.model_validate(settings_of(slapd, **wrong))
    with pytest.raises(ProviderDown) as down:
        LdapDirectory(settings, ANYWHERE).prove("ayse", PEOPLE["ayse"])
    assert ROOT_PASSWORD not in str(down.value)


def test_starttls_and_the_name_in_the_certificate(slapd: Directory) -> None:
    def proved(url: str, **more: Any) -> bool:
        settings = LdapSettings.model_validate(settings_of(slapd, url=url, **more))
        return LdapDirectory(settings, ANYWHERE).prove("ayse", PEOPLE["ayse"]) is not None

    assert proved(f"ldap://localhost:{slapd.plain}", starttls=True)
    assert proved(f"ldap://127.0.0.1:{slapd.plain}")
    with pytest.raises(ProviderDown):  # the certificate is localhost's
        proved(f"ldaps://127.0.0.1:{slapd.tls}")


def test_denied_networks_are_not_dialled(slapd: Directory) -> None:
    settings = LdapSettings.model_validate(settings_of(slapd))
    with pytest.raises(ProviderDown, match="may be dialled"):
        LdapDirectory(settings, Networks(["10.0.0.0/8"])).prove("ayse", PEOPLE["ayse"])


def test_a_directory_that_is_down_keeps_no_local_account_out(
    tmp_path: Path, slapd: Directory
) -> None:
    gone = settings_of(slapd, url="ldaps://localhost:1")
    with open_web_site(tmp_path, ldap=gone) as site:
        for number in range(30):
            answer = sign_in(site, f"person{number}", "some password")
            assert (answer.status_code, answer.json()["code"]) == (503, "directory_down")
        assert sign_in(site, "ali", PASSWORD).status_code == 200
        assert told(site)[0] == ("(unknown)", "ldap", "failed", "directory down")


def test_guessing_is_slowed_down_as_for_local_accounts(house: WebSite) -> None:
    answers = [sign_in(house, "ayse", "wrong password").status_code for _ in range(6)]
    assert answers[-1] == 429
    house.clock.advance(MINUTE)
    assert sign_in(house, "ayse", PEOPLE["ayse"]).status_code == 200


def test_a_local_accounts_password_never_reaches_the_directory(house: WebSite) -> None:
    house.parts.accounts.add("can", PASSWORD)
    assert sign_in(house, "can", PEOPLE["can"]).json()["code"] == "wrong_credentials"
    assert sign_in(house, "can", PASSWORD).json()["user"]["role"] == "operator"


def test_dns_are_compared_as_directories_do() -> None:
    assert parts_of_dn("CN=A\\2Cb, OU=x") == parts_of_dn("cn=a\\,B,ou=X") == ("cn=a,b", "ou=x")
    mapping: dict[str, Any] = {"ops": (), "cn=x,ou=g": ()}
    assert mapped_groups(["CN=Ops,OU=G"], mapping, "ou=g") == ["ops"]
    assert mapped_groups(["cn=ops,ou=other", "cn=ops"], mapping, "ou=g") == []
    assert mapped_groups(["cn=ops,ou=g"], mapping, None) == []
    assert mapped_groups(["CN=X, ou=g"], mapping, None) == ["cn=x,ou=g"]
