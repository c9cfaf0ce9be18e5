"""The search for activity on the camera's page, in Chromium before the real application."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Locator, Page, expect

from storage.database import open_database
from storage.schema import activity
from tests.web.footage import GATE, NOW, SECOND_FILE, START, THIRD_FILE, recorded
from tests.web.site import PASSWORD, Served, WebSite, open_web_site, serve_web_site
from tests.web.ui.devserver import STATIC
from tests.web.ui.test_console import LAPTOP, PHONE, browser
from vms.alarms.schema import event
from vms.core.clock import HOUR, SECOND, FakeClock, Instant, rfc3339
from vms.core.clock import Span as Nanoseconds
from vms.people.roles import Granted, RoleSettings

__all__ = ["browser"]  # the fixture

PAGE = f"/camera/gate-north?at={rfc3339(START + 7 * SECOND)}"
SHOTS = os.environ.get("SHOTS", "")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    clock = FakeClock(NOW)
    with open_web_site(tmp_path, clock) as site, recorded(site.parts.settings, clock):
        measured(site)
        told = site.parts.events.add
        told(GATE.camera, "motion", Instant(START + 2 * SECOND), Instant(START + 3 * SECOND))
        told(GATE.camera, "motion", THIRD_FILE, Instant(THIRD_FILE + SECOND), "kapı")
        told(GATE.camera, "tamper", Instant(START + 4 * SECOND))
        accounts, roles = site.parts.accounts, site.parts.roles
        accounts.add("ayse", PASSWORD, role="admin", display_name="Ayşe Öğüt")
        may = ("own_session", "cameras", "system", "live", "archive")
        roles.put(RoleSettings("recent", may, footage_age=Nanoseconds(HOUR)))
        accounts.add("deniz", PASSWORD, grants=[Granted("recent", ("gate-north",))])
        with serve_web_site(replace(site, static=STATIC)) as served:
            yield served


def measured(site: WebSite) -> None:
    """Levels as if something had happened: strongly in the first second, weakly in the eighth. Of
    the third file nothing is known."""
    engine = open_database(site.parts.settings.database_url)
    with engine.begin() as connection:
        for start, levels in ((START, [200, 0, 0, 0]), (SECOND_FILE, [0, 0, 0, 90])):
            values = {"levels": bytes(levels), "peak": max(levels), "total": sum(levels)}
            row = activity.c.start == start
            connection.execute(sa.update(activity).where(row).values(**values, seconds=4))
        connection.execute(sa.delete(activity).where(activity.c.start == THIRD_FILE))
    engine.dispose()


def opened(
    browser: Browser,
    served: Served,
    name: str = "ayse",
    size: tuple[int, int] = LAPTOP,
    locale: str = "tr-TR",
    path: str = PAGE,
    **more: Any,
) -> Page:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale=locale, **more
    )
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(served.url)
    page.fill("#username", name)
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    expect(page.locator("nav").first).to_be_visible()
    page.goto(served.url + path)
    expect(page.locator("vms-player")).to_be_attached()
    return page


def searching(page: Page) -> Locator:
    page.keyboard.press("a")
    panel = page.locator("aside[tabindex='-1']")
    expect(panel).to_be_visible()
    return panel


def rows(panel: Locator) -> Locator:
    return panel.locator("[data-sighting]")


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.wait_for_timeout(700)
        page.screenshot(path=f"{SHOTS}/{name}.png")


def look_for(panel: Locator, start: str, end: str) -> None:
    panel.get_by_role("button", name="Değiştir").first.click()
    panel.get_by_label("Başlangıç").fill(start)
    panel.get_by_label("Bitiş").fill(end)
    panel.get_by_role("button", name="Ara", exact=True).click()


def test_what_happened_is_listed_with_strength_kind_and_picture(
    browser: Browser, served: Served
) -> None:
    page = opened(browser, served)
    panel = searching(page)
    expect(rows(panel)).to_have_count(4)
    kinds = [row.get_attribute("data-of") for row in rows(panel).all()]
    assert kinds == ["activity", "camera", "activity", "zones"]
    first = rows(panel).first
    expect(first).to_contain_text("11:26:40")
    expect(first.locator(".filled")).to_have_count(4)
    expect(first.get_by_role("button", name=re.compile("Güç 200"))).to_be_visible()
    expect(rows(panel).nth(1)).to_contain_text("Hareket · kamera")
    expect(rows(panel).nth(3)).to_contain_text("bölge: kapı")
    for row in rows(panel).all():
        row.scroll_into_view_if_needed()
        expect(row.locator(".preview[data-shown=true] img")).to_be_visible()
    shot(page, "laptop-tr")
    drawn = page.evaluate(
        "() => [...document.querySelectorAll('.preview img')].map((img) => img.naturalWidth)"
    )
    assert all(width > 0 for width in drawn)


def test_where_nothing_is_known_is_said_with_its_cause(browser: Browser, served: Served) -> None:
    page = opened(browser, served)
    panel = searching(page)
    panel.locator("summary").click()
    why = panel.locator("[data-why]")
    told = {one.get_attribute("data-why"): one.inner_text() for one in why.all()}
    # Nobody recorded before the first file; the last is not closed, the one before not measured.
    assert set(told) == {"nothing", "unreachable", "fresh"}
    assert "10 sn" in told["unreachable"]
    shot(page, "unknown-tr")
    why.filter(has_text="Kamera yanıt vermiyor").get_by_role("button").click()
    expect(page).to_have_url(re.compile(r"at=2025-11-22T08%3A26%3A48"))


def test_keys_move_play_and_mark(browser: Browser, served: Served) -> None:
    page = opened(browser, served)
    panel = searching(page)
    expect(rows(panel)).to_have_count(4)
    page.keyboard.press("ArrowDown")
    expect(rows(panel).first.locator(".play")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(rows(panel).nth(2).locator(".play")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")  # the last stays the last
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    # Three seconds before the eighth.
    expect(page).to_have_url(re.compile(r"at=2025-11-22T08%3A26%3A44\.000Z"))
    expect(rows(panel).nth(2).locator(".play")).to_have_attribute("aria-current", "true")
    expect(page.locator("vms-player")).to_be_attached()
    spot = page.evaluate("document.querySelector('vms-timeline').spot.start")
    assert spot == (START + 7 * SECOND) // 1_000_000
    shot(page, "played-tr")
    page.keyboard.press("Shift+Enter")
    marks = page.evaluate("document.querySelector('vms-timeline').marks")
    begin = (START + 7 * SECOND) // 1_000_000
    assert marks == {"in": begin, "out": begin + 1_000}
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    assert page.evaluate("document.querySelector('vms-timeline').spot") is None
    assert page.evaluate("document.querySelector('vms-timeline').marks") == marks
    # With marks set, they are what is searched.
    expect(searching(page)).to_contain_text("11:26:47 – 11:26:48")


def test_a_click_plays_there_and_the_button_opens_and_closes(
    browser: Browser, served: Served
) -> None:
    page = opened(browser, served)
    button = page.get_by_role("button", name="Hareketlilik ara")
    button.click()
    panel = page.locator("aside[tabindex='-1']")
    rows(panel).nth(3).locator(".play").click()
    expect(page).to_have_url(re.compile(r"at=2025-11-22T08%3A26%3A55\.000Z"))
    rows(panel).nth(3).locator(".mark").click()
    expect(page.locator(".says")).to_contain_text("İşaretlendi")
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(panel).to_have_count(0)


def test_stretch_sensitivity_and_events_are_chosen_and_kept(
    browser: Browser, served: Served
) -> None:
    page = opened(browser, served)
    panel = searching(page)
    panel.get_by_role("button", name="Değiştir").click()
    panel.get_by_label("Bitiş").fill("yarın")
    panel.get_by_role("button", name="Ara", exact=True).click()
    expect(panel).to_contain_text("Anlaşılmadı")
    panel.get_by_label("Bitiş").fill("22.11.2025 11:00")
    panel.get_by_role("button", name="Ara", exact=True).click()
    expect(panel).to_contain_text("Bitiş başlangıçtan sonra olmalı.")
    panel.get_by_label("Başlangıç").fill("22.11.2025 11:26:40")
    panel.get_by_label("Bitiş").fill("11:26:48")
    panel.get_by_label("Duyarlılık").select_option("least")
    panel.get_by_label("Kameranın bildirdiği hareket").uncheck()
    panel.get_by_label("Öteki olaylar").check()
    shot(page, "form-tr")
    panel.get_by_role("button", name="Ara", exact=True).click()
    expect(rows(panel)).to_have_count(2)
    assert [row.get_attribute("data-of") for row in rows(panel).all()] == ["activity", "other"]
    expect(rows(panel).nth(1)).to_contain_text("Kurcalama")
    expect(panel.locator("summary")).to_have_count(0)  # all of it is known
    page.reload()
    expect(page.locator("vms-player")).to_be_attached()
    panel = searching(page)
    expect(panel.locator(".asked")).to_contain_text("duyarlılık en az")
    expect(panel.locator(".asked")).to_contain_text("+ öteki olaylar")


def test_nothing_found_is_told_apart_from_nothing_known(browser: Browser, served: Served) -> None:
    page = opened(browser, served)
    panel = searching(page)
    look_for(panel, "22.11.2025 11:26:41", "11:26:42")
    expect(panel.locator(".blank")).to_contain_text("Bu duyarlılıkta bir şey bulunmadı")
    panel.get_by_role("button", name="Daha duyarlı ara").click()
    expect(panel.locator(".asked")).to_contain_text("duyarlılık en çok")
    look_for(panel, "22.11.2025 11:26:48", "11:26:58")
    expect(panel.locator(".blank")).to_contain_text("Bu süre hakkında bir şey bilinmiyor")
    expect(panel.locator("summary")).to_contain_text("10 sn bilinmiyor")
    shot(page, "nothing-known-tr")
    look_for(panel, "22.11.2025 11:26:44", "11:26:50")
    expect(rows(panel)).to_have_count(1)
    look_for(panel, "22.11.2025 11:26:44", "11:26:46")
    expect(panel.locator(".blank")).to_be_visible()


def test_long_lists_go_on_from_where_they_are(browser: Browser, served: Served) -> None:
    engine = open_database(served.site.parts.settings.database_url)
    with engine.begin() as connection:
        step = 60 * SECOND
        values = [
            {"camera": GATE.camera, "kind": "motion", "detail": "", "told": NOW}
            | {"start": START - n * step, "end": START - n * step + SECOND}
            for n in range(1, 251)
        ]
        connection.execute(sa.insert(event), values)
    engine.dispose()
    page = opened(browser, served)
    panel = searching(page)
    look_for(panel, "22.11.2025 07:00", "11:26:50")
    expect(rows(panel)).to_have_count(100)
    expect(panel.get_by_role("status").first).to_contain_text(re.compile(r"anına kadar 100 an"))
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "frame.jpg" in one.url else None)
    panel.get_by_role("button", name=re.compile("Aramayı sürdür")).click()
    expect(rows(panel)).to_have_count(200)
    panel.get_by_role("button", name=re.compile("Aramayı sürdür")).click()
    expect(rows(panel)).to_have_count(253)
    expect(panel.get_by_role("button", name=re.compile("Aramayı sürdür"))).to_have_count(0)
    expect(panel.get_by_role("status").first).to_contain_text("253 an")
    page.wait_for_timeout(500)
    assert len(asked) < 40, "pictures are fetched of what is seen only"


def test_who_may_not_look_back_that_far_is_told_what_to_do(
    browser: Browser, served: Served
) -> None:
    page = opened(browser, served, "deniz")
    frames: list[str] = []
    page.on("request", lambda one: frames.append(one.url) if "width=192" in one.url else None)
    panel = searching(page)
    expect(rows(panel)).to_have_count(4)
    expect(panel).to_contain_text("Tek kare alma yetkiniz olmadığından")
    look_for(panel, "22.11.2025 08:00", "11:26:50")
    expect(panel.locator(".blank")).to_contain_text("Bu süreyi aramaya yetkiniz yok")
    shot(page, "denied-tr")
    panel.locator(".blank").get_by_role("button", name="Değiştir").click()
    expect(panel.get_by_label("Başlangıç")).to_have_value("22.11.2025 08:00:00")
    assert frames == []


def test_a_failure_is_said_and_can_be_tried_again(browser: Browser, served: Served) -> None:
    page = opened(browser, served)
    page.route("**/activity?**", lambda route: route.abort())
    panel = searching(page)
    expect(panel.locator(".blank")).to_contain_text("Arama tamamlanamadı")
    page.unroute("**/activity?**")
    panel.get_by_role("button", name="Yeniden dene").click()
    expect(rows(panel)).to_have_count(4)


def test_closing_lets_go_of_what_is_on_its_way(browser: Browser, served: Served) -> None:
    page = opened(browser, served)
    held: list[Any] = []
    page.route("**/frame.jpg?**", lambda route: held.append(route))
    failed: list[str] = []
    page.on("requestfailed", lambda one: failed.append(one.url))
    panel = searching(page)
    expect(rows(panel)).to_have_count(4)
    page.wait_for_timeout(300)
    assert len(held) == 2, "no more than two pictures are asked for at once"
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    page.wait_for_timeout(300)
    assert len([url for url in failed if "frame.jpg" in url]) == 2


def test_a_hidden_file_is_told_as_hidden_and_not_searched(browser: Browser, served: Served) -> None:
    page = opened(browser, served)
    body = {
        "camera": GATE.camera,
        "reason": "case 7",
        "seen_by": [],
        "start": rfc3339(START + SECOND),
        "end": rfc3339(START + 2 * SECOND),
    }
    made = page.evaluate(
        """async (body) => {
          const csrf = (await (await fetch('/api/session')).json()).csrf;
          const answer = await fetch('/api/blocks', { method: 'POST', body: JSON.stringify(body),
            headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf } });
          return answer.status;
        }""",
        body,
    )
    assert made == 201
    panel = searching(page)
    expect(rows(panel)).to_have_count(2)
    panel.locator("summary").click()
    expect(panel.locator("[data-why=hidden]")).to_contain_text("Sizden gizli")


@pytest.mark.parametrize(
    ("size", "locale"), [(PHONE, "tr-TR"), (PHONE, "en-GB"), (LAPTOP, "en-GB")]
)
def test_it_fits_its_screen(
    browser: Browser, served: Served, size: tuple[int, int], locale: str
) -> None:
    page = opened(browser, served, size=size, locale=locale)
    panel = searching(page)
    expect(rows(panel)).to_have_count(4)
    panel.locator("summary").click()
    rows(panel).first.scroll_into_view_if_needed()
    shot(page, f"{locale}-{size[0]}")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert panel.evaluate("(one) => one.scrollWidth - one.clientWidth") <= 0
    panel.get_by_role("button", name=re.compile("^(Değiştir|Change)$")).click()
    shot(page, f"{locale}-{size[0]}-form")
    assert panel.evaluate("(one) => one.scrollWidth - one.clientWidth") <= 0
    page.keyboard.press("Escape")
    page.evaluate("scrollTo(0, 0)")
    searching(page)
    rows(panel).nth(2).locator(".play").click()
    expect(page.locator(".stage")).to_be_in_viewport()
