"""The registry on the screens, in Chromium against a made-up server: list, form, search, trial."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.web.ui.registry import LONG, failed_trial, label
from tests.web.ui.test_console import PHONE, Console, browser, console

__all__ = ["browser", "console"]  # the fixtures

LABELLED = {
    "inventory": label("Axis", "P3265-LVE", serial="B8A44F001122", warranty_until="2020-05-31",
                       notes="Camı silindi.\nDirek boyandı."),
    "location": {"lat": 39.925, "lon": 32.8369, "heading": 120.0, "fov": None},
}  # fmt: skip


def row(page: Page, camera: str) -> Locator:
    return page.locator(f"tr[data-camera={camera}]")


def said(console: Console, path: str) -> Any:
    """What was last sent there."""
    return next(body for at, body in reversed(console.world.registry.said) if at == path)


def act(page: Page, camera: str, what: str) -> Locator:
    row(page, camera).get_by_role("button", name=re.compile(f"^{what}:")).click()
    return page.get_by_role("dialog")


class TestList:
    def test_cameras_are_searched_and_those_of_the_file_marked(self, console: Console) -> None:
        page = console.open("/cameras")
        expect(page.locator("tbody tr")).to_have_count(7)
        expect(row(page, "meydan-1")).to_contain_text("cameras.toml")
        expect(row(page, "meydan-1").get_by_role("button")).to_have_count(3)
        expect(row(page, "kopru-alti").get_by_role("img")).to_have_accessible_name(
            re.compile("Görüntü yok|Arızalı|Bağlanılamıyor", re.IGNORECASE)
        )
        page.get_by_role("searchbox").fill("hukumet axis")
        expect(page.locator("tbody tr")).to_have_count(1)
        expect(page.get_by_text("1 / 7 kamera")).to_be_visible()
        page.get_by_role("searchbox").fill("")
        page.get_by_role("combobox", name="Grup").select_option("girisler")
        expect(page.locator("tbody tr")).to_have_count(2)

    def test_empty_denied_and_failed_say_what_to_do(self, console: Console) -> None:
        console.world.registry.cameras.clear()
        page = console.open("/cameras")
        expect(page.get_by_role("heading", name="Henüz kamera yok")).to_be_visible()
        expect(page.get_by_role("link", name="Kamera bul")).to_have_count(2)
        console.world.kept.may.discard("registry")
        page = console.open("/cameras", locale="en-GB")
        expect(page.get_by_text("Only administrators add and change cameras.")).to_be_visible()
        expect(page.get_by_role("link", name="Cameras")).to_have_count(0)
        console.world.kept.may.add("registry")
        console.world.fails_with = 503
        page = console.open("/cameras")
        expect(page.get_by_role("heading", name="Kameralar alınamadı")).to_be_visible()

    def test_long_names_and_phones_break_nothing(self, console: Console) -> None:
        for size in ((1366, 768), PHONE):
            page = console.open("/cameras", size=size)
            expect(row(page, "hukumet")).to_be_visible()
            wide = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert wide, size


class TestForm:
    def test_a_camera_is_added_by_hand_and_its_id_follows_its_name(self, console: Console) -> None:
        page = console.open("/cameras")
        page.get_by_role("button", name="Elle ekle").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Ad", exact=True).fill("İtfaiye Önü")
        expect(dialog.get_by_label("Kimlik")).to_have_value("itfaiye-onu")
        dialog.get_by_role("button", name="Ekle ve kaydetmeye başla").click()
        expect(dialog.get_by_text("Adresi yazın")).to_be_visible()
        dialog.get_by_label("Ana akışın adresi").fill("rtsp://10.1.0.9/main")
        dialog.get_by_label("Gruplar").fill("kurum-binalari, itfaiye")
        dialog.get_by_role("button", name="Ekle ve kaydetmeye başla").click()
        expect(page.get_by_text("İtfaiye Önü eklendi")).to_be_visible()
        sent = said(console, "/api/cameras")
        assert sent["groups"] == ["kurum-binalari", "itfaiye"]
        assert (sent["id"], sent["source"]) == ("itfaiye-onu", "rtsp://10.1.0.9/main")
        assert "password" not in sent

    def test_a_change_sends_only_what_changed(self, console: Console) -> None:
        page = console.open("/cameras")
        dialog = act(page, "hukumet", "Düzenle")
        expect(dialog).to_contain_text(LONG)
        save = dialog.get_by_role("button", name="Kaydet")
        expect(save).to_be_disabled()
        dialog.get_by_label("Alt akışın adresi").fill("")
        save.click()
        expect(dialog).to_have_count(0)
        assert said(console, "/api/cameras/hukumet") == {"sub": None}

    def test_what_the_server_refuses_stands_at_its_field(self, console: Console) -> None:
        page = console.open("/cameras")
        dialog = act(page, "hukumet", "Düzenle")
        dialog.get_by_label("Ana akışın adresi").fill("rtsp://10.9.9.9/x")
        console.world.registry.wrong = {
            "password": "is not handed on to another host (10.9.9.9)",
            "inventory.make": "has a line break",
        }
        dialog.get_by_role("button", name="Kaydet").click()
        expect(dialog.get_by_text("Kayıtlı parola oraya gönderilmez")).to_be_visible()
        expect(dialog.get_by_text("has a line break")).to_be_visible()

    def test_a_picture_is_tested_before_it_is_saved(self, console: Console) -> None:
        page = console.open("/cameras")
        page.get_by_role("button", name="Elle ekle").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Ana akışın adresi").fill("rtsp://10.1.0.9/main")
        dialog.get_by_role("button", name="Görüntüyü sına").click()
        expect(dialog.get_by_text("Kaydedilebilir")).to_be_visible()
        expect(dialog.get_by_alt_text("Kameradan az önce alınan görüntü")).to_be_visible()
        expect(dialog.get_by_text("Saati 2 saniyeden fazla sapmış")).to_be_visible()
        assert said(console, "/api/cameras/test") == {
            "source": "rtsp://10.1.0.9/main", "transport": "auto",
        }  # fmt: skip
        console.world.registry.trial = failed_trial()
        dialog.get_by_role("button", name="Yeniden sına").click()
        expect(dialog.get_by_text("Kaydedilemez")).to_be_visible()
        expect(dialog.get_by_text("parolayı kabul etmiyor")).to_be_visible()

    def test_a_device_is_replaced_and_a_camera_removed_with_words(self, console: Console) -> None:
        page = console.open("/cameras", locale="en-GB")
        dialog = act(page, "meydan-2", "Replace the device")
        expect(dialog).to_contain_text("all old footage stay")
        dialog.get_by_label("Address of the main stream").fill("rtsp://10.1.0.77/main")
        dialog.get_by_label("Make").fill("Axis")
        dialog.get_by_role("button", name="Replace the device").click()
        expect(page.get_by_text("the new device is saved")).to_be_visible()
        sent = said(console, "/api/cameras/meydan-2/replace")
        assert (sent["inventory"], sent["sub"]) == ({"make": "Axis"}, None)
        dialog = act(page, "arsiv", "Remove")
        expect(dialog).to_contain_text("Its old footage is not deleted")
        dialog.get_by_role("button", name="Remove").click()
        expect(row(page, "arsiv")).to_have_count(0)
        dialog = act(page, "meydan-1", "Changes")
        expect(dialog.get_by_text("device replaced")).to_be_visible()

    def test_a_file_shows_what_it_changes_before_it_does(self, console: Console) -> None:
        page = console.open("/cameras")
        page.get_by_role("button", name="Dosya").click()
        dialog = page.get_by_role("dialog")
        choose = dialog.locator("input[type=file]")
        choose.set_input_files({"name": "a.xlsx", "mimeType": "x/y", "buffer": b""})
        expect(dialog.get_by_text("Yalnızca .csv ve .toml")).to_be_visible()
        choose.set_input_files({"name": "a.csv", "mimeType": "text/csv", "buffer": b"wrong"})
        expect(dialog.get_by_text("cameras.csv:2: column 1 id")).to_be_visible()
        choose.set_input_files({"name": "b.csv", "mimeType": "text/csv", "buffer": b"id\n"})
        expect(dialog.get_by_text("1 kamera eklenecek, 1 kamera değişecek")).to_be_visible()
        dialog.get_by_role("button", name="İçe aktar").click()
        expect(page.get_by_text("2 kamera içe aktarıldı")).to_be_visible()
        paths = [path for path, _ in console.world.registry.said if "file" in path]
        assert [path.endswith("dry_run=false") for path in paths] == [False, False, True]


class TestFind:
    def search(self, console: Console, page: Page) -> None:
        page.get_by_label("Adres aralıkları").fill("10.1.0.0/24, 10.1.1.5")
        page.get_by_label("Kullanıcı", exact=True).fill("vms")
        page.get_by_label("Parola", exact=True).fill("gizli-parola")
        page.get_by_role("button", name="Aramayı başlat").click()
        expect(page.get_by_text("Yanıtlar dinleniyor")).to_be_visible()
        console.server.registering.answer(2, over=False)
        expect(page.get_by_text("5 kameradan 2 tanesi soruldu")).to_be_visible()
        console.server.registering.answer(5, over=True)
        expect(page.get_by_text("5 kamera yanıt verdi")).to_be_visible()

    def test_found_cameras_are_chosen_named_and_added(self, console: Console) -> None:
        page = console.open("/cameras/find")
        self.search(console, page)
        order = said(console, "/api/discovery")
        assert order["ranges"] == ["10.1.0.0/24", "10.1.1.5"]
        assert order["credentials"] == [{"username": "vms", "password": "gizli-parola"}]
        expect(page.get_by_text("Kayıtlı: Meydan 2")).to_be_visible()
        expect(page.get_by_text("kullanıcı adını ya da parolayı kabul etmiyor")).to_be_visible()
        expect(page.locator("[data-found='10.1.0.20'] img")).to_be_visible()
        page.get_by_label("Yenilerin hepsini seç").check()
        page.get_by_role("button", name="Adlandır ve ekle").click()
        dialog = page.get_by_role("dialog")
        ids = dialog.get_by_label("Kimlik")
        expect(ids.nth(0)).to_have_value("ipc")
        expect(ids.nth(2)).to_have_value("ipc-10-1-0-24")
        dialog.get_by_label("Ad", exact=True).nth(0).fill("Şehir Parkı")
        expect(ids.nth(0)).to_have_value("sehir-parki")
        dialog.get_by_label("Hepsinin grupları").fill("parklar")
        dialog.get_by_role("button", name="Dene", exact=True).click()
        expect(dialog.get_by_text("Kaydedilebilir: H.264")).to_have_count(3)
        assert said(console, "/api/discovery/s0/cameras/0/test") == {}
        console.world.registry.wrong = {"1.id": "axis-p3265-lve is taken"}
        add = dialog.get_by_role("button", name="3 kamerayı ekle ve kaydet")
        add.click()
        expect(dialog.get_by_text("hiçbiri eklenmedi")).to_be_visible()
        expect(dialog.get_by_text("is taken")).to_be_visible()
        ids.nth(1).fill("axis-1")
        add.click()
        expect(page.get_by_text("3 kamera eklendi")).to_be_visible()
        sent = said(console, "/api/discovery/s0/cameras")
        assert sent[0] == {
            "number": 0,
            "camera": {
                "id": "sehir-parki",
                "name": "Şehir Parkı",
                "groups": ["parklar"],
                "record": "continuous",
            },
        }
        expect(page.get_by_role("button", name="Adlandır ve ekle")).to_have_count(0)

    def test_a_search_is_there_again_after_a_reload_and_can_be_stopped(
        self, console: Console
    ) -> None:
        page = console.open("/cameras/find")
        page.get_by_role("button", name="Aramayı başlat").click()
        expect(page.get_by_role("button", name="Durdur")).to_be_visible()
        page.reload()
        page.get_by_role("button", name="Durdur").click()
        expect(page.get_by_text("Arama durduruldu.")).to_be_visible()
        expect(page.get_by_role("heading", name="Yanıt veren kamera yok")).to_be_visible()

    def test_nowhere_and_half_a_user_are_said_before_anything_is_sent(
        self, console: Console
    ) -> None:
        page = console.open("/cameras/find", locale="en-GB")
        page.get_by_label("Ask everybody").uncheck()
        page.get_by_label("User", exact=True).fill("vms")
        page.get_by_role("button", name="Start the search").click()
        expect(page.get_by_text("Type a range, or ask everybody")).to_be_visible()
        expect(page.get_by_text("User and password go together.")).to_be_visible()
        assert console.world.registry.said == []


class TestHoursAndLabel:
    def test_a_schedule_is_chosen_with_its_hours_in_words(self, console: Console) -> None:
        page = console.open("/cameras")
        dialog = act(page, "kopru-alti", "Düzenle")
        chosen = dialog.get_by_label("Çizelge", exact=True)
        expect(chosen).to_have_value("mesai")
        expect(
            dialog.get_by_text("Pazartesi–Cuma 08:00–18:00; Cumartesi 09:00–12:00.")
        ).to_be_visible()
        expect(dialog.get_by_text("[[schedules]] altında").first).to_be_visible()
        chosen.select_option("gece")
        dialog.get_by_label("Mahremiyet çizelgesi").select_option("mesai")
        dialog.get_by_role("button", name="Kaydet").click()
        expect(page.get_by_text("Köprü Altı kaydedildi")).to_be_visible()
        assert said(console, "/api/cameras/kopru-alti") == {
            "record": "schedule:gece", "privacy": "mesai",
        }  # fmt: skip

    def test_a_schedule_that_is_gone_stays_chosen_and_is_marked(self, console: Console) -> None:
        console.world.registry.schedules.clear()
        page = console.open("/cameras", locale="en-GB")
        dialog = act(page, "kopru-alti", "Edit")
        expect(dialog.get_by_label("Schedule", exact=True)).to_have_value("mesai")
        expect(dialog.get_by_text("This site has no schedule").first).to_be_visible()

    def test_the_label_of_a_camera_of_the_file_is_read(self, console: Console) -> None:
        console.world.registry.cameras[0] |= LABELLED
        page = console.open("/cameras", locale="en-GB")
        dialog = act(page, "meydan-1", "Device and place")
        expect(dialog).to_contain_text("B8A44F001122")
        expect(dialog).to_contain_text("2020-05-31: the warranty has ended")
        expect(dialog).to_contain_text("south-east (120°)")
        expect(dialog).not_to_contain_text("MAC")

    def test_a_replaced_device_has_its_days_and_the_loss_of_onvif_is_told(
        self, console: Console
    ) -> None:
        console.world.registry.cameras[1]["onvif"] = "http://10.1.0.5/onvif/device_service"
        page = console.open("/cameras")
        dialog = act(page, "meydan-2", "Cihazı değiştir")
        expect(dialog.get_by_text("yeni cihaz yönlendirilemez")).to_be_visible()
        dialog.get_by_label("ONVIF adresi").fill("http://10.1.0.77")
        expect(dialog.get_by_text("yeni cihaz yönlendirilemez")).to_have_count(0)
        dialog.get_by_label("Ana akışın adresi").fill("rtsp://10.1.0.77/main")
        dialog.get_by_label("Takıldığı gün").fill("2026-11-20")
        dialog.get_by_label("Garanti sonu").fill("2029-11-20")
        dialog.get_by_role("button", name="Cihazı değiştir").click()
        expect(page.get_by_text("yeni cihaz kaydedildi")).to_be_visible()
        sent = said(console, "/api/cameras/meydan-2/replace")
        assert sent["inventory"] == {"installed": "2026-11-20", "warranty_until": "2029-11-20"}

    def test_a_cameras_page_tells_hours_label_and_notes(self, console: Console) -> None:
        console.world.registry.cameras[0] |= LABELLED
        shown = console.world.cameras[0]
        shown |= {"record": "schedule:mesai", "privacy": "gece"}
        opus = "Its sound (OPUS) can't be recorded; only AAC and G.711 can."
        shown["streams"]["main"]["noted"] = [
            {"code": "sound_not_recorded", "about": "OPUS", "text": opus},
            {"code": None, "about": "", "text": "Something new."},
        ]
        facts = console.open("/camera/meydan-1", size=(1366, 768)).get_by_role("complementary")
        for words in (
            "Pazartesi–Cuma 08:00–18:00",
            "Her gün 22:00–06:00 (ertesi gün)",
            "Bu saatlerde ne kaydedilir ne gösterilir.",
            "Sesi (OPUS) kaydedilemiyor",
            "Something new.",
            "B8A44F001122",
            "31.05.2020: garantisi bitti",
            "güneydoğu (120°)",
        ):
            expect(facts).to_contain_text(words)
        expect(facts).not_to_contain_text("MAC")
        page = console.open("/camera/meydan-1", locale="en-GB", size=(1366, 768))
        facts = page.get_by_role("complementary")
        expect(facts).to_contain_text("Monday–Friday 08:00–18:00")
        expect(facts).to_contain_text("In these hours it is neither recorded nor shown.")
        expect(facts).to_contain_text("Its sound (OPUS) can’t be recorded")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
