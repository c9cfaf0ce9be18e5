"""`<vms-timeline>` in a real Chromium: what hands do with it, and its quiet when left alone."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.web.ui import bundle
from tests.web.ui.mediaserver import Camera, MediaServer, text_time
from tests.web.ui.test_elements_player import CHROMIUM_ARGS, until

HOUR = 3_600_000
GAP = (-80 * 60_000, -56 * 60_000)


class Days(Camera):
    """Footage of ten days without files behind it, with one gap of 24 minutes."""

    def __init__(self, now: int) -> None:
        super().__init__([], [(now + GAP[0], now + GAP[1], "unreachable")])
        self._now = now

    def timeline(self, start: float, end: float) -> dict[str, object]:
        answer = super().timeline(start, end)
        oldest = self._now - 240 * HOUR
        spans = [(oldest, self._now + GAP[0]), (self._now + GAP[1], self._now)]
        answer["spans"] = [
            {"start": text_time(max(a, start)), "end": text_time(min(b, end))}
            for a, b in spans
            if a < end and b > start
        ]
        answer["first"] = text_time(oldest)
        return answer


def island_of(now: int) -> int:
    """Some days ago, at a midnight of UTC+3 where a line of the day is drawn, too: of days that
    are counted from 1970 each tenth has one."""
    return (now - 120 * HOUR) // (240 * HOUR) * 240 * HOUR - 3 * HOUR


class Island(Camera):
    """Five seconds of footage between two gaps of days, where a day begins in İstanbul."""

    def __init__(self, now: int) -> None:
        self.at = island_of(now)
        gaps = [(self.at - 96 * HOUR, self.at, "removed"), (self.at + 5_000, now, "removed")]
        super().__init__([], gaps)

    def timeline(self, start: float, end: float) -> dict[str, object]:
        answer = super().timeline(start, end)
        if start < self.at and self.at + 5_000 < end:
            span = {"start": text_time(self.at), "end": text_time(self.at + 5_000)}
            answer["spans"] = [span]
        return answer


@pytest.fixture(scope="module")
def now() -> int:
    return int(time.time() * 1000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, now: int) -> Iterator[MediaServer]:
    static = bundle.build(tmp_path_factory.mktemp("timeline"))
    running = MediaServer(static, bundle.PAGE)
    running.cameras = {"gate": Days(now), "island": Island(now)}
    with running:
        yield running


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=CHROMIUM_ARGS
        )
        yield browser.new_page(viewport={"width": 1200, "height": 400}, has_touch=True)
        browser.close()


@pytest.fixture
def page(server: MediaServer, browser_page: Page, now: int) -> Page:
    browser_page.goto(server.url)
    until(browser_page, "customElements.get('vms-timeline') !== undefined")
    browser_page.evaluate(
        """([now, hour]) => {
          document.body.style.paddingTop = '100px';
          const line = document.createElement('vms-timeline');
          line.camera = 'gate'; line.zone = 'Europe/Istanbul'; line.lang = 'tr';
          line.labels = { causes: { unreachable: 'kameraya ulaşılamıyor' } };
          window.line = line; window.seeks = []; window.views = 0;
          line.addEventListener('seek', (e) => seeks.push(e.detail));
          line.addEventListener('view', () => { window.views += 1; });
          document.body.replaceChildren(line);
          line.view = { start: now - 2 * hour, end: now };
        }""",
        [now, HOUR],
    )
    browser_page.wait_for_timeout(400)
    return browser_page


def x_of(page: Page, at: int) -> float:
    x: float = page.evaluate(
        "at => line.getBoundingClientRect().x + (at - line.view.start) /"
        " (line.view.end - line.view.start) * line.getBoundingClientRect().width",
        at,
    )
    return x


def y_of(page: Page) -> float:
    y: float = page.evaluate("line.getBoundingClientRect().y + 50")
    return y


def tip(page: Page) -> str:
    text: str = page.evaluate("line.shadowRoot.querySelector('.tip').innerText")
    return text


def test_a_click_seeks_to_the_moment_under_it(page: Page, now: int) -> None:
    page.mouse.click(x_of(page, now - HOUR), y_of(page))
    (seek,) = page.evaluate("seeks")
    assert seek["time"] == pytest.approx(now - HOUR, abs=12_000)
    assert seek["scrubbing"] is False
    assert page.evaluate("line.shadowRoot.querySelector('.playhead').hidden") is False


def test_a_gap_is_named_under_the_pointer_with_its_exact_span(page: Page, now: int) -> None:
    page.mouse.move(x_of(page, now - 70 * 60_000), y_of(page))
    assert "kameraya ulaşılamıyor · 24 dk" in tip(page)
    page.mouse.move(x_of(page, now - 20 * 60_000), y_of(page))
    assert "kameraya" not in tip(page)


def test_the_wheel_zooms_around_the_pointer(page: Page, now: int) -> None:
    at = now - HOUR
    x = x_of(page, at)
    page.mouse.move(x, y_of(page))
    for _ in range(40):
        page.mouse.wheel(0, -300)
    assert page.evaluate("line.view.end - line.view.start") == pytest.approx(1000)
    assert x_of(page, at) == pytest.approx(x, abs=3)
    for _ in range(80):
        page.mouse.wheel(0, 300)
    assert page.evaluate("line.view.end - line.view.start") == pytest.approx(31 * 24 * HOUR)


def test_a_drag_pans_and_is_no_click(page: Page) -> None:
    before = page.evaluate("line.view.start")
    y = y_of(page)
    page.mouse.move(400, y)
    page.mouse.down()
    page.mouse.move(700, y, steps=5)
    page.mouse.up()
    moved = before - page.evaluate("line.view.start")
    assert moved == pytest.approx(2 * HOUR * 300 / 1200, rel=0.02)
    assert page.evaluate("seeks") == []


def test_dragging_the_playhead_scrubs(page: Page, now: int) -> None:
    page.evaluate("at => { line.playhead = at; }", now - HOUR)
    y = y_of(page)
    page.mouse.move(x_of(page, now - HOUR), y)
    page.mouse.down()
    page.mouse.move(x_of(page, now - HOUR) + 100, y, steps=4)
    page.mouse.up()
    seeks = page.evaluate("seeks")
    assert [seek["scrubbing"] for seek in seeks] == [True] * 4 + [False]
    assert seeks[-1]["time"] == pytest.approx(now - HOUR + 2 * HOUR / 12, abs=15_000)


def test_keys_move_and_zoom_and_go_no_further(page: Page, now: int) -> None:
    page.evaluate(
        "() => { window.heard = 0; line.focus();"
        " addEventListener('keydown', () => { window.heard += 1; }); }"
    )
    start = page.evaluate("line.view.start")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("line.view.start") == pytest.approx(start - 0.2 * HOUR)
    page.keyboard.press("+")
    assert page.evaluate("line.view.end - line.view.start") == pytest.approx(2 * HOUR / 1.6)
    page.keyboard.press("End")
    assert page.evaluate("line.view.end") > now
    page.keyboard.press("Home")
    assert page.evaluate("line.view.start") < now - 239 * HOUR
    assert page.evaluate("heard") == 0
    page.keyboard.press("Space")
    assert page.evaluate("heard") == 1


def test_a_running_playhead_turns_the_page_but_not_for_who_looks_elsewhere(
    page: Page, now: int
) -> None:
    page.evaluate("at => { line.playhead = at; line.playhead = at + 1; }", now - 2 * HOUR + 1000)
    assert page.evaluate("views") <= 1
    page.evaluate(
        "now => { line.view = { start: now - 100 * 60e3, end: now - 90 * 60e3 };"
        " line.playhead = now - 91 * 60e3; line.playhead = now - 90 * 60e3; }",
        now,
    )
    assert page.evaluate("line.view.start") > now - 92 * 60_000
    page.evaluate(
        "now => { line.view = { start: now - 50 * HOURS, end: now - 49 * HOURS }; }".replace(
            "HOURS", str(HOUR)
        ),
        now,
    )
    page.evaluate("now => { line.playhead = now - 5000; line.playhead = now - 4000; }", now)
    assert page.evaluate("line.view.end") == now - 49 * HOUR


def test_next_and_previous_gap_are_found_from_afar(page: Page, now: int) -> None:
    found = page.evaluate("at => line.nextGap(at)", now - 30 * HOUR)
    assert found["start"] == pytest.approx(now + GAP[0], abs=2)
    assert found["cause"] == "unreachable"
    found = page.evaluate("at => line.previousGap(at)", now - 1000)
    assert found["end"] == pytest.approx(now + GAP[1], abs=2)
    assert page.evaluate("at => line.previousGap(at)", now - 30 * HOUR) is None


def test_left_alone_in_the_past_it_asks_and_draws_nothing(
    page: Page, server: MediaServer, now: int
) -> None:
    page.evaluate(
        "([now, hour]) => { line.view = { start: now - 60 * hour, end: now - 50 * hour }; }",
        [now, HOUR],
    )
    page.wait_for_timeout(500)
    page.evaluate(
        """() => { window.draws = 0; const clear = CanvasRenderingContext2D.prototype.clearRect;
        CanvasRenderingContext2D.prototype.clearRect = function (...a) { window.draws += 1;
        return clear.apply(this, a); }; }"""
    )
    asked = len(server.requests)
    page.wait_for_timeout(1200)
    assert len(server.requests) == asked
    assert page.evaluate("draws") == 0


def test_removed_it_asks_no_more(page: Page, server: MediaServer) -> None:
    page.evaluate("document.body.replaceChildren()")
    page.wait_for_timeout(200)
    asked = len(server.requests)
    page.wait_for_timeout(2500)
    assert len(server.requests) == asked


def test_footage_shorter_than_a_pixel_is_drawn_between_gaps_of_days(page: Page, now: int) -> None:
    page.evaluate(
        "([at, hour]) => { line.camera = 'island';"
        " line.view = { start: at - 350 * hour, end: at + 350 * hour }; }",
        [island_of(now), HOUR],
    )
    page.wait_for_timeout(800)
    # The colour of footage is more green than red; gaps and their edges are the reverse.
    columns = page.evaluate(
        """() => {
          const canvas = line.shadowRoot.querySelector('canvas');
          const { height } = canvas;
          const row = Math.round((height / line.clientHeight) * (12 + line.clientHeight / 2));
          const bytes = canvas.getContext('2d').getImageData(0, row, canvas.width, 1).data;
          const found = [];
          for (let x = 0; x < canvas.width; x += 1)
            if (bytes[4 * x + 1] > bytes[4 * x] + 40) found.push(x / canvas.width);
          return found;
        }"""
    )
    assert any(abs(x - 0.5) < 0.003 for x in columns), columns


def test_a_span_pointed_out_is_bracketed_at_every_zoom(page: Page, now: int) -> None:
    """Brackets are bright where nothing else is: beside the span, over the whole lane."""
    bright = """([start, end]) => {
      line.spot = start === null ? null : { start, end };
      return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
        const canvas = line.shadowRoot.querySelector('canvas');
        const ratio = canvas.width / canvas.clientWidth;
        const row = Math.round((24 + 6) * ratio);
        const bytes = canvas.getContext('2d').getImageData(0, row, canvas.width, 1).data;
        const found = [];
        for (let x = 0; x < canvas.width; x += 1)
          if (Math.min(...bytes.slice(4 * x, 4 * x + 3)) > 150) found.push(x / ratio);
        done(found);
      })));
    }"""
    width = page.evaluate("line.getBoundingClientRect().width")
    page.evaluate("now => { line.view = { start: now - 7200000, end: now }; }", now)
    page.wait_for_timeout(300)
    before = page.evaluate(bright, [None, None])
    for start, end in ((now - HOUR, now - HOUR + 600_000), (now - HOUR, now - HOUR + 1_000)):
        found = [x for x in page.evaluate(bright, [start, end]) if x not in before]
        place = [width * (at - now + 2 * HOUR) / (2 * HOUR) for at in (start, end)]
        assert min(found) == pytest.approx(place[0], abs=8)
        assert max(found) == pytest.approx(place[1], abs=8)
        assert max(found) - min(found) >= 6
    assert page.evaluate(bright, [None, None]) == before


def test_it_is_sharp_on_dense_screens(page: Page) -> None:
    sizes = page.evaluate(
        "() => { const c = line.shadowRoot.querySelector('canvas');"
        " return [c.width / c.clientWidth, devicePixelRatio]; }"
    )
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)
