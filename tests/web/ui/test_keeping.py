"""Keeping on the screens, in Chromium against a made-up server: marks, holds, exports, rules."""

from __future__ import annotations

import re
import time
from datetime import datetime

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web.ui.devserver import export, hold, rule, sick
from tests.web.ui.keeping import DAY, GB, HOUR, text_time
from tests.web.ui.test_console import PHONE, Console, browser, console

__all__ = ["browser", "console"]  # the fixtures


def instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def at_camera(console: Console, seconds_ago: float = 1_800, **more: str) -> Page:
    """A camera's page at a moment of the past, on a whole second."""
    at = text_time(int(time.time() - seconds_ago))
    page = console.open(f"/camera/meydan-1?at={at}", **more)  # type: ignore[arg-type]
    page.locator("vms-player").wait_for()
    expect(page.locator(".moment")).to_contain_text(".000")
    return page


def noon_zone(now: float) -> str:
    """A zone in which it is between twelve and one. Of these names the sign is reversed."""
    return f"Etc/GMT{int(now // HOUR) % 24 - 12:+d}"


def mark_a_minute(page: Page) -> None:
    page.keyboard.press("i")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("o")


def line_name(page: Page) -> str:
    name: str | None = page.locator("vms-timeline").get_attribute("aria-label")
    return name or ""


class TestMarks:
    def test_i_and_o_mark_a_span_and_escape_clears_it(self, console: Console) -> None:
        page = at_camera(console)
        mark_a_minute(page)
        marks = page.locator(".marks")
        expect(marks).to_contain_text("1 dk")
        expect(marks).to_contain_text("yaklaşık 30,2 MB")
        expect(page.locator("vms-timeline")).to_have_attribute(
            "aria-label", re.compile(r"Giriş .*\d\d, Çıkış .*\d\d")
        )
        page.keyboard.press("Escape")
        expect(marks.get_by_role("button", name=re.compile("^Giriş I"))).to_be_visible()
        expect(page).to_have_url(re.compile("/camera/"))
        assert "Giriş" not in line_name(page)
        page.keyboard.press("Escape")
        expect(page.locator(".wall")).to_be_visible()

    def test_the_buttons_do_the_same_and_say_what_is_missing(self, console: Console) -> None:
        page = at_camera(console)
        marks = page.locator(".marks")
        marks.get_by_role("button", name=re.compile("^Giriş")).click()
        expect(marks).to_contain_text("O ile çıkışı koyun")
        expect(marks.get_by_role("button", name="Dışa aktar")).to_have_count(0)
        page.keyboard.press("PageDown")
        marks.get_by_role("button", name=re.compile("^Çıkış")).click()
        expect(marks.get_by_role("button", name="Dışa aktar")).to_be_visible()
        marks.get_by_role("button", name="İşaretleri kaldır").click()
        expect(marks.get_by_role("button", name="Dışa aktar")).to_have_count(0)

    def test_a_mark_takes_an_exact_time(self, console: Console) -> None:
        page = at_camera(console)
        mark_a_minute(page)
        marks = page.locator(".marks")
        marks.get_by_role("button", name=re.compile("^Giriş")).click()
        field = marks.get_by_label(re.compile("Giriş: Tarih ve saat"))
        expect(field).to_be_focused()
        field.fill("dün")
        field.press("Enter")
        expect(marks).to_contain_text("Anlaşılmadı. Örnek: ")
        field.fill("20.11.2026 08:00")
        field.press("Enter")
        expect(marks).to_contain_text("20.11.2026 08:00:00")

    def test_an_out_before_the_in_begins_anew(self, console: Console) -> None:
        page = at_camera(console)
        mark_a_minute(page)
        page.keyboard.press("PageUp")
        page.keyboard.press("o")
        expect(page.locator(".marks")).to_contain_text("I ile girişi koyun")

    def test_they_stay_for_the_next_camera(self, console: Console) -> None:
        page = at_camera(console)
        mark_a_minute(page)
        page.get_by_label("Kamera seç").select_option(label="Kuzey Kapı")
        expect(page).to_have_url(re.compile("kuzey-kapi"))
        expect(page.locator(".marks")).to_contain_text("1 dk")

    def test_who_may_not_hold_or_export_is_not_offered_it(self, console: Console) -> None:
        console.world.kept.may = set()
        page = at_camera(console)
        mark_a_minute(page)
        expect(page.locator(".marks")).to_contain_text("1 dk")
        for name in ("Muhafazaya al", "Dışa aktar"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)
        page.keyboard.press("e")
        expect(page.get_by_role("dialog")).to_have_count(0)
        rail = page.get_by_role("navigation", name="Bölümler")
        expect(rail.get_by_role("link")).to_have_count(3)


