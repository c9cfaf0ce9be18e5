"""One recorded past for all tests of a file: it is only read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.web import footage
from tests.web.site import WebSite, open_web_site
from vms.core.clock import FakeClock


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    folder: Path = tmp_path_factory.mktemp("past")
    clock = FakeClock(footage.NOW)
    with open_web_site(folder, clock) as site, footage.recorded(site.parts.settings, clock):
        yield site


@pytest.fixture(scope="module")
def viewer(past: WebSite) -> Iterator[TestClient]:
    with TestClient(past.app, base_url="http://vms.test", raise_server_exceptions=False) as client:
        session = past.sign_in()
        client.cookies.set("vms_session", session.token)
        client.headers["X-CSRF-Token"] = session.csrf
        yield client
