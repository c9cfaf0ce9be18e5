"""Every route that shows or tells what a camera saw × a hidden span × named or not: 0 leaks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.web import footage
from tests.web.api.test_exports import finish
from tests.web.api.test_rights import Request, answer, requests_of, signed_in
from tests.web.footage import GATE, NOW, OPEN_FILE, SECOND_FILE, START, THIRD_FILE
from tests.web.site import PASSWORD, WebSite, open_web_site
from vms.core.clock import SECOND, FakeClock, Instant, parse_rfc3339, rfc3339
from vms.core.model import CameraId
from vms.evidence.order import Order, new_id
from vms.people.permissions import Permission
from vms.people.roles import Granted
from web.permit import Permit

CAMERA = "gate-north"
WHOLE = {"start": rfc3339(START), "end": rfc3339(NOW)}
HIDDEN = {"start": rfc3339(SECOND_FILE + SECOND), "end": rfc3339(SECOND_FILE + 2 * SECOND)}
INSIDE = Instant(SECOND_FILE + 3 * SECOND)  # of the same file, so hidden with it
WORD = "kirmizi-araba"
OF_NOW = {Permission.LIVE, Permission.PTZ, Permission.SOUND}
OF_FOOTAGE = {Permission.ARCHIVE, Permission.SNAPSHOT}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    clock = FakeClock(NOW)
    with open_web_site(tmp_path_factory.mktemp("blocks"), clock) as site:
        accounts = site.parts.accounts
        accounts.add("root", PASSWORD, role="admin")
        accounts.add("named", PASSWORD, role="admin")
        accounts.add("south", PASSWORD, grants=[Granted("admin", ("gate-south",))])
        accounts.add("watch", PASSWORD, role="operator")
        at = Instant(SECOND_FILE + SECOND)
        site.parts.events.add(CameraId(CAMERA), "motion", at, Instant(at + 1), WORD)
        with footage.recorded(site.parts.settings, clock):
            yield site


@pytest.fixture
def root(site: WebSite) -> Iterator[TestClient]:
    yield signed_in(site, "root")
    for one in site.parts.blocks.active():
        site.parts.blocks.lift(one.id, "the test", "over")


def hide(root: TestClient, **more: object) -> dict[str, Any]:
    order = {"camera": CAMERA, "reason": "case 7", "seen_by": ["named"], **more}
    made = root.post("/api/blocks", json=order)
    assert made.status_code == 201, made.text
    block: dict[str, Any] = made.json()
    return block


def about_the_camera(site: WebSite, permissions: set[Permission]) -> list[Request]:
    return [
        one
        for one in requests_of(site)
        if one.is_about_a_camera
        and isinstance(one.permit, Permit)
        and one.permit.permission in permissions
    ]


def looks_back(client: TestClient, request: Request) -> tuple[int, str]:
    """What a route tells of the hidden file, asked as well as it can be."""
    path = request.path.replace("{camera}", CAMERA).replace("{start_ns}", str(SECOND_FILE))
    params = {**WHOLE, "at": rfc3339(INSIDE), "above": "1"}
    said = client.request(request.method, path, params=params)
    return said.status_code, said.text if said.status_code == 200 else ""


def test_of_what_is_hidden_no_route_gives_anything(
    site: WebSite, root: TestClient, record_property: Any
) -> None:
    hide(root, **HIDDEN)
    tried = 0
    for request in about_the_camera(site, OF_FOOTAGE):
        status, text = looks_back(root, request)
        seen, told = looks_back(signed_in(site, "named"), request)
        assert seen == 200, request
        if request.path.endswith(("segments/{start_ns}.mp4", "frame.jpg")):
            assert status == 403, request
        elif request.path.endswith(("/media", "/playback.m3u8")):
            assert (str(SECOND_FILE) in text, str(SECOND_FILE) in told) == (False, True), request
            assert str(START) in text
            assert str(THIRD_FILE) in text
        elif request.path.endswith(("/timeline", "/events")):
            assert (WORD in text, WORD in told) == (False, True), request
        else:
            assert request.path.endswith(("/activity", "/days")), f"does {request} show footage?"
        tried += 2
    assert tried >= 16
    record_property("blocks", f"{tried} pairs of media route and person, 0 leaks")


def test_the_timeline_says_what_is_hidden_and_shows_the_rest(
    site: WebSite, root: TestClient
) -> None:
    hide(root, **HIDDEN)
    path = f"/api/cameras/{CAMERA}/timeline"
    body = root.get(path, params=WHOLE).json()
    whole_file = {"start": rfc3339(SECOND_FILE), "end": rfc3339(SECOND_FILE + 4 * SECOND)}
    assert body["blocks"] == [whole_file]
    assert body["spans"] == [
        {"start": rfc3339(START), "end": rfc3339(SECOND_FILE)},
        {"start": rfc3339(THIRD_FILE), "end": rfc3339(NOW)},
    ]
    named = signed_in(site, "named").get(path, params=WHOLE).json()
    assert (named["blocks"], len(named["spans"])) == ([], 2)
    assert named["spans"][0]["end"] == rfc3339(SECOND_FILE + 4 * SECOND)


def test_looking_on_goes_past_what_is_hidden(root: TestClient) -> None:
    hide(root, start=rfc3339(SECOND_FILE), end=rfc3339(THIRD_FILE + SECOND))
    first = {"start": rfc3339(START), "end": rfc3339(START + SECOND)}
    after = root.get(f"/api/cameras/{CAMERA}/media", params=first).json()["next"]
    assert parse_rfc3339(after) == OPEN_FILE
    hide(root, start=rfc3339(START + 3 * SECOND))
    assert root.get(f"/api/cameras/{CAMERA}/media", params=first).json()["next"] is None
    none = root.get(f"/api/cameras/{CAMERA}/playback.m3u8", params=WHOLE)
    assert none.status_code == 404


def test_live_is_closed_to_who_is_not_named(site: WebSite, root: TestClient) -> None:
    hide(root)  # from now on
    named, tried = signed_in(site, "named"), 0
    for request in about_the_camera(site, OF_NOW):
        assert answer(root, request, CAMERA) in (403, 1008), request
        assert answer(signed_in(site, "watch"), request, CAMERA) in (403, 1008), request
        if request.permit.permission is Permission.LIVE and "/live/" in request.path:  # type: ignore[union-attr]
            assert answer(named, request, CAMERA) not in (401, 403, 1008), request
        tried += 1
    assert tried >= 10
    assert root.get(f"/api/cameras/{CAMERA}/motion").status_code == 403
    trial = root.post(f"/api/cameras/{CAMERA}/test", json={})
    assert (trial.status_code, trial.json()["code"]) == (403, "blocked")


def test_a_hand_over_is_whole_or_refused(site: WebSite, root: TestClient) -> None:
    now = site.clock.now()
    made = Order(new_id(now), (GATE.camera,), START, NOW, "2026/12", "root", now, "tr")
    site.parts.exports.add(made, account=site.parts.accounts.get("root").id)
    finish(site, made.id, b"package")
    assert root.get(f"/api/exports/{made.id}/file").status_code == 200
    hide(root, **HIDDEN)
    order = {"cameras": [CAMERA], **WHOLE}
    refused = root.post("/api/exports", json=order)
    assert (refused.status_code, refused.json()["code"]) == (403, "blocked")
    late = root.get(f"/api/exports/{made.id}/file")  # made before, fetched after
    assert (late.status_code, late.json()["code"]) == (403, "blocked")
    edge = {"start": rfc3339(INSIDE), "end": rfc3339(NOW)}  # only the file's end, not the block
    assert root.post("/api/exports", json={"cameras": [CAMERA], **edge}).status_code == 403
    rest = {"start": rfc3339(THIRD_FILE), "end": rfc3339(NOW)}
    assert root.post("/api/exports", json={"cameras": [CAMERA], **rest}).status_code == 201
    assert signed_in(site, "named").post("/api/exports", json=order).status_code == 201


def test_a_block_is_made_listed_and_lifted_by_who_may(site: WebSite, root: TestClient) -> None:
    block = hide(root, **HIDDEN)
    assert (block["made_by"], block["seen_by"], block["lifted"]) == ("root", ["named"], None)
    assert root.get("/api/blocks").json() == [block]
    south, watch = signed_in(site, "south"), signed_in(site, "watch")
    assert south.get("/api/blocks").json() == []
    order = {"camera": CAMERA, "reason": "mine"}
    assert south.post("/api/blocks", json=order).status_code == 403
    why = {"reason": "closed"}
    assert south.post(f"/api/blocks/{block['id']}/lift", json=why).status_code == 404
    for asked in (watch.get("/api/blocks"), watch.post("/api/blocks", json=order)):
        assert asked.status_code == 403
    lifted = root.post(f"/api/blocks/{block['id']}/lift", json=why)
    assert (lifted.status_code, lifted.json()["lift_reason"]) == (200, "closed")
    assert root.get("/api/blocks").json() == []
    assert lifted.json() in root.get("/api/blocks", params={"lifted": "true"}).json()
    assert (
        looks_back(
            root,
            next(r for r in about_the_camera(site, OF_FOOTAGE) if r.path.endswith("frame.jpg")),
        )[0]
        == 200
    )
    unknown = root.post("/api/blocks", json={**order, "seen_by": ["nobody"]})
    assert (unknown.status_code, "nobody" in unknown.json()["detail"]) == (422, True)
