"""See as: the reasons are those of the one decision, for every person, permission and camera."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.web.api.test_rights import signed_in
from tests.web.site import PASSWORD, WebSite, open_web_site
from vms.core.model import CameraId
from vms.people.audit.entry import What
from vms.people.audit.records import Query
from vms.people.blocks import BlockOrder
from vms.people.permissions import BUILT_IN, Asked, decide
from vms.people.roles import Granted, RoleSettings

OWN, FOREIGN = "gate-north", "gate-south"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    with open_web_site(tmp_path_factory.mktemp("sees")) as site:
        site.parts.accounts.add("root", PASSWORD, role="admin")
        night = RoleSettings("night", ("live", "cameras"), networks=("192.0.2.0/24",))
        site.parts.roles.put(night)
        grants = [Granted("night"), Granted("operator", ("group:meydan",))]
        site.parts.accounts.add("veli", PASSWORD, grants=grants)
        site.parts.accounts.add("named", PASSWORD, role="operator")
        order = BlockOrder(CameraId(OWN), site.clock.now(), None, "case 7", ("named",))
        site.parts.blocks.add(order, "root")
        yield site


@pytest.fixture
def root(site: WebSite) -> TestClient:
    return signed_in(site, "root")


def test_every_reason_is_the_decisions(site: WebSite, root: TestClient) -> None:
    groups, tried = site.parts.cameras.groups(), 0
    for name in ("root", "veli", "named", "ali"):
        sees = root.get(f"/api/people/{name}/sees").json()
        identity = site.parts.sessions.identity(site.parts.accounts.get(name))
        assert [one["camera"] for one in sees["cameras"]] == [OWN, FOREIGN]
        for seen in [*sees["cameras"], {"camera": None, "permissions": sees["site"]}]:
            camera = seen["camera"]
            for why in seen["permissions"]:
                asked = Asked(
                    why["permission"],
                    site.clock.now(),
                    "testclient",
                    camera,
                    groups.get(camera, ()),
                )
                decision = decide(identity, asked)
                assert why["allowed"] is decision.allowed, (name, camera, why)
                assert (why["role"] is not None) is decision.allowed
                assert why["reason"] == decision.reason
                tried += 1
    assert tried > 100


def test_it_names_the_grant_that_decides_and_what_is_in_the_way(root: TestClient) -> None:
    own, foreign = root.get("/api/people/veli/sees").json()["cameras"]
    whys = {one["permission"]: one for one in own["permissions"]}
    assert (whys["archive"]["role"], whys["archive"]["cameras"]) == ("operator", ["group:meydan"])
    assert (whys["live"]["allowed"], whys["live"]["hidden"]) == (False, True)
    assert "by the block" in whys["live"]["reason"]
    assert [one["end"] for one in own["hidden"]] == [None]
    there = {one["permission"]: one for one in foreign["permissions"]}
    assert there["live"]["reason"] == (
        "veli may use live on camera gate-south only from the networks of the role night."
    )
    assert there["archive"]["reason"] == "veli may not use archive on camera gate-south."
    assert root.get("/api/people/named/sees").json()["cameras"][0]["hidden"] == []


def test_a_role_is_explained_as_of_somebody_named_nowhere(root: TestClient) -> None:
    own, foreign = root.get("/api/roles/operator/sees").json()["cameras"]
    assert {one["permission"] for one in own["permissions"] if one["hidden"]} == {
        "live", "sound", "ptz",
    }  # fmt: skip
    assert all(one["allowed"] for one in foreign["permissions"])
    assert root.get("/api/roles/nobody/sees").status_code == 404
    assert root.get("/api/people/nobody/sees").status_code == 404


def test_only_who_keeps_people_looks_and_it_is_on_record(site: WebSite, root: TestClient) -> None:
    ali = signed_in(site, "ali")
    assert ali.get("/api/people/root/sees").status_code == 403
    assert ali.get("/api/roles/admin/sees").status_code == 403
    assert root.get("/api/people/veli/sees").status_code == 200
    site.parts.trail.flush()
    query = Query(what=(What.PEOPLE,), person="root")
    told = [one.entry for one in site.parts.audit.all(query)]
    assert ("veli", "looked at what they see") in {(one.subject, one.detail) for one in told}


def test_it_tells_what_takes_a_second_person(site: WebSite, root: TestClient) -> None:
    may = tuple(BUILT_IN["investigator"].permissions)
    duty = RoleSettings("investigator", may, approval=("export", "lift", "sound"))
    site.parts.roles.put(duty)
    _, foreign = root.get("/api/roles/investigator/sees").json()["cameras"]
    two = {one["permission"]: one["allowed"] for one in foreign["permissions"] if one["by_two"]}
    assert two == {"export": True, "hold": True, "sound": False}
