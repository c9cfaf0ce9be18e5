"""Steering and device upkeep over HTTP, with a simulated device behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.cameras.onvif.house import beside
from tests.web.site import PASSWORD, WebSite, open_web_site
from vms.core.clock import FakeClock, parse_rfc3339
from vms.core.config_camera import CameraSettings
from vms.simulator.fleet import Fleet

PTZ = "/api/cameras/gate/ptz"
DEVICE = "/api/cameras/gate/device"


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """Simulated devices in a loop of their own."""
    with beside() as fleet:
        yield fleet


@dataclass
class People:
    site: WebSite
    ali: TestClient
    ayse: TestClient


def signed_in(site: WebSite, client: TestClient, name: str) -> TestClient:
    session = site.parts.sessions.start(site.parts.accounts.get(name), "10.0.0.9")
    client.cookies.set("vms_session", session.token)
    client.headers["X-CSRF-Token"] = session.csrf
    return client


@pytest.fixture
def people(tmp_path: Path, fleet: Fleet) -> Iterator[People]:
    """Ali, an operator, and Ayşe, an administrator."""
    with open_web_site(tmp_path, FakeClock()) as site:
        site.parts.accounts.add("ayse", PASSWORD, role="admin")
        site.parts.cameras.add(
            CameraSettings.model_validate(
                {"id": "gate", "source": fleet.url("gate"), "username": "vms", "password": "gozcu",
                 "onvif": fleet.device("gate").url("device_service")}
            ),
            "test",
        )  # fmt: skip
        with TestClient(site.app, base_url="http://vms.test") as ali:
            other = TestClient(site.app, base_url="http://vms.test")
            other.portal = ali.portal  # one loop, as the server has
            yield People(site, signed_in(site, ali, "ali"), signed_in(site, other, "ayse"))


def test_a_camera_is_steered_and_everything_is_logged(people: People, fleet: Fleet) -> None:
    ali, head = people.ali, fleet.device("gate").head
    wheel = ali.get(PTZ).json()
    assert wheel["can"] == {
        "move": True, "zoom": True, "absolute": True, "relative": True, "centre": True,
        "home": True, "presets": 64,
    }  # fmt: skip
    assert (wheel["lease"], wheel["purpose_required"]) == (None, False)
    assert ali.post(f"{PTZ}/move", json={"pan": 0.5}).status_code == 204
    assert head.moving
    assert ali.post(f"{PTZ}/stop").status_code == 204
    for path, body in (
        ("absolute", {"pan": 0.2, "tilt": 0.1, "zoom": 0.5}),
        ("relative", {"pan": -0.1}),
        ("centre", {"x": 0.75, "y": 0.5}),
        ("home", None),
    ):
        assert ali.post(f"{PTZ}/{path}", json=body).status_code == 204, path
    assert ali.put(f"{PTZ}/home").status_code == 204
    log = ali.get(f"{PTZ}/log").json()
    assert [one["command"] for one in reversed(log)] == [
        "move", "stop", "absolute", "relative", "centre", "home_goto", "home_save",
    ]  # fmt: skip
    assert {(one["operator"], one["result"]) for one in log} == {("ali", "done")}
    assert parse_rfc3339(log[0]["at"]) == people.site.clock.now()
    assert len(ali.get(f"{PTZ}/log", params={"limit": 2}).json()) == 2


def test_who_steers_is_told_and_taken_over(people: People) -> None:
    taken = people.ali.post(f"{PTZ}/lease", json={"purpose": "2026/41"}).json()
    assert (taken["operator"], taken["mine"], taken["purpose"]) == ("ali", True, "2026/41")
    refused = people.ayse.post(f"{PTZ}/stop")
    assert refused.status_code == 409
    problem = refused.json()
    assert (problem["code"], problem["by"], problem["may_take_over"]) == ("steered", "ali", True)
    seen = people.ayse.get(f"{PTZ}/lease").json()
    assert (seen["mine"], seen["may_take_over"]) == (False, True)
    assert people.ayse.post(f"{PTZ}/lease", json={"take_over": True}).json()["mine"]
    assert people.ali.post(f"{PTZ}/lease", json={"take_over": True}).status_code == 409
    assert people.ayse.delete(f"{PTZ}/lease").status_code == 204
    assert people.ali.get(f"{PTZ}/lease").json() is None


def test_presets_and_patrol(people: People, fleet: Fleet) -> None:
    ali = people.ali
    tokens = []
    for name in ("Kapı", "Köşe"):
        made = ali.post(f"{PTZ}/presets", json={"name": name})
        assert made.status_code == 201, made.text
        tokens.append(made.json()["token"])
    assert [one["name"] for one in ali.get(f"{PTZ}/presets").json()][-2:] == ["Kapı", "Köşe"]
    assert ali.post(f"{PTZ}/presets/{tokens[0]}/goto").status_code == 204
    assert ali.get(f"{PTZ}/presets/nothing/picture.jpg").status_code == 404
    steps = [{"preset": token, "seconds": 10} for token in tokens]
    assert ali.put(f"{PTZ}/patrol", json={"steps": steps[:1]}).status_code == 422
    assert ali.put(f"{PTZ}/patrol", json={"steps": steps}).status_code == 204
    assert ali.get(PTZ).json()["patrol"] == {"steps": steps, "running": True}
    assert ali.delete(f"{PTZ}/patrol").status_code == 204
    for token in tokens:
        assert ali.delete(f"{PTZ}/presets/{token}").status_code == 204
    gone = ali.post(f"{PTZ}/presets/{tokens[0]}/goto")
    assert (gone.status_code, gone.json()["trouble"]) == (503, "fault")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("move", {"pan": 2}),
        ("move", {"pan": "NaN"}),
        ("centre", {"x": -0.1, "y": 0}),
        ("presets", {"name": ""}),
        ("presets", {"name": "\n"}),
        ("lease", {"purpose": "x" * 201}),
    ],
)
def test_what_can_not_be_meant_is_refused(
    people: People, path: str, body: dict[str, object]
) -> None:
    assert people.ali.post(f"{PTZ}/{path}", json=body).status_code == 422


def test_a_camera_without_onvif_and_one_nobody_knows(people: People) -> None:
    plain = people.ali.get("/api/cameras/gate-north/ptz")
    assert (plain.status_code, plain.json()["code"]) == (409, "refused")
    assert people.ali.get("/api/cameras/nowhere/ptz").status_code == 404
    assert people.ali.get("/api/cameras/nowhere/ptz/log").status_code == 404
    assert people.ali.get("/api/cameras/nowhere/ptz/lease").status_code == 404


def test_the_device_is_for_administrators(people: People, fleet: Fleet) -> None:
    assert people.ali.get(DEVICE).status_code == 403
    assert people.ali.post(f"{DEVICE}/reboot").status_code == 403
    ayse, device = people.ayse, fleet.device("gate")
    sheet = ayse.get(DEVICE).json()
    assert (sheet["serial"], sheet["mac"]) == (device.serial, device.mac)
    assert sheet["imaging"]["levels"]["contrast"] == {"value": 50, "low": 0, "high": 100}
    wanted = {"contrast": 60, "ir_cut": "off"}
    after = ayse.patch(f"{DEVICE}/imaging", json=wanted).json()
    assert (after["levels"]["contrast"]["value"], after["ir_cut"]) == (60, "off")
    assert ayse.patch(f"{DEVICE}/imaging", json={"contrast": 400}).status_code == 422
    assert ayse.post(f"{DEVICE}/focus", json={"speed": 0.5}).status_code == 204
    assert device.imaging.focusing == 0.5
    assert ayse.post(f"{DEVICE}/focus", json={"speed": 0}).status_code == 204
    assert abs(ayse.post(f"{DEVICE}/clock", json={}).json()["clock_offset_ms"]) < 2_000
    assert ayse.post(f"{DEVICE}/clock", json={"ntp": "ntp.example.org"}).status_code == 200
    assert device.ntp == "ntp.example.org"
    assert ayse.post(f"{DEVICE}/clock", json={"ntp": "a b"}).status_code == 422
    assert ayse.post(f"{DEVICE}/reboot").status_code == 204
    assert device.reboots == 1
    file = ayse.get(f"{DEVICE}/backup")
    assert file.content == device.configuration
    assert file.headers["content-disposition"] == 'attachment; filename="gate.backup"'


def test_what_the_device_says_fills_the_inventory_and_its_firmware_follows(people: People) -> None:
    ayse = people.ayse
    label = {"make": "Bizim", "notes": "çatıda", "firmware": "1.3.0"}
    ayse.patch("/api/cameras/gate", json={"inventory": label})
    told = ayse.post(f"{DEVICE}/inventory").json()
    assert (told["make"], told["model"], told["notes"]) == ("Bizim", "Simulated PTZ", "çatıda")
    assert told["serial"]
    assert ayse.get("/api/cameras/gate").json()["inventory"] == told
    assert told["firmware"] == "1.4.2"  # was updated since; the device knows best
    newest = ayse.get("/api/cameras/gate/history").json()[0]
    assert newest["by"] == "ayse"
    firmware = {"name": "inventory.firmware", "before": "1.3.0", "after": "1.4.2"}
    assert firmware in newest["fields"]
    ayse.post(f"{DEVICE}/inventory")  # nothing new: no change
    assert ayse.get("/api/cameras/gate/history").json()[0] == newest