def tip(page: Page) -> str:
    text: str = page.locator("vms-timeline").evaluate(
        "line => line.shadowRoot.querySelector('.tip').innerText"
    )
    return text


def hover(page: Page, at: float) -> None:
    """The pointer over a moment of the timeline, seconds since 1970."""
    x, y = page.locator("vms-timeline").evaluate(
        "(line, at) => { const box = line.getBoundingClientRect(); return [box.x + (at - "
        "line.view.start) / (line.view.end - line.view.start) * box.width, box.y + 60]; }",
        at * 1000,
    )
    page.mouse.move(x, y)


class TestTimeline:
    def test_a_hold_says_its_reason_and_until_when(self, console: Console) -> None:
        now = time.time()
        console.world.kept.holds = [
            hold("h1", "meydan-1", 1_500, 600, until=text_time(now + 90 * DAY))
        ]
        page = at_camera(console, 900)
        page.wait_for_timeout(600)
        hover(page, now - 1_200)
        assert "Muhafaza: Soruşturma 2026/11873" in tip(page)
        assert "tarihine kadar" in tip(page)
        hover(page, now - 600)
        assert "Muhafaza" not in tip(page)

    def test_what_was_deleted_is_calm_and_names_rule_and_reason(self, console: Console) -> None:
        now = time.time()
        console.world.zone = noon_zone(now)  # the facts tell of today's gaps
        console.world.gaps = [(now - 1_500, now - 900, "deleted")]
        console.world.details = {"deleted": "varsayilan: Meclis kararı 2025/114"}
        page = at_camera(console, 600)
        page.wait_for_timeout(600)
        hover(page, now - 1_200)
        assert "Kural gereği silindi · 10 dk" in tip(page)
        assert "Meclis kararı 2025/114" in tip(page)
        assert "Boşluk" not in tip(page)
        red = page.locator("vms-timeline").evaluate(
            """line => {
              const canvas = line.shadowRoot.querySelector('canvas');
              const { width, height } = canvas;
              const bytes = canvas.getContext('2d').getImageData(0, 24, width, height - 24).data;
              let red = 0;
              for (let i = 0; i < bytes.length; i += 4)
                if (bytes[i] > bytes[i + 1] + 40 && bytes[i] > bytes[i + 2] + 40) red += 1;
              return red;
            }"""
        )
        assert red == 0
        facts = page.locator("aside")
        expect(facts).to_contain_text("Kural gereği silindi")
        expect(facts).not_to_contain_text("toplam")


