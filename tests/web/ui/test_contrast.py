"""Every visible word of the console stands out as WCAG 2.2 AA asks (1.4.3), measured in Chromium.

Text over moving pictures is left out: what lies under it is not known; those words stand on a
shade of their own, which `OVER_PICTURES` names.
"""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.ui.devserver import showcase
from tests.web.ui.test_console import LAPTOP, PHONE, Console, browser, console, sign_in

__all__ = ["browser", "console"]  # the fixtures

OVER_PICTURES = ".tile .bar, .stage .bar, .tools"

# Colours come as rgb(), color() or oklch(): a canvas turns them all into bytes. Translucent
# layers and `opacity` are blended down to the page's own ground.
TOO_FAINT = """over => {
  const pen = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const bytes = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const blend = (top, under) => {
    const a = top[3];
    return [0, 1, 2].map((i) => top[i] * a + under[i] * (1 - a)).concat(1);
  };
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((byte) => {
      const part = byte / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const chain = (element) => {
    const found = [];
    for (let at = element; at; at = at.parentElement) found.unshift(at);
    return found;
  };
  const measured = (element) => {
    let ground = [0, 0, 0, 1];
    let opacity = 1;
    for (const at of chain(element)) {
      const style = getComputedStyle(at);
      opacity *= Number(style.opacity);
      const own = bytes(style.backgroundColor);
      ground = blend([own[0], own[1], own[2], own[3] * opacity], ground);
    }
    const ink = bytes(getComputedStyle(element).color);
    const shown = blend([ink[0], ink[1], ink[2], ink[3] * opacity], ground);
    const [a, b] = [light(shown), light(ground)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const seen = (element, text) => {
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return false;
    const range = document.createRange();
    range.selectNodeContents(text);
    const box = range.getBoundingClientRect();
    return box.width > 1 && box.height > 1;
  };
  const faint = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let words = 0;
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    const said = walk.currentNode.data.trim();
    if (said === '' || !seen(element, walk.currentNode)) continue;
    if (element.closest(over) || element.closest(':disabled, [aria-disabled=true]')) continue;
    words += 1;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = measured(element);
    if (ratio < (large ? 3 : 4.5)) faint.push(`${said.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return { words, faint };
}"""


def stands_out(page: Page, least: int) -> None:
    """No faint word; `least`: so many there must be, or the page was not there."""
    page.wait_for_timeout(400)  # fades have ended
    found = page.evaluate(TOO_FAINT, OVER_PICTURES)
    assert found["faint"] == []
    assert found["words"] >= least


@pytest.mark.parametrize("size", [LAPTOP, PHONE])
def test_the_sign_in_and_its_refusal(console: Console, size: tuple[int, int]) -> None:
    console.world.signed_in = False
    page = console.open(size=size)
    page.locator("#username").wait_for()
    stands_out(page, 5)
    sign_in(page, "yanlış")
    page.get_by_role("alert").get_by_text("yanlış").wait_for()
    stands_out(page, 6)


@pytest.mark.parametrize("size", [LAPTOP, PHONE])
@pytest.mark.parametrize(
    ("path", "least"),
    [
        ("/?layout=16", 20),
        ("/?layout=4&cells=kopru-alti,bati,arsiv", 8),
        ("/camera/kopru-alti", 20),
        ("/camera/otogar", 20),
        ("/camera/none", 4),
        ("/health", 40),
        ("/holds", 10),
        ("/exports", 20),
        ("/retention", 40),
        ("/cameras", 30),
        ("/cameras/find", 15),
        ("/nothing/here", 4),
    ],
)
def test_every_screen(console: Console, path: str, least: int, size: tuple[int, int]) -> None:
    console.server.world = console.server.keeping.world = showcase()
    page = console.open(path, size=size)
    page.locator(".app").wait_for()
    page.locator("[role=status] .busy").wait_for(state="detached")
    stands_out(page, least if size == LAPTOP else 4)


