"""People and rights on the screens, in Chromium before the real application and its database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.site import PASSWORD, Served, open_web_site, serve_web_site
from tests.web.ui.devserver import STATIC
from tests.web.ui.test_console import browser
from vms.core.model import CameraId
from vms.people.blocks import BlockOrder
from vms.people.roles import Granted

__all__ = ["browser"]  # the fixture


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with open_web_site(tmp_path) as site:
        site.parts.accounts.add("ayse", PASSWORD, role="admin", display_name="Ayşe Öğüt")
        with serve_web_site(replace(site, static=STATIC)) as served:
            yield served


def opened(browser: Browser, served: Served, name: str, path: str) -> Page:
    """A page of somebody who signed in; Turkish."""
    page = browser.new_context(locale="tr-TR").new_page()
    page.goto(served.url)
    page.fill("#username", name)
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    expect(page.get_by_role("navigation", name="Bölümler")).to_be_visible()
    page.goto(served.url + path)
    return page


def test_a_person_is_added_with_roles_on_chosen_cameras(browser: Browser, served: Served) -> None:
    page = opened(browser, served, "ayse", "/people")
    expect(page.locator("[data-person=ayse]")).to_contain_text("Yönetici · bütün kameralar")
    page.get_by_role("button", name="Kişi ekle").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Kişi ekle").click()
    expect(dialog).to_contain_text("Bir kullanıcı adı yazın.")
    dialog.get_by_label("Kullanıcı adı").fill("gülşen")
    dialog.get_by_label("Görünen ad").fill("Gülşen Işık")
    dialog.get_by_label("Nerede").select_option("some")
    dialog.get_by_role("button", name="Kişi ekle").click()
    expect(dialog).to_contain_text("En az bir grup ya da kamera seçin.")
    dialog.get_by_label("Meydan").check()
    dialog.get_by_role("button", name="Kişi ekle").click()
    made = dialog.locator("code").inner_text()
    assert served.site.parts.accounts.check("gülşen", made) is not None
    dialog.get_by_role("button", name="Tamam").click()
    expect(page.locator("[data-person=gülşen]")).to_contain_text("Operatör · Meydan grubu")
    assert made not in page.content()
    page.locator("[data-person=gülşen]").get_by_role("button", name="Ne görür?").click()
    expect(dialog).to_contain_text("Kuzey Kapı")
    expect(dialog).not_to_contain_text("gate-south")
    dialog.get_by_role("button", name="Kapat").last.click()
    page.get_by_role("button", name="Kaldır: Gülşen Işık").click()
    dialog.get_by_role("button", name="Kaldır").click()
    expect(page.locator("[data-person=gülşen]")).to_have_count(0)


def test_a_sign_in_is_ended_on_the_screen(browser: Browser, served: Served) -> None:
    page = opened(browser, served, "ayse", "/people")
    other = opened(browser, served, "ali", "/")
    page.locator("[data-person=ali]").get_by_role("button", name="Değiştir").click()
    ends = page.get_by_role("dialog").get_by_role("button", name="Sonlandır")
    expect(ends).to_have_count(2)  # this browser's, and one that the server was given at start
    for _ in range(2):
        ends.first.click()
        page.wait_for_timeout(300)
    expect(page.get_by_role("dialog")).to_contain_text("Şu an açık oturumu")
    expect(other.locator("#username")).to_be_visible(timeout=10_000)


def test_a_role_of_ones_own_is_made_held_and_kept_while_held(
    browser: Browser, served: Served
) -> None:
    page = opened(browser, served, "ayse", "/people")
    page.get_by_role("button", name="Rol ekle").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Rolün adı").fill("Gece Nöbeti")
    dialog.get_by_role("button", name="Rol ekle").click()
    expect(dialog).to_contain_text("Küçük harf, rakam ve kısa çizgi kullanın")
    dialog.get_by_label("Rolün adı").fill("gece-nobeti")
    dialog.get_by_label("canlı izleme").check()
    dialog.get_by_label("Hangi saatlerde").fill("gece")
    dialog.get_by_role("button", name="Rol ekle").click()
    expect(dialog.get_by_role("alert")).to_contain_text("gece")
    dialog.get_by_label("Hangi saatlerde").fill("daily 22:00-06:00")
    dialog.get_by_role("button", name="Rol ekle").click()
    role = page.locator("[data-role=gece-nobeti]")
    expect(role).to_contain_text("kendi oturumu, kamera listesi, canlı izleme")
    expect(role).to_contain_text("daily 22:00-06:00")
    served.site.parts.accounts.grant("ali", [Granted("gece-nobeti")])
    role.get_by_role("button", name="Kaldır").click()
    dialog.get_by_role("button", name="Kaldır").click()
    expect(dialog.get_by_role("alert")).to_contain_text("hold the role")


def test_who_may_not_see_people_is_told_and_sees_only_their_cameras(
    browser: Browser, served: Served
) -> None:
    served.site.parts.accounts.grant("ali", [Granted("operator", ("group:meydan",))])
    page = opened(browser, served, "ali", "/people")
    expect(page.get_by_text("Kişileri ve yetkileri yalnızca yöneticiler görür.")).to_be_visible()
    expect(page.get_by_role("link", name="Kişiler ve yetkiler")).to_have_count(0)
    page.goto(served.url)
    expect(page.get_by_role("complementary").first).to_contain_text("Kuzey Kapı")
    expect(page.locator("body")).not_to_contain_text("gate-south")


def test_what_is_hidden_is_listed_explained_and_shown_again(
    browser: Browser, served: Served
) -> None:
    parts = served.site.parts
    order = BlockOrder(CameraId("gate-north"), parts.clock.now(), None, "dosya 7", ("ali",))
    parts.blocks.add(order, "ayse")
    page = opened(browser, served, "ayse", "/people")
    page.locator("[data-person=ayse]").get_by_role("button", name="Ne görür?").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("← Yönetici (bütün kameralar)")
    expect(dialog).to_contain_text("kaldırılana kadar")
    page.goto(served.url + "/holds")
    block = page.locator("[data-block]")
    expect(block).to_contain_text("dosya 7")
    expect(block).to_contain_text("Görebilen: ali")
    block.get_by_role("button", name="Kaldır…").click()
    dialog.get_by_role("textbox").fill("karar verildi")
    dialog.get_by_role("button", name="Gizlemeyi kaldır").click()
    expect(block).to_have_count(0)
    assert [one.lift_reason for one in parts.blocks.all()] == ["karar verildi"]


def test_a_token_is_made_narrow_shown_once_and_revoked(browser: Browser, served: Served) -> None:
    page = opened(browser, served, "ali", "/account")
    page.get_by_text("API anahtarı oluştur").click()
    page.get_by_label("Ne için?").fill("lobi duvarı")
    page.get_by_label("Süresi").select_option("30")
    page.get_by_label("Ne yapabilsin?").select_option("some")
    page.get_by_label("Parolanız").last.fill(PASSWORD)
    page.get_by_role("button", name="Anahtar oluştur").click()
    expect(page.get_by_text("En az bir izin seçin.")).to_be_visible()
    page.get_by_label("canlı izleme").check()
    page.get_by_label("Nerede").select_option("some")
    page.get_by_label("Meydan").check()
    page.get_by_role("button", name="Anahtar oluştur").click()
    token = page.locator(".made code").inner_text()
    found = served.site.parts.sessions.find_token(token, "10.0.0.7")
    assert found is not None
    assert found.identity.narrowed is not None
    assert found.identity.narrowed.cameras == ("group:meydan",)
    page.get_by_role("button", name="Sakladım").click()
    page.reload()
    mine = page.get_by_role("listitem").filter(has_text="API anahtarı: lobi duvarı")
    expect(mine).to_contain_text("10.0.0.7 · yalnızca: canlı izleme · Meydan grubu")
    assert token not in page.content()
    mine.get_by_role("button").click()
    expect(mine).to_have_count(0)
    assert served.site.parts.sessions.find_token(token) is None


def test_a_password_somebody_else_chose_is_changed_first(browser: Browser, served: Served) -> None:
    served.site.parts.accounts.set_password("ali", "told by telephone", must_change=True)
    page = browser.new_context(locale="tr-TR").new_page()
    page.goto(served.url)
    page.fill("#username", "ali")
    page.fill("#password", "told by telephone")
    page.click("button[type=submit]")
    expect(page.get_by_text("Parolanızı başkası belirledi.")).to_be_visible()
    expect(page.get_by_role("navigation", name="Bölümler")).to_have_count(0)
    change = page.get_by_role("button", name="Parolayı değiştir")
    page.get_by_label("Şimdiki parolanız").fill("told by telephone")
    page.get_by_label("Yeni parola", exact=True).fill("password1234")
    page.get_by_label("Yeni parola, bir daha").fill("password1235")
    change.click()
    expect(page.get_by_role("alert")).to_have_text("İki yeni parola aynı değil.")
    page.get_by_label("Yeni parola, bir daha").fill("password1234")
    change.click()
    expect(page.get_by_role("alert")).to_contain_text("kolay tahmin edilir")
    for label in ("Yeni parola", "Yeni parola, bir daha"):
        page.get_by_label(label, exact=True).fill(PASSWORD)
    change.click()
    expect(page.get_by_role("navigation", name="Bölümler")).to_be_visible()
    assert served.site.parts.accounts.check("ali", PASSWORD) is not None
