"""Every route × every role × own camera, foreign camera, nobody: enumerated from the app."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from tests.web.api.test_routes import OPEN, declared, routes_of
from tests.web.site import PASSWORD, WebSite, open_web_site
from vms.core.clock import DAY, rfc3339
from vms.people.permissions import BUILT_IN, Permission
from vms.people.roles import Granted, RoleSettings
from vms.people.tokens import TokenOrder, narrowing
from web.permit import Open, Permit

OWN, FOREIGN = "gate-north", "gate-south"
_MOMENTS = ("start", "at", "from")
_FILLED = {"camera": OWN, "start_ns": "1763800000000000000"}
SITE_WIDE = frozenset({Permission.REGISTRY, Permission.RETENTION, Permission.STORAGE}) | {
    Permission.PEOPLE,
    Permission.AUDIT,
}
TALKS_TO_CAMERAS = re.compile(r"/(ptz|device|test|discovery)")


@dataclass(frozen=True, slots=True)
class Request:
    method: str  # WS for a WebSocket
    path: str  # with {parameters}
    permit: Permit | Open

    def at(self, camera: str) -> str:
        values = _FILLED | {"camera": camera}
        return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], "x"), self.path)

    @property
    def is_about_a_camera(self) -> bool:
        return "{camera}" in self.path


def requests_of(site: WebSite) -> Iterator[Request]:
    for route in routes_of(site.app):
        found = declared(route.dependant)
        assert found is not None
        for method in sorted(route.methods) if isinstance(route, APIRoute) else ["WS"]:
            yield Request(method, route.path, found)


def answer(client: TestClient, request: Request, camera: str) -> int:
    """The status; of a WebSocket that opens 101."""
    path = request.at(camera)
    if request.method == "WS":
        try:
            with client.websocket_connect(path):
                return 101
        except WebSocketDenialResponse as refused:
            return refused.status_code
        except WebSocketDisconnect as closed:
            return closed.code
    body: Any = {} if request.method in ("POST", "PUT", "PATCH") else None
    return client.request(request.method, path, json=body).status_code


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    with open_web_site(tmp_path_factory.mktemp("rights")) as site:
        site.parts.roles.put(RoleSettings("watcher", ("cameras", "live", "own_session")))
        for role in (*BUILT_IN, "watcher"):
            grants = [Granted(role, (OWN,))]
            site.parts.accounts.add(f"{role}-own", PASSWORD, grants=grants)
            site.parts.accounts.add(
                f"{role}-group", PASSWORD, grants=[Granted(role, ("group:meydan",))]
            )
        site.parts.accounts.add("root", PASSWORD, role="admin")
        yield site


def signed_in(site: WebSite, name: str) -> TestClient:
    client = TestClient(site.app, base_url="http://vms.test", raise_server_exceptions=False)
    session = site.parts.sessions.start(site.parts.accounts.get(name), "10.0.0.9")
    client.cookies.set("vms_session", session.token)
    client.headers["X-CSRF-Token"] = session.csrf
    return client


def test_nobody_gets_in_without_signing_in(site: WebSite) -> None:
    client = TestClient(site.app, base_url="http://vms.test", raise_server_exceptions=False)
    client.headers["X-Forwarded-For"] = "10.0.0.9"  # not the loopback, where metrics are open
    for request in requests_of(site):
        if (request.method, request.path) in OPEN or isinstance(request.permit, Open):
            continue
        assert answer(client, request, OWN) in (401, 403, 1008), request


def test_no_role_reaches_a_foreign_camera(site: WebSite, record_property: Any) -> None:
    tried = Counter[str]()
    for role in (*BUILT_IN, "watcher"):
        for kind in ("own", "group"):
            client = signed_in(site, f"{role}-{kind}")
            for request in requests_of(site):
                if request.is_about_a_camera:
                    assert answer(client, request, FOREIGN) in (403, 1008), (role, request)
                    tried["foreign camera"] += 1
                elif isinstance(request.permit, Permit):
                    _try_without_camera(client, site, role, request)
                    tried["no camera"] += 1
    assert tried["foreign camera"] > 300
    record_property("rights", f"{sum(tried.values())} pairs of route and role, 0 leaks")


def _try_without_camera(client: TestClient, site: WebSite, role: str, request: Request) -> None:
    """What is about the site is closed for who holds a part of it; lists name no foreign camera."""
    permit = request.permit
    assert isinstance(permit, Permit)
    if permit.permission is Permission.OWN_SESSION and request.method != "GET":
        return  # it would end this test's own sign-in
    rights = {one.name: set(one.permissions) for one in site.parts.roles.all()}[role]
    if permit.permission not in rights or permit.permission in SITE_WIDE:
        assert answer(client, request, OWN) == 403, (role, request)
    elif request.method == "GET":
        told = client.get(request.at(OWN))
        assert told.status_code != 403, (role, request)
        if permit.permission is not Permission.METRICS and "openapi" not in request.path:
            assert FOREIGN not in told.text, (role, request)


def test_roles_allow_on_their_own_camera_what_they_permit(site: WebSite) -> None:
    rights = {one.name: set(one.permissions) for one in site.parts.roles.all()}
    tried = 0
    for role, allowed in rights.items():
        client = signed_in(site, f"{role}-own")
        for request in requests_of(site):
            permit = request.permit
            if not request.is_about_a_camera or not isinstance(permit, Permit):
                continue
            if permit.permission not in allowed:
                assert answer(client, request, OWN) in (403, 1008), (role, request)
            elif request.method == "GET" and not TALKS_TO_CAMERAS.search(request.path):
                assert answer(client, request, OWN) not in (401, 403), (role, request)
            tried += 1
    assert tried > 150


def with_token(site: WebSite, name: str, order: TokenOrder) -> TestClient:
    client = TestClient(site.app, base_url="http://vms.test", raise_server_exceptions=False)
    token = site.parts.sessions.make_token(site.parts.accounts.get(name), order)
    client.headers["Authorization"] = f"Bearer {token}"
    return client


@pytest.mark.parametrize("scope", [OWN, "group:meydan"])
def test_a_narrowed_token_never_leaves_its_part(
    site: WebSite, scope: str, record_property: Any
) -> None:
    """An administrator's token for live pictures of one camera: every route, both cameras."""
    allowed = {"cameras", "live", "own_session"}
    client = with_token(site, "root", TokenOrder("wall", narrowed=narrowing([*allowed], [scope])))
    tried = 0
    for request in requests_of(site):
        permit = request.permit
        if not isinstance(permit, Permit):
            continue
        within = permit.permission in allowed
        if request.is_about_a_camera:
            assert answer(client, request, FOREIGN) in (403, 1008), request
        if not within:
            assert answer(client, request, OWN) in (403, 1008), request
        elif request.is_about_a_camera and request.method == "GET":
            if not TALKS_TO_CAMERAS.search(request.path):
                assert answer(client, request, OWN) not in (401, 403), request
        elif request.method == "GET" and "openapi" not in request.path:
            assert FOREIGN not in client.get(request.at(OWN)).text, request
        tried += 1
    assert tried > 100
    record_property("rights", f"{tried} routes with a token narrowed to {scope}, 0 leaks")


