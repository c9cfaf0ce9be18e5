"""The console on the running demo: a wall that is live, the past, live again, a lost camera.

Everything is real: `vms demo` with its processes on free ports, Chromium, pictures that move.
To run the same against a system that already runs: VMS_TEST_CONSOLE="URL USER PASSWORD".
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

PROJECT = Path(__file__).parents[2]
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_S = 60
LOST_S = 40_000
# A large cell holds two players for a while or for good: the small stream until the main one shows.
ALL_PLAY = """() => {
  const tiles = [...document.querySelectorAll('.tile')];
  const plays = tile =>
    [...tile.querySelectorAll('vms-player')].some(p => p.state.phase === 'playing');
  return tiles.length === 6 && tiles.filter(plays).length >= 5;
}"""
PLAYS = "() => document.querySelector('vms-player')?.state.phase === 'playing'"


@dataclass(frozen=True, slots=True)
class Site:
    """A running system; `control` is the port of its simulated cameras' control, if it is ours."""

    url: str
    user: str
    password: str
    control: int | None


def free_ports() -> tuple[int, int]:
    """One for the web, and the first of two neighbours: simulated cameras and their control."""
    while True:
        with socket.socket() as web, socket.socket() as cameras, socket.socket() as control:
            web.bind(("127.0.0.1", 0))
            cameras.bind(("127.0.0.1", 0))
            port: int = cameras.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                control.bind(("127.0.0.1", port + 1))
                return web.getsockname()[1], port


def config_of(folder: Path, web: int, cameras: int) -> Path:
    """The demo's own cameras.toml, moved to free ports and a folder of the test's own."""
    text = (PROJECT / "cameras.toml").read_text()
    for old, new in (
        ("127.0.0.1:8554", f"127.0.0.1:{cameras}"),
        ("127.0.0.1:8080", f"127.0.0.1:{web}"),
        ('"./data', f'"{folder}/data'),
        ('reserve = "2 GB"', 'reserve = "100 MB"'),
    ):
        assert old in text
        text = text.replace(old, new)
    path = folder / "cameras.toml"
    path.write_text(text)
    return path


def signed(process: subprocess.Popen[str], log: Path) -> tuple[str, str, str]:
    """Wait for the one line that says where and as whom to sign in."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        said = log.read_text(errors="replace")
        if found := re.search(r"Sign in at (\S+) as (\S+) with (\S+)", said):
            return found[1].rstrip("/"), found[2], found[3]
        time.sleep(0.2)
    raise AssertionError(f"the demo did not start:\n{log.read_text(errors='replace')[-3000:]}")


@pytest.fixture(scope="module")
def console_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if given := os.environ.get("VMS_TEST_CONSOLE"):
        yield Site(*given.split(), control=None)
        return
    folder = tmp_path_factory.mktemp("demo")
    web, cameras = free_ports()
    config = config_of(folder, web, cameras)
    log = folder / "demo.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "vms", "demo", "--config", str(config)],
            cwd=PROJECT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield Site(*signed(process, log), control=cameras + 1)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def page(console_url: Site) -> Iterator[Page]:
    """One signed-in window for all tests of this file, as an operator has it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        page = browser.new_page(viewport={"width": 1366, "height": 768}, locale="tr-TR")
        page.set_default_timeout(20_000)
        page.goto(console_url.url)
        page.fill("#username", console_url.user)
        page.fill("#password", console_url.password)
        page.click("button[type=submit]")
        page.locator(".app").wait_for()
        yield page
        browser.close()


def to_wall(page: Page, url: str) -> None:
    page.goto(url + "/")
    page.wait_for_function(ALL_PLAY)


def shown(page: Page) -> dict[str, int]:
    """Pictures decoded so far, by camera and stream."""
    found: dict[str, int] = page.evaluate(
        """Object.fromEntries([...document.querySelectorAll('vms-player')]
          .map(p => [p.camera + p.stream, p.stats.decoded]))"""
    )
    return found


def test_the_wall_is_live_at_once_and_moves(page: Page, console_url: Site) -> None:
    to_wall(page, console_url.url)
    page.wait_for_function(
        """before => [...document.querySelectorAll('.tile')].filter(tile => [...tile
          .querySelectorAll('vms-player')].some(p => p.stats.decoded > 10 +
          (before[tile.dataset.camera + p.stream] ?? 0))).length >= 5""",
        arg=shown(page),
    )
    expect(page.locator(".tile .facts").nth(1)).to_have_text(re.compile("WebRTC|MSE"))


