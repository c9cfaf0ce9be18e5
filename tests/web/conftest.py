"""A site without recorder: real database, real application, and a client of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from starlette.testclient import TestClient

from tests.web.site import WebSite, open_web_site

expect.set_options(timeout=30_000)  # ms: other tests work beside a browser


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WebSite]:
    with open_web_site(tmp_path) as site:
        yield site


@pytest.fixture
def client(site: WebSite) -> Iterator[TestClient]:
    """Nobody is signed in."""
    with TestClient(site.app, base_url="http://vms.test", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def ali(site: WebSite, client: TestClient) -> TestClient:
    """The client, signed in as an operator; unsafe requests carry the CSRF value."""
    session = site.sign_in()
    client.cookies.set("vms_session", session.token)
    client.headers["X-CSRF-Token"] = session.csrf
    return client