def test_a_token_never_may_more_than_its_person(site: WebSite) -> None:
    for order in (TokenOrder("all"), TokenOrder("all", narrowed=narrowing([*Permission], ["*"]))):
        client = with_token(site, "watcher-own", order)
        for request in requests_of(site):
            permit = request.permit
            if request.is_about_a_camera:
                assert answer(client, request, FOREIGN) in (403, 1008), request
            if isinstance(permit, Permit) and permit.permission not in (
                *("cameras", "live", "own_session"),
            ):
                assert answer(client, request, OWN) in (403, 1008), request


def test_an_export_of_a_foreign_camera_is_refused(site: WebSite) -> None:
    client = signed_in(site, "investigator-own")
    span = {"start": "2026-11-22T11:00:00Z", "end": "2026-11-22T11:10:00Z"}
    both = client.post("/api/exports", json={"cameras": [OWN, FOREIGN], **span})
    assert (both.status_code, both.json()["permission"]) == (403, "export")
    hold = {"camera": FOREIGN, "reason": "case", **span}
    assert client.post("/api/holds", json=hold).status_code in (403, 404)


@pytest.mark.parametrize(
    ("url", "more"),
    [
        ("/api/holds", {"camera": "?"}),
        ("/api/blocks", {"camera": "?"}),
        ("/api/exports", {"cameras": ["?"]}),
        ("/api/approvals", {"action": "export", "cameras": ["?"]}),
        ("/api/approvals", {"action": "sound", "camera": "?"}),
    ],
)
def test_a_foreign_camera_is_not_told_from_one_there_is_not(
    site: WebSite, url: str, more: dict[str, Any]
) -> None:
    client, now = signed_in(site, "admin-own"), site.clock.now()
    span = {"start": rfc3339(now - 20), "end": rfc3339(now - 10), "reason": "2026/12"}
    told = []
    for camera in (FOREIGN, "gate-nowhere"):
        body = json.loads(json.dumps(span | more).replace("?", camera))
        answer = client.post(url, json=body)
        told.append((answer.status_code, answer.text.replace(camera, "?")))
    assert told[0] == told[1]
    assert told[0][0] == 403


