"""What moves just now, over HTTP; where it is looked for is a camera's setting."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.web.api.test_exports import signed_in
from tests.web.site import WebSite
from vms.cameras.motion.sights import NOTHING_MOVES, Sight, ZoneSight, write_sights
from vms.core.clock import rfc3339


@pytest.fixture
def ayse(site: WebSite, client: TestClient) -> TestClient:
    """An administrator."""
    return signed_in(site, client, "ayse", "admin")


def test_an_admin_sees_what_moves(site: WebSite, ayse: TestClient) -> None:
    now = site.clock.now()
    zones = (ZoneSight("kapı", 0.02, 0.003, now), ZoneSight("yol", 0.0, 0.003, None))
    cells = "80" + NOTHING_MOVES[2:]
    write_sights(site.run_dir, {"gate-north": Sight(now, True, False, zones, cells)}, now)
    body = ayse.get("/api/cameras/gate-north/motion").json()
    assert (body["looks"], body["at"], body["view"], body["seldom"]) == (
        True,
        rfc3339(now),
        True,
        False,
    )
    assert body["zones"] == [
        {"name": "kapı", "share": 0.02, "limit": 0.003, "since": rfc3339(now)},
        {"name": "yol", "share": 0.0, "limit": 0.003, "since": None},
    ]
    assert len(bytes.fromhex(body["cells"])) * 8 == body["columns"] * body["rows"]


def test_where_nobody_looks_that_is_said(site: WebSite, ayse: TestClient) -> None:
    body = ayse.get("/api/cameras/gate-north/motion").json()
    assert (body["looks"], body["at"], body["zones"]) == (False, None, [])
    assert ayse.get("/api/cameras/nobody/motion").status_code == 404


def test_an_operator_does_not(ali: TestClient) -> None:
    assert ali.get("/api/cameras/gate-north/motion").status_code == 403
