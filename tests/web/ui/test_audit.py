"""The audit on the screens, in Chromium before the real application and its database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.web.site import PASSWORD, Served, open_web_site, serve_web_site
from tests.web.ui.devserver import STATIC
from tests.web.ui.test_console import browser
from tests.web.ui.test_people import opened
from vms.core.clock import MINUTE, SystemClock
from vms.people.audit.entry import Entry, What

__all__ = ["browser"]  # the fixture


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with open_web_site(tmp_path) as site:
        site.parts.accounts.add("ayse", PASSWORD, role="admin", display_name="Ayşe Öğüt")
        now = SystemClock().now()  # the browser's day is today
        seen = {"start": now - 50 * MINUTE, "end": now - 40 * MINUTE}
        looked = {"since": now - 30 * MINUTE, "until": now - 20 * MINUTE, "phase": "closed"}
        told = [
            Entry(now, What.LOOK_BACK, "ali", "session", "10.0.0.9", "gate-north", **seen, **looked),
            Entry(now, What.STEER, "veli", "session", "10.0.0.7", "gate-south", outcome="denied"),
        ]  # fmt: skip
        for entry in told:
            site.parts.audit.tell(entry)
        site.parts.audit.flush()
        with serve_web_site(replace(site, static=STATIC)) as served:
            yield served


def test_who_saw_a_camera_and_what_a_person_saw_in_one_click(
    browser: Browser, served: Served
) -> None:
    page = opened(browser, served, "ayse", "/people")
    page.locator("[data-person=ali]").get_by_role("link", name="Neyi izledi?").click()
    rows = page.locator("[data-entry]")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Geriye bakma")
    expect(rows).to_contain_text("Kuzey Kapı")
    expect(page.get_by_label("Kişi")).to_have_value("ali")
    page.goto(f"{served.url}/camera/gate-north")
    page.get_by_role("link", name="Kim baktı?").click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("ali")
    page.get_by_label("Kamera", exact=True).select_option("gate-south")
    expect(page.get_by_text("Aramaya uyan kayıt yok")).to_be_visible()
    page.goto(f"{served.url}/audit")
    expect(page.locator("[data-what=steer]")).to_contain_text("reddedildi")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV indir").click()
    assert download.value.path().read_bytes().startswith(b"id,at,what,who,")


def test_who_may_not_read_it_is_told_so(browser: Browser, served: Served) -> None:
    page = opened(browser, served, "ali", "/audit")
    expect(page.get_by_text("yalnızca denetçiler ve yöneticiler görür")).to_be_visible()
    expect(page.get_by_role("link", name="Denetim")).to_have_count(0)