class TestHolding:
    def test_marks_become_a_hold_in_two_clicks(self, console: Console) -> None:
        page = at_camera(console)
        mark_a_minute(page)
        page.get_by_role("button", name="Muhafazaya al").click()
        dialog = page.get_by_role("dialog", name="Muhafazaya al")
        dialog.get_by_role("button", name="Muhafazaya al").click()
        expect(dialog).to_contain_text("Nedeni yazın")
        assert console.world.kept.asked == []
        dialog.get_by_label("Neden").fill("Soruşturma 2026/11873")
        dialog.get_by_role("button", name="Muhafazaya al").click()
        expect(page.locator(".says")).to_contain_text("Muhafazaya alındı: Meydan 1, 1 dk.")
        ((path, body),) = console.world.kept.asked
        assert path == "POST /api/holds"
        assert body["camera"] == "meydan-1"
        assert body["reason"] == "Soruşturma 2026/11873"
        assert body["until"] is None
        assert instant(body["end"]) - instant(body["start"]) == 60
        middle = instant(body["start"]) + 30
        page.wait_for_timeout(800)
        hover(page, middle)
        assert "Muhafaza: Soruşturma 2026/11873" in tip(page)

    def test_until_a_date_of_the_past_is_refused(self, console: Console) -> None:
        page = at_camera(console)
        mark_a_minute(page)
        page.keyboard.press("u")
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Neden").fill("x")
        dialog.get_by_role("radio", name="Şu tarihe kadar").check()
        field = dialog.get_by_role("textbox", name=re.compile("Şu tarihe kadar"))
        field.fill("01.01.2020 10:00")
        dialog.get_by_role("button", name="Muhafazaya al").click()
        expect(dialog).to_contain_text("Bu tarih geçmiş")
        field.fill("31.12.2027 18:00")
        dialog.get_by_role("button", name="Muhafazaya al").click()
        expect(dialog).to_have_count(0)
        assert console.world.kept.asked[0][1]["until"] == "2027-12-31T15:00:00.000Z"

    def test_a_refusal_is_said_and_nothing_is_lost(self, console: Console) -> None:
        console.world.kept.refuses_with = "The hold ends before it begins."
        page = at_camera(console)
        mark_a_minute(page)
        page.keyboard.press("u")
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Neden").fill("Soruşturma")
        dialog.get_by_role("button", name="Muhafazaya al").click()
        expect(dialog.get_by_role("alert")).to_contain_text("The hold ends before it begins.")
        expect(dialog.get_by_label("Neden")).to_have_value("Soruşturma")

    def test_the_list_is_searched_and_a_hold_is_lifted_with_a_reason(
        self, console: Console
    ) -> None:
        console.world.kept.holds = [
            hold("h1", "meydan-1", 5 * HOUR, HOUR),
            hold("h2", "kuzey-kapi", 9 * HOUR, HOUR, reason="Kaza, Kuzey Kapı"),
            hold("h3", "otogar", DAY, HOUR, until=text_time(time.time() - HOUR)),
        ]
        page = console.open("/holds")
        expect(page.locator("[data-hold]")).to_have_count(2)
        page.get_by_role("searchbox").fill("KUZEY")
        expect(page.locator("[data-hold]")).to_have_count(1)
        row = page.locator("[data-hold=h2]")
        expect(row).to_contain_text("1 sa")
        row.get_by_role("button", name="Kaldır…").click()
        dialog = page.get_by_role("dialog", name="Muhafazayı kaldır")
        dialog.get_by_role("button", name="Muhafazayı kaldır").click()
        expect(dialog).to_contain_text("Nedeni yazın")
        dialog.get_by_label("Kaldırma nedeni").fill("Takipsizlik kararı")
        dialog.get_by_role("button", name="Muhafazayı kaldır").click()
        expect(page.locator("[data-hold]")).to_have_count(0)
        expect(page.locator(".page")).to_contain_text("Eşleşen muhafaza yok.")
        page.get_by_role("searchbox").press("Escape")
        page.get_by_role("button", name=re.compile("^Kaldırılan")).click()
        expect(page.locator("[data-hold=h2]")).to_contain_text("Kaldıran: ayse")
        expect(page.locator("[data-hold=h2]")).to_contain_text("Takipsizlik kararı")
        expect(page.locator("[data-hold=h3]")).to_contain_text("Süresi doldu")

    def test_a_hold_leads_to_its_footage(self, console: Console) -> None:
        console.world.kept.holds = [hold("h1", "kuzey-kapi", 5 * HOUR, HOUR)]
        page = console.open("/holds")
        page.get_by_role("link", name="Kayda git").click()
        expect(page).to_have_url(re.compile(r"/camera/kuzey-kapi\?at="))


