"""Zones of motion on the screens, in Chromium against a made-up server: drawn, named, saved."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.web.ui.test_console import PHONE, Console, browser, console

__all__ = ["browser", "console"]  # the fixtures

DRAWN = {
    "sensitivity": 3,
    "zones": [
        {"name": "kapı", "include": True, "points": [[0.2, 0.3], [0.6, 0.3], [0.6, 0.8]]},
        {"name": "ağaç", "include": False, "points": [[0.7, 0.0], [1.0, 0.0], [1.0, 0.5]]},
    ],
}


def draws(console: Console, camera: str = "kuzey-kapi", **more: Any) -> Page:
    for one in console.world.registry.cameras:
        if one["id"] == camera:
            one["motion"] = DRAWN
    page = console.open(f"/camera/{camera}", **more)
    page.get_by_role("button", name=re.compile("Bölgeleri düzenle|Edit zones")).click()
    return page


def corner(page: Page, zone: str, number: int) -> Locator:
    return page.get_by_role("button", name=f"{zone}, {number}. köşe", exact=True)


def place(page: Page, zone: str, number: int) -> tuple[float, float]:
    """Of a corner, as shares of the picture."""
    picture = page.locator("dialog .picture").bounding_box()
    box = corner(page, zone, number).bounding_box()
    assert picture is not None
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    return (x - picture["x"]) / picture["width"], (y - picture["y"]) / picture["height"]


def patched(console: Console) -> Any:
    return console.world.registry.said[-1][1]["motion"]


def test_a_zone_is_added_dragged_named_and_saved(console: Console) -> None:
    page = console.open("/camera/kuzey-kapi")
    page.get_by_role("button", name="Hareket aransın").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("bütün görüntü sayılır")
    dialog.get_by_role("button", name="Bölge ekle").click()
    box = corner(page, "Bölge 1", 1).bounding_box()
    picture = dialog.locator(".picture").bounding_box()
    assert box is not None
    assert picture is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(
        picture["x"] + 0.1 * picture["width"], picture["y"] + 0.2 * picture["height"], steps=4
    )
    page.mouse.up()
    name = dialog.get_by_label("Bölgenin adı")
    name.fill("")
    expect(dialog.get_by_role("alert")).to_contain_text("kendine ait bir adı")
    expect(dialog.get_by_role("button", name="Kaydet")).to_be_disabled()
    name.fill("kapı")
    dialog.get_by_label("Duyarlılık").fill("5")
    dialog.get_by_role("button", name="Kaydet").click()
    expect(dialog).to_contain_text("Kaydedildi")
    saved = patched(console)
    assert (saved["sensitivity"], saved["zones"][0]["name"]) == (5, "kapı")
    x, y = saved["zones"][0]["points"][0]
    assert (abs(x - 0.1) < 0.01, abs(y - 0.2) < 0.01) == (True, True)
    expect(dialog.get_by_role("status").first).to_contain_text("Hareket var")
    assert console.complaints == []


def test_keys_move_corners_and_zones_and_take_them_off(console: Console) -> None:
    page = draws(console)
    corner(page, "kapı", 2).focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowDown")
    x, y = place(page, "kapı", 2)
    assert (round(x, 2), round(y, 2)) == (0.65, 0.31)
    page.get_by_role("button", name="kapı, 1. kenara köşe ekle").focus()
    page.keyboard.press("Enter")
    expect(corner(page, "kapı", 4)).to_be_visible()
    corner(page, "kapı", 1).focus()
    page.keyboard.press("Delete")
    expect(corner(page, "kapı", 4)).to_have_count(0)
    page.locator("polygon").nth(1).focus()
    page.keyboard.press("Delete")
    expect(page.locator("polygon")).to_have_count(1)
    expect(page.get_by_text("Kaydedilmemiş değişiklik var")).to_be_visible()


def test_what_moves_is_shown_and_motion_can_be_ended(console: Console) -> None:
    page = draws(console, size=(1366, 768))
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".cell")).to_have_count(16)
    expect(dialog.locator("polygon.moves")).to_have_count(1)
    expect(dialog.get_by_text("Hareket var", exact=True)).to_be_visible()
    dialog.get_by_role("button", name="Hareket aranmasın").click()
    expect(page.get_by_role("button", name="Hareket aransın")).to_be_visible()
    assert patched(console) is None


def test_a_camera_of_the_file_gives_the_line_to_copy(console: Console) -> None:
    page = draws(console, "meydan-1", locale="en-GB")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".side pre")).to_contain_text('{ name = "kapı", points = [[0.2, 0.3]')
    expect(dialog.get_by_role("button", name="Save")).to_have_count(0)
    expect(dialog.get_by_role("button", name="Copy the line")).to_be_enabled()


def test_who_may_not_change_cameras_sees_nothing_of_it_and_phones_show_it_whole(
    console: Console,
) -> None:
    page = draws(console, size=PHONE)
    fits = page.evaluate("document.querySelector('dialog').scrollWidth <= innerWidth")
    assert fits
    console.world.kept.may.discard("registry")
    page = console.open("/camera/kuzey-kapi")
    expect(page.get_by_text("Bit hızı").first).to_be_visible()
    expect(page.get_by_role("button", name="Bölgeleri düzenle")).to_have_count(0)
