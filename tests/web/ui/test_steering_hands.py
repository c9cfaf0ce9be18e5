"""Steering in Chromium when hands do what they should not, and nothing may go on turning alone."""

from __future__ import annotations

import json
import time

from playwright.sync_api import Page, expect

from tests.web.ui.test_steering import Desk, browser, desk, fleet, middle_of_pad, until
from vms.simulator.onvif.head import View

__all__ = ["browser", "desk", "fleet"]  # fixtures

PLUG = """() => {
  window.pad = { mapping: 'standard', axes: [1, 0, 0, 0], buttons: [] };
  navigator.getGamepads = () => [window.pad];
  window.dispatchEvent(new Event('gamepadconnected'));
}"""


def stays_still(desk: Desk, seconds: float = 1.2) -> None:
    """Longer than a held key takes to be told again."""
    until(lambda: not desk.head.moving)
    count = len(desk.words())
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        assert not desk.head.moving, desk.log()[count:]
        time.sleep(0.05)


def commands(desk: Desk) -> int:
    """Moves that were sent and answered."""
    found = desk.served.site.parts.steering.records.commands("gate", 100)
    return sum(one.commands for one in found if one.command == "move")


def test_a_gamepad_that_is_unplugged_lets_go(desk: Desk) -> None:
    page = desk.page()
    page.evaluate(PLUG)
    until(lambda: desk.head.view.pan > 0)
    page.evaluate("navigator.getGamepads = () => [null]")
    stays_still(desk)


def test_a_gamepad_lets_go_of_the_camera_that_another_is_touched_for(desk: Desk) -> None:
    page = desk.page()
    page.evaluate(PLUG)
    until(lambda: desk.head.view.pan > 0)
    # Another camera's pad beside it, as on a wall.
    page.evaluate(
        """() => {
          const other = document.createElement('vms-ptz');
          other.setAttribute('camera', 'yard');
          document.body.append(other);
        }"""
    )
    stays_still(desk)


def test_a_key_whose_letter_changes_with_shift_is_let_go(desk: Desk) -> None:
    page = desk.page()
    key = "new KeyboardEvent('%s', {key: '%s', code: 'Digit4', shiftKey: %s, bubbles: true})"
    send = "([text]) => document.querySelector('vms-ptz').dispatchEvent(eval(text))"
    page.evaluate(send, [key % ("keydown", "+", "true")])  # Turkish keyboards: Shift and 4
    until(lambda: desk.head.moving)
    page.evaluate(send, [key % ("keyup", "4", "false")])
    stays_still(desk)


def test_what_is_held_while_somebody_else_steers_is_refused_once(desk: Desk) -> None:
    ali, ayse = desk.page(), desk.page("ayse")
    ali.keyboard.down("ArrowRight")
    until(lambda: desk.head.moving)
    ayse.get_by_role("button", name="Devral").click()
    expect(ayse.get_by_text("Siz yönlendiriyorsunuz.")).to_be_visible()
    for _ in range(20):
        ali.keyboard.down("ArrowRight")  # as a keyboard repeats it
        time.sleep(0.05)
    refused = [one for one in desk.log() if one[0] == "ali" and one[3] == "steered"]
    assert len(refused) <= 3
    ali.keyboard.up("ArrowRight")
    expect(ali.locator(".trouble-note")).to_contain_text("ayse yönlendiriyor")


def test_a_held_home_key_is_one_command(desk: Desk) -> None:
    page = desk.page()
    for _ in range(8):
        page.keyboard.down("Home")
    page.keyboard.up("Home")
    until(lambda: "home_goto" in desk.words())
    time.sleep(0.5)
    assert desk.words().count("home_goto") == 1


def test_a_preset_is_gone_to_once(desk: Desk) -> None:
    desk.head.presets["1"] = ("Kapı", View(0.2, 0, 0.5))
    page = desk.page()
    expect(page.get_by_role("button", name="Kapı konumuna git")).to_be_visible()
    page.locator("vms-ptz").focus()
    page.keyboard.press("1")
    until(lambda: "preset_goto" in desk.words())
    with page.expect_response("**/ptz/presets", timeout=15_000):
        pass  # the list is asked for again, for the picture
    time.sleep(1)
    assert desk.words().count("preset_goto") == 1


def test_who_leaves_while_it_turns_lets_go_for_good(desk: Desk) -> None:
    page = desk.page()
    slow(page, 0.4)
    page.keyboard.down("ArrowRight")
    time.sleep(0.1)
    page.keyboard.press("Escape")
    expect(page.locator("vms-ptz")).to_have_count(0)
    until(lambda: "release" in desk.words())
    time.sleep(1.5)
    assert desk.words()[-1] == "release"
    assert desk.served.site.parts.steering.lease("gate") is None
    assert not desk.head.moving


