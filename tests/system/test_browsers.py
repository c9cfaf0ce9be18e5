"""Chromium and Firefox before the running site: live both ways, the past over gap and border.

Each simulated picture says in its strip when it was taken; a canvas reads it.
"""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from benchmarks.console import STRIP_JS, Console, chromium
from benchmarks.processes import tree
from tests.system.conftest import Town
from tests.system.firefox import Firefox, firefox
from tests.system.test_playback import done_segments, the_gap
from vms.core.clock import MILLISECOND, parse_rfc3339

LIVE_WITHIN_MS = 2_500  # a machine busy with tests; the promise itself is the benchmark's
TRUE_WITHIN_MS = 350  # picture's stamp to player's time: camera's coding, way, sweep; see WAY

H265 = 'video/mp4; codecs="hvc1.1.6.L93.B0"'

# Collects what the player says and what its pictures say, until `until` (ms, or pictures).
WATCH = """
window.watch = (settings) => new Promise((resolve, reject) => {
  const player = document.querySelector('vms-player');
  const video = player.shadowRoot.querySelector('video');
  const canvas = document.createElement('canvas');
  const seen = [], gaps = [];
  player.addEventListener('gap', (event) => gaps.push(event.detail));
  const done = () => resolve({ seen, gaps, path: player.stats.path, stats: { ...player.stats } });
  const timer = setTimeout(() => reject(new Error(JSON.stringify(
    { seen: seen.slice(-3), count: seen.length, gaps, state: player.state, at: player.currentTime }
  ))), settings.within);
  if (settings.seek !== undefined) player.seek(settings.seek);
  if (settings.live) player.goLive();
  const look = () => {
    canvas.width = video.videoWidth; canvas.height = video.videoHeight;
    canvas.getContext('2d', { willReadFrequently: true }).drawImage(video, 0, 0);
    const strip = canvas.width > 0 ? readStrip(canvas) : null;
    if (strip !== null) {
      seen.push({ at: player.currentTime, strip: strip.time, counter: strip.counter,
                  now: Date.now() });
      const enough = settings.until !== undefined ? strip.time >= settings.until
        : seen.length >= settings.pictures
          && (settings.live === undefined || Date.now() - strip.time < settings.live);
      if (enough) { clearTimeout(timer); done(); return; }
    }
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
});
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def opened(
    browser: Browser,
    town: Town,
    camera: str,
    *,
    webrtc: bool = True,
    who: tuple[str, str] | None = None,
) -> Page:
    """A camera's page, signed in; `webrtc=False`: in a browser without WebRTC. `who`: another user
    and password than the town's own."""
    user, password = who or (town.user, town.password)
    console = Console(town.up.url, user, password, town.site.config, 0)
    page = console.page(browser, webrtc=webrtc, width=1200, height=700)
    page.add_init_script(WATCH)
    page.goto(f"{town.up.url}/camera/{camera}")
    page.wait_for_function("() => document.querySelector('vms-player')?.shadowRoot")
    return page


def watched(page: Page, **settings: Any) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("(s) => watch(s)", {"within": 60_000, **settings})
    return found


def is_live(found: dict[str, Any]) -> None:
    last = found["seen"][-1]
    assert last["now"] - last["strip"] < LIVE_WITHIN_MS
    strips = [one["strip"] for one in found["seen"]]
    # A busy browser draws the picture before once more, now and then; never an older one.
    older = sorted(set(strips))
    back = [older.index(a) - older.index(b) for a, b in itertools.pairwise(strips)]
    assert max(back) <= 1


@pytest.mark.parametrize(
    ("camera", "webrtc", "path"),
    [("gate", True, "webrtc"), ("gate", False, "mse"), ("square", False, "mse")],
)
def test_chromium_is_live(
    running_town: Town, browser: Browser, camera: str, webrtc: bool, path: str
) -> None:
    page = opened(browser, running_town, camera, webrtc=webrtc)
    found = watched(page, live=LIVE_WITHIN_MS, pictures=15)
    assert found["path"] == path
    is_live(found)
    page.context.close()