def in_dialog(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Dışa aktar")


class TestExporting:
    def test_marks_to_download(self, console: Console) -> None:
        page = at_camera(console)
        mark_a_minute(page)
        page.get_by_role("button", name="Dışa aktar").click()
        dialog = in_dialog(page)
        expect(dialog.get_by_role("checkbox", name="Meydan 1")).to_be_checked()
        dialog.get_by_role("searchbox").fill("kapi")
        dialog.get_by_role("checkbox", name="Kuzey Kapı").check()
        dialog.get_by_role("button", name="Dışa aktar").click()
        expect(dialog).to_contain_text("Nedeni yazın")
        dialog.get_by_label("Neden").fill("E-48213 sayılı yazı")
        dialog.get_by_label("Parola (isteğe bağlı)").fill("kısa")
        dialog.get_by_role("button", name="Dışa aktar").click()
        expect(dialog).to_contain_text("En az 8 karakter")
        dialog.get_by_label("Parola (isteğe bağlı)").fill("uzun-bir-parola")
        dialog.get_by_label("Tutanağın dili").select_option("en")
        dialog.get_by_role("button", name="Dışa aktar").click()
        expect(dialog.get_by_role("progressbar")).to_be_visible()
        link = dialog.get_by_role("link", name=re.compile(r"İndir \(1,8 GB\)"))
        with page.expect_download() as download:
            link.click()
        assert download.value.suggested_filename == "export-e1.zip"
        ((path, body),) = console.world.kept.asked
        assert path == "POST /api/exports"
        assert body["cameras"] == ["meydan-1", "kuzey-kapi"]
        assert body["reason"] == "E-48213 sayılı yazı"
        assert body["language"] == "en"
        assert body["password"] == "uzun-bir-parola"
        assert instant(body["end"]) - instant(body["start"]) == 60

    def test_no_password_is_none(self, console: Console) -> None:
        page = at_camera(console)
        mark_a_minute(page)
        page.keyboard.press("e")
        in_dialog(page).get_by_label("Neden").fill("yazı")
        in_dialog(page).get_by_role("button", name="Dışa aktar").click()
        expect(in_dialog(page)).to_contain_text("Hazır")
        body = console.world.kept.asked[0][1]
        assert (body["password"], body["language"]) == (None, "tr")

    def test_closing_lets_it_go_on_and_the_list_has_it(self, console: Console) -> None:
        console.world.kept.stride = 0.01
        page = at_camera(console)
        mark_a_minute(page)
        page.keyboard.press("e")
        in_dialog(page).get_by_label("Neden").fill("yazı")
        in_dialog(page).get_by_role("button", name="Dışa aktar").click()
        in_dialog(page).get_by_role("button", name="Arka planda sürdür").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.get_by_role("link", name="Dışa aktarma").click()
        row = page.locator("[data-export=e1]")
        expect(row.get_by_role("progressbar")).to_be_visible()
        console.world.kept.stride = 0.5
        expect(row).to_contain_text("Hazır")
        assert [path for path, _ in console.world.kept.asked] == ["POST /api/exports"]

    def test_focus_stays_in_the_dialog_and_comes_back(self, console: Console) -> None:
        page = at_camera(console)
        mark_a_minute(page)
        opener = page.get_by_role("button", name="Dışa aktar")
        opener.click()
        in_dialog(page).wait_for()
        for _ in range(40):
            page.keyboard.press("Tab")
            inside = page.evaluate(
                "document.activeElement === document.body"
                " || document.activeElement.closest('dialog') !== null"
            )
            assert inside
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(opener).to_be_focused()
        expect(page.locator(".marks")).to_contain_text("1 dk")

    def test_the_list_shows_every_state_and_asks_before_removing(self, console: Console) -> None:
        console.world.kept.stride = 0
        console.world.kept.exports = [
            export("e1", "done", size=1_820_000_000, made=text_time(time.time() - 9 * HOUR)),
            export("e2", "running", done=1, total=4),
            export("e3", "failed", error="No footage of bati in this span."),
            export("e4", "cancelled"),
            export("e5", "waiting"),
        ]
        page = console.open("/exports")
        for slug, words in (
            ("e1", "Hazır"),
            ("e2", "%25"),
            ("e3", "No footage of bati"),
            ("e4", "İptal edildi"),
            ("e5", "Sırada"),
        ):
            expect(page.locator(f"[data-export={slug}]")).to_contain_text(words)
        page.locator("[data-export=e2]").get_by_role("button", name="İptal et").click()
        expect(page.locator("[data-export=e2]")).to_contain_text("İptal edildi")
        page.locator("[data-export=e1]").get_by_role("button", name="Kaldır").click()
        assert [path for path, _ in console.world.kept.asked] == ["DELETE /api/exports/e2"]
        page.get_by_role("dialog").get_by_role("button", name="Kaldır").click()
        expect(page.locator("[data-export=e1]")).to_have_count(0)


class TestRetention:
    def test_the_files_rules_are_marked_and_read_only(self, console: Console) -> None:
        console.world.kept.rules = [
            rule("varsayilan"),
            rule("koridor", origin="database", cameras=["arsiv"], keep=7 * DAY, quota=500 * GB),
        ]
        page = console.open("/retention")
        file = page.locator("[data-rule=varsayilan]")
        expect(file).to_contain_text("dosyadan")
        expect(file.get_by_role("button")).to_have_count(0)
        own = page.locator("[data-rule=koridor]")
        expect(own).to_contain_text("7 gün saklanır · kamera başına en çok 500 GB")
        expect(own).to_contain_text("1 kamera için geçerli")
        expect(own.get_by_role("button", name=re.compile("Değiştir"))).to_be_visible()

    def test_kept_against_promised_in_words_and_signs(self, console: Console) -> None:
        console.world.kept.kept = {"meydan-1": 30 * DAY, "yeni": None}
        page = console.open("/retention")
        row = page.locator("tr[data-camera=meydan-1]")
        expect(row).to_contain_text("30 gün / 30 gün")
        expect(row).to_contain_text("Söz tutuluyor")
        expect(row.locator(".sign.ok")).to_be_visible()
        row = page.locator("tr[data-camera=meydan-2]")
        expect(row).to_contain_text("Yer yetmiyor")
        expect(row.locator(".sign.bad")).to_be_visible()
        expect(page.locator("tr[data-camera=yeni]")).to_contain_text("Henüz kayıt yok")

    def test_a_new_rule_shows_its_effect_before_it_is_saved(self, console: Console) -> None:
        page = console.open("/retention")
        page.get_by_role("button", name="Kural ekle").click()
        dialog = page.get_by_role("dialog", name="Yeni saklama kuralı")
        expect(dialog).to_contain_text("Alanlar tamamlanınca")
        dialog.get_by_label("Ad", exact=True).fill("kisa")
        dialog.get_by_label("Kameralar").fill("group:meydan, otogar")
        expect(dialog).to_contain_text("5 kameraya uyuyor: Meydan 1, Meydan 2")
        dialog.get_by_label("Saklama süresi", exact=True).fill("1,5")
        dialog.get_by_label("Neden").fill("KVKK")
        expect(dialog).to_contain_text("Hemen silinecek: 760 GB, 17 gün 12 sa kayıt, 5 kameradan.")
        expect(dialog).to_contain_text("Muhafazadaki kayıtlara dokunulmaz.")
        row = dialog.locator("tr[data-camera=otogar]")
        expect(row).to_contain_text("152 GB")
        expect(row).to_contain_text("18 gün")
        changes = [path for path, _ in console.world.kept.asked if not path.endswith("preview")]
        assert changes == []
        dialog.get_by_role("button", name="Kaydet, 760 GB silinsin").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.locator("[data-rule=kisa]")).to_contain_text("1 gün 12 sa saklanır")
        path, body = console.world.kept.asked[-1]
        assert path == "PUT /api/retention/rules/kisa"
        assert body == {
            "name": "kisa",
            "keep": 129_600,
            "quota": None,
            "quota_all": None,
            "minimum": 0,
            "cameras": ["group:meydan", "otogar"],
            "reason": "KVKK",
        }

    def test_a_promise_that_does_not_fit_is_said(self, console: Console) -> None:
        page = console.open("/retention")
        page.get_by_role("button", name="Kural ekle").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Ad", exact=True).fill("uzun")
        dialog.get_by_label("Kameralar").fill("otogar")
        dialog.get_by_label("Saklama süresi", exact=True).fill("90")
        expect(dialog).to_contain_text("Söz verilen 90 gün sığmıyor: Otogar Giriş.")
        expect(dialog).to_contain_text("Şimdi hiçbir kayıt silinmez.")

    def test_mistakes_are_said_at_their_field_and_nothing_is_asked(self, console: Console) -> None:
        page = console.open("/retention")
        page.get_by_role("button", name="Kural ekle").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Ad", exact=True).fill("varsayilan")
        expect(dialog).to_contain_text("Bu adda bir kural var.")
        dialog.get_by_label("Saklama süresi", exact=True).fill("yok")
        expect(dialog).to_contain_text("Sıfırdan büyük bir sayı yazın.")
        dialog.get_by_role("button", name="Kaydet").click()
        expect(dialog).to_contain_text("En az bir kamera")
        expect(dialog).to_contain_text("Nedeni yazın")
        assert console.world.kept.asked == []

    def test_the_preview_is_of_all_rules_of_the_screens(self, console: Console) -> None:
        console.world.kept.rules += [
            rule("bir", origin="database", cameras=["arsiv"]),
            rule("iki", origin="database", cameras=["otogar"], keep=60 * DAY),
        ]
        page = console.open("/retention")
        page.locator("[data-rule=bir]").get_by_role("button", name=re.compile("Değiştir")).click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Şimdi hiçbir kayıt silinmez.")
        dialog.get_by_label("Saklama süresi", exact=True).fill("10")
        expect(dialog.get_by_role("button", name="Kaydet")).to_be_disabled()
        expect(dialog.get_by_role("button", name="Kaydet")).to_be_enabled()
        path, body = console.world.kept.asked[-1]
        assert path == "POST /api/retention/preview"
        assert [(one["name"], one["keep"]) for one in body["rules"]] == [
            ("bir", 10 * DAY),
            ("iki", 60 * DAY),
        ]

    def test_deleting_a_rule_shows_its_effect_too(self, console: Console) -> None:
        console.world.kept.rules.append(rule("bir", origin="database", cameras=["arsiv"]))
        page = console.open("/retention")
        page.locator("[data-rule=bir]").get_by_role("button", name=re.compile("Sil")).click()
        dialog = page.get_by_role("dialog", name="Kuralı sil: bir")
        expect(dialog).to_contain_text("Şimdi hiçbir kayıt silinmez.")
        assert console.world.kept.asked[-1][1] == {"rules": []}
        dialog.get_by_role("button", name="Kuralı sil").click()
        expect(page.locator("[data-rule=bir]")).to_have_count(0)

    def test_a_harmful_rule_is_saved_only_when_meant(self, console: Console) -> None:
        console.world.kept.harm = "It would delete all footage of arsiv."
        page = console.open("/retention")
        page.get_by_role("button", name="Kural ekle").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Ad", exact=True).fill("bir")
        dialog.get_by_label("Kameralar").fill("arsiv")
        dialog.get_by_label("Neden").fill("KVKK")
        save = dialog.get_by_role("button", name="Kaydet")
        save.click()
        expect(dialog.get_by_role("alert")).to_contain_text("all footage of arsiv")
        expect(save).to_be_disabled()
        assert len(console.world.kept.rules) == 1
        dialog.get_by_role("checkbox", name="Yine de silinsin").check()
        save.click()
        expect(page.locator("[data-rule=bir]")).to_be_visible()

    def test_a_doubted_clock_is_said_and_confirmed(self, console: Console) -> None:
        console.world.kept.clock = "The clock jumped by 40 days."
        page = console.open("/retention")
        expect(page.get_by_role("alert").first).to_be_attached()
        note = page.locator(".clock[role=alert]")
        expect(note).to_contain_text("The clock jumped by 40 days.")
        note.get_by_role("button", name="Saat doğru").click()
        expect(note).to_have_count(0)
        assert console.world.kept.asked[-1][0] == "POST /api/retention/confirm-clock"

    def test_a_failed_preview_is_said_and_cannot_be_saved(self, console: Console) -> None:
        console.world.kept.refuses_with = "The index is busy."
        page = console.open("/retention")
        page.get_by_role("button", name="Kural ekle").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Ad", exact=True).fill("bir")
        dialog.get_by_label("Kameralar").fill("*")
        expect(dialog).to_contain_text("Etkisi hesaplanamadı: The index is busy.")
        expect(dialog.get_by_role("button", name="Kaydet")).to_be_disabled()