def slow(page: Page, seconds: float) -> None:
    """Moves take so long on their way."""

    def later(route: object) -> None:
        time.sleep(seconds)
        route.continue_()  # type: ignore[attr-defined]

    page.route("**/ptz/move", later)


def test_that_the_server_is_back_is_seen(desk: Desk) -> None:
    page = desk.page()
    page.context.set_offline(True)
    expect(page.locator(".trouble-note")).to_have_text("Sunucuya ulaşılamıyor.", timeout=15_000)
    page.context.set_offline(False)
    expect(page.locator(".trouble-note")).to_have_count(0, timeout=15_000)


def test_a_second_finger_changes_no_drag(desk: Desk) -> None:
    page = desk.page()
    x, y = middle_of_pad(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=3)
    until(lambda: desk.head.moving)
    page.evaluate(
        """() => {
          const pad = document.querySelector('vms-ptz');
          const at = { pointerId: 77, bubbles: true, clientX: 400, clientY: 300 };
          pad.setPointerCapture = () => {};
          pad.dispatchEvent(new PointerEvent('pointerdown', at));
          pad.dispatchEvent(new PointerEvent('pointermove', { ...at, clientX: 100 }));
        }"""
    )
    time.sleep(0.4)
    velocity = desk.head._velocity
    assert velocity is not None
    assert velocity.pan > 0
    page.mouse.up()
    stays_still(desk)


def test_page_up_and_page_down_zoom(desk: Desk) -> None:
    page = desk.page()
    page.keyboard.down("PageUp")
    until(lambda: desk.head.view.zoom > 0.5)
    page.keyboard.up("PageUp")
    until(lambda: not desk.head.moving)
    before = desk.head.view.zoom
    page.keyboard.down("PageDown")
    until(lambda: desk.head.view.zoom < before)
    page.keyboard.up("PageDown")
    stays_still(desk)


def test_many_presets_are_searched_and_a_patrol_s_seconds_are_checked(desk: Desk) -> None:
    for number in range(60):
        name = f"{number} Cumhuriyet Meydanı İstiklâl Caddesi köşesi, doğu"
        desk.head.presets[str(number)] = (name, View(number / 100, 0, 0.5))
    page = desk.page()
    cards = page.locator("aside li img, aside li .blank")
    expect(cards).to_have_count(60)
    page.get_by_label("Hazır konum ara").fill("47 CUMHURİYET")
    expect(cards).to_have_count(1)
    shown = page.locator("aside li .name span")
    expect(shown).to_have_attribute("title", desk.head.presets["47"][0])  # where it is cut
    page.get_by_label("Hazır konum ara").fill("")
    for number in (3, 5):
        page.get_by_role("checkbox").nth(number).check()
    start = page.get_by_role("button", name="Devriyeyi başlat")
    expect(start).to_be_enabled()
    seconds = page.get_by_label("saniye")
    for wrong in ("", "3", "7.5"):
        seconds.fill(wrong)
        expect(page.get_by_text("5 ile 3600 saniye arasında")).to_be_visible()
        expect(start).to_be_disabled()
    seconds.fill("30")
    page.route("**/ptz/patrol", lambda route: route.abort())
    start.click()
    expect(page.get_by_text("Sunucuya ulaşılamıyor.")).to_be_visible()
    page.unroute("**/ptz/patrol")
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(2)
    start.click()
    expect(page.get_by_text("Devriye sürüyor.")).to_be_visible()


def test_who_loses_the_right_while_it_turns_is_told_and_it_stops(desk: Desk) -> None:
    page = desk.page()
    page.keyboard.down("ArrowRight")
    until(lambda: desk.head.moving)
    expect(page.get_by_text("Siz yönlendiriyorsunuz.")).to_be_visible()
    denied = json.dumps({"code": "forbidden", "detail": "you may not do this: ptz"})
    page.route("**/ptz/**", lambda route: route.fulfill(
        status=403, content_type="application/problem+json", body=denied
    ))  # fmt: skip
    began = time.monotonic()
    until(lambda: not desk.head.moving)
    assert time.monotonic() - began < 2.5
    page.keyboard.up("ArrowRight")
    expect(page.locator(".trouble-note").first).to_contain_text("yönlendirme yetkiniz yok")
    expect(page.get_by_text("Siz yönlendiriyorsunuz.")).to_have_count(0)
