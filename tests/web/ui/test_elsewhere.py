"""Signing in at an OpenID provider on the screens: Chromium, the real application, a real peer."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.people.provider import Provider, provider
from tests.web.site import Served, open_web_site, serve_web_site
from tests.web.ui.devserver import STATIC
from tests.web.ui.test_console import browser
from vms.core.clock import FakeClock, Instant

__all__ = ["browser"]  # the fixture

SHOTS = os.environ.get("SHOTS", "")


@pytest.fixture
def idp() -> Iterator[Provider]:
    with provider() as found:
        found.set_user("s-1", preferred_username="ayşe", name="Ayşe Yılmaz", groups=["operators"])
        found.set_user("s-2", preferred_username="veli", groups=["gardeners"])
        yield found


@pytest.fixture
def served(tmp_path: Path, idp: Provider) -> Iterator[Served]:
    settings = {
        "issuer": idp.issuer,
        "client_id": "gozcu",
        "client_secret": "a-secret-of-the-site",
        "console": "https://vms.test",
        "name": "Belediye Kimlik",
        "groups": {"operators": [{"role": "operator", "cameras": ["group:meydan"]}]},
    }
    clock = FakeClock(Instant(time.time_ns()))  # the provider lives by the machine's clock
    with (
        open_web_site(tmp_path, clock, oidc=settings) as site,
        serve_web_site(replace(site, static=STATIC)) as served,
    ):
        at_provider = site.parts.oidc
        assert at_provider is not None
        # The port is known only now; a site's own address is.
        here = {"console": served.url}
        at_provider.settings = at_provider.settings.model_copy(update=here)
        yield served


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.wait_for_timeout(400)
        page.screenshot(path=f"{SHOTS}/{name}.png")


def signing_in(browser: Browser, served: Served, sub: str) -> Page:
    """By the button, and as whom at the provider."""
    page = browser.new_context(locale="tr-TR").new_page()
    page.goto(served.url)
    button = page.get_by_role("link", name="Belediye Kimlik ile oturum aç")
    expect(button).to_be_visible()
    shot(page, "button")
    button.click()
    page.locator("input[name=sub]").fill(sub)
    page.get_by_role("button", name="Authorize").click()
    return page


def test_a_person_comes_in_by_the_button_and_is_told_what_is_kept_elsewhere(
    browser: Browser, served: Served
) -> None:
    page = signing_in(browser, served, "s-1")
    expect(page.get_by_role("navigation", name="Bölümler")).to_be_visible()
    page.goto(f"{served.url}/account")
    expect(page.get_by_text("kurumunuzun kimlik sisteminden")).to_be_visible()
    expect(page.get_by_label("Yeni parola")).to_have_count(0)
    shot(page, "account")
    who = served.site.parts.accounts.get("ayşe")
    assert (who.origin, who.display_name) == ("oidc", "Ayşe Yılmaz")


def test_whoever_is_in_no_group_is_told_so_and_stays_out(browser: Browser, served: Served) -> None:
    page = signing_in(browser, served, "s-2")
    expect(page.get_by_text("burada yetkisi olan bir grupta değilsiniz")).to_be_visible()
    shot(page, "no-group")
    assert "signin=" not in page.url
    page.reload()
    expect(page.get_by_role("button", name="Oturum aç")).to_be_visible()
    expect(page.get_by_text("yetkisi olan bir grupta")).to_have_count(0)
    assert not served.site.parts.accounts.knows("veli")
