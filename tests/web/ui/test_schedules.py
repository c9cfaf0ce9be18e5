"""Weekly schedules on the screens, in Chromium against a made-up server: listed, painted, typed."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.web.ui.test_console import PHONE, Console, browser, console
from tests.web.ui.test_registry import act, said

__all__ = ["browser", "console"]  # the fixtures


def schedules(console: Console, **more: Any) -> Page:
    page = console.open("/cameras", **more)
    page.get_by_role("button", name=re.compile("^(Çizelgeler|Schedules)$")).click()
    expect(page.locator("[data-schedule]").first).to_be_visible()
    return page


def makes(console: Console, **more: Any) -> tuple[Page, Locator]:
    page = schedules(console, **more)
    page.get_by_role("button", name=re.compile("^(Çizelge yap|Make a schedule)$")).click()
    dialog = page.get_by_role("dialog").last
    expect(dialog.get_by_role("grid")).to_be_visible()
    return page, dialog


def cell(dialog: Locator, day: int, slot: int) -> Locator:
    return dialog.locator(f"[data-day='{day}'][data-slot='{slot}']")


def middle(found: Locator) -> tuple[float, float]:
    found.scroll_into_view_if_needed()
    box = found.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def paint(page: Page, first: Locator, last: Locator) -> None:
    page.mouse.move(*middle(first))
    page.mouse.down()
    page.mouse.move(*middle(last), steps=5)
    page.mouse.up()


def stored(console: Console, name: str) -> Any:
    return next(one for one in console.world.registry.schedules if one["name"] == name)


class TestList:
    def test_hours_and_cameras_are_told_and_those_of_the_file_are_only_read(
        self, console: Console
    ) -> None:
        console.world.registry.cameras[1]["privacy"] = "gece"
        page = schedules(console)
        mesai = page.locator("[data-schedule=mesai]")
        expect(mesai).to_contain_text("Pazartesi–Cuma 08:00–18:00")
        expect(mesai).to_contain_text("Bu saatlerde kaydedilenler: Köprü Altı")
        expect(mesai).to_contain_text("[[schedules]] altında bildirilmiş; yalnızca orada")
        expect(mesai.get_by_role("button")).to_have_count(0)
        gece = page.locator("[data-schedule=gece]")
        expect(gece).to_contain_text("Her gün 22:00–06:00 (ertesi gün)")
        expect(gece).to_contain_text("Bu saatlerde gizlenenler: Meydan 2")
        remove = gece.get_by_role("button", name="Kaldır: gece")
        expect(remove).to_be_disabled()
        expect(remove).to_have_accessible_description(re.compile("kaldırılamaz"))

    def test_one_that_no_camera_goes_by_is_removed(self, console: Console) -> None:
        page = schedules(console, locale="en-GB")
        page.get_by_role("button", name="Remove: gece").click()
        asked = page.get_by_role("dialog").last
        expect(asked).to_contain_text("No camera goes by it")
        asked.get_by_role("button", name="Remove", exact=True).click()
        expect(page.get_by_text("gece is removed.")).to_be_visible()
        expect(page.locator("[data-schedule=gece]")).to_have_count(0)
        assert said(console, "/api/schedules/gece") == "removed"

    def test_without_any_it_is_said_what_they_are_for_and_what_failed_is_said(
        self, console: Console
    ) -> None:
        console.world.registry.schedules.clear()
        page = console.open("/cameras", locale="en-GB")
        page.get_by_role("button", name="Schedules").click()
        expect(page.get_by_role("heading", name="No schedules yet")).to_be_visible()
        page = console.open("/cameras", locale="en-GB")
        page.route("**/api/schedules", lambda route: route.abort())
        page.get_by_role("button", name="Schedules").click()
        expect(page.get_by_role("alert").last).to_contain_text("could not be fetched")


class TestWeek:
    def test_a_week_is_painted_by_dragging_and_an_exact_time_is_typed(
        self, console: Console
    ) -> None:
        page, dialog = makes(console)
        dialog.get_by_label("Ad", exact=True).fill("ders-saatleri")
        paint(page, cell(dialog, 0, 16), cell(dialog, 4, 35))
        expect(dialog.get_by_role("status")).to_have_text("Pazartesi–Cuma 08:00–18:00.")
        expect(cell(dialog, 2, 20)).to_have_attribute("aria-selected", "true")
        paint(page, cell(dialog, 4, 32), cell(dialog, 4, 35))  # what is painted is wiped
        first = dialog.get_by_role("group", name="1. satır", exact=True)
        expect(first.get_by_label("Başlangıç")).to_have_value("08:00")
        first.get_by_label("Başlangıç").fill("8.15")
        expect(cell(dialog, 0, 16)).to_have_accessible_name("Pazartesi 08:00–08:30, bir bölümü")
        dialog.get_by_role("button", name="Çizelge yap").click()
        expect(page.get_by_text("ders-saatleri yapıldı.")).to_be_visible()
        assert stored(console, "ders-saatleri")["spans"] == [
            "mon-thu 08:15-18:00",
            "fri 08:00-16:00",
        ]
        expect(page.locator("[data-schedule=ders-saatleri]")).to_contain_text(
            "Pazartesi–Perşembe 08:15–18:00"
        )

    def test_the_keyboard_paints_too(self, console: Console) -> None:
        page, dialog = makes(console, locale="en-GB")
        dialog.get_by_label("Name").fill("night")
        dialog.get_by_label("Name").press("Tab")
        grid = dialog.get_by_role("grid")
        cell(dialog, 0, 16).focus()
        page.keyboard.press("End")
        for key in ("ArrowLeft", "ArrowLeft", "ArrowLeft", "Space"):
            page.keyboard.press(key)
        expect(dialog.get_by_role("status")).to_have_text("Monday 22:00–22:30.")
        for _ in range(3):
            page.keyboard.press("Shift+ArrowRight")
        for _ in range(6):
            page.keyboard.press("Shift+ArrowDown")
        expect(dialog.get_by_role("status")).to_have_text("Every day 22:00–24:00.")
        expect(cell(dialog, 6, 47)).to_be_focused()
        expect(grid.locator("[tabindex='0']")).to_have_count(1)
        page.keyboard.press("Home")
        page.keyboard.press("Enter")
        expect(dialog.get_by_role("status")).to_contain_text("Saturday 22:00–00:30 (the next day)")
        page.keyboard.press("Enter")
        dialog.get_by_role("button", name="Make a schedule").click()
        expect(page.get_by_text("night is made.")).to_be_visible()
        assert stored(console, "night")["spans"] == ["daily 22:00-24:00"]

    def test_other_hours_of_one_in_use_say_whom_they_change(self, console: Console) -> None:
        console.world.registry.cameras[1]["privacy"] = "gece"
        page = schedules(console)
        page.get_by_role("button", name="Değiştir: gece").click()
        dialog = page.get_by_role("dialog").last
        expect(dialog).to_contain_text("Bu saatlerde gizlenenler: Meydan 2")
        expect(dialog).to_contain_text("bu kameralar hemen yeni saatlere göre")
        save = dialog.get_by_role("button", name="Kaydet")
        expect(save).to_be_disabled()  # nothing is changed yet
        dialog.get_by_role("button", name="Saat ekle").click()
        added = dialog.get_by_role("group", name="2. satır", exact=True)
        expect(added.get_by_label("Başlangıç")).to_be_focused()
        added.get_by_label("Başlangıç").fill("12:00")
        added.get_by_label("Bitiş").fill("12:00")
        expect(dialog).to_contain_text("Başlangıç ve bitiş aynı")
        save.click()
        assert all(at != "/api/schedules/gece" for at, _ in console.world.registry.said)
        added.get_by_label("Bitiş").fill("13:30")
        for day in ("Pzt", "Sal", "Çar", "Per"):
            added.get_by_role("button", name=day).click()
        save.click()
        expect(page.get_by_text("gece kaydedildi.")).to_be_visible()
        assert said(console, "/api/schedules/gece") == {
            "spans": ["daily 22:00-06:00", "fri 12:00-13:30"]
        }

    def test_names_without_hours_and_taken_ones_are_told_before_anything_is_sent(
        self, console: Console
    ) -> None:
        _, dialog = makes(console, locale="en-GB")
        make = dialog.get_by_role("button", name="Make a schedule")
        make.click()
        expect(dialog.get_by_text("Use lower-case letters")).to_be_visible()
        expect(dialog.get_by_text("No hours are chosen yet")).to_be_visible()
        dialog.get_by_label("Name").fill("mesai")
        expect(dialog.get_by_text("There is a schedule of this name")).to_be_visible()
        make.click()
        assert console.world.registry.said == []

    def test_what_the_server_refuses_is_told(self, console: Console) -> None:
        page, dialog = makes(console, locale="en-GB")
        dialog.get_by_label("Name").fill("noon")
        paint(page, cell(dialog, 0, 24), cell(dialog, 0, 25))
        console.world.registry.wrong = {"spans": "overlaps something"}
        dialog.get_by_role("button", name="Make a schedule").click()
        expect(dialog.get_by_role("alert")).to_contain_text("overlaps something")

    def test_a_finger_paints_on_a_phone_and_nothing_overflows(self, console: Console) -> None:
        page, dialog = makes(console, size=PHONE, has_touch=True)
        dialog.get_by_label("Ad", exact=True).fill("gece-2")
        high = dialog.locator(".track").first.bounding_box()
        assert high is not None
        assert high["height"] > 600  # a finger hits half an hour
        first, last = cell(dialog, 1, 2), cell(dialog, 3, 7)
        middle(first)
        touch = page.context.new_cdp_session(page)

        def finger(kind: str, *points: tuple[float, float]) -> None:
            where = [{"x": x, "y": y} for x, y in points]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})

        finger("touchStart", middle(first))
        finger("touchMove", middle(last))
        finger("touchEnd")
        expect(dialog.get_by_role("status")).to_have_text("Salı–Perşembe 01:00–04:00.")
        for wide in ("document.documentElement", "document.querySelectorAll('dialog')[1]"):
            assert page.evaluate(f"{wide}.scrollWidth <= innerWidth")


class TestField:
    def test_a_schedule_is_made_from_the_cameras_form_and_is_chosen(self, console: Console) -> None:
        page = console.open("/cameras")
        dialog = act(page, "meydan-2", "Düzenle")
        dialog.get_by_label("Ne zaman kaydedilsin").select_option("schedule")
        dialog.get_by_role("button", name="Çizelge yap").first.click()
        making = page.get_by_role("dialog").last
        making.get_by_label("Ad", exact=True).fill("ogle")
        paint(page, cell(making, 0, 24), cell(making, 6, 25))
        making.get_by_role("button", name="Çizelge yap").click()
        expect(page.get_by_role("dialog")).to_have_count(1)
        expect(dialog.get_by_label("Çizelge", exact=True)).to_have_value("ogle")
        expect(dialog).to_contain_text("Her gün 12:00–13:00. Saatleri kameralar sayfasında")
        dialog.get_by_role("button", name="Kaydet").click()
        expect(page.get_by_text("Meydan 2 kaydedildi")).to_be_visible()
        assert said(console, "/api/cameras/meydan-2") == {"record": "schedule:ogle"}
