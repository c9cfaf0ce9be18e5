"""The audit on the screen, in Chromium before the real application."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.web.site import PASSWORD, Served, open_web_site, serve_web_site
from tests.web.ui.devserver import STATIC
from tests.web.ui.test_console import LAPTOP, PHONE, browser
from tests.web.ui.test_steering_log import opened
from vms.core.clock import HOUR, FakeClock, Instant
from vms.people.audit.entry import What
from vms.people.audit.records import Query
from vms.people.roles import Granted

__all__ = ["browser"]  # the fixture
NOON = Instant(time.time_ns() // HOUR * HOUR)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with open_web_site(tmp_path, FakeClock(NOON)) as site:
        site.parts.accounts.add("zeki", PASSWORD, grants=[Granted("auditor")])
        with serve_web_site(replace(site, static=STATIC)) as served:
            yield served


def asked(page: Page, path: str) -> list[str]:
    """The questions to the server from here on, as they come."""
    found: list[str] = []

    def heard(request: Request) -> None:
        if f"{path}?" in request.url:
            found.append(request.url.partition("?")[2])

    page.on("request", heard)
    return found


def test_what_is_typed_is_asked_once_and_only_by_the_button(
    browser: Browser, served: Served
) -> None:
    page = opened(browser, served, "zeki", "/audit")
    expect(page.get_by_role("button", name="Ara")).to_be_visible()
    found = asked(page, "/api/audit")
    page.get_by_label("Kişi", exact=True).press_sequentially("veli")
    page.wait_for_timeout(500)
    assert found == []
    sheet = page.get_by_role("link", name="CSV indir")
    expect(sheet).to_have_attribute("href", "/api/audit/sheet.csv?")
    page.get_by_role("button", name="Ara").click()
    expect(page).to_have_url(f"{served.url}/audit?person=veli")
    expect(sheet).to_have_attribute("href", "/api/audit/sheet.csv?person=veli")
    expect(page.get_by_text("Bu aramaya uyan kayıt yok.")).to_be_visible()
    assert found == ["person=veli"]
    served.site.parts.trail.flush()
    told = served.site.parts.audit.page(Query(what=(What.READ_AUDIT,)), 9)
    assert len([one for one in told if "veli" in one.entry.detail]) == 1


def test_steering_is_asked_once_for_a_search(browser: Browser, served: Served) -> None:
    page = opened(browser, served, "zeki", "/steering")
    expect(page.get_by_role("button", name="Ara")).to_be_visible()
    found = asked(page, "/api/ptz/log")
    page.get_by_label("Operatör").fill("veli")
    page.get_by_role("button", name="Ara").click()
    expect(page.get_by_text("Bu aramaya uyan yönlendirme yok.")).to_be_visible()
    assert found == ["who=veli&limit=200"]


def test_a_later_failure_is_told_once(browser: Browser, served: Served) -> None:
    page = opened(browser, served, "zeki", "/audit")
    search = page.get_by_role("button", name="Ara")
    expect(search).to_be_visible()
    page.route("**/api/audit?*", lambda route: route.abort())
    page.route("**/api/audit", lambda route: route.abort())
    page.get_by_label("Kişi", exact=True).fill("veli")
    search.click()
    expect(page.get_by_text("Sunucuya ulaşılamıyor").first).to_be_visible()
    expect(page.locator("main").get_by_role("alert").filter(has_text="ulaşılamıyor")).to_have_count(
        1
    )
    page.unroute("**/api/audit?*")
    page.unroute("**/api/audit")
    search.click()
    expect(page.locator("main").get_by_role("alert").filter(has_text="ulaşılamıyor")).to_have_count(
        0
    )


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_an_entry_with_much_to_tell_is_read_in_words_not_letters(
    browser: Browser, served: Served, size: tuple[int, int]
) -> None:
    page = opened(browser, served, "zeki", "/", size=size)
    long = {"id": 1, "at": "2026-11-22T10:00:00Z", "what": "hold", "who": "ali", "via": "session",
            "address": "10.0.0.9", "camera": "gate-north", "subject": "h1", "outcome": "done",
            "detail": "Emniyet Müdürlüğünün 2026/48213 sayılı yazısı üzerine saklandı",
            "start": None, "end": None, "phase": None}  # fmt: skip
    page.route("**/api/audit*", lambda route: route.fulfill(json={"entries": [long], "next": None}))
    page.goto(served.url + "/audit")
    line = page.locator("[data-entry='1']")
    expect(line).to_contain_text("48213")
    box = line.bounding_box()
    assert box is not None
    assert box["height"] < 150
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
