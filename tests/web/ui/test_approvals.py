"""Two people on the screens, in Chromium before the real application: asked, approved, done."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from storage.holds.order import HoldOrder
from tests.web.footage import GAP, NOW, START, recorded
from tests.web.site import PASSWORD, Served, open_web_site, serve_web_site
from tests.web.ui.devserver import STATIC
from tests.web.ui.test_console import browser
from tests.web.ui.test_people import opened
from vms.core.clock import SECOND, FakeClock, rfc3339
from vms.core.model import CameraId
from vms.people.approval import Action, Wanted, parameters
from vms.people.permissions import BUILT_IN
from vms.people.roles import RoleSettings

__all__ = ["browser"]  # the fixture

CAMERA = CameraId("gate-north")
SHOTS = os.environ.get("SHOTS", "")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    clock = FakeClock(NOW)
    with open_web_site(tmp_path, clock) as site, recorded(site.parts.settings, clock):
        may = tuple(BUILT_IN["investigator"].permissions)
        duty = RoleSettings("investigator", may, approval=("export", "lift", "sound"))
        site.parts.roles.put(duty)
        accounts = site.parts.accounts
        accounts.add("deniz", PASSWORD, role="investigator", display_name="Deniz Kaya")
        accounts.add("ayse", PASSWORD, role="admin", display_name="Ayşe Öğüt")
        with serve_web_site(replace(site, static=STATIC)) as served:
            yield served


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.wait_for_timeout(400)
        page.screenshot(path=f"{SHOTS}/{name}.png")


def ask_for_an_export(page: Page) -> None:
    page.get_by_role("button", name="Yeni dışa aktarma").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Kuzey Kapı").check()
    for label in ("Başlangıç", "Bitiş"):
        field = dialog.get_by_label(label)
        field.fill("22.11.2025 11:26:40" if label == "Başlangıç" else "22.11.2025 11:26:48")
    dialog.get_by_label("Neden").fill("2026/12 soruşturma")
    expect(dialog.get_by_role("status")).to_contain_text("ikinci bir kişinin onayını ister")
    shot(page, "export-dialog")
    dialog.get_by_role("button", name="Onay iste").click()
    expect(dialog).to_contain_text("Onay istendi")
    shot(page, "sent")
    dialog.get_by_role("link", name="Onaylara git").click()


def test_an_export_is_asked_for_approved_and_done(browser: Browser, served: Served) -> None:
    deniz = opened(browser, served, "deniz", "/exports")
    ask_for_an_export(deniz)
    mine = deniz.locator("[data-approval]")
    expect(mine).to_contain_text("Bekliyor")
    expect(mine.get_by_role("button", name="Onayla")).to_have_count(0)
    shot(deniz, "mine-waiting")

    ayse = opened(browser, served, "ayse", "/")
    rail = ayse.get_by_role("navigation", name="Bölümler")
    rail.get_by_role("link", name="Onaylar: 1 bekliyor").click()
    request = ayse.locator("[data-approval]")
    expect(request).to_contain_text("2026/12 soruşturma")
    expect(request).to_contain_text("deniz")
    expect(request.get_by_role("link", name="Kayda git")).to_be_visible()
    shot(ayse, "to-decide")
    request.get_by_role("button", name="Onayla").click()
    expect(request).to_contain_text("Onaylandı")
    assert served.site.parts.exports.list() == []

    deniz.reload()
    mine.get_by_role("button", name="Şimdi yap").click()
    expect(deniz.get_by_role("dialog")).to_contain_text("Kuzey Kapı")
    (job,) = served.site.parts.exports.list()
    assert (job.order.by, job.order.reason) == ("deniz", "2026/12 soruşturma")
    assert (job.order.start, job.order.end) == (START, GAP)
    deniz.keyboard.press("Escape")
    expect(mine).to_contain_text("Yapıldı")
    expect(mine.get_by_role("button", name="Şimdi yap")).to_have_count(0)


def test_a_request_is_refused_with_a_reason_and_the_page_is_calm_without_any(
    browser: Browser, served: Served
) -> None:
    parts = served.site.parts
    ayse = opened(browser, served, "ayse", "/approvals")
    expect(ayse.get_by_text("Bekleyen onay yok")).to_be_visible()
    shot(ayse, "empty")
    who = parts.sessions.identity(parts.accounts.get("deniz"))
    hears = Wanted(Action.SOUND, (CAMERA,), START, GAP)
    parts.approvals.ask(hears, who, "ihbar 155")
    lifts = parameters(hold="h1", held_for="dosya 7", reason="kapandı")
    parts.approvals.ask(Wanted(Action.LIFT, (CAMERA,), START, GAP, lifts), who, "kapandı")
    ayse.reload()
    expect(ayse.locator("[data-approval]")).to_have_count(2)
    shot(ayse, "two-to-decide")
    sound = ayse.locator("[data-approval]").filter(has_text="sesi duymak")
    sound.get_by_role("button", name="Reddet…").click()
    dialog = ayse.get_by_role("dialog")
    dialog.get_by_role("button", name="Reddet").click()
    expect(dialog).to_contain_text("Nedeni yazın")
    dialog.get_by_role("textbox").fill("gerekçe yetersiz")
    shot(ayse, "refuse")
    dialog.get_by_role("button", name="Reddet").click()
    expect(sound).to_contain_text("Reddedildi")
    expect(sound.get_by_role("button", name="Onayla")).to_have_count(0)
    deniz = opened(browser, served, "deniz", "/approvals")
    refused = deniz.locator("[data-approval]").filter(has_text="Sesi duyma")
    expect(refused).to_contain_text("gerekçe yetersiz")
    shot(deniz, "mine-refused")
    deniz.set_viewport_size({"width": 390, "height": 844})
    shot(deniz, "phone")


def test_hearing_is_asked_for_of_a_marked_span(browser: Browser, served: Served) -> None:
    page = opened(browser, served, "deniz", f"/camera/gate-north?at={rfc3339(START + 2 * SECOND)}")
    expect(page.locator(".moment")).to_contain_text("26:42")
    page.keyboard.press("i")
    page.get_by_role("button", name="Giriş").first.wait_for()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("o")
    page.get_by_role("button", name="Ses iste").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("8 saat boyunca görüntüyle birlikte ses de gelir")
    dialog.get_by_role("textbox").fill("ihbar 155")
    shot(page, "sound")
    dialog.get_by_role("button", name="Onay iste").click()
    expect(dialog).to_contain_text("Onay istendi")
    (asked,) = served.site.parts.approvals.all()
    assert (asked.wanted.action, asked.wanted.cameras) == (Action.SOUND, (CAMERA,))
    assert asked.wanted.start == START  # the whole file


def test_a_yes_to_sound_reaches_the_picture_that_is_open(browser: Browser, served: Served) -> None:
    parts = served.site.parts
    at = START + 2 * SECOND
    page = opened(browser, served, "deniz", f"/camera/gate-north?at={rfc3339(at)}")
    expect(page.locator(".moment")).to_contain_text("26:42")
    page.keyboard.press(" ")
    who = {name: parts.sessions.identity(parts.accounts.get(name)) for name in ("deniz", "ayse")}
    asked = parts.approvals.ask(
        Wanted(Action.SOUND, (CAMERA,), START, GAP), who["deniz"], "ihbar 155"
    )
    with page.expect_response(lambda answer: "/api/approvals" in answer.url):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    parts.approvals.approve(asked.id, who["ayse"])
    with page.expect_request(lambda one: "/files/" in one.url or "/segments/" in one.url):
        expect(page.get_by_text("sesini artık duyabilirsiniz")).to_be_visible(timeout=10_000)
    expect(page.locator(".moment")).to_contain_text("26:4")
    shot(page, "heard")


def test_lifting_and_rules_are_asked_for_in_their_dialogs(browser: Browser, served: Served) -> None:
    parts = served.site.parts
    may = tuple(BUILT_IN["admin"].permissions)
    duties = RoleSettings("admin", may, priority=2, approval=("lift", "retention"))
    parts.roles.put(duties)
    span = HoldOrder(CAMERA, START, GAP, "dosya 7", None)
    held = parts.holds.add(span, "deniz")
    ayse = opened(browser, served, "ayse", "/holds")
    ayse.get_by_role("button", name="Kaldır…").click()
    dialog = ayse.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("kapandı")
    shot(ayse, "lift")
    dialog.get_by_role("button", name="Onay iste").click()
    expect(dialog).to_contain_text("Onay istendi")
    ayse.goto(served.url + "/retention")
    ayse.get_by_role("button", name="Kural ekle").click()
    dialog.get_by_label("Ad", exact=True).fill("Meydan")
    dialog.get_by_label("Kameralar").fill("*")
    dialog.get_by_label("Saklama süresi", exact=True).fill("400")
    dialog.get_by_label("Neden").fill("Karar 4")
    shot(ayse, "rule")
    dialog.get_by_role("button", name="Onay iste").click()
    expect(dialog).to_contain_text("Kural: Meydan (*)")
    shot(ayse, "rule-sent")
    wanted = {one.wanted.action for one in parts.approvals.all()}
    assert wanted == {Action.LIFT, Action.RETENTION}
    assert parts.holds.active() == [held]
    deniz = opened(browser, served, "deniz", "/approvals")
    expect(deniz.locator("[data-approval]")).to_have_count(1)  # it changes no rules
    deniz.get_by_role("button", name="Onayla").click()
    ayse.goto(served.url + "/approvals")
    mine = ayse.locator("[data-approval]").filter(has_text="Muhafazayı kaldırma")
    mine.get_by_role("button", name="Şimdi yap").click()
    expect(mine).to_contain_text("Yapıldı")
    assert parts.holds.active() == []


def test_the_duty_is_set_on_the_page_of_people(browser: Browser, served: Served) -> None:
    page = opened(browser, served, "ayse", "/people")
    role = page.locator("[data-role=investigator]")
    expect(role).to_contain_text("ikinci kişi: dışa aktarma, muhafazayı kaldırma, sesi duyma")
    role.get_by_role("button", name="Yükümlülükler").click()
    dialog = page.get_by_role("dialog")
    two = dialog.get_by_role("group", name="İkinci kişinin onayı gerekir")
    expect(two.get_by_role("checkbox")).to_have_count(3)  # it changes no rules
    two.get_by_label("sesi duyma").uncheck()
    shot(page, "role")
    dialog.get_by_role("button", name="Kaydet").click()
    expect(role).not_to_contain_text("muhafazayı kaldırma, sesi duyma")
    expect(role).to_contain_text("ikinci kişi: dışa aktarma, muhafazayı kaldırma")
    deniz = served.site.parts.accounts.get("deniz")
    held = served.site.parts.sessions.identity(deniz).grants[0].role.approval
    assert held == {Action.EXPORT, Action.LIFT}