def test_footage_that_is_too_old_stays_closed(site: WebSite) -> None:
    site.parts.roles.put(RoleSettings("week", ("archive", "cameras"), footage_age=7 * DAY))
    site.parts.accounts.add("weekly", PASSWORD, grants=[Granted("week")])
    client = signed_in(site, "weekly")
    now = site.clock.now()
    old, new = rfc3339(now - 8 * DAY), rfc3339(now - 6 * DAY)
    for route in routes_of(site.app):
        permit = declared(route.dependant)
        if not isinstance(permit, Permit) or permit.permission is not Permission.ARCHIVE:
            continue
        path = route.path.replace("{camera}", OWN)
        if "{start_ns}" in path:
            places = [path.replace("{start_ns}", str(now - age * DAY)) for age in (8, 6)]
            asked = [(places[0], {}), (places[1], {})]
        elif path.endswith("/days"):
            continue  # how much there is of each day, and no picture
        else:
            asked = [
                (path, {"start": at, "at": at, "from": at, "end": rfc3339(now)})
                for at in (old, new)
            ]
        said = [client.get(place, params=params).status_code for place, params in asked]
        assert said[0] == 403, path
        assert said[1] != 403, path


def test_what_is_granted_and_taken_holds_from_the_next_request_on(site: WebSite) -> None:
    root, client = signed_in(site, "root"), signed_in(site, "watcher-own")
    assert client.get(f"/api/cameras/{FOREIGN}").status_code == 403
    both = [{"role": "watcher", "cameras": [OWN, FOREIGN]}]
    assert root.patch("/api/people/watcher-own", json={"grants": both}).status_code == 200
    assert client.get(f"/api/cameras/{FOREIGN}").status_code == 200
    own = [{"role": "watcher", "cameras": [OWN]}]
    assert root.patch("/api/people/watcher-own", json={"grants": own}).status_code == 200
    assert client.get(f"/api/cameras/{FOREIGN}").status_code == 403


def test_sign_ins_are_listed_and_ended_one_by_one(site: WebSite) -> None:
    root, first, second = (signed_in(site, name) for name in ("root", "watcher-own", "watcher-own"))
    site.parts.sessions.make_token(site.parts.accounts.get("watcher-own"), "duvar")
    doors = root.get("/api/people/watcher-own/sessions").json()
    assert doors[-1] | {"id": "", "created": ""} == {
        "id": "", "kind": "token", "created": "", "address": "", "label": "duvar", "used": None,
        "expires": rfc3339(site.clock.now() + 90 * DAY), "permissions": None, "cameras": None,
    }  # fmt: skip
    for door in doors:
        assert root.delete(f"/api/people/watcher-own/sessions/{door['id']}").status_code == 204
    assert root.get("/api/people/watcher-own/sessions").json() == []
    assert {one.get("/api/session").status_code for one in (first, second)} == {401}
    gone = root.delete(f"/api/people/watcher-own/sessions/{doors[0]['id']}")
    assert (gone.status_code, root.get("/api/session").status_code) == (404, 200)
    foreign = root.get("/api/people/root/sessions").json()[0]["id"]
    assert root.delete(f"/api/people/watcher-own/sessions/{foreign}").status_code == 404


def test_people_and_roles_are_kept_over_http(tmp_path: Path) -> None:
    with open_web_site(tmp_path) as site:
        site.parts.accounts.add("root", PASSWORD, role="admin")
        root = signed_in(site, "root")
        wanted = {
            "permissions": ["live", "cameras"],
            "footage_age": "7 d",
            "hours": ["daily 06:00-14:00"],
        }
        role = root.put("/api/roles/guard", json=wanted).json()
        assert (role["footage_age"], role["built_in"]) == ("7 d", False)
        assert [one["name"] for one in root.get("/api/roles").json()][-1] == "guard"
        made = root.post(
            "/api/people",
            json={"name": "veli", "grants": [{"role": "guard", "cameras": ["group:meydan"]}]},
        )
        assert made.status_code == 201
        assert len(made.json()["password"]) > 12
        may = root.get("/api/people/veli/may").json()
        assert {one["camera"] for one in may["cameras"]} <= {OWN}
        refused = root.put("/api/roles/admin", json={"permissions": ["live"]})
        assert refused.status_code in (409, 422)
        assert root.delete("/api/roles/guard").status_code in (409, 422)
        assert root.delete("/api/people/veli").status_code == 204
        assert root.delete("/api/roles/guard").status_code == 204
        last = root.delete("/api/people/root")
        assert (last.status_code, "only administrator" in last.json()["detail"]) == (422, True)
        assert "veli" not in root.get("/api/people").text
        bad = root.post("/api/people", json={"name": "x", "grants": [{"role": "nobody"}]})
        assert bad.status_code == 422
        assert "nobody" in bad.json()["detail"]
