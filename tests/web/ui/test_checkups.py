"""Health of cameras on the screens, on a made-up server: the sick, their pictures, the days."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.web.ui.test_console import Console, browser, console

__all__ = ["browser", "console"]


def test_a_useless_picture_stands_beside_the_last_good_one(console: Console) -> None:
    console.world.sick = {"meydan-2": ["turned"]}
    page = console.open("/health")
    sick = page.locator("li[data-camera=meydan-2]")
    expect(sick).to_contain_text("Kamera her zamankinden başka bir yere bakıyor.")
    expect(sick).to_contain_text("47 dk")
    expect(sick.locator("figcaption")).to_contain_text(["Son iyi görüntü", "Şimdiki görüntü"])
    for picture in sick.locator("img").all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("naturalWidth", 640)
    sick.locator("figure a").first.click()
    expect(page).to_have_url(re.compile(r"/camera/meydan-2\?at="))


def test_a_person_says_that_the_view_is_new(console: Console) -> None:
    console.world.sick = {"meydan-2": ["turned"]}
    page = console.open("/health")
    page.get_by_role("button", name="Yeni görünüm bu").click()
    expect(page.get_by_role("dialog")).to_contain_text("Meydan 2 bilerek çevrildiyse")
    page.get_by_role("dialog").get_by_role("button", name="Yeni görünüm bu").click()
    expect(page.get_by_role("status")).to_contain_text("öğreniliyor")
    assert console.world.views == ["meydan-2"]


def test_a_person_says_that_the_rates_are_meant(console: Console) -> None:
    console.world.sick = {"meydan-2": ["fps"]}
    page = console.open("/camera/meydan-2")
    page.get_by_role("button", name="Yeni ayar bu").click()
    expect(page.get_by_role("dialog")).to_contain_text("bilerek değiştirildiyse")
    page.get_by_role("dialog").get_by_role("button", name="Yeni ayar bu").click()
    expect(page.get_by_text("Yeni hızlar öğreniliyor")).to_be_visible()
    assert console.world.views == ["meydan-2"]


@pytest.mark.parametrize(
    ("locale", "warned", "shown"),
    [
        ("tr-TR", "Kameranın saati ayarlanmamış: 19", "yılını gösteriyor"),
        ("en-GB", "The camera’s clock was never set: it shows the year 19", "wrong: it shows"),
    ],
)
def test_a_clock_in_1970_says_so_on_the_cameras_page(
    console: Console, locale: str, warned: str, shown: str
) -> None:
    console.world.sick = {"meydan-2": ["clock"]}
    (camera,) = (one for one in console.world.cameras if one["id"] == "meydan-2")
    camera["clock_offset_ms"] = None  # its stream tells no time
    aside = console.open("/camera/meydan-2", locale=locale).locator("aside")
    expect(aside.locator(".trouble")).to_contain_text(warned)
    expect(aside.locator("dl").first).to_contain_text(shown)


def test_who_may_not_change_cameras_is_not_asked(console: Console) -> None:
    console.world.sick = {"meydan-2": ["turned"]}
    console.world.kept.may.discard("registry")
    page = console.open("/health")
    expect(page.locator("li[data-camera=meydan-2] img").first).to_be_attached()
    expect(page.get_by_role("button", name="Yeni görünüm bu")).to_have_count(0)


def test_when_nobody_looks_the_page_says_so(console: Console) -> None:
    console.world.sick = None
    page = console.open("/health")
    expect(page.locator(".health")).to_contain_text("Kontroller çalışmıyor.")
    expect(console.open("/camera/meydan-2").locator("aside")).to_contain_text(
        "Kontroller çalışmıyor."
    )


def test_a_camera_shows_its_checks_and_its_past(console: Console) -> None:
    console.world.sick = {"meydan-1": ["fps"]}
    page = console.open("/camera/meydan-1", locale="en-GB")
    checks = page.get_by_role("region", name="Checks")
    expect(checks).to_contain_text("Problems: 1 · 16 well")
    expect(checks.locator("[data-check=fps]")).to_contain_text("Frame rate: 7.8 · limit 15.0")
    checks.get_by_role("button", name="Show all").click()
    expect(checks.locator("li[data-check]")).to_have_count(18)
    expect(checks.locator("li[data-check=resyncs]")).to_contain_text("unknown")
    expect(checks).to_contain_text("Past problems")


def test_the_strip_tells_a_day_and_goes_there(console: Console) -> None:
    page = console.open("/camera/meydan-1", size=(1920, 1080))
    strip = page.get_by_role("region", name="Son 30 gün")
    days = strip.locator("ol button")
    expect(days).to_have_count(30)
    days.nth(12).hover()
    expect(strip.locator(".tip")).to_contain_text("%62 kayıtlı · 9 sa kayıp")
    expect(strip.locator(".tip")).to_contain_text("Kamera yanıt vermiyor 9 sa")
    expect(days.nth(12)).to_have_accessible_name(re.compile("Kamera yanıt vermiyor.*o güne git"))
    days.nth(20).click()
    expect(page).to_have_url(re.compile(r"at=\d{4}-\d\d-\d\dT21%3A00"))  # midnight in Istanbul


@pytest.mark.parametrize("width", [390, 1366])
def test_long_names_and_sentences_overflow_nothing(console: Console, width: int) -> None:
    console.world.sick = {"meydan-2": ["turned"]}
    (camera,) = (one for one in console.world.cameras if one["id"] == "meydan-2")
    camera["name"] = "Şehit_Öğretmen_Şenay_Aybüke_Yalçın_Caddesi_" * 3
    page = console.open("/health", size=(width, 844))
    expect(page.locator("li[data-camera=meydan-2]")).to_be_visible()
    inner = "e => [e.scrollWidth, e.clientWidth]"
    whole, shown = page.locator(".health").evaluate(inner)
    assert whole <= shown
    page.get_by_role("button", name="Yeni görünüm bu").click()
    camera["name"] = "Şehit Öğretmen Şenay Aybüke Yalçın Caddesi"
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Şehit Öğretmen Şenay", timeout=15_000)
    box = dialog.bounding_box()
    words = dialog.locator("p").first.bounding_box()
    assert box is not None
    assert words is not None
    assert words["x"] + words["width"] <= box["x"] + box["width"]
