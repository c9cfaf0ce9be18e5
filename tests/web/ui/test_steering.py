"""Steering in Chromium, against the real server and a simulated device: hands to head."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.cameras.onvif.house import beside
from tests.web.site import PASSWORD, Served, open_web_site, serve_web_site
from tests.web.ui.devserver import STATIC
from tests.web.ui.test_console import ARGUMENTS, LAPTOP
from vms.cameras.steering.logbook import Logged
from vms.core.clock import FakeClock, Instant
from vms.core.config_camera import CameraSettings
from vms.simulator.fleet import Fleet
from vms.simulator.onvif.head import Head, View


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """A simulated device in a loop of its own."""
    with beside() as fleet:
        yield fleet


@dataclass
class Desk:
    served: Served
    head: Head
    browser: Browser
    complaints: list[str]

    def page(self, who: str = "ali", path: str = "/camera/gate", *, opens: bool = True) -> Page:
        """A person's window on the camera, steering; without `opens` as it is found."""
        site = self.served.site
        session = site.parts.sessions.start(site.parts.accounts.get(who), "10.0.0.9")
        width, height = LAPTOP
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, locale="tr-TR"
        )
        cookie = {"name": "vms_session", "value": session.token, "url": self.served.url}
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.served.url + path)
        if opens and path.startswith("/camera"):
            page.get_by_role("button", name="Yönlendir", exact=True).click()
            expect(page.get_by_role("region", name="Kim yönlendiriyor")).to_be_visible()
        return page

    def log(self) -> list[tuple[str, str, str, str]]:
        found = self.served.site.parts.steering.records.commands("gate", 100)
        return [(one.operator, one.command, one.purpose, one.result) for one in reversed(found)]

    def words(self) -> list[str]:
        found = self.served.site.parts.steering.records.commands("gate", 100)
        return [one.command for one in reversed(found)]


