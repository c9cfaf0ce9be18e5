"""The console in Chromium, against a made-up server: its states, its keys, its words."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.web.ui.devserver import PASSWORD, STATIC, DevServer, World, running, sick, stream

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LAPTOP = (1366, 768)
WALL_4K = (3840, 2160)
PHONE = (390, 844)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert (STATIC / "index.html").is_file(), "the screens are not built: make ui"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield found
        found.close()


@dataclass
class Console:
    """A browser's window on a server of its own; `complaints` are what its console said."""

    server: DevServer
    browser: Browser
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    @property
    def world(self) -> World:
        return self.server.world

    def open(
        self, path: str = "/", size: tuple[int, int] = LAPTOP, locale: str = "tr-TR", **more: Any
    ) -> Page:
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]}, locale=locale, **more
        )
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self._listen(said.text))
        page.on("request", lambda request: self._watch(request.url))
        page.set_default_timeout(30_000)
        page.goto(self.server.url + path)
        return page

    def _listen(self, text: str) -> None:
        if "Content Security Policy" in text or "Content-Security-Policy" in text:
            self.complaints.append(text)

    def _watch(self, url: str) -> None:
        if not url.startswith((self.server.url, "blob:", "data:")):
            self.foreign.append(url)


@pytest.fixture
def console(browser: Browser) -> Iterator[Console]:
    """Signed in; the end of each test finds errors, CSP violations and calls to the outside."""
    with running(World(signed_in=True)) as server:
        opened = Console(server, browser)
        yield opened
        for context in browser.contexts:
            context.close()
        assert opened.complaints == []
        assert opened.foreign == []


def tile(page: Page, camera: str) -> Locator:
    return page.locator(f".tile[data-camera={camera}]")


def cells(page: Page) -> list[str]:
    found: list[str] = page.eval_on_selector_all(
        ".cell", "cells => cells.map(c => c.querySelector('.tile')?.dataset.camera ?? '')"
    )
    return found


def sign_in(page: Page, password: str = PASSWORD) -> None:
    page.fill("#username", "admin")
    page.fill("#password", password)
    page.click("button[type=submit]")


class TestSignIn:
    def test_a_wrong_password_is_said_in_words(self, console: Console) -> None:
        console.world.signed_in = False
        page = console.open()
        sign_in(page, "yanlış")
        expect(page.get_by_role("alert")).to_contain_text("Kullanıcı adı veya parola yanlış.")
        expect(page.locator("#password")).to_be_focused()

    def test_nothing_typed_is_not_sent(self, console: Console) -> None:
        console.world.signed_in = False
        page = console.open()
        page.click("button[type=submit]")
        expect(page.get_by_role("alert")).to_contain_text("yazın")
        expect(page.locator("#username")).to_be_focused()

    def test_too_many_attempts_count_down(self, console: Console) -> None:
        console.world.signed_in = False
        console.world.retry_after = 3
        page = console.open(locale="en-GB")
        sign_in(page)
        expect(page.get_by_role("alert")).to_contain_text(re.compile("Try again in [123] s"))
        expect(page.locator("button[type=submit]")).to_be_disabled()
        console.world.retry_after = None
        expect(page.locator("button[type=submit]")).to_be_enabled()
        page.click("button[type=submit]")
        expect(page.locator(".wall")).to_be_visible()

    def test_an_unreachable_server_is_said(self, console: Console) -> None:
        console.world.signed_in = False
        page = console.open()
        page.route("**/api/session", lambda route: route.abort())
        sign_in(page)
        expect(page.get_by_role("alert")).to_contain_text("Sunucuya ulaşılamıyor")

    def test_it_leads_to_the_page_that_was_asked_for(self, console: Console) -> None:
        console.world.signed_in = False
        page = console.open("/health")
        sign_in(page)
        expect(page.get_by_role("heading", name="Sağlık", exact=True)).to_be_visible()

    def test_the_password_can_be_shown(self, console: Console) -> None:
        console.world.signed_in = False
        page = console.open()
        page.get_by_role("button", name="Parolayı göster").click()
        expect(page.locator("#password")).to_have_attribute("type", "text")

    def test_an_ended_session_comes_back_to_the_same_page(self, console: Console) -> None:
        page = console.open("/camera/meydan-2")
        expect(page.locator(".stage")).to_be_visible()
        console.world.signed_in = False
        expect(page.get_by_role("alert")).to_contain_text("Oturumun süresi doldu")
        sign_in(page)
        expect(page.locator(".stage .name")).to_have_text("Meydan 2")

    def test_signing_out_carries_the_token(self, console: Console) -> None:
        page = console.open()
        page.get_by_role("button", name="Kullanıcı menüsü: Ayşe Yılmaz").click()
        page.get_by_role("button", name="Oturumu kapat").click()
        expect(page.get_by_role("heading", name="Gözcü")).to_be_visible()
        assert not console.world.signed_in


