"""Steering's log over all cameras: who may read what of it, how it is asked, and what is on record
of the reading; and that the audit says what a camera was steered for."""

from __future__ import annotations

import csv
import io

import pytest
from starlette.testclient import TestClient

from tests.web.api.test_ptz import PTZ, People, fleet, people
from tests.web.site import PASSWORD, WebSite
from vms.cameras.steering.logbook import Logged
from vms.core.clock import MINUTE, Instant, rfc3339
from vms.people.audit.entry import Entry, What
from vms.people.audit.records import Query
from vms.people.roles import Granted, RoleSettings

__all__ = ["fleet", "people"]
LOG = "/api/ptz/log"
MOVES = "0 0.5 0 0; 30000 0.4 0 0"


def told(site: WebSite, what: What) -> list[Entry]:
    site.parts.trail.flush()
    return [one.entry for one in site.parts.audit.all(Query(what=(what,)))][::-1]


def fill(site: WebSite) -> Instant:
    """A movement on each of three cameras, one of them removed since; when the first began."""
    records, begin = site.parts.steering.records, site.clock.now()
    for minute, (camera, who, purpose) in enumerate(
        (("gate-north", "ali", "2026/41"), ("gate-south", "ayse", "2026/42"), ("old", "ali", ""))
    ):
        at = Instant(begin + minute * MINUTE)
        until = Instant(at + MINUTE // 2)
        records.log(Logged(camera, at, who, "move", "0.5 0 0", "done", purpose, until, 2, 0, MOVES))
    return begin


def who(site: WebSite, name: str, *grants: Granted) -> TestClient:
    site.parts.accounts.add(name, PASSWORD, grants=list(grants))
    session = site.parts.sessions.start(site.parts.accounts.get(name), "10.0.0.9")
    client = TestClient(site.app, base_url="http://vms.test")
    client.cookies.set("vms_session", session.token)
    return client


def cameras(client: TestClient, query: str = "") -> list[str]:
    answer = client.get(f"{LOG}{query}")
    assert answer.status_code == 200, answer.text
    return [one["camera"] for one in answer.json()["entries"]]


def test_each_reads_the_log_of_the_cameras_they_steer_or_audit(site: WebSite) -> None:
    fill(site)
    auditor = who(site, "zeki", Granted("auditor"))
    assert cameras(auditor) == ["old", "gate-south", "gate-north"]
    assert auditor.get(LOG).json()["cameras"] is None
    north = who(site, "nur", Granted("operator", ("gate-north",)))
    assert cameras(north) == ["gate-north"]
    assert north.get(LOG).json()["cameras"] == 1
    assert cameras(north, "?camera=gate-south&camera=old") == []
    part = who(site, "pia", Granted("auditor", ("gate-south", "old")))
    assert cameras(part) == ["gate-south"]
    assert cameras(part, "?camera=old") == ["old"]  # removed: asked for by name
    looks = who(site, "ida", Granted("investigator"))
    assert (cameras(looks), looks.get(LOG).json()["cameras"]) == ([], 0)
    site.parts.roles.put(RoleSettings("nothing", ("own_session",)))
    assert who(site, "noa", Granted("nothing")).get(LOG).status_code == 403


def test_it_is_searched_and_comes_in_pages(site: WebSite) -> None:
    begin = fill(site)
    auditor = who(site, "zeki", Granted("auditor"))
    assert cameras(auditor, "?who=ALI") == ["old", "gate-north"]
    assert cameras(auditor, "?purpose=/42") == ["gate-south"]
    start = rfc3339(Instant(begin + MINUTE), digits=9)
    assert cameras(auditor, f"?start={start}") == ["old", "gate-south"]
    assert cameras(auditor, f"?end={start}") == ["gate-north"]
    first = auditor.get(f"{LOG}?limit=2").json()
    assert first["entries"][1]["until"] == rfc3339(Instant(begin + 3 * MINUTE // 2), digits=9)
    assert first["entries"][1]["commands"] == 2
    second = auditor.get(f"{LOG}?limit=2&before={first['next']}").json()
    assert ([one["camera"] for one in second["entries"]], second["next"]) == (["gate-north"], None)
    assert auditor.get(f"{LOG}?start=yesterday").status_code == 422


def test_that_a_purpose_is_missing_is_said(site: WebSite) -> None:
    auditor, log = who(site, "zeki", Granted("auditor")), site.parts.steering.records.log
    site.parts.roles.put(RoleSettings("chaser", ("own_session", "cameras", "ptz"), purpose=True))
    site.parts.accounts.add("nur", PASSWORD, grants=[Granted("chaser")])
    at = site.clock.now()
    for name, purpose, due in (
        ("nur", "", None),  # of an older release: what the role asks now
        ("nur", " ", True),
        ("nur", "2026/41", True),
        ("nur", "", False),  # the role asked for none then
        ("ali", "", None),
        ("gone", "", None),
        ("", "", None),
    ):
        log(Logged("gate-north", at, name, "stop", "", "done", purpose, purpose_due=due))
    found = auditor.get(LOG).json()["entries"][::-1]
    assert [one["purpose_missing"] for one in found] == [True, True, *[False] * 5]


def test_a_refusal_for_want_of_a_purpose_is_in_the_log(people: People) -> None:
    people.site.parts.roles.put(
        RoleSettings("chaser", ("own_session", "cameras", "ptz"), purpose=True)
    )
    people.site.parts.accounts.grant("ali", [Granted("chaser")])
    assert people.ali.post(f"{PTZ}/home").json()["code"] == "purpose_required"
    (entry,) = people.ali.get(LOG).json()["entries"]
    assert (entry["command"], entry["result"], entry["purpose_missing"]) == (
        "home_goto", "no_purpose", True,
    )  # fmt: skip


@pytest.mark.parametrize("accept", [False, True])
def test_it_is_handed_out_as_csv(site: WebSite, accept: bool) -> None:
    fill(site)
    auditor = who(site, "zeki", Granted("auditor"))
    headers = {"Accept": "text/csv"} if accept else {}
    answer = auditor.get(f"{LOG}?who=ali" + ("" if accept else "&format=csv"), headers=headers)
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"].startswith('attachment; filename="steering-')
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(one["camera"], one["operator"], one["moves"]) for one in rows] == [
        ("old", "ali", MOVES), ("gate-north", "ali", MOVES),
    ]  # fmt: skip


def test_reading_it_is_on_record_once_a_reading(site: WebSite) -> None:
    fill(site)
    auditor = who(site, "zeki", Granted("auditor"))
    following = auditor.get(f"{LOG}?who=ali&purpose=2026&limit=1").json()["next"]
    auditor.get(f"{LOG}?who=ali&purpose=2026&limit=1&before={following}")
    auditor.get(f"{LOG}?format=csv")
    details = [one.detail for one in told(site, What.READ_AUDIT)]
    assert details == ["steering: person ali, purpose 2026", "steering, CSV: all"]


def test_the_audit_says_what_a_camera_was_steered_for(people: People) -> None:
    people.ali.post(f"{PTZ}/lease", json={"purpose": "2026/41"})
    people.ali.post(f"{PTZ}/home")
    people.ayse.post(f"{PTZ}/home")  # ali steers: nothing is done, and nothing told as done
    people.ali.delete(f"{PTZ}/lease")
    people.ali.post(f"{PTZ}/home")
    details = [(one.who, one.detail) for one in told(people.site, What.STEER)]
    assert details == [
        ("ali", "POST ptz/lease; purpose: 2026/41"),
        ("ali", "POST ptz/home; purpose: 2026/41"),
        ("ali", "DELETE ptz/lease; purpose: 2026/41"),
        ("ali", "POST ptz/home"),
    ]


def test_the_camera_s_log_is_there_while_the_camera_can_not_be_reached(people: People) -> None:
    people.ali.post(f"{PTZ}/home")
    people.ayse.patch("/api/cameras/gate", json={"onvif": "http://127.0.0.1:9/onvif"})
    people.site.clock.advance(3_000_000_000)
    refused = people.ali.get(PTZ)
    assert (refused.status_code, refused.json()["trouble"]) == (503, "unreachable")
    assert refused.json()["sentence"].keys() == {"en", "tr"}
    (line,) = people.ali.get(f"{PTZ}/log").json()
    assert (line["command"], line["until"], line["commands"]) == ("home_goto", None, 1)
