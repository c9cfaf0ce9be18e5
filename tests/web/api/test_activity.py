"""When something happened, over HTTP: in bounded answers that say what they tell all of, with
events beside it, and honest about footage nobody measured. Nothing hidden is in any of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from storage.activity.meter import Levels
from storage.database import open_database
from storage.fmp4 import init_section
from storage.index import Index
from storage.rows import PutSegment
from tests.storage.house import FORMAT
from tests.web.api.test_rights import signed_in
from tests.web.footage import GATE
from tests.web.site import PASSWORD, WebSite, open_web_site
from vms.core.clock import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    FakeClock,
    Instant,
    Span,
    parse_rfc3339,
    rfc3339,
)
from vms.people.roles import Granted, RoleSettings
from web.api.activity import told_part
from web.api.times import AskedSpan

START = Instant(1_763_800_000 * SECOND // MINUTE * MINUTE)
NOW = Instant(START + 3 * HOUR)
URL = f"/api/cameras/{GATE.camera}/activity"
MINUTES = 120
UNMEASURED = range(40, 43)
"""Minutes nobody measured; in every third other one something happens at its tenth second."""


def at(minute: float) -> Instant:
    return Instant(START + int(minute * MINUTE))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    with open_web_site(tmp_path_factory.mktemp("activity"), FakeClock(NOW)) as site:
        accounts = site.parts.accounts
        accounts.add("root", PASSWORD, role="admin")
        accounts.add("south", PASSWORD, grants=[Granted("operator", ("gate-south",))])
        engine = open_database(site.parts.settings.database_url)
        index = Index(engine)
        index.know_volume("v", "/nowhere")
        index.apply([minute_of(number) for number in range(MINUTES)])
        engine.dispose()
        told = site.parts.events.add
        told(GATE.camera, "motion", at(0.5), at(0.6))
        told(GATE.camera, "motion", at(1.5), at(2.5), "kapı")
        told(GATE.camera, "tamper", at(3.5))
        told(GATE.camera, "sick", at(4), detail="covered")
        yield site


def minute_of(number: int) -> PutSegment:
    levels = bytearray(60)
    if number % 3 == 0:
        levels[10:13] = bytes([80, 200, 90])
    known = None if number in UNMEASURED else Levels(bytes(levels))
    return PutSegment(
        GATE, at(number), at(number + 1), "v", init_section(FORMAT), 1, 9, bytes(32), activity=known
    )


@pytest.fixture
def root(site: WebSite) -> Iterator[TestClient]:
    yield signed_in(site, "root")
    for one in site.parts.blocks.active():
        site.parts.blocks.lift(one.id, "the test", "over")


def ask(client: TestClient, begin: float = 0, end: float = MINUTES, **more: Any) -> dict[str, Any]:
    span = {"start": rfc3339(at(begin)), "end": rfc3339(at(end))}
    answer = client.get(URL, params={**span, **more})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def minutes(found: list[dict[str, Any]]) -> list[int]:
    return [(parse_rfc3339(one["start"]) - START) // MINUTE for one in found]


ALL = [number for number in range(MINUTES) if number % 3 == 0 and number not in UNMEASURED]


def test_a_span_tells_its_strongest_second(root: TestClient) -> None:
    body = ask(root, 0, 5)
    first, _ = body["spans"]
    assert first == {
        "start": rfc3339(START + 10 * SECOND),
        "end": rfc3339(START + 13 * SECOND),
        "peak": 200,
        "at": rfc3339(START + 11 * SECOND),
    }
    assert (body["more"], body["start"], body["end"]) == (False, rfc3339(START), rfc3339(at(5)))
    assert (body["events"], body["unknown"]) == ([], None)
    assert ask(root, 0, 5, above=201)["spans"] == []


def test_pages_tell_everything_once(root: TestClient) -> None:
    found: list[int] = []
    begin, pages = START, 0
    while begin < at(MINUTES):
        span = {"start": rfc3339(begin), "end": rfc3339(at(MINUTES)), "limit": "10"}
        body = root.get(URL, params=span).json()
        found += minutes(body["spans"])
        assert parse_rfc3339(body["start"]) == begin
        assert len(body["spans"]) <= 10
        begin, pages = parse_rfc3339(body["end"]), pages + 1
        assert body["more"] == (begin < at(MINUTES))
    assert (found, pages) == (ALL, 4)


def test_the_last_ones_are_told_from_their_end(root: TestClient) -> None:
    body = ask(root, limit=10, latest=True)
    assert (minutes(body["spans"]), body["more"]) == (ALL[-10:], True)
    assert (body["start"], body["end"]) == (body["spans"][0]["start"], rfc3339(at(MINUTES)))


def test_events_stand_beside_it_by_who_told_them(root: TestClient) -> None:
    def told(*tellers: str) -> list[tuple[str, str]]:
        body = ask(root, 0, 10, events=list(tellers))
        return [(one["kind"], one["detail"]) for one in body["events"]]

    assert told("camera") == [("motion", "")]
    assert told("zones") == [("motion", "kapı")]
    assert told("other") == [("tamper", "")]  # and no word of the camera's own health
    assert told("camera", "zones", "other") == [("motion", ""), ("motion", "kapı"), ("tamper", "")]
    assert root.get(URL, params={**body_span(), "events": "everything"}).status_code == 422


def body_span() -> dict[str, str]:
    return {"start": rfc3339(START), "end": rfc3339(at(10))}


def test_what_lasts_over_a_page_s_border_is_told_on_both_and_no_event_is_left_out(
    site: WebSite, root: TestClient
) -> None:
    for number in range(15):
        at_each = Instant(at(60) + number * 2 * SECOND)
        site.parts.events.add(
            GATE.camera, "manual", at_each, Instant(at_each + MINUTE), str(number)
        )
    span = {"end": rfc3339(at(62)), "limit": "10", "events": "other"}
    first = root.get(URL, params={"start": rfc3339(at(60)), **span}).json()
    assert [one["detail"] for one in first["events"]] == [str(n) for n in range(9)]
    assert minutes(first["spans"]) == [60]
    second = root.get(URL, params={**span, "start": first["end"]}).json()
    # All that lasts into it counts as beginning with it, so it is told whole, however many.
    assert second["end"] > first["end"]
    seen = {one["id"] for one in [*first["events"], *second["events"]]}
    while second["more"]:
        second = root.get(URL, params={**span, "start": second["end"]}).json()
        seen |= {one["id"] for one in second["events"]}
    assert len(seen) == 15


def test_footage_nobody_measured_is_unknown_and_not_quiet(root: TestClient) -> None:
    body = ask(root, unknown=True)
    assert body["unknown"] == [{"start": rfc3339(at(40)), "end": rfc3339(at(43))}]
    assert ask(root, 41, 42, unknown=True)["unknown"] == [
        {"start": rfc3339(at(41)), "end": rfc3339(at(42))}
    ]
    assert ask(root, 0, 40, unknown=True)["unknown"] == []
    assert ask(root, MINUTES, MINUTES + 30, unknown=True)["unknown"] == []  # no footage: a gap


def hide(site: WebSite, root: TestClient, begin: float, end: float) -> None:
    span = {"start": rfc3339(at(begin)), "end": rfc3339(at(end))}
    order = {"camera": GATE.camera, "reason": "case 7", "seen_by": [], **span}
    assert root.post("/api/blocks", json=order).status_code == 201


def test_of_what_is_hidden_neither_level_event_nor_unknown_is_told(
    site: WebSite, root: TestClient
) -> None:
    everything = {"events": ["camera", "zones", "other"], "unknown": True, "above": 1}
    before = ask(root, 0, 45, **everything)
    hide(site, root, 2.2, 41.5)
    body = ask(root, 0, 45, **everything)
    assert minutes(body["spans"]) == [0]
    assert [one["detail"] for one in body["events"]] == [""]  # "kapı" reaches into it
    assert body["unknown"] == [{"start": rfc3339(at(42)), "end": rfc3339(at(43))}]
    assert len(before["spans"]) > 1
    assert len(before["events"]) == 3


def test_where_a_page_ends_tells_nothing_hidden(site: WebSite, root: TestClient) -> None:
    """The border is where something begins that is not told any more: it must be something seen."""
    hide(site, root, 20.2, 39.5)
    body = ask(root, limit=10)
    assert minutes(body["spans"]) == [0, 3, 6, 9, 12, 15, 18, 45, 48, 51]
    assert parse_rfc3339(body["end"]) == at(54) + 10 * SECOND


def test_a_block_takes_only_its_own_files_out_of_what_lasts(
    site: WebSite, root: TestClient
) -> None:
    """Something that lasts for minutes is still told before and after a hidden file."""
    engine = open_database(site.parts.settings.database_url)
    lasting = [
        PutSegment(
            GATE, at(n), at(n + 1), "v", init_section(FORMAT), 1, 9, bytes(32),
            activity=Levels(bytes([100 if n != 131 else 250] * 60)),
        )
        for n in range(130, 133)
    ]  # fmt: skip
    Index(engine).apply(lasting)
    engine.dispose()
    assert [one["peak"] for one in ask(root, 130, 133)["spans"]] == [250]
    hide(site, root, 131.2, 131.3)
    spans = ask(root, 130, 133)["spans"]
    assert [(one["start"], one["end"], one["peak"]) for one in spans] == [
        (rfc3339(at(130)), rfc3339(at(131)), 100),
        (rfc3339(at(132)), rfc3339(at(133)), 100),
    ]


def test_who_may_not_look_back_that_far_or_at_this_camera_is_refused(site: WebSite) -> None:
    young = {"start": rfc3339(at(100)), "end": rfc3339(at(110))}
    old = {"start": rfc3339(at(0)), "end": rfc3339(at(110))}
    south = signed_in(site, "south")
    assert south.get(URL, params=young).status_code == 403
    site.parts.roles.put(RoleSettings("recent", ("archive",), footage_age=Span(2 * HOUR)))
    site.parts.accounts.add("recent", PASSWORD, grants=[Granted("recent", ("gate-north",))])
    recent = signed_in(site, "recent")
    assert recent.get(URL, params=young).status_code == 200
    refused = recent.get(URL, params=old)
    assert (refused.status_code, refused.json()["code"]) == (403, "denied")


def test_a_search_has_bounds(root: TestClient) -> None:
    far = {"start": rfc3339(START - 32 * DAY), "end": rfc3339(START)}
    assert root.get(URL, params=far).json()["code"] == "bad_span"
    for limit in ("9", "1001"):
        assert root.get(URL, params={**body_span(), "limit": limit}).status_code == 422


@pytest.mark.parametrize(
    ("starts", "latest", "told"),
    [
        ([5, 6], False, (0, 100)),
        ([5, 6, 70, 80], False, (0, 70)),
        ([5, 6, 70, 80], True, (70, 100)),
        ([-9, -9, -9, -9], False, (0, 1)),  # more at once than fit: longer, but it goes on
        ([-9, -9, -9, -9], True, (0, 100)),
        ([70, 5, 80, 6], False, (0, 70)),
    ],
)
def test_an_answer_tells_all_of_a_part(
    starts: list[int], latest: bool, told: tuple[int, int]
) -> None:
    asked = AskedSpan(Instant(0), Instant(100 * SECOND))
    limit = 2
    found = told_part([Instant(one * SECOND) for one in starts], asked, limit, latest=latest)
    assert (found.start // SECOND, found.end // SECOND) == told