class TestLanguage:
    def test_one_switch_changes_words_and_lang_and_is_kept(self, console: Console) -> None:
        page = console.open("/health")
        expect(page.locator("html")).to_have_attribute("lang", "tr")
        page.get_by_role("button", name=re.compile("Kullanıcı menüsü")).click()
        page.get_by_role("button", name="English").click()
        expect(page.locator("html")).to_have_attribute("lang", "en")
        expect(page.get_by_role("heading", name="Sick now")).to_be_visible()
        page.reload()
        expect(page.get_by_role("heading", name="Sick now")).to_be_visible()

    def test_the_browser_s_wish_decides_at_first(self, console: Console) -> None:
        expect(console.open(locale="en-US").locator("html")).to_have_attribute("lang", "en")
        expect(console.open(locale="de-DE").locator("html")).to_have_attribute("lang", "tr")


class TestWall:
    def test_an_empty_wall_fills_itself(self, console: Console) -> None:
        page = console.open()
        expect(page.locator(".tile")).to_have_count(12)
        expect(page.locator("[data-layout='16']")).to_have_attribute("aria-pressed", "true")

    def test_the_address_and_the_browser_keep_it(self, console: Console) -> None:
        page = console.open("/?layout=4&cells=meydan-1,,bati")
        expect(page.locator(".tile")).to_have_count(2)
        page.locator("[data-layout='9']").click()
        expect(page).to_have_url(re.compile(r"layout=9&cells=meydan-1,,bati"))
        page.goto(console.server.url + "/")
        expect(page.locator(".cell")).to_have_count(9)
        assert cells(page)[:3] == ["meydan-1", "", "bati"]

    def test_a_camera_is_found_and_placed_by_keys_alone(self, console: Console) -> None:
        page = console.open("/?layout=4&cells=meydan-1")
        expect(page.locator(".tile")).to_have_count(1)
        page.keyboard.press("/")
        page.keyboard.type("ITFAIYE")
        expect(page.locator("[data-row]")).to_have_count(1)
        page.keyboard.press("Enter")
        expect(tile(page, "itfaiye")).to_be_visible()
        assert cells(page) == ["meydan-1", "itfaiye", "", ""]

    def test_a_camera_is_dragged_into_a_cell_and_cells_change_places(
        self, console: Console
    ) -> None:
        page = console.open("/?layout=4&cells=meydan-1,meydan-2")
        row = page.locator("[data-row]", has_text="Pazar Yeri")
        row.drag_to(page.locator(".cell").nth(3))
        expect(tile(page, "pazar-yeri")).to_be_visible()
        page.locator(".hit").first.drag_to(page.locator(".cell").nth(1))
        expect(page).to_have_url(re.compile("cells=meydan-2,meydan-1,,pazar-yeri"))

    def test_keys_move_maximise_and_empty(self, console: Console) -> None:
        page = console.open("/?layout=4&cells=meydan-1,meydan-2,pazar-yeri,bati")
        expect(page.locator(".tile")).to_have_count(4)
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        expect(page.locator(".cell.selected .name")).to_have_text("Batı Kavşağı")
        page.keyboard.press("f")
        expect(tile(page, "bati")).to_be_visible()
        expect(tile(page, "meydan-1")).to_be_hidden()
        page.keyboard.press("Escape")
        expect(tile(page, "meydan-1")).to_be_visible()
        page.keyboard.press("Delete")
        expect(tile(page, "bati")).to_have_count(0)
        page.keyboard.press("5")
        expect(page.locator(".cell")).to_have_count(16)

    def test_a_click_opens_the_camera_and_a_double_click_maximises(self, console: Console) -> None:
        page = console.open("/?layout=4&cells=meydan-1,meydan-2")
        page.locator(".hit").nth(1).dblclick()
        expect(tile(page, "meydan-1")).to_be_hidden()
        page.keyboard.press("Escape")
        page.locator(".hit").nth(1).click()
        expect(page).to_have_url(re.compile("/camera/meydan-2$"))

    def test_a_cell_as_large_as_the_screen_shows_the_main_stream(self, console: Console) -> None:
        streams = """want => [...document.querySelectorAll('.cell:not(.hidden) vms-player')]
          .map((player) => player.stream).sort().join() === want"""
        page = console.open("/?layout=4&cells=meydan-1")
        page.wait_for_function(streams, arg="sub")
        page.keyboard.press("1")
        page.wait_for_function(streams, arg="main,sub")
        page.keyboard.press("3")
        page.wait_for_function(streams, arg="main,sub")
        page.keyboard.press("2")
        page.wait_for_function(streams, arg="sub")

    def test_a_lost_tile_says_since_when_why_and_what_next(self, console: Console) -> None:
        page = console.open("/?layout=4&cells=kopru-alti")
        lost = tile(page, "kopru-alti")
        expect(lost).to_contain_text("Görüntü yok")
        expect(lost).to_contain_text("Kameraya ağdan ulaşılamıyor.")
        expect(lost).to_contain_text(re.compile(r"\d\d:\d\d:\d\d’[dt][ae]n beri · 10 dk \d+ sn"))
        expect(lost).to_contain_text(re.compile("Yeniden deneniyor"))
        lost.get_by_role("link", name="Son kayda bak").click()
        expect(page).to_have_url(re.compile(r"/camera/kopru-alti\?at=20"))

    def test_a_camera_that_is_gone_from_the_settings_is_named(self, console: Console) -> None:
        page = console.open("/?layout=4&cells=eski-kamera")
        expect(page.locator(".tile")).to_contain_text("“eski-kamera”")

    def test_no_cameras_is_a_designed_state(self, console: Console) -> None:
        console.world.cameras = []
        expect(console.open().get_by_role("heading", name="Henüz kamera yok")).to_be_visible()

    def test_denied_and_failing_are_said_and_can_be_tried_again(self, console: Console) -> None:
        console.world.fails_with = 403
        page = console.open()
        expect(page.locator(".blank")).to_contain_text("yetkiniz yok")
        console.world.fails_with = None
        page.get_by_role("button", name="Yeniden dene").click()
        expect(page.locator(".tile").first).to_be_visible()


