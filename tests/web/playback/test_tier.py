"""Footage that moved to a bucket, over HTTP: the same answers as before it moved."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from storage.archive import Archive
from storage.database import open_database
from storage.disk import RealDisk
from storage.findings import Findings
from storage.index import Index
from storage.ledger import Ledger
from storage.tiers.mover import Mover
from storage.tiers.moves import Moves
from storage.tiers.opened import Tiers
from storage.volume import find_volume
from tests.storage.bucket_server import BucketServer, bucket_server
from tests.web import footage
from tests.web.site import WebSite, open_web_site
from vms.core.clock import SECOND, FakeClock, rfc3339
from web.app import create_app
from web.console import Console

SPAN = f"start={rfc3339(footage.START)}&end={rfc3339(footage.NOW)}"
ASKED = {
    "timeline": f"timeline?{SPAN}",
    "media": f"media?{SPAN}",
    "playlist": f"playback.m3u8?{SPAN}",
    "file": f"segments/{footage.START}.mp4",
    "last byte": f"segments/{footage.SECOND_FILE}.mp4",
    "retimed": f"segments/{footage.SECOND_FILE}.mp4?since={footage.START}",
    "picture": f"frame.jpg?at={rfc3339(footage.THIRD_FILE + SECOND)}",
}


class Past:
    """A site whose closed segments can be moved to a bucket."""

    def __init__(self, site: WebSite, server: BucketServer) -> None:
        self.site, self.server = site, server
        settings = site.parts.settings
        self.settings = settings.model_copy(update={"tiers": (server.settings("/web"),)})
        self.engine = open_database(settings.database_url)

    def viewer(self) -> TestClient:
        """Signed in at a web server that knows the tier."""
        clock, settings = self.site.clock, self.settings
        archive = Archive(self.engine, settings.volumes, clock, Tiers.of(settings, clock))
        parts = dataclasses.replace(self.site.parts, archive=archive, settings=settings)
        app = create_app(parts, Console(self.site.static))
        client = TestClient(app, base_url="http://vms.test", raise_server_exceptions=False)
        client.cookies.set("vms_session", self.site.sign_in().token)
        return client

    def answers(self, client: TestClient) -> dict[str, tuple[int, bytes]]:
        found = {}
        for name, path in ASKED.items():
            head = {"Range": "bytes=-1"} if name == "last byte" else {}
            answer = client.get(f"/api/cameras/gate-north/{path}", headers=head)
            found[name] = (answer.status_code, answer.content)
        return found

    def move(self) -> int:
        path, clock = self.settings.volumes[0].path, self.site.clock
        mover = Mover(
            next(iter(Tiers.of(self.settings, clock))),
            Moves(self.engine),
            Index(self.engine),
            Ledger.of(self.settings, clock),
            Findings(self.engine, clock),
            RealDisk(),
            FakeClock(clock.now() + 600 * SECOND),
            roots=lambda: {find_volume(path) or "": path},
            wanted=lambda stream: True,
        )
        return mover.round(threading.Event())


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    clock = FakeClock(footage.NOW)
    with (
        bucket_server() as server,
        open_web_site(tmp_path, clock) as site,
        footage.recorded(site.parts.settings, clock),
    ):
        made = Past(site, server)
        yield made
        made.engine.dispose()


def test_every_answer_is_the_same_from_the_bucket(past: Past) -> None:
    with past.viewer() as client:
        before = past.answers(client)
    assert {status for status, _ in before.values()} == {200, 206}
    assert past.move() == 3
    with past.viewer() as client:
        assert past.answers(client) == before


def test_a_bucket_that_is_gone_is_a_problem_with_its_cause(past: Past) -> None:
    past.move()
    past.server.stop()
    with past.viewer() as client:
        for name, (status, body) in past.answers(client).items():
            if name == "timeline":
                assert status == 200
                continue
            assert status == 503, name
            assert b'"code": "storage"' in body
            assert b'"cause": "unreachable"' in body
            assert b"a-secret" not in body
        at = rfc3339(footage.OPEN_FILE + SECOND)  # what stands here is shown all the same
        assert client.get(f"/api/cameras/gate-north/frame.jpg?at={at}").status_code == 200
    past.server.start()
    with past.viewer() as client:
        assert {status for status, _ in past.answers(client).values()} == {200, 206}