def test_a_click_on_a_tile_opens_the_camera_live_with_its_timeline(
    page: Page, console_url: Site
) -> None:
    to_wall(page, console_url.url)
    page.locator(".tile[data-camera=kuzey-kapi] .hit").click()
    expect(page).to_have_url(re.compile("/camera/kuzey-kapi$"))
    page.wait_for_function(PLAYS)
    expect(page.locator("vms-timeline")).to_be_visible()
    expect(page.locator("aside")).to_contain_text("H.264 · 1920\u00a0×\u00a01080")


def test_the_past_plays_and_live_brings_it_back(page: Page, console_url: Site) -> None:
    page.goto(console_url.url + "/camera/kuzey-kapi")
    page.wait_for_function(PLAYS)
    page.wait_for_timeout(6_000)  # something must have been recorded to look back at
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(
        "() => { const s = document.querySelector('vms-player').state;"
        " return s.path === 'archive' && s.phase === 'playing'; }"
    )
    expect(page.locator(".stage .time")).to_contain_text("Arşiv")
    moments = [page.evaluate("document.querySelector('vms-player').currentTime")]
    page.wait_for_timeout(1_500)
    moments.append(page.evaluate("document.querySelector('vms-player').currentTime"))
    assert moments[1] - moments[0] > 500
    page.get_by_role("button", name="Canlı", exact=True).click()
    page.wait_for_function("() => document.querySelector('vms-player').state.path !== 'archive'")
    page.wait_for_function(PLAYS)


def test_a_link_to_a_moment_plays_from_there(page: Page, console_url: Site) -> None:
    page.goto(console_url.url + "/camera/kuzey-kapi")
    page.wait_for_function(PLAYS)
    now = page.evaluate("Date.now()") / 1000
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 5))
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.goto(console_url.url + f"/camera/kuzey-kapi?at={moment}")
    page.wait_for_function(
        "at => document.querySelector('vms-player')?.currentTime > at",
        arg=(int(now - 5) + 2) * 1000,
    )
    assert len([url for url in fetched if "/segments/" in url]) < 40


def test_a_snapshot_is_a_picture_named_by_camera_and_time(page: Page, console_url: Site) -> None:
    page.goto(console_url.url + "/camera/meydan-1")
    page.wait_for_function(PLAYS)
    page.locator("vms-player").wait_for()
    with page.expect_download() as download:
        page.keyboard.press("s")
    name = download.value.suggested_filename
    assert re.fullmatch(r"meydan-1_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-\d{3}_UTC\+3\.jpg", name)
    assert Path(download.value.path()).read_bytes()[:3] == b"\xff\xd8\xff"


def test_what_the_browser_cannot_play_is_shown_by_the_small_stream(
    page: Page, console_url: Site
) -> None:
    page.goto(console_url.url + "/camera/pazar-yeri")  # H.265
    page.wait_for_function(PLAYS)
    hevc = page.evaluate("""MediaSource.isTypeSupported('video/mp4; codecs="hvc1.1.6.L93.B0"')""")
    if not hevc:
        expect(page.locator(".note")).to_contain_text("H.265")


def test_the_health_list_has_every_camera(page: Page, console_url: Site) -> None:
    page.goto(console_url.url + "/health")
    expect(page.locator("[data-camera]")).to_have_count(6)


def test_a_camera_that_stops_is_lost_with_its_cause_and_comes_back(
    page: Page, console_url: Site
) -> None:
    if console_url.control is None:
        pytest.skip("the cameras of a given system are not ours to stop")
    fault = [sys.executable, "-m", "vms", "simulate", "fault"]
    to_wall(page, console_url.url)
    subprocess.run(
        [*fault, "meydan-1", "stop", "--lasting", "12", "--control-port", str(console_url.control)],
        check=True,
        cwd=PROJECT,
        capture_output=True,
    )
    lost = page.locator(".tile[data-camera=meydan-1] .lost")
    expect(lost).to_contain_text("Görüntü yok", timeout=LOST_S)
    expect(lost).to_contain_text(re.compile("Kamera|ağdan"))
    expect(lost).to_contain_text("beri")
    expect(lost).to_have_count(0, timeout=LOST_S)
    page.wait_for_function(
        "() => document.querySelector('[data-camera=meydan-1] vms-player').state.phase"
        " === 'playing'"
    )