class TestShell:
    def test_counts_zone_and_date_stand_in_the_top_bar(self, console: Console) -> None:
        bar = console.open("/health").locator(".app > header")
        expect(bar).to_contain_text(re.compile(r"8 / 12\s*kayıtta"))
        expect(bar).to_contain_text(re.compile(r"2\s*uyarı"))
        expect(bar).to_contain_text(re.compile(r"2\s*kamerada görüntü yok"))
        expect(bar).to_contain_text("İstanbul (UTC+3)")

    def test_the_clock_is_the_site_s_and_not_the_viewer_s(self, console: Console) -> None:
        page = console.open("/health", timezone_id="America/New_York")
        expected = time.strftime("%H:", time.gmtime(time.time() + 3 * 3600))
        expect(page.locator("time")).to_have_text(re.compile(f"^{expected}"))

    def test_a_lost_server_is_said_and_the_last_facts_stay(self, console: Console) -> None:
        page = console.open("/health")
        table = page.locator("table").first
        expect(table).to_be_visible()
        page.route("**/api/**", lambda route: route.abort())
        expect(page.locator("main [role=alert]")).to_contain_text("Sunucuya ulaşılamıyor")
        expect(table).to_be_visible()
        page.unroute("**/api/**")
        expect(page.locator("main [role=alert]")).to_be_empty()

    def test_a_stopped_recorder_is_said_on_every_page(self, console: Console) -> None:
        console.world.running = 0
        page = console.open()
        expect(page.locator("main [role=alert]")).to_contain_text("hiçbir kamera kaydedilmiyor")

    def test_help_opens_and_closes_with_the_same_key(self, console: Console) -> None:
        page = console.open()
        expect(page.locator(".tile").first).to_be_visible()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_contain_text("Klavye kısayolları")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.keyboard.press("?")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)

    def test_back_goes_back(self, console: Console) -> None:
        page = console.open("/health")
        health = page.get_by_role("heading", name="Sağlık", exact=True)
        expect(health).to_be_visible()  # before it nobody hears keys
        page.keyboard.press("w")
        expect(page.locator(".wall")).to_be_visible()
        page.go_back()
        expect(health).to_be_visible()

    def test_an_unknown_address_leads_home(self, console: Console) -> None:
        page = console.open("/nowhere")
        page.get_by_role("link", name="Duvara git").click()
        expect(page.locator(".wall")).to_be_visible()