def test_sound_comes_with_the_picture(running_town: Town, browser: Browser) -> None:
    page = opened(browser, running_town, "gate")
    watched(page, live=LIVE_WITHIN_MS, pictures=3)
    page.wait_for_function(
        """async () => {
          const video = document.querySelector('vms-player').shadowRoot.querySelector('video');
          return video.srcObject?.getAudioTracks().some((track) => !track.muted) ?? false;
        }""",
        timeout=30_000,
    )
    page.context.close()


def follows(found: dict[str, Any]) -> None:
    """The player's time is that of the picture it shows."""
    off = [one["at"] - one["strip"] for one in found["seen"]]
    assert off
    wrong = [value for value in off if not -50 <= value <= TRUE_WITHIN_MS]
    # A callback may come a picture late on a busy machine; a wrong clock is wrong all the time.
    assert len(wrong) <= len(off) // 10, f"{len(wrong)} of {len(off)} off by {wrong[:5]} ms"


def test_the_past_is_played_over_a_segment_border(whole_town: Town, browser: Browser) -> None:
    border = parse_rfc3339(done_segments(whole_town, "gate")[1]["start"]) / MILLISECOND
    page = opened(browser, whole_town, "gate")
    found = watched(page, seek=border - 1_500, until=border + 1_500)
    assert found["path"] == "archive"
    assert found["gaps"] == []
    follows(found)
    counters = [one["counter"] for one in found["seen"]]
    assert found["seen"][0]["strip"] < border - 500
    # No picture twice, none skipped but what the busy browser did not present.
    assert counters == sorted(counters)
    steps = [b - a for a, b in itertools.pairwise(counters)]
    assert max(steps) <= 6
    page.context.close()


def test_the_past_is_played_over_a_gap_and_live_brings_back(
    whole_town: Town, browser: Browser
) -> None:
    gap, back = (moment / MILLISECOND for moment in the_gap(whole_town))
    page = opened(browser, whole_town, "bridge")
    watched(page, live=LIVE_WITHIN_MS, pictures=3)
    found = watched(page, seek=gap - 1_500, until=back + 1_000)
    follows(found)
    assert found["seen"][0]["strip"] < gap
    assert found["gaps"]
    assert abs(found["gaps"][0]["start"] - gap) < 1_000
    assert abs(found["gaps"][0]["end"] - back) < 1_000
    # Nobody waits for the gap to pass.
    across = next(one for one in found["seen"] if one["strip"] > gap + 1_000)
    assert across["now"] - found["seen"][0]["now"] < back - gap + 1_500
    live = watched(page, live=LIVE_WITHIN_MS, pictures=5)
    assert live["path"] == "webrtc"
    is_live(live)
    page.context.close()


@pytest.fixture(scope="module")
def deaf(whole_town: Town) -> tuple[str, str]:
    """Somebody who may look, live and back, and hear nothing."""
    vms = whole_town.site.vms
    permits = [f"--permit={one}" for one in ("cameras", "live", "archive", "own_session", "system")]
    vms("users", "role", "looks-on", *permits)
    done = vms(
        "users", "add", "deaf", "--role", "looks-on", "--password-stdin", say="long enough 1\n"
    )
    assert done.returncode == 0, done.stderr
    return "deaf", "long enough 1"


@pytest.mark.parametrize("camera", ["square", "gate"])
def test_who_may_not_hear_looks_back_over_a_segment_border(
    whole_town: Town, browser: Browser, deaf: tuple[str, str], camera: str
) -> None:
    border = parse_rfc3339(done_segments(whole_town, camera)[1]["start"]) / MILLISECOND
    page = opened(browser, whole_town, camera, who=deaf)
    found = watched(page, seek=border - 1_500, until=border + 1_500)
    assert found["path"] == "archive"
    follows(found)
    decoded = "document.querySelector('vms-player').shadowRoot.querySelector('video')"
    assert page.evaluate(f"() => {decoded}.webkitAudioDecodedByteCount") == 0
    page.context.close()


def test_a_moment_in_the_address_opens_there(whole_town: Town, browser: Browser) -> None:
    segment = done_segments(whole_town, "gate")[0]
    at = parse_rfc3339(segment["start"]) / MILLISECOND
    page = opened(browser, whole_town, f"gate?at={segment['start']}")
    found = watched(page, pictures=5)
    assert found["path"] == "archive"
    assert at - 500 <= found["seen"][0]["strip"] <= at + 4_000
    page.context.close()