class TestStorage:
    def test_volumes_forecast_ledger_and_scrub(self, console: Console) -> None:
        page = console.open("/health")
        section = page.get_by_role("region", name="Depolama")
        expect(section.locator("[data-volume]")).to_contain_text("Sağlam")
        bar = section.get_by_role("img", name=re.compile("Kayıt 4,1 TB, Öteki 500 GB, Boş 3,4 TB"))
        expect(bar).to_be_visible()
        expect(section).to_contain_text("6 gün sonra")
        expect(section).to_contain_text("15,3 gün")
        expect(section).to_contain_text("1.284.311")
        expect(section).to_contain_text("%41")
        expect(section).to_contain_text("Bulgu yok")

    def test_a_sick_volume_and_a_finding_say_what_to_do(self, console: Console) -> None:
        now = time.time()
        storage = console.world.kept.storage
        storage["volumes"][0] |= {"state": "missing", "total": None, "free": None, "used": None}
        storage["findings"] = [
            {
                "kind": "something_new",
                "subject": "otogar/main",
                "detail": "the file has another hash",
                "first": text_time(now - HOUR),
                "last": text_time(now),
            }
        ]
        section = console.open("/health").get_by_role("region", name="Depolama")
        expect(section).to_contain_text("Takılı değil")
        expect(section).to_contain_text("takılı ve bağlı")
        finding = section.locator("[data-finding]")
        expect(finding).to_contain_text("Ne yapmalı")
        expect(finding).to_contain_text("the file has another hash")

    def test_between_two_rounds_the_scrub_says_when_the_next_begins(self, console: Console) -> None:
        scrub = console.world.kept.storage["scrub"]
        scrub |= {"done": 0, "since": text_time(time.time() + 30 * DAY)}
        section = console.open("/health").get_by_role("region", name="Depolama")
        expect(section).to_contain_text("Sonraki tur")
        expect(section.get_by_role("meter")).to_have_count(0)

    def test_what_is_not_known_yet_is_said(self, console: Console) -> None:
        console.world.kept.storage |= {"forecast": None, "ledger": None, "scrub": None}
        section = console.open("/health").get_by_role("region", name="Depolama")
        expect(section).to_contain_text("Henüz bilinmiyor")
        expect(section).to_contain_text("Henüz başlamadı")

    def test_without_the_permission_the_old_line_stays(self, console: Console) -> None:
        console.world.kept.may = set()
        console.world.cameras = [sick("depo", "Depo", "kurum-binalari", "not_found")]
        page = console.open("/health")
        expect(page.locator(".health")).to_contain_text("3,4 TB boş / 8,0 TB")
        expect(page.get_by_role("region", name="Depolama")).to_have_count(0)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/holds", "Süren muhafaza yok"),
        ("/exports", "Henüz dışa aktarma yok"),
    ],
)
def test_an_empty_page_says_how_to_begin(console: Console, path: str, words: str) -> None:
    page = console.open(path, size=PHONE)
    expect(page.get_by_role("heading", name=words)).to_be_visible()
    expect(page.locator(".blank")).to_contain_text("I ve O ile")


@pytest.mark.parametrize("path", ["/holds", "/exports", "/retention"])
def test_a_failed_and_a_denied_page_say_so(console: Console, path: str) -> None:
    page = console.open("/")
    page.locator(".wall").wait_for()
    console.world.fails_with = 500
    page.goto(console.server.url + path)
    expect(page.locator(".blank")).to_contain_text("alınamadı")
    console.world.fails_with = None
    page.get_by_role("button", name="Yeniden dene").click()
    expect(page.locator(".long h1")).to_be_visible()
    console.world.kept.may = set()
    page.goto(console.server.url + path)
    expect(page.locator(".blank")).to_contain_text("yetkiniz yok")