class TestHealth:
    def test_the_sick_come_first_with_cause_and_remedy(self, console: Console) -> None:
        page = console.open("/health")
        sick = page.locator("li[data-camera]")
        expect(sick).to_have_count(4)
        expect(sick.first).to_contain_text("Görüntü yok")
        refused = page.locator("li[data-camera=bati]")
        expect(refused).to_contain_text("Kamera kullanıcı adını veya parolayı kabul etmiyor.")
        expect(refused).to_contain_text("Ne yapmalı:")
        expect(page.locator("li[data-camera=sehit-park]")).to_contain_text("1 dk 34 sn sapıyor")

    def test_all_well_is_said(self, console: Console) -> None:
        console.world.cameras = console.world.cameras[:3]
        expect(console.open("/health").locator("p.fine").first).to_contain_text(
            "Bütün kameralar sağlıklı"
        )

    def test_columns_sort_both_ways(self, console: Console) -> None:
        page = console.open("/health")
        heads = page.locator("table").first.locator("th")
        expect(heads.nth(0)).to_have_attribute("aria-sort", "ascending")
        heads.nth(0).get_by_role("button").click()
        expect(heads.nth(0)).to_have_attribute("aria-sort", "descending")
        expect(page.locator("tbody tr").first).to_contain_text("Pazar Yeri")

    def test_the_filter_finds_words_of_causes(self, console: Console) -> None:
        page = console.open("/health")
        page.get_by_role("searchbox").fill("parola")
        expect(page.locator("[data-camera]")).to_have_count(1)
        page.get_by_role("searchbox").fill("zzz")
        expect(page.locator(".health")).to_contain_text("Eşleşen kamera yok.")