def test_the_wall_is_live_at_once_and_a_tile_opens_its_camera(
    running_town: Town, browser: Browser
) -> None:
    page = opened(browser, running_town, "gate")
    page.goto(running_town.up.url)
    page.wait_for_function(
        """() => ['square', 'gate', 'bridge'].every((camera) => [...document
          .querySelectorAll('vms-player')].some((player) =>
            player.camera === camera && player.stats.decoded > 2))""",
        timeout=60_000,
    )
    # Where the picture is, whatever lies over it.
    box = page.locator("vms-player[camera=gate]").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url("**/camera/gate")
    page.wait_for_function("() => document.querySelector('vms-player')?.stats.decoded > 2")
    page.context.close()


# -- Firefox


@pytest.fixture(scope="module")
def fox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with firefox(tmp_path_factory.mktemp("fox")) as running:
        yield running


def fox_at(fox: Firefox, town: Town, path: str) -> None:
    fox.open(town.up.url + "/")
    body = {"username": town.user, "password": town.password}
    status = fox.wait(
        """const [body, done] = arguments;
        fetch('/api/session', { method: 'POST', body: JSON.stringify(body),
          headers: { 'Content-Type': 'application/json' } }).then((r) => done(r.status));""",
        body,
    )
    assert status == 200
    fox.open(town.up.url + path)
    fox.run(STRIP_JS + WATCH)


def fox_watched(fox: Firefox, **settings: Any) -> dict[str, Any]:
    found: dict[str, Any] = fox.wait(
        """const [settings, done] = arguments;
        const there = () => document.querySelector('vms-player')?.shadowRoot;
        const begin = () => there() ? watch(settings).then(done, (error) => done(
          { error: String(error.message) })) : setTimeout(begin, 50);
        begin();""",
        {"within": 60_000, **settings},
    )
    assert "error" not in found, found["error"]
    return found


def test_firefox_plays_h265_live_by_mse(running_town: Town, fox: Firefox) -> None:
    fox_at(fox, running_town, "/camera/market")
    assert fox.run("return MediaSource.isTypeSupported(arguments[0])", H265)
    found = fox_watched(fox, live=LIVE_WITHIN_MS, pictures=10)
    assert found["path"] == "mse"
    is_live(found)


def test_firefox_plays_h265_from_the_past(whole_town: Town, fox: Firefox) -> None:
    border = parse_rfc3339(done_segments(whole_town, "market")[1]["start"]) / MILLISECOND
    fox_at(fox, whole_town, "/camera/market")
    found = fox_watched(fox, seek=border - 1_500, until=border + 1_000)
    assert found["path"] == "archive"
    follows(found)


def test_what_a_browser_can_not_play_it_says(running_town: Town, browser: Browser) -> None:
    page = opened(browser, running_town, "market")
    unplayable = page.evaluate("(kind) => !MediaSource.isTypeSupported(kind)", H265)
    if unplayable:
        page.wait_for_function(
            """() => { const state = document.querySelector('vms-player').state;
              return state.phase === 'failed' && state.why === 'codec'; }""",
            timeout=60_000,
        )
        assert "H.265" in page.inner_text("body")
    page.context.close()


@pytest.mark.parametrize("webrtc", [True, False])
def test_a_live_process_that_dies_is_back_on_screen_within_seconds(
    running_town: Town, browser: Browser, webrtc: bool
) -> None:
    page = opened(browser, running_town, "gate", webrtc=webrtc)
    watched(page, live=LIVE_WITHIN_MS, pictures=5)
    for pid in tree(running_town.up.process.pid):
        if b"\0live\0" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    page.wait_for_function(
        "() => document.querySelector('vms-player').state.phase !== 'playing'", timeout=30_000
    )
    watched(page, live=LIVE_WITHIN_MS, pictures=5, within=60_000)
    back = time.monotonic() - killed
    print(f"live again {back:.1f} s after its process died")
    assert back < 30
    page.context.close()
