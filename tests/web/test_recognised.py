"""Who asks is remembered for two seconds; what changes meanwhile counts in time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from storage.database import open_database
from tests.web.site import WebSite
from vms.core.clock import SECOND
from vms.people.accounts import Accounts
from vms.people.roles import Granted, Roles
from vms.people.sessions import Sessions


class Counting(Sessions):
    """Counts how often the database is asked."""

    asked = 0

    def find(self, token: str):  # type: ignore[no-untyped-def]
        self.asked += 1
        return super().find(token)


@pytest.fixture
def counted(site: WebSite) -> Iterator[Counting]:
    """The site's own sessions, which now count."""
    sessions = site.parts.sessions
    kind, sessions.__class__ = sessions.__class__, Counting
    assert isinstance(sessions, Counting)
    yield sessions
    sessions.__class__ = kind


def test_many_requests_ask_the_database_once(
    site: WebSite, ali: TestClient, counted: Counting
) -> None:
    for _ in range(20):
        assert ali.get("/api/session").status_code == 200
    assert counted.asked == 1
    site.clock.advance(2 * SECOND)
    assert ali.get("/api/session").status_code == 200
    assert counted.asked == 2


def test_what_this_process_changes_counts_at_once(site: WebSite, ali: TestClient) -> None:
    assert ali.get("/api/cameras").status_code == 200
    site.parts.accounts.grant("ali", [Granted("operator", ("gate-south",))])
    assert [one["id"] for one in ali.get("/api/cameras").json()] == ["gate-south"]
    assert ali.get("/api/cameras/gate-north/timeline").status_code == 403
    assert ali.delete("/api/session").status_code == 204
    ali.cookies.clear()
    assert ali.get("/api/cameras").status_code == 401


def test_what_another_process_changes_counts_within_two_seconds(
    site: WebSite, ali: TestClient
) -> None:
    assert ali.get("/api/cameras").status_code == 200
    engine = open_database(site.parts.settings.database_url)
    Accounts(engine, site.clock, Roles(engine, "UTC")).remove("ali")
    engine.dispose()
    site.clock.advance(2 * SECOND)
    assert ali.get("/api/cameras").status_code == 401


def test_a_guessed_cookie_is_never_kept(site: WebSite, client: TestClient) -> None:
    for number in range(50):
        client.cookies.set("vms_session", f"guess-{number}")
        assert client.get("/api/session").status_code == 401
    assert not site.app.state.recognised._people._found
