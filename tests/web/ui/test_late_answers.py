"""A dialog closed before the server answers, in Chromium against a made-up server.

What was asked is done all the same: the list says so. What the person does by then goes on.
"""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, Route, expect

from tests.web.ui.devserver import hold
from tests.web.ui.test_console import Console, browser, console
from tests.web.ui.test_registry import act, row

__all__ = ["browser", "console"]  # the fixtures


def held_up(page: Page, path: str) -> tuple[list[Route], Callable[[], None]]:
    """The changes that wait on their way there, and what lets them go on."""
    waiting: list[Route] = []

    def come(route: Route) -> None:
        if route.request.method == "GET":
            route.continue_()
        else:
            waiting.append(route)

    page.route(path, come)

    def let_go() -> None:
        for route in waiting:
            route.continue_()

    return waiting, let_go


def test_a_camera_removed_late_leaves_the_form_that_is_being_filled_in(console: Console) -> None:
    page = console.open("/cameras")
    waiting, let_go = held_up(page, "**/api/cameras/*")
    dialog = act(page, "hukumet", "Çıkar")
    dialog.locator("button[type=submit]").click()
    expect(dialog.locator("button[type=submit]")).to_be_disabled()
    dialog.get_by_role("button", name="Vazgeç").click()
    page.get_by_role("button", name="Elle ekle").click()
    dialog.get_by_label("Ad", exact=True).fill("Yeni Köprü")
    assert len(waiting) == 1
    let_go()
    expect(row(page, "hukumet")).to_have_count(0)
    expect(page.get_by_role("status").filter(has_text="Hükûmet Caddesi")).to_be_attached()
    expect(dialog.get_by_label("Ad", exact=True)).to_have_value("Yeni Köprü")


def test_a_hold_lifted_late_leaves_the_reason_that_is_being_written(console: Console) -> None:
    console.world.kept.holds = [hold("h1", "meydan-1", 900, 600), hold("h2", "otogar", 900, 600)]
    page = console.open("/holds")
    waiting, let_go = held_up(page, "**/api/holds/*/lift")
    first, second = page.locator("[data-hold=h1]"), page.locator("[data-hold=h2]")
    dialog = page.get_by_role("dialog")
    first.get_by_role("button", name="Kaldır…").click()
    dialog.get_by_role("textbox").fill("Takipsizlik kararı")
    dialog.locator("button[type=submit]").click()
    dialog.get_by_role("button", name="Vazgeç").click()
    second.get_by_role("button", name="Kaldır…").click()
    dialog.get_by_role("textbox").fill("Savcılık yaz")
    assert len(waiting) == 1
    let_go()
    expect(first).to_have_count(0)
    expect(dialog.get_by_role("textbox")).to_have_value("Savcılık yaz")


def test_a_server_out_of_reach_is_told_in_the_readers_language(console: Console) -> None:
    console.world.kept.holds = [hold("h1", "meydan-1", 900, 600)]
    page = console.open("/holds")
    page.locator("[data-hold=h1]").get_by_role("button", name="Kaldır…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("Takipsizlik kararı")
    page.route("**/api/holds/*/lift", lambda route: route.abort())
    dialog.locator("button[type=submit]").click()
    expect(dialog.get_by_role("alert")).to_have_text("Olmadı: Sunucuya ulaşılamıyor.")
    page.unroute("**/api/holds/*/lift")
    waiting, _ = held_up(page, "**/api/holds/*/lift")
    dialog.locator("button[type=submit]").click()
    expect(dialog.get_by_role("alert")).to_have_count(0)
    expect(dialog.get_by_role("alert")).to_have_text("Olmadı: Sunucu zamanında yanıt vermedi.")
    expect(dialog.locator("button[type=submit]")).to_be_enabled()
    assert len(waiting) == 1