@pytest.fixture
def desk(
    tmp_path: Path, fleet: Fleet, browser: Browser, request: pytest.FixtureRequest
) -> Iterator[Desk]:
    """`purpose`: the parameter of a test that needs `[ptz] purpose`."""
    head = fleet.device("gate").head
    head.stop()
    head._from = View(0, 0, 0.5)
    head.presets.clear()
    clock = FakeClock(Instant(time.time_ns()))
    rules = {"ptz": {"purpose": getattr(request, "param", "optional")}}
    with open_web_site(tmp_path, clock, **rules) as site:
        site.parts.accounts.add("ayse", PASSWORD, role="admin")
        site.parts.cameras.add(
            CameraSettings.model_validate(
                {"id": "gate", "name": "Kuzey Kapı", "source": fleet.url("gate"),
                 "username": "vms", "password": "gozcu",
                 "onvif": fleet.device("gate").url("device_service")}
            ),
            "test",
        )  # fmt: skip
        with serve_web_site(dataclasses.replace(site, static=STATIC)) as served:
            opened = Desk(served, head, browser, [])
            yield opened
            for context in browser.contexts:
                context.close()
    assert opened.complaints == []


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def middle_of_pad(page: Page) -> tuple[float, float]:
    box = page.locator("vms-ptz").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_keys_turn_while_they_are_held_and_are_not_the_timeline_s(desk: Desk) -> None:
    page = desk.page()
    address = page.url
    page.keyboard.down("ArrowRight")
    until(lambda: desk.head.moving and desk.head.view.pan > 0)
    page.keyboard.up("ArrowRight")
    until(lambda: not desk.head.moving)
    assert page.url == address
    page.keyboard.down("-")
    until(lambda: desk.head.view.zoom < 0.5)
    page.evaluate("window.dispatchEvent(new Event('blur'))")
    until(lambda: not desk.head.moving)
    page.keyboard.up("-")
    expect(page.get_by_text("Siz yönlendiriyorsunuz.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("vms-ptz")).to_have_count(0)
    # A key that is held long enough is told again: so often the camera's own timeout wants it.
    told = ["move", "stop", "move", "stop", "release"]
    until(lambda: [word for word, _ in itertools.groupby(desk.words())] == told)


def test_a_drag_turns_and_a_click_centres(desk: Desk) -> None:
    page = desk.page()
    x, y = middle_of_pad(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 120, y - 90, steps=4)
    until(lambda: desk.head.view.pan < 0 and desk.head.view.tilt > 0)
    page.mouse.up()
    until(lambda: not desk.head.moving)
    before = desk.head.view
    page.mouse.click(x + 150, y)
    until(lambda: desk.head.view.pan > before.pan)
    page.mouse.wheel(0, -100)
    until(lambda: "centre" in desk.words() and desk.head.view.zoom > before.zoom)
    until(lambda: not desk.head.moving)


def test_a_gamepad_steers_and_lets_go(desk: Desk) -> None:
    page = desk.page()
    page.evaluate(
        """() => {
          window.pad = { mapping: 'standard', axes: [1, 0, 0, 0], buttons: [] };
          navigator.getGamepads = () => [window.pad];
          window.dispatchEvent(new Event('gamepadconnected'));
        }"""
    )
    until(lambda: desk.head.view.pan > 0)
    page.evaluate("window.pad.axes = [0.05, 0, 0, 0]")
    until(lambda: not desk.head.moving)


def test_presets_are_saved_with_a_picture_gone_to_and_patrolled(desk: Desk) -> None:
    page = desk.page()
    for name, pan in (("Kapı", 0.0), ("Köşe", 0.3)):
        desk.head._from = View(pan, 0, 0.5)
        page.get_by_label("Bu görünümün adı").fill(name)
        page.get_by_role("button", name="Kaydet", exact=True).click()
        expect(page.get_by_role("button", name=f"{name} konumuna git")).to_be_visible()
    expect(page.locator("li img")).to_have_count(2)
    page.locator("vms-ptz").focus()
    page.keyboard.press("1")
    until(lambda: desk.head._target == View(0.0, 0, 0.5))
    page.get_by_label("Kapı: devriyede").check()
    page.get_by_label("Köşe: devriyede").check()
    page.get_by_role("button", name="Devriyeyi başlat").click()
    expect(page.get_by_text("Devriye sürüyor.")).to_be_visible()
    page.get_by_role("button", name="Devriyeyi durdur").click()
    expect(page.get_by_role("button", name="Devriyeyi başlat")).to_be_visible()


def test_who_steers_is_shown_and_the_higher_takes_over(desk: Desk) -> None:
    ali = desk.page()
    ali.keyboard.press("Home")
    expect(ali.get_by_text("Siz yönlendiriyorsunuz.")).to_be_visible()
    ayse = desk.page("ayse")
    expect(ayse.get_by_text("ali yönlendiriyor.")).to_be_visible()
    ayse.keyboard.press("ArrowUp")
    expect(ayse.locator(".trouble-note")).to_contain_text("ali yönlendiriyor")
    ayse.get_by_role("button", name="Devral").click()
    expect(ayse.get_by_text("Siz yönlendiriyorsunuz.")).to_be_visible()
    expect(ali.get_by_text("ayse yönlendiriyor.")).to_be_visible()
    expect(ali.get_by_role("button", name="Devral")).to_have_count(0)


def test_an_administrator_finds_the_device(desk: Desk) -> None:
    page = desk.page("ayse")
    page.keyboard.press("Escape")
    page.get_by_text("Cihaz", exact=True).click()
    expect(page.get_by_text("Gozcu Simulated PTZ")).to_be_visible()
    page.get_by_label("Gündüz / gece").select_option("off")
    expect(page.get_by_label("Parlaklık")).to_have_value("50")


required = pytest.mark.parametrize("desk", ["required"], indirect=True)
TILE = "[data-camera=gate]"
WALL = "/?layout=16&cells=gate"


def steer_on_the_wall(page: Page) -> None:
    page.locator(TILE).hover()
    page.get_by_role("button", name="Kuzey Kapı: Yönlendir", exact=True).click()
    expect(page.locator(f"{TILE} vms-ptz")).to_be_visible()


@required
def test_a_tile_asks_once_what_for_and_then_steers_by_keys_alone(desk: Desk) -> None:
    page = desk.page(path=WALL)
    steer_on_the_wall(page)
    field = page.get_by_label("Kuzey Kapı: Amaç veya karar numarası")
    expect(field).to_be_focused()
    page.keyboard.type("2026/41")
    tile = page.locator(f".tile{TILE}").bounding_box()
    button = page.get_by_role("button", name="Başla").bounding_box()
    assert tile is not None
    assert button is not None
    assert tile["x"] + tile["width"] >= button["x"] + button["width"], "a small tile cuts nothing"
    page.keyboard.press("Enter")
    expect(page.get_by_text("Siz yönlendiriyorsunuz.")).to_be_visible()
    expect(field).to_have_count(0)
    expect(page.locator("vms-ptz")).to_be_focused()
    page.keyboard.down("ArrowRight")
    until(lambda: desk.head.moving)
    page.keyboard.up("ArrowRight")
    until(lambda: not desk.head.moving)
    # The lease runs out while the tile is open: nobody writes it again.
    desk.served.site.clock.advance(31_000_000_000)
    expect(page.get_by_text("Siz yönlendiriyorsunuz.")).to_have_count(0, timeout=15_000)
    expect(field).to_have_count(0)
    expect(page.locator("vms-ptz")).to_be_focused()
    page.keyboard.press("Home")
    until(lambda: desk.log()[-1] == ("ali", "home_goto", "2026/41", "done"))
    assert {one[3] for one in desk.log()} == {"done"}
    # The same on the camera's page, where Enter alone begins.
    page.keyboard.press("Escape")
    expect(page.locator("vms-ptz")).to_have_count(0)
    page.evaluate(
        "history.pushState(null, '', '/camera/gate'); dispatchEvent(new Event('popstate'))"
    )
    page.get_by_role("button", name="Yönlendir", exact=True).click()
    expect(page.get_by_label("Amaç veya karar numarası")).to_have_value("2026/41")


@required
def test_who_takes_over_on_a_tile_says_what_for(desk: Desk) -> None:
    site = desk.served.site
    ali = desk.page()
    ali.get_by_label("Amaç veya karar numarası").fill("2026/41")
    ali.get_by_role("button", name="Başla").click()
    expect(ali.get_by_text("Siz yönlendiriyorsunuz.")).to_be_visible()
    ayse = desk.page("ayse", WALL)
    steer_on_the_wall(ayse)
    expect(ayse.locator(TILE).get_by_text("ali yönlendiriyor.")).to_be_visible()
    ayse.get_by_label("Kuzey Kapı: Amaç veya karar numarası").fill("2026/42")
    ayse.get_by_role("button", name="Devral").click()
    expect(ayse.get_by_text("Siz yönlendiriyorsunuz.")).to_be_visible()
    lease = site.parts.steering.lease("gate")
    assert lease is not None
    assert (lease.operator.name, lease.purpose) == ("ayse", "2026/42")


def test_the_log_says_dates_goes_back_and_is_there_without_the_camera(desk: Desk) -> None:
    site = desk.served.site
    records, now = site.parts.steering.records, site.clock.now()
    for back in range(60, 0, -1):
        at = Instant(now - back * 3_600_000_000_000)
        until_ = Instant(at + 16_000_000_000)
        facts = ("move", "0.5 0 0", "done", f"2026/{back}", until_, 84)
        records.log(Logged("gate", at, "ali", *facts))
    gone = {"onvif": "http://127.0.0.1:9/onvif/device_service"}
    site.parts.cameras.change("gate", lambda one: one.model_copy(update=gone), "test")
    page = desk.page(path="/camera/gate", opens=False)
    page.get_by_role("button", name="Yönlendir", exact=True).click()
    expect(page.get_by_text("Kameranın ONVIF servisine ulaşılamıyor")).to_be_visible()
    page.get_by_text("Yapılanlar").click()
    lines = page.locator("aside ol li")
    expect(lines).to_have_count(40)
    expect(lines.first).to_contain_text(re.compile(r"\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d – "))
    expect(lines.first).to_contain_text("(84 komut)")
    page.get_by_role("button", name="Daha eskileri").click()
    expect(lines).to_have_count(60)
    expect(lines.last).to_contain_text("2026/60")
    expect(page.get_by_role("button", name="Daha eskileri")).to_have_count(0)


def test_a_camera_without_a_backup_of_its_settings_gets_a_sentence(
    desk: Desk, fleet: Fleet
) -> None:
    page = desk.page("ayse")
    page.keyboard.press("Escape")
    page.get_by_text("Cihaz", exact=True).click()
    button = page.get_by_role("button", name="Yapılandırmasını indir")
    with page.expect_download() as download:
        button.click()
    assert download.value.suggested_filename == "gate.backup"
    assert download.value.path().read_bytes() == fleet.device("gate").configuration
    expect(page.get_by_text("Yapılandırması indirildi.")).to_be_visible()
    page.route("**/device/backup", lambda route: route.fulfill(
        status=503, content_type="application/problem+json",
        body=json.dumps({"code": "onvif", "trouble": "fault", "detail": "no such request"}),
    ))  # fmt: skip
    button.click()
    expect(page.get_by_text("Bu kamera yapılandırmasını ONVIF üzerinden vermiyor")).to_be_visible()
