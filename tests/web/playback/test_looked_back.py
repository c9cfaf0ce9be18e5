"""Which minutes of footage somebody saw, from the bytes that went out."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from tests.web.footage import GATE, NOW, SECOND_FILE, START, recorded
from tests.web.site import PASSWORD, WebSite, open_web_site
from vms.core.clock import SECOND, FakeClock, Instant, rfc3339
from vms.people.accounts import Account
from vms.people.audit.entry import Entry, What
from vms.people.audit.records import Query

SEGMENT = f"/api/cameras/gate-north/segments/{START}.mp4"


def seen(site: WebSite, what: What) -> list[Entry]:
    """Each viewing once, the oldest first."""
    site.parts.audit.flush()
    return [one.entry for one in site.parts.records.all(Query(what=(what,)))][::-1]


def viewer(site: WebSite, who: Account | None = None) -> TestClient:
    client = TestClient(site.app, base_url="http://vms.test")
    account = site.parts.accounts.get("ali") if who is None else who
    client.cookies.set("vms_session", site.parts.sessions.start(account, "10.0.0.9").token)
    return client


def test_bytes_are_the_footage_in_them_and_pieces_are_one_viewing(tmp_path: Path) -> None:
    clock = FakeClock(NOW)
    with open_web_site(tmp_path, clock) as site, recorded(site.parts.settings, clock):
        client = viewer(site)
        span = {"start": rfc3339(START), "end": rfc3339(Instant(START + 4 * SECOND))}
        listed = client.get("/api/cameras/gate-north/media", params=span).json()["segments"][0]
        assert seen(site, What.LOOK_BACK) == []  # a list shows nothing
        head = f"bytes=0-{listed['init_length'] - 1}"
        assert client.get(SEGMENT, headers={"Range": head}).status_code == 206
        assert client.head(SEGMENT).status_code == 200
        assert seen(site, What.LOOK_BACK) == []  # nor does a head
        offset, size = listed["fragments"][1][1:3]
        piece = {"Range": f"bytes={offset}-{offset + size - 1}"}
        assert client.get(SEGMENT, headers=piece).status_code == 206
        (one,) = seen(site, What.LOOK_BACK)
        first = START + round(listed["fragments"][1][0] * 1_000_000)
        assert (one.who, one.camera, one.subject, one.via) == (
            "ali", "gate-north", GATE.name, "session",
        )  # fmt: skip
        assert abs(one.start - first) < 1_000_000
        assert one.start < one.end < START + 4 * SECOND
        assert one.since == one.until == NOW
        clock.advance(61 * SECOND)
        second = f"/api/cameras/gate-north/segments/{SECOND_FILE}.mp4"
        etag = client.get(second).headers["etag"]
        (one,) = seen(site, What.LOOK_BACK)
        assert (one.phase, one.end, one.since) == ("goes_on", SECOND_FILE + 4 * SECOND, NOW)
        assert one.until == NOW + 61 * SECOND
        clock.advance(600 * SECOND)
        site.parts.audit.flush()  # quiet for long: closed
        cached = client.get(second, headers={"If-None-Match": etag})
        assert cached.status_code == 304
        closed, anew = seen(site, What.LOOK_BACK)
        assert (closed.phase, anew.phase) == ("closed", "opened")
        assert closed.until == NOW + 61 * SECOND


def test_a_picture_and_a_refused_look_are_on_record(tmp_path: Path) -> None:
    clock = FakeClock(NOW)
    with open_web_site(tmp_path, clock) as site, recorded(site.parts.settings, clock):
        client = viewer(site)
        at = {"at": rfc3339(Instant(START + SECOND))}
        assert client.get("/api/cameras/gate-north/frame.jpg", params=at).status_code == 200
        (one,) = seen(site, What.SNAPSHOT)
        assert (one.start, one.end, one.outcome) == (START + SECOND, START + SECOND, "done")
        client = viewer(site, site.parts.accounts.add("nobody", PASSWORD, role="auditor"))
        assert client.get(SEGMENT).status_code == 403
        (refused,) = seen(site, What.LOOK_BACK)
        assert (refused.who, refused.camera, refused.outcome) == ("nobody", "gate-north", "denied")
