"""Steering's log of all cameras on the screen, in Chromium before the real application."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.site import PASSWORD, Served, open_web_site, serve_web_site
from tests.web.ui.devserver import STATIC
from tests.web.ui.test_console import LAPTOP, PHONE, browser
from tests.web.ui.test_contrast import stands_out
from vms.cameras.steering.logbook import Logged
from vms.core.clock import HOUR, MINUTE, SECOND, FakeClock, Instant
from vms.people.audit.entry import What
from vms.people.audit.records import Query
from vms.people.roles import Granted, RoleSettings

__all__ = ["browser"]  # the fixture
NOON = Instant(time.time_ns() // HOUR * HOUR)
MANY = 460


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with open_web_site(tmp_path, FakeClock(NOON)) as site:
        for name, role in (("zeki", "auditor"), ("ida", "investigator")):
            site.parts.accounts.add(name, PASSWORD, grants=[Granted(role)])
        with serve_web_site(replace(site, static=STATIC)) as served:
            yield served


def opened(
    browser: Browser, served: Served, name: str, path: str = "/steering", *,
    size: tuple[int, int] = LAPTOP, language: str = "tr-TR",
) -> Page:  # fmt: skip
    """A page of somebody who signed in."""
    site = served.site
    session = site.parts.sessions.start(site.parts.accounts.get(name), "10.0.0.9")
    context = browser.new_context(
        locale=language, viewport={"width": size[0], "height": size[1]}, accept_downloads=True
    )
    cookie = {"name": "vms_session", "value": session.token, "url": served.url}
    context.add_cookies([cookie])  # type: ignore[list-item]
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(served.url + path)
    return page


def fill(served: Served) -> None:
    """What one finds after a night: movements and their stops, refusals, a camera that is gone."""
    parts = served.site.parts
    parts.roles.put(RoleSettings("chaser", ("own_session", "cameras", "ptz"), purpose=True))
    parts.accounts.add("nur", PASSWORD, grants=[Granted("chaser")])
    log = parts.steering.records.log

    def at(minutes: int, seconds: int = 0) -> Instant:
        return Instant(NOON - minutes * MINUTE + seconds * SECOND)

    log(Logged("old", at(50), "ali", "preset_goto", "Köşe", "done", "2026/40"))
    moved = ("move", "0.500 0.000 0.000; pan -0.500..0.500", "done", "2026/41 İstinye")
    log(Logged("gate-north", at(40), "ali", *moved, at(40, 16), 84, moves="0 0.5 0 0"))
    log(Logged("gate-south", at(40, 9), "veli", "home_goto", "", "silent", ""))
    log(Logged("gate-north", at(40, 16), "ali", "stop", "", "done", "2026/41 İstinye"))
    log(Logged("gate-south", at(30), "nur", "move", "1 0 0", "no_purpose", "", purpose_due=True))
    log(Logged("gate-south", at(20), "", "stop", "", "done", ""))


def typed(minutes: int) -> str:
    """So many minutes ago, as people here write it; the site's zone is three hours ahead."""
    ago = time.gmtime((NOON - minutes * MINUTE) // SECOND + 3 * 3_600)
    return time.strftime("%d.%m.%Y %H:%M", ago)


def test_who_audits_finds_what_was_steered_and_goes_to_its_footage(
    browser: Browser, served: Served
) -> None:
    fill(served)
    page = opened(browser, served, "zeki", "/audit")
    page.get_by_role("link", name="Yönlendirme kaydı").click()
    lines = page.locator("[data-line]")
    expect(lines).to_have_count(5)  # a movement with its stop is one
    expect(page.get_by_role("link", name="Denetim").first).to_have_attribute("aria-current", "page")
    moved = lines.filter(has_text="2026/41")
    expect(moved).to_contain_text("Kuzey Kapı")
    expect(moved).to_contain_text("döndürdü")
    expect(moved).to_contain_text("84")
    expect(moved).to_contain_text(re.compile(r"\d\d\.\d\d\.\d{4} \d\d:20:00"))
    expect(moved).to_contain_text(re.compile(r"\d\d:20:16"))
    expect(lines.filter(has_text="nur")).to_contain_text("Amaç yazılmamış")
    expect(lines.filter(has_text="nur")).to_contain_text("reddedildi, amaç yoktu")
    expect(lines.filter(has_text="veli")).not_to_contain_text("Amaç yazılmamış")
    expect(lines.first).to_contain_text("sistem")
    gone = lines.filter(has_text="konuma gitti: Köşe")
    expect(gone).to_contain_text("old (kayıttan çıkarılmış)")
    expect(gone.get_by_role("link")).to_have_count(0)
    moved.get_by_role("link", name=re.compile("Görüntüye git: Kuzey Kapı")).click()
    expect(page).to_have_url(re.compile("/camera/gate-north[?]at="))
    page.go_back()
    expect(lines).to_have_count(5)


def test_it_is_searched_the_address_keeps_it_and_the_sheet_is_of_the_same(
    browser: Browser, served: Served
) -> None:
    fill(served)
    page = opened(browser, served, "zeki")
    lines = page.locator("[data-line]")
    expect(lines).to_have_count(5)
    page.get_by_label("Kamera", exact=True).select_option("gate-south")
    page.get_by_role("button", name="Ara").click()
    expect(lines).to_have_count(3)
    page.get_by_label("Operatör").fill("NUR")
    page.get_by_role("button", name="Ara").click()
    expect(lines).to_have_count(1)
    page.reload()
    expect(lines).to_have_count(1)
    expect(page.get_by_label("Operatör")).to_have_value("NUR")
    page.get_by_label("Amaç veya karar no").fill("istanbul")
    page.get_by_role("button", name="Ara").click()
    expect(page.get_by_text("Bu aramaya uyan yönlendirme yok.")).to_be_visible()
    page.get_by_role("link", name="Aramayı temizle").click()
    expect(lines).to_have_count(5)
    begin = page.get_by_label("Başlangıç")
    begin.fill("dün öğlen")
    page.get_by_role("button", name="Ara").click()
    expect(page.get_by_text("Anlaşılmadı")).to_be_visible()
    begin.fill(typed(35))
    page.get_by_role("button", name="Ara").click()
    expect(lines).to_have_count(2)
    page.get_by_label("Bitiş").fill(typed(25))
    page.keyboard.press("Enter")
    expect(lines).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV indir").click()
    sheet = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8"))))
    assert [(one["operator"], one["result"]) for one in sheet] == [("nur", "no_purpose")]


def test_older_lines_come_by_pages_and_the_reading_is_in_the_audit_once(
    browser: Browser, served: Served
) -> None:
    log = served.site.parts.steering.records.log
    for number in range(MANY):
        log(Logged("gate-north", Instant(NOON - (MANY - number) * SECOND), "ali",
                   "centre", "0.5 0.5", "done", f"2026/{number}"))  # fmt: skip
    page = opened(browser, served, "zeki")
    lines = page.locator("[data-line]")
    for shown in (200, 400, MANY):
        expect(lines).to_have_count(shown)
        if shown < MANY:
            page.get_by_role("button", name="Daha eskiler").click()
    expect(page.get_by_role("button", name="Daha eskiler")).to_have_count(0)
    expect(lines.last).to_contain_text("2026/0")
    served.site.parts.trail.flush()
    told = served.site.parts.audit.page(Query(what=(What.READ_AUDIT,)), 9)
    assert [one.entry.detail for one in told] == ["steering: all"]


def test_who_steers_reads_of_their_cameras_and_others_are_told(
    browser: Browser, served: Served
) -> None:
    served.site.parts.accounts.grant("ali", [Granted("operator", ("gate-north",))])
    page = opened(browser, served, "ali")
    expect(page.get_by_text("Henüz hiçbir kamera yönlendirilmedi.")).to_be_visible()
    fill(served)
    page.get_by_role("button", name="Ara").click()
    expect(page.locator("[data-line]")).to_have_count(1)
    expect(page.get_by_text("1 kameranın kaydını görüyorsunuz")).to_be_visible()
    expect(page.get_by_role("link", name="Yönlendirmeler")).to_have_attribute(
        "aria-current", "page"
    )
    expect(page.get_by_role("link", name="Denetim")).to_have_count(0)
    other = opened(browser, served, "ida")
    expect(other.get_by_text("kamera yönlendiren ya da denetleyen okur")).to_be_visible()
    expect(other.get_by_role("link", name="Yönlendirmeler")).to_have_count(0)


def test_a_failure_is_told_and_tried_again(browser: Browser, served: Served) -> None:
    fill(served)
    page = opened(browser, served, "zeki", "/")
    page.route("**/api/ptz/log*", lambda route: route.abort())
    page.goto(served.url + "/steering")
    expect(page.get_by_text("Yönlendirme kaydı alınamadı")).to_be_visible()
    page.unroute("**/api/ptz/log*")
    page.get_by_role("button", name="Yeniden dene").click()
    expect(page.locator("[data-line]")).to_have_count(5)


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_it_is_readable_and_nothing_sticks_out(
    browser: Browser, served: Served, size: tuple[int, int]
) -> None:
    fill(served)
    page = opened(browser, served, "zeki", size=size, language="en-GB")
    expect(page.locator("[data-line]")).to_have_count(5)
    expect(page.get_by_text("No purpose given")).to_be_visible()
    stands_out(page, 30)
    out = """() => [...document.querySelectorAll('main *')]
      .filter((one) => getComputedStyle(one).clipPath === 'none')
      .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
      .map((one) => one.outerHTML.slice(0, 80))"""
    assert page.evaluate(out) == []
