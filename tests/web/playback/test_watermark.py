"""The viewer's name in pictures: burnt in where a role asks for it, and nowhere else."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.web import footage
from tests.web.site import PASSWORD, WebSite, open_web_site
from vms.core.clock import FakeClock, rfc3339
from vms.people.permissions import BUILT_IN
from vms.people.roles import Granted, RoleSettings
from web.playback.watermark import marked

FRAME = f"/api/cameras/gate-north/frame.jpg?at={rfc3339(footage.START)}"
TEXT = "Ayşe Ilgın Çağrıöz (ayse) · 26.11.2026 14:32:07 +03:00"


@pytest.mark.parametrize(("wide", "high"), [(1920, 1080), (352, 288), (640, 480), (34, 34)])
@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_mark_is_seen_on_any_picture(wide: int, high: int, shade: int) -> None:
    plain = np.full((high * 3 // 2, wide), shade, np.uint8)
    plain[high:] = 128
    before = av.VideoFrame.from_ndarray(plain, format="yuv420p")
    after = marked(before, TEXT).to_ndarray(format="gray").astype(int)
    changed = np.abs(after - before.reformat(format="yuvj420p").to_ndarray(format="gray")) > 12
    assert after.shape == (high, wide)
    assert changed.any()
    if wide > 300:
        quarters = np.array_split(changed, 4)
        assert all(0.002 < part.mean() < 0.5 for part in quarters)  # everywhere, and not too much
        lowest = changed[-high // 12 :]
        assert lowest[:, : wide // 4].mean() > 0.05


def test_two_people_have_two_marks() -> None:
    grey = av.VideoFrame.from_ndarray(np.full((540, 640), 128, np.uint8), format="yuv420p")
    ayse, veli = (marked(grey, name).to_ndarray(format="gray") for name in ("Ayşe", "Veli"))
    assert (ayse != veli).any()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WebSite]:
    clock = FakeClock(footage.NOW)
    with open_web_site(tmp_path, clock) as site, footage.recorded(site.parts.settings, clock):
        yield site


def picture(site: WebSite, name: str, address: str = FRAME) -> np.ndarray:
    client = TestClient(site.app, base_url="http://vms.test")
    session = site.parts.sessions.start(site.parts.accounts.get(name), "10.0.0.9")
    client.cookies.set("vms_session", session.token)
    answer = client.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    watermark = client.get("/api/session").json()["watermark"]
    assert watermark is (name == "ayse")
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("L"), int)


def test_only_a_role_that_asks_for_it_marks(site: WebSite) -> None:
    accounts, roles, records = site.parts.accounts, site.parts.roles, site.parts.steering.records
    small = io.BytesIO()
    Image.new("RGB", (320, 180), (90, 110, 100)).save(small, "JPEG")
    records.keep_picture("gate-north", "door", footage.START, small.getvalue())
    records.keep_picture("gate-north", "torn", footage.START, small.getvalue()[:40])
    looks = ("cameras", "live", "archive", "snapshot", "own_session")
    roles.put(RoleSettings("contractor", looks, watermark=True))
    accounts.add("ayse", PASSWORD, grants=[Granted("contractor"), Granted("operator")])
    accounts.add("veli", PASSWORD, role="operator")
    presets = "/api/cameras/gate-north/ptz/presets"
    for address in (FRAME, f"{FRAME}&width=160", f"{presets}/door/picture.jpg"):
        with_mark, without = picture(site, "ayse", address), picture(site, "veli", address)
        assert with_mark.shape == without.shape
        assert (np.abs(with_mark - without) > 25).mean() > 0.01
    client = TestClient(site.app, base_url="http://vms.test")
    client.cookies.set(
        "vms_session", site.parts.sessions.start(accounts.get("ayse"), "10.0.0.9").token
    )
    assert client.get(f"{presets}/torn/picture.jpg").status_code == 404  # never without the mark


def test_a_built_in_role_takes_duties_and_nothing_else(site: WebSite) -> None:
    roles, accounts = site.parts.roles, site.parts.accounts
    own = tuple(sorted(BUILT_IN["operator"].permissions))
    roles.put(RoleSettings("operator", own, watermark=True, second_factor=True))
    found = {one.name: one for one in roles.all()}["operator"]
    assert (found.watermark, found.second_factor) == (True, True)
    assert found.permissions == BUILT_IN["operator"].permissions
    grants = site.parts.sessions.identity(accounts.get("ali")).grants
    assert grants[0].role == found
    roles.put(RoleSettings("operator", own))
    assert site.parts.sessions.identity(accounts.get("ali")).grants[0].role == BUILT_IN["operator"]
    for wrong in (
        RoleSettings("operator", (*own, "people"), watermark=True),
        RoleSettings("operator", own[1:]),
        RoleSettings("operator", own, priority=9),
        RoleSettings("operator", own, networks=("10.0.0.0/8",)),
    ):
        with pytest.raises(Exception, match="only its duties change"):
            roles.put(wrong)
    assert [one.name for one in roles.all()][: len(BUILT_IN)] == list(BUILT_IN)
