"""Two people over HTTP: what takes a second person's yes is asked for, approved, and done once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from tests.web.api.test_exports import finish
from tests.web.api.test_rights import requests_of, signed_in, with_token
from tests.web.footage import GAP, NOW, START, THIRD_FILE, recorded
from tests.web.site import PASSWORD, WebSite, open_web_site
from vms.core.clock import SECOND, FakeClock, Span, rfc3339
from vms.people.approval import HEARING, LAPSE
from vms.people.audit.entry import What
from vms.people.audit.records import Query
from vms.people.permissions import BUILT_IN, Permission
from vms.people.roles import Granted, RoleSettings
from vms.people.tokens import TokenOrder
from web.permit import Permit

CAMERA = "gate-north"
SILENT = {"start": rfc3339(START), "end": rfc3339(GAP)}
SOUNDING = {"start": rfc3339(THIRD_FILE), "end": rfc3339(THIRD_FILE + 4 * SECOND)}
RULE = {"keep": 40 * 86_400, "cameras": ["*"], "reason": "Karar 4"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WebSite]:
    clock = FakeClock(NOW)
    with open_web_site(tmp_path, clock) as site:
        accounts = site.parts.accounts
        put_desk(site)
        accounts.add("asker", PASSWORD, grants=[Granted("desk")])
        accounts.add("second", PASSWORD, role="admin")
        accounts.add("south", PASSWORD, grants=[Granted("admin", ("gate-south",))])
        accounts.add("seer", PASSWORD, role="auditor")
        with recorded(site.parts.settings, clock):
            yield site


def put_desk(site: WebSite, *duties: str) -> None:
    """The role of who asks: all an administrator may but saying yes, under these duties."""
    may = set(Permission) - {Permission.APPROVE, Permission.PEOPLE, Permission.AUDIT}
    site.parts.roles.put(RoleSettings("desk", tuple(sorted(may)), approval=duties))


@dataclass(frozen=True)
class Case:
    """One action: how it is asked for, done, and how it would be done a little otherwise."""

    duty: str
    ask: Callable[[WebSite], dict[str, Any]]
    do: Callable[[TestClient, dict[str, Any], dict[str, Any]], Response]
    otherwise: dict[str, Any]
    done: int


def hold_of(site: WebSite) -> str:
    """The hold that is there, or a new one."""
    held = site.parts.holds.active()
    if held:
        return held[0].id
    client = signed_in(site, "second")
    order = {"camera": CAMERA, "reason": "case 7", **SILENT}
    return str(client.post("/api/holds", json=order).json()["id"])


def export(client: TestClient, ask: dict[str, Any], more: dict[str, Any]) -> Response:
    body = {name: ask[name] for name in ("cameras", "start", "end", "reason")}
    return client.post("/api/exports", json={**body, **more})


def lift(client: TestClient, ask: dict[str, Any], more: dict[str, Any]) -> Response:
    body = {"reason": ask["reason"], **more}
    return client.post(f"/api/holds/{ask['hold']}/lift", json=body)


def change(client: TestClient, ask: dict[str, Any], more: dict[str, Any]) -> Response:
    rule = {name: value for name, value in ask["rule"].items() if name != "name"}
    query = {name: value for name, value in more.items() if name == "approval"}
    rule |= {name: value for name, value in more.items() if name != "approval"}
    return client.put(f"/api/retention/rules/{ask['rule']['name']}", json=rule, params=query)


EXPORT = Case(
    "export",
    lambda site: {"action": "export", "cameras": [CAMERA], "reason": "2026/12", **SILENT},
    export,
    {"end": rfc3339(GAP - 1 * SECOND)},
    201,
)
LIFT = Case(
    "lift",
    lambda site: {"action": "lift", "hold": hold_of(site), "reason": "closed"},
    lift,
    {"reason": "something else"},
    200,
)
RETENTION = Case(
    "retention",
    lambda site: {
        "action": "retention",
        "change": "put",
        "rule": {"name": "Meydan", **RULE},
        "reason": "Karar 4",
    },
    change,
    {"keep": 30 * 86_400},
    204,
)
CASES = pytest.mark.parametrize("case", [EXPORT, LIFT, RETENTION], ids=lambda one: one.duty)


def asked(site: WebSite, case: Case, *, yes: bool = True) -> tuple[dict[str, Any], str]:
    """A request, approved by the second person."""
    body = case.ask(site)
    made = signed_in(site, "asker").post("/api/approvals", json=body)
    assert made.status_code == 201, made.text
    id_ = made.json()["id"]
    if yes:
        said = signed_in(site, "second").post(f"/api/approvals/{id_}/approve")
        assert (said.status_code, said.json()["state"]) == (200, "approved"), said.text
    return body, id_


def code(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


@CASES
def test_without_the_duty_it_is_done_as_before(site: WebSite, case: Case) -> None:
    put_desk(site)
    answer = case.do(signed_in(site, "asker"), case.ask(site), {})
    assert answer.status_code == case.done, answer.text


@CASES
def test_with_it_one_is_told_what_to_do_and_nothing_is_done(site: WebSite, case: Case) -> None:
    put_desk(site, case.duty)
    client = signed_in(site, "asker")
    assert client.get("/api/session").json()["approval"] == [case.duty]
    refused = case.do(client, case.ask(site), {})
    assert code(refused) == (403, "approval_needed")
    assert refused.json()["action"] == case.duty
    assert "POST /api/approvals" in refused.json()["detail"]
    assert client.get("/api/exports").json() == []
    assert client.get("/api/retention").json()["rules"] == []


@CASES
def test_approved_it_is_done_exactly_once(site: WebSite, case: Case) -> None:
    put_desk(site, case.duty)
    body, id_ = asked(site, case, yes=False)
    asker, second = signed_in(site, "asker"), signed_in(site, "second")
    assert code(case.do(asker, body, {"approval": id_})) == (409, "approval_waiting")
    assert code(asker.post(f"/api/approvals/{id_}/approve"))[0] == 403
    (waiting,) = second.get("/api/approvals").json()
    assert (waiting["may_decide"], waiting["mine"], waiting["asked_by"]) == (True, False, "asker")
    assert second.post(f"/api/approvals/{id_}/approve").status_code == 200
    theirs_not = case.do(second, body, {"approval": id_})
    assert code(theirs_not) == (409, "approval_unknown")
    for more in case.otherwise.items():
        changed = case.do(asker, body, {"approval": id_, **dict([more])})
        assert code(changed) == (409, "approval_differs")
    done = case.do(asker, body, {"approval": id_})
    assert done.status_code == case.done, done.text
    assert code(case.do(asker, body, {"approval": id_})) in (
        (409, "approval_used"),
        (409, "refused"),  # the hold is lifted
    )
    (used,) = asker.get("/api/approvals").json()
    assert (used["state"], used["decided_by"], used["mine"]) == ("used", "second", True)


@CASES
def test_who_has_no_right_there_neither_sees_nor_decides_it(site: WebSite, case: Case) -> None:
    put_desk(site, case.duty)
    _, id_ = asked(site, case, yes=False)
    south = signed_in(site, "south")
    assert south.get("/api/approvals").json() == []
    assert south.post(f"/api/approvals/{id_}/approve").status_code == 404
    assert south.post(f"/api/approvals/{id_}/refuse", json={"reason": "no"}).status_code == 404
    assert south.delete(f"/api/approvals/{id_}").status_code == 404
    seer = signed_in(site, "seer")  # reads the audit, decides nothing
    assert [one["may_decide"] for one in seer.get("/api/approvals").json()] == [False]
    assert seer.post(f"/api/approvals/{id_}/approve").status_code == 403
    program = with_token(site, "second", TokenOrder("robot"))
    assert code(program.post(f"/api/approvals/{id_}/approve")) == (403, "denied")


@CASES
def test_it_lapses_is_refused_and_taken_back(site: WebSite, case: Case) -> None:
    put_desk(site, case.duty)
    body, id_ = asked(site, case)
    site.clock.advance(Span(LAPSE))
    asker, second = signed_in(site, "asker"), signed_in(site, "second")
    assert code(case.do(asker, body, {"approval": id_})) == (409, "approval_lapsed")
    _, id_ = asked(site, case, yes=False)
    no = second.post(f"/api/approvals/{id_}/refuse", json={"reason": "too much"})
    assert (no.json()["state"], no.json()["refusal"]) == ("refused", "too much")
    assert code(case.do(asker, body, {"approval": id_})) == (409, "approval_refused")
    _, id_ = asked(site, case)
    assert asker.delete(f"/api/approvals/{id_}").status_code == 204
    assert code(case.do(asker, body, {"approval": id_})) == (409, "approval_taken_back")


@CASES
def test_a_yes_ends_with_the_right_to_say_it_and_with_the_right_to_do_it(
    site: WebSite, case: Case
) -> None:
    put_desk(site, case.duty)
    site.parts.accounts.add("root", PASSWORD, role="admin")
    body, id_ = asked(site, case)
    site.parts.accounts.grant("second", [Granted("operator")])
    assert code(case.do(signed_in(site, "asker"), body, {"approval": id_})) == (
        409,
        "approval_void",
    )
    site.parts.accounts.grant("second", [Granted("admin")])
    site.parts.roles.put(RoleSettings("desk", ("cameras", "own_session"), approval=(case.duty,)))
    assert case.do(signed_in(site, "asker"), body, {"approval": id_}).status_code == 403
    assert signed_in(site, "asker").post("/api/approvals", json=body).status_code in (403, 404)


def test_who_says_yes_must_be_allowed_to_do_it_themselves(site: WebSite) -> None:
    put_desk(site, "export", "lift", "retention", "sound")
    only = RoleSettings("yes", ("approve", "own_session"))
    site.parts.roles.put(only)
    site.parts.accounts.add("yes", PASSWORD, grants=[Granted("yes")])
    _, id_ = asked(site, EXPORT, yes=False)
    assert signed_in(site, "yes").get("/api/approvals").json() == []
    assert signed_in(site, "yes").post(f"/api/approvals/{id_}/approve").status_code == 404
    # A package with sound is heard: who says yes to it must be allowed to hear.
    site.parts.roles.put(RoleSettings("yes", ("approve", "export", "own_session")))
    loud = {"action": "export", "cameras": [CAMERA], "reason": "2026/12", **SOUNDING}
    id_ = signed_in(site, "asker").post("/api/approvals", json=loud).json()["id"]
    refused = signed_in(site, "yes").post(f"/api/approvals/{id_}/approve")
    assert (refused.status_code, refused.json()["permission"]) == (403, "sound")
    site.parts.roles.put(RoleSettings("yes", ("approve", "export", "sound", "own_session")))
    assert signed_in(site, "yes").post(f"/api/approvals/{id_}/approve").status_code == 200


def test_a_package_made_with_a_yes_is_fetched_by_who_asked(site: WebSite) -> None:
    put_desk(site, "export", "sound")
    asker = signed_in(site, "asker")
    loud = {"action": "export", "cameras": [CAMERA], "reason": "2026/12", **SOUNDING}
    id_ = asker.post("/api/approvals", json={**loud, "encrypted": True}).json()["id"]
    assert signed_in(site, "second").post(f"/api/approvals/{id_}/approve").status_code == 200
    assert code(export(asker, loud, {"approval": id_})) == (409, "approval_differs")  # in the open
    made = export(asker, loud, {"approval": id_, "password": "gizli-kelime"})
    assert made.status_code == 201, made.text
    job = made.json()["id"]
    finish(site, job, b"package")
    assert asker.get(f"/api/exports/{job}/file").content == b"package"
    (used,) = asker.get("/api/approvals").json()
    assert used["used_for"] == job
    # Who sees everybody's packages and is under the duty was given no yes.
    may = tuple(BUILT_IN["admin"].permissions)
    site.parts.roles.put(RoleSettings("admin", may, priority=2, approval=("export",)))
    other = signed_in(site, "second").get(f"/api/exports/{job}/file")
    assert code(other) == (403, "approval_needed")


def test_a_package_with_sound_takes_a_yes_where_only_sound_does(site: WebSite) -> None:
    put_desk(site, "sound")
    asker = signed_in(site, "asker")
    quiet = {"cameras": [CAMERA], "reason": "2026/12", **SILENT}
    assert export(asker, quiet, {}).status_code == 201
    loud = {"cameras": [CAMERA], "reason": "2026/12", **SOUNDING}
    refused = export(asker, loud, {})
    assert (code(refused), refused.json()["action"]) == ((403, "approval_needed"), "export")
    # A yes to hearing is none to handing out what can be heard, again and again.
    hears = {"action": "sound", "camera": CAMERA, "reason": "ihbar 155", **SOUNDING}
    heard = asker.post("/api/approvals", json=hears).json()["id"]
    assert signed_in(site, "second").post(f"/api/approvals/{heard}/approve").status_code == 200
    assert code(export(asker, loud, {})) == (403, "approval_needed")
    asked_for = asker.post("/api/approvals", json={"action": "export", **loud}).json()["id"]
    assert signed_in(site, "second").post(f"/api/approvals/{asked_for}/approve").status_code == 200
    assert export(asker, loud, {"approval": asked_for}).status_code == 201


def sounds(client: TestClient) -> list[str | None]:
    """The codec of the sound of each file, as somebody is shown them."""
    whole = {"start": rfc3339(START), "end": rfc3339(NOW)}
    body = client.get(f"/api/cameras/{CAMERA}/media", params=whole).json()
    for one in body["segments"]:  # as browsers want them named, with sound and without
        codecs = re.fullmatch('video/mp4; codecs="([^"]+)"', one["mime"])
        assert codecs is not None
        assert codecs[1].startswith("avc1.")
        assert one["audio_codec"] is not None or "mp4a" not in codecs[1]
    return [one["audio_codec"] for one in body["segments"]]


def file(client: TestClient) -> bytes:
    answer = client.get(f"/api/cameras/{CAMERA}/segments/{THIRD_FILE}.mp4?stream=main")
    assert answer.status_code == 200
    return answer.content


def test_sound_is_there_with_a_yes_where_and_while_it_holds(site: WebSite) -> None:
    put_desk(site)
    asker, second = signed_in(site, "asker"), signed_in(site, "second")
    loud = file(asker)
    assert sounds(asker) == [None, None, "aac", "aac"]
    put_desk(site, "sound")
    assert sounds(asker) == [None] * 4
    quiet = file(asker)
    assert quiet != loud
    playlist = f"/api/cameras/{CAMERA}/playback.m3u8"
    assert "mp4a" not in asker.get(playlist, params=SOUNDING).text
    inner = {
        "start": rfc3339(THIRD_FILE + SECOND),
        "end": rfc3339(THIRD_FILE + 2 * SECOND),
    }
    body = {"action": "sound", "camera": CAMERA, "reason": "ihbar 155", **inner}
    request = asker.post("/api/approvals", json=body).json()
    # Files are sent with sound or without, so the yes is to the whole file.
    assert request["start"] == rfc3339(THIRD_FILE, digits=9)
    assert request["end"] == rfc3339(THIRD_FILE + 4 * SECOND, digits=9)
    assert (file(asker), sounds(asker)) == (quiet, [None] * 4)
    assert second.post(f"/api/approvals/{request['id']}/approve").status_code == 200
    assert (file(asker), sounds(asker)) == (loud, [None, None, "aac", None])
    site.clock.advance(Span(HEARING))
    asker = signed_in(site, "asker")
    assert (file(asker), set(sounds(asker))) == (quiet, {None})


def test_a_yes_to_sound_ends_when_it_is_taken_back_or_who_said_it_is_gone(site: WebSite) -> None:
    put_desk(site, "sound")
    site.parts.accounts.add("root", PASSWORD, role="admin")
    asker = signed_in(site, "asker")
    body = {"action": "sound", "camera": CAMERA, "reason": "ihbar", "start": rfc3339(START)}

    def say_yes() -> str:
        id_ = str(asker.post("/api/approvals", json=body).json()["id"])
        yes = signed_in(site, "second").post(f"/api/approvals/{id_}/approve")
        assert yes.status_code == 200, yes.text
        return id_

    id_ = say_yes()
    assert sounds(asker) == [None, None, "aac", "aac"]
    assert asker.delete(f"/api/approvals/{id_}").status_code == 204
    assert sounds(asker) == [None] * 4
    say_yes()
    assert sounds(asker) == [None, None, "aac", "aac"]
    site.parts.accounts.remove("second")
    assert sounds(asker) == [None] * 4


def test_taking_a_rule_away_and_the_clock_take_a_yes_too(site: WebSite) -> None:
    put_desk(site, "retention")
    asker, second = signed_in(site, "asker"), signed_in(site, "second")
    assert second.put("/api/retention/rules/Meydan", json=RULE).status_code == 204
    removal = "/api/retention/rules/Meydan"
    clock = "/api/retention/confirm-clock"
    assert code(asker.delete(removal)) == (403, "approval_needed")
    assert code(asker.post(clock)) == (403, "approval_needed")
    assert asker.get("/api/retention").status_code == 200  # looking takes nobody
    for body, send in (
        ({"change": "delete", "name": "Meydan"}, lambda q: asker.delete(removal, params=q)),
        ({"change": "confirm_clock"}, lambda q: asker.post(clock, params=q)),
    ):
        ask = {"action": "retention", "reason": "Karar 9", **body}
        id_ = asker.post("/api/approvals", json=ask).json()["id"]
        assert second.post(f"/api/approvals/{id_}/approve").status_code == 200
        done = send({"approval": id_})
        assert done.status_code in (200, 204), done.text
        assert code(send({"approval": id_}))[1] == "approval_used"


def test_every_step_stands_in_the_audit(site: WebSite) -> None:
    put_desk(site, "export")
    body, id_ = asked(site, EXPORT)
    assert export(signed_in(site, "asker"), body, {"approval": id_}).status_code == 201
    site.parts.trail.flush()
    entries = [one.entry for one in site.parts.audit.all(Query(what=(What.APPROVAL,)))][::-1]
    steps = [(one.who, one.detail, one.subject) for one in entries]
    digest = steps[0][1].split()[1]
    assert [(who, subject) for who, _, subject in steps] == [
        ("asker", id_),
        ("second", id_),
        ("asker", id_),
    ]
    for (_, detail, _), word in zip(
        steps, ("asked: 2026/12", "approved for", "carried out"), strict=True
    ):
        assert word in detail
        assert digest in detail


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"action": "export", "cameras": ["nobody"], "reason": "x", **SILENT}, 404),
        ({"action": "export", "cameras": [CAMERA], "reason": " ", **SILENT}, 422),
        ({"action": "lift", "hold": "none", "reason": "x"}, 404),
        ({"action": "sound", "camera": "../x", "reason": "x"}, 404),
        (
            {
                "action": "sound",
                "camera": CAMERA,
                "reason": "x",
                "start": rfc3339(NOW),
                "end": rfc3339(START),
            },
            422,
        ),
        ({"action": "retention", "change": "put", "reason": "x"}, 422),
        ({"action": "people", "reason": "x"}, 422),
    ],
)
def test_what_makes_no_sense_is_not_asked(site: WebSite, body: dict[str, Any], status: int) -> None:
    put_desk(site, "export", "lift", "retention", "sound")
    assert signed_in(site, "asker").post("/api/approvals", json=body).status_code == status


# What changes something by these permissions and takes nobody, each for its reason.
_ALONE = {
    ("POST", "/api/holds"),  # keeps more
    ("DELETE", "/api/exports/{export}"),  # hands out less
    ("POST", "/api/retention/preview"),  # changes nothing
}
_BY_TWO = {
    ("POST", "/api/exports"),
    ("POST", "/api/holds/{hold}/lift"),
    ("PUT", "/api/retention/rules/{name}"),
    ("DELETE", "/api/retention/rules/{name}"),
    ("POST", "/api/retention/confirm-clock"),
}


def test_every_route_that_does_it_knows_of_the_second_person(site: WebSite) -> None:
    takes = {Permission.EXPORT, Permission.HOLD, Permission.RETENTION}
    found = {
        (one.method, one.path)
        for one in requests_of(site)
        if isinstance(one.permit, Permit)
        and one.permit.permission in takes
        and one.method not in ("GET", "HEAD")
    }
    assert found == _ALONE | _BY_TWO, "say of a new route whether it takes a second person's yes"
    put_desk(site, "export", "lift", "retention")
    client = signed_in(site, "asker")
    bodies = {
        "/api/exports": {"cameras": [CAMERA], **SILENT},
        "/api/holds/{hold}/lift": {"reason": "x"},
    }
    for method, path in _BY_TWO:
        at = path.format(hold=hold_of(site) if "{hold}" in path else "", name="x", export="x")
        body = bodies.get(path, RULE if method == "PUT" else None)
        answer = client.request(method, at, json=body)
        assert code(answer) == (403, "approval_needed"), (method, path)
