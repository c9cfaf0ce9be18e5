"""What the audit says of steering: an entry for each movement, that its line in steering's log can
be held against; and one for whatever else is commanded."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from tests.web.api.test_ptz import PTZ, People, fleet, people, signed_in
from tests.web.site import WebSite
from vms.app.steering_audit import SteeringAudit, SteeringCheck
from vms.cameras.onvif.ptz_facts import Vector
from vms.cameras.steering.logbook import Logged
from vms.cameras.steering.logbook import Query as Asked
from vms.cameras.steering.movement import Movement
from vms.core.clock import DAY, SECOND, Instant, Span
from vms.people.audit.entry import Entry, What
from vms.people.audit.records import Query
from vms.simulator.fleet import Fleet

__all__ = ["fleet", "people"]
TENTH = Span(SECOND // 10)
KEEP = Span(730 * DAY)


def told(site: WebSite, *, whole: bool = False) -> list[Entry]:
    """The entries of steering in order; `whole`: of a movement only its last."""
    site.parts.trail.flush()
    asked = Query(what=(What.STEER,), whole=whole)
    return [one.entry for one in site.parts.audit.all(asked)][::-1]


def drag(people: People, client: TestClient, times: int) -> None:
    for step in range(times):
        speed = {"pan": round(-0.5 + step / times, 3), "tilt": 0.25}
        assert client.post(f"{PTZ}/move", json=speed).status_code == 204
        people.site.clock.advance(TENTH)


def moves(site: WebSite) -> list[Logged]:
    found = list(site.parts.steering.records.logbook.all(Asked(), moves=True))
    return [one for one in found if one.command == "move"][::-1]


def findings(site: WebSite) -> list[str]:
    check = SteeringCheck(engine_of(site), KEEP, site.clock)
    return [f"{one.subject}: {one.detail}" for one in check.findings()]


def engine_of(site: WebSite) -> sa.Engine:
    return site.parts.steering.records.logbook._engine


def test_a_drag_is_one_entry_and_each_of_its_commands_is_in_the_log(people: People) -> None:
    people.ali.post(f"{PTZ}/lease", json={"purpose": "2026/41"})
    begin = people.site.clock.now()
    drag(people, people.ali, 50)
    taken, opened = told(people.site)
    assert (taken.detail, opened.phase, opened.start) == (
        "POST ptz/lease; purpose: 2026/41", "opened", begin,
    )  # fmt: skip
    assert opened.detail == "move -0.500 0.250 0.000; purpose: 2026/41"
    for _ in range(2):  # a screen says it once more, lest it is lost
        assert people.ali.post(f"{PTZ}/stop").status_code == 204
    _, entry, closed = told(people.site)
    assert entry == opened
    assert (closed.who, closed.camera, closed.via, closed.address, closed.outcome) == (
        "ali", "gate", "session", "testclient", "done",
    )  # fmt: skip
    assert (closed.start, closed.end, closed.phase) == (begin, begin + 5 * SECOND, "closed")
    (line,) = moves(people.site)
    assert closed.detail == (
        "move -0.500 0.250 0.000; pan -0.500..0.480; 50 commands; ended: stop; "
        f"line {line.number} sha256 {line.sha256()}; purpose: 2026/41"
    )
    assert told(people.site, whole=True)[1:] == [closed]
    each = line.moves.split("; ")
    assert [each[0], each[1], each[49]] == ["0 -0.5 0.25 0", "100 -0.48 0.25 0", "4900 0.48 0.25 0"]
    assert len(each) == line.commands == 50
    assert findings(people.site) == []


def test_two_people_who_take_turns_are_two_movements(people: People) -> None:
    people.ali.post(f"{PTZ}/lease", json={"purpose": "2026/41"})
    drag(people, people.ali, 3)
    assert people.ayse.post(f"{PTZ}/move", json={"pan": 1}).status_code == 409
    people.ayse.post(f"{PTZ}/lease", json={"purpose": "2026/42", "take_over": True})
    drag(people, people.ayse, 2)
    assert people.ali.post(f"{PTZ}/stop").status_code == 409  # not theirs any more
    people.ayse.post(f"{PTZ}/stop")
    movements = [one for one in told(people.site, whole=True) if one.viewing]
    assert [(one.who, re.sub(" sha256 [^;]*", "", one.detail)) for one in movements] == [
        ("ali", "move -0.500 0.250 0.000; pan -0.500..0.167; 3 commands; ended: move by ayse; "
                "line 2; purpose: 2026/41"),
        ("ayse", "move -0.500 0.250 0.000; pan -0.500..0.000; 2 commands; ended: stop; line 5; "
                 "purpose: 2026/42"),
    ]  # fmt: skip
    others = [one.detail for one in told(people.site) if not one.viewing]
    assert others == ["POST ptz/lease; purpose: 2026/41", "POST ptz/lease; purpose: 2026/42"]
    refused = [one for one in people.ali.get(f"{PTZ}/log").json() if one["result"] == "steered"]
    assert [(one["operator"], one["command"]) for one in refused] == [
        ("ali", "stop"), ("ayse", "move"),
    ]  # fmt: skip


def test_a_purpose_that_changes_midway_parts_the_movement(people: People) -> None:
    people.ali.post(f"{PTZ}/lease", json={"purpose": "2026/41"})
    drag(people, people.ali, 2)
    people.ali.post(f"{PTZ}/lease", json={"purpose": "2026/42"})
    drag(people, people.ali, 2)
    moved = [one for one in told(people.site, whole=True) if one.viewing]
    first, second = sorted(moved, key=lambda one: one.start or Instant(0))  # told at one moment
    assert ("ended: move;" in first.detail, first.detail.endswith("2026/41")) == (True, True)
    assert (second.phase, second.detail) == (
        "opened", "move -0.500 0.250 0.000; purpose: 2026/42",
    )  # fmt: skip
    assert first.end == second.start
    assert [(one.purpose, one.commands) for one in moves(people.site)] == [
        ("2026/41", 2), ("2026/42", 2),
    ]  # fmt: skip


def test_another_place_of_the_same_account_is_another_movement(people: People) -> None:
    drag(people, people.ali, 1)
    elsewhere = TestClient(people.site.app, base_url="http://vms.test", client=("10.9.9.9", 5))
    elsewhere.portal = people.ali.portal
    drag(people, signed_in(people.site, elsewhere, "ali"), 1)
    assert [one.address for one in told(people.site, whole=True)] == ["testclient", "10.9.9.9"]


def test_all_else_stays_an_entry_of_its_own(people: People, fleet: Fleet) -> None:
    drag(people, people.ali, 1)
    people.ali.post(f"{PTZ}/home")  # ends it
    people.ali.post(f"{PTZ}/stop")  # stops the way home
    people.site.clock.advance(Span(3 * SECOND))
    drag(people, people.ali, 1)
    people.ali.delete(f"{PTZ}/lease")  # the system stops what still turns
    people.ali.post(f"{PTZ}/centre", json={"x": 0.5, "y": 0.5})
    details = [re.sub("; line.*", "", one.detail) for one in told(people.site, whole=True)]
    assert details == [
        "move -0.500 0.250 0.000; 1 commands; ended: home_goto",
        "POST ptz/home",
        "POST ptz/stop",
        "move -0.500 0.250 0.000; 1 commands; ended: stop by the system",
        "DELETE ptz/lease",
        "POST ptz/centre",
    ]


def test_a_movement_that_a_crash_cut_off_is_told_at_the_next_start(people: People) -> None:
    drag(people, people.ali, 5)
    (opened,) = told(people.site)  # then the power fails: neither end nor stop was told
    site = people.site
    # The start after it: nothing but database and journal are left.
    audit = SteeringAudit(site.parts.trail, site.parts.audit, site.clock)
    records = site.parts.steering.records
    unseen = records.log(replace(moves(site)[0], at=Instant(7), number=0))  # not even its begin
    untold = audit.untold(records.logbook.movements(9))
    assert {number: (by.name, by.address) for number, by in untold.items()} == {
        opened_number(opened): ("ali", "testclient"), unseen: ("ali", ""),
    }  # fmt: skip
    site.clock.advance(Span(60 * SECOND))
    people.ali.portal.call(site.parts.steering._scribe.resume)
    closed = [one for one in told(site) if one.phase == "closed"]
    assert len(closed) == 2
    assert (closed[0].viewing, closed[0].start) == (opened.viewing, opened.start)
    assert (closed[0].address, closed[0].who) == ("testclient", "ali")
    assert "; 5 commands; ended: not known, the system stopped before; line 1 " in closed[0].detail
    assert audit.untold(records.logbook.movements(9)) == {}  # told once
    assert findings(site) == []


def opened_number(entry: Entry) -> int:
    return int(entry.viewing.split("-")[1])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE ptz_command SET operator = 'veli' WHERE id = 2", "it was changed after"),
        ("UPDATE ptz_command SET purpose = '' WHERE id = 2", "it was changed after"),
        ("UPDATE ptz_command SET moves = '0 1 0 0' WHERE id = 2", "it was changed after"),
        ("DELETE FROM ptz_command WHERE id = 2", "it was taken away"),
    ],
)
def test_who_changes_the_log_is_found(people: People, change: str, said: str) -> None:
    people.ali.post(f"{PTZ}/lease", json={"purpose": "2026/41 line 1 sha256 " + "0" * 64})
    drag(people, people.ali, 2)
    people.ali.post(f"{PTZ}/stop")
    told(people.site)
    assert findings(people.site) == []
    with engine_of(people.site).begin() as connection:
        connection.execute(sa.text(change))
    (finding,) = findings(people.site)
    assert finding.startswith(f"steering's log, line 2: {said}")
    assert "; ali moved gate at " in finding


def test_lines_that_went_by_their_age_are_no_finding(people: People) -> None:
    drag(people, people.ali, 2)
    people.ali.post(f"{PTZ}/stop")
    told(people.site)
    people.site.clock.advance(Span(KEEP + DAY))
    logbook = people.site.parts.steering.records.logbook
    assert logbook.forget_before(Instant(people.site.clock.now() - KEEP)) == 2
    assert findings(people.site) == []


def test_the_hash_of_a_line_is_what_the_docs_say() -> None:
    movement = Movement.begun("ali", "İz", Vector(0.5), Instant(5))
    line = Logged(
        "gate", Instant(5), "ali", "move", movement.detail, "done", "İz", Instant(9), 1, 7,
        movement.track,
    )  # fmt: skip
    values = {
        "number": 7, "camera": "gate", "at": 5, "until": 9, "operator": "ali", "command": "move",
        "detail": "0.500 0.000 0.000", "commands": 1, "result": "done", "purpose": "İz",
        "moves": "0 0.5 0 0",
    }  # fmt: skip
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert line.sha256() == hashlib.sha256(text.encode()).hexdigest()