class TestCameraPage:
    def test_facts_and_gaps_stand_beside_the_picture(self, console: Console) -> None:
        now = time.time()
        console.world.gaps = [(now - 120, now - 60, "silent")]
        page = console.open("/camera/otogar")
        facts = page.locator("aside")
        for words in ("H.264", "25,0", "libav üzerinden", "G.711 A", "doğru (+12 ms)"):
            expect(facts).to_contain_text(words)
        expect(facts).to_contain_text("Kamera sessiz")
        facts.get_by_role("button", name=re.compile("Kamera sessiz$")).click()
        expect(page).to_have_url(re.compile(r"\?at="))

    def test_an_exact_time_is_taken_and_a_bad_one_explained(self, console: Console) -> None:
        page = console.open("/camera/meydan-1")
        expect(page.locator("vms-player")).to_be_attached()
        page.keyboard.press("g")
        field = page.get_by_label(re.compile("Tarih ve saat"))
        field.fill("yarın")
        field.press("Enter")
        expect(page.locator("#goto-hint")).to_contain_text("Anlaşılmadı. Örnek: ")
        field.fill("01.01.2099 10:00")
        field.press("Enter")
        expect(page.locator("#goto-hint")).to_contain_text("henüz gelmedi")
        field.fill("21.11.2026 14:32:07.480")
        field.press("Enter")
        expect(page).to_have_url(re.compile(r"at=2026-11-21T11%3A32%3A07\.480Z"))
        expect(page.locator(".moment")).to_contain_text("21.11.2026 14:32:07.480")
        page.keyboard.press("End")
        expect(page).to_have_url(re.compile("/camera/meydan-1$"))

    def test_what_is_not_known_is_a_dash_and_no_measurement(self, console: Console) -> None:
        nothing = stream("failed", codec=None, width=None, height=None, fps=0.0, bitrate=0)
        console.world.cameras = [
            sick("depo", "Depo", "kurum-binalari", "not_found", main=nothing, last_frame=None)
            | {"fps": 0.0, "bitrate": 0, "streams": {"main": nothing}}
        ]
        page = console.open("/camera/depo")
        facts = page.locator("aside dl")
        expect(facts).to_contain_text("Kare hızı")
        words = facts.inner_text()
        assert not re.search("0,0|kbit|— ·", words)
        assert re.search(r"Ses\s+—", words)
        expect(page.locator(".stage .time")).to_have_text("")

    def test_the_past_of_a_camera_that_never_recorded_is_no_black_silence(
        self, console: Console
    ) -> None:
        console.world.cameras = [sick("depo", "Depo", "kurum-binalari", "not_found")]
        page = console.open("/camera/depo?at=2026-11-21T11:32:07Z")
        page.locator("vms-player").evaluate(
            """player => {
              // The made-up server has no media: the player's own failures would come after.
              const told = { phase: 'ended', path: 'archive', why: 'newest', pathWhy: '',
                detail: '', retryAt: null };
              const only = (event) => event.detail === told || event.stopImmediatePropagation();
              player.addEventListener('state', only, true);
              player.dispatchEvent(new CustomEvent('state', { detail: told }));
            }"""
        )
        expect(page.locator(".stage")).to_contain_text("Henüz kayıt yok.")

    def test_a_link_to_a_moment_seeks_once_and_then_plays_on(self, console: Console) -> None:
        page = console.open("/camera/meydan-1?at=2026-11-21T11:32:07Z")
        expect(page.locator(".moment")).to_contain_text("14:32:07.000")
        seeks = page.evaluate(
            """async () => {
              const player = document.querySelector('vms-player');
              const time = Date.parse('2026-11-21T11:32:09.500Z');
              let seeks = 0;
              player.seek = () => { seeks += 1; };
              player.dispatchEvent(new CustomEvent('time', { detail: { time } }));
              await new Promise((done) => setTimeout(done, 200));
              return seeks;
            }"""
        )
        assert seeks == 0
        expect(page.locator(".moment")).to_contain_text("14:32:09.500")

    def test_gaps_are_stepped_through_by_keys(self, console: Console) -> None:
        now = time.time()
        console.world.gaps = [
            (now - 9_000, now - 8_700, "unreachable"),
            (now - 900, now - 860, "refused"),
        ]
        page = console.open("/camera/meydan-1")
        expect(page.locator("vms-player")).to_be_attached()
        page.keyboard.press("p")
        expect(page.locator(".says")).to_contain_text("Boşluk: Kamera reddediyor · 40 sn")
        page.keyboard.press("p")
        expect(page.locator(".says")).to_contain_text("Boşluk: Kamera yanıt vermiyor · 5 dk")
        page.keyboard.press("p")
        expect(page.locator(".says")).to_contain_text("başka boşluk yok")

    def test_the_title_leads_to_another_camera(self, console: Console) -> None:
        page = console.open("/camera/meydan-1")
        page.get_by_label("Kamera seç").select_option(label="Kuzey Kapı")
        expect(page).to_have_url(re.compile("/camera/kuzey-kapi$"))
        expect(page.locator(".stage .name")).to_have_text("Kuzey Kapı")

    def test_an_unknown_camera_is_said(self, console: Console) -> None:
        page = console.open("/camera/yok")
        expect(page.get_by_role("heading", name="Böyle bir kamera yok")).to_be_visible()

    def test_looking_back_begins_at_the_camera_seen_last(self, console: Console) -> None:
        page = console.open("/camera/itfaiye")
        expect(page.locator(".stage .name")).to_have_text("İtfaiye Önü")
        page.keyboard.press("h")
        page.get_by_role("link", name="Geriye bak").click()
        expect(page).to_have_url(re.compile("/camera/itfaiye$"))


PAGES = (
    "/",
    "/health",
    "/camera/hukumet",
    "/camera/kopru-alti",
    "/holds",
    "/exports",
    "/retention",
)


@pytest.mark.parametrize(
    ("size", "locale"),
    [(PHONE, "tr-TR"), (PHONE, "en-GB"), (LAPTOP, "tr-TR"), (LAPTOP, "en-GB"), (WALL_4K, "tr-TR")],
)
def test_every_page_fits_its_screen(console: Console, size: tuple[int, int], locale: str) -> None:
    page = console.open(size=size, locale=locale)
    for path in PAGES:
        page.goto(console.server.url + path)
        page.locator("main .page > *").first.wait_for()
        expect(page.locator(".page")).not_to_be_empty()
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, path
        for part in (".app > header", ".page", ".below"):
            for box in page.locator(part).all():
                place = box.bounding_box()
                assert place is not None
                assert place["x"] + place["width"] <= size[0] + 1, (path, part)


def test_everything_one_can_press_has_a_name(console: Console) -> None:
    page = console.open()
    for path in PAGES:
        page.goto(console.server.url + path)
        page.locator("main .page > *").first.wait_for()
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('button, a[href], input, select, [role=button]')]
              .filter(e => !(e.ariaLabel || e.textContent.trim() || e.labels?.length
                             || e.querySelector('[aria-label]')))
              .map(e => e.outerHTML.slice(0, 120))"""
        )
        assert nameless == [], path