def test_the_dialogs_of_the_registry_and_what_was_found(console: Console) -> None:
    page = console.open("/cameras")
    page.get_by_role("button", name="Elle ekle").click()
    page.get_by_label("Ana akışın adresi").fill("rtsp://10.0.0.5/")
    page.get_by_role("button", name="Görüntüyü sına").click()
    page.get_by_text("Kaydedilebilir").wait_for()
    stands_out(page, 40)
    page = console.open("/cameras/find")
    page.get_by_role("button", name="Aramayı başlat").click()
    page.get_by_text("Yanıtlar dinleniyor").wait_for()
    console.server.registering.answer(5, over=True)
    page.get_by_label("Yenilerin hepsini seç").check()
    stands_out(page, 40)
    page.get_by_role("button", name="Adlandır ve ekle").click()
    stands_out(page, 50)


@pytest.mark.parametrize("size", [LAPTOP, PHONE])
def test_the_dialogs_of_schedules(console: Console, size: tuple[int, int]) -> None:
    console.world.registry.cameras[1]["privacy"] = "gece"
    page = console.open("/cameras", size=size)
    page.get_by_role("button", name="Çizelgeler").click()
    page.locator("[data-schedule=gece]").wait_for()
    stands_out(page, 15)
    page.get_by_role("button", name="Değiştir: gece").click()
    page.get_by_role("grid").wait_for()
    stands_out(page, 30)


def test_the_dialogs_of_keeping(console: Console) -> None:
    console.server.world = console.server.keeping.world = showcase()
    page = console.open("/camera/meydan-1")
    page.locator("vms-player").wait_for()
    page.keyboard.press("i")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("i")
    page.wait_for_timeout(100)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("o")
    for key, button in (("u", "Muhafazaya al"), ("e", "Dışa aktar")):
        page.keyboard.press(key)
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name=button).click()
        dialog.get_by_text("Nedeni yazın").wait_for()
        stands_out(page, 30)
        page.keyboard.press("Escape")
        dialog.wait_for(state="detached")
    page.goto(console.server.url + "/retention")
    page.get_by_role("button", name=re.compile("Değiştir")).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Saklama süresi", exact=True).fill("1")
    dialog.get_by_text("Hemen silinecek").wait_for()
    stands_out(page, 50)


def test_the_search_for_activity(console: Console) -> None:
    now = time.time()
    console.world.active = [(now - 300, now - 290, 240), (now - 120, now - 119, 70)]
    console.world.gaps = [(now - 700, now - 640, "silent"), (now - 600, now - 590, "deleted")]
    page = console.open("/camera/meydan-1")
    expect(page.locator("vms-player")).to_be_attached()
    page.keyboard.press("a")
    expect(page.locator("[data-sighting]")).to_have_count(2)
    page.locator("aside summary").click()
    page.locator("[data-sighting] .play").first.click()
    stands_out(page, 20)
    page.get_by_role("button", name="Değiştir").click()
    stands_out(page, 20)


def test_help_menu_and_a_lost_server(console: Console) -> None:
    page = console.open("/health")
    page.locator(".app").wait_for()
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    stands_out(page, 40)
    page.keyboard.press("Escape")
    page.locator("header button[aria-haspopup], header button[aria-expanded]").first.click()
    stands_out(page, 40)
    page.route("**/api/**", lambda route: route.abort())
    page.get_by_text("Sunucuya ulaşılamıyor").first.wait_for(timeout=20_000)
    stands_out(page, 40)


def test_the_measure_finds_what_is_faint(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(
        "<body style='background:#fff'><p style='color:#777'>faint</p><p>clear</p>"
        "<p style='opacity:.5'>half</p></body>"
    )
    found = page.evaluate(TOO_FAINT, OVER_PICTURES)
    assert [line.split(":")[0] for line in found["faint"]] == ["faint", "half"]
    page.close()
