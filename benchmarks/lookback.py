"""A click into the past → the first picture of that time, over an index of 4.3 million rows."""

from __future__ import annotations

import random
import time
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.console import chromium, console, fleet_toml
from benchmarks.processes import quantile, workplace
from benchmarks.report import Figure, Report
from benchmarks.site import simulator, write_settings
from storage.database import migrate, open_database
from storage.synthetic import fill_index
from vms.core.clock import DAY, MINUTE, SystemClock
from vms.core.config_file import load_settings
from vms.core.media import StreamFormat, VideoFormat
from vms.core.model import CameraId, StreamKey

CLICKS = 20
CAMERAS = 100
DAYS = 30
RECORDED = 100  # seconds of real footage before the first click: over a segment's border

_FORM = StreamFormat(
    VideoFormat("h264", 1280, 720, (bytes.fromhex("6742c01ed903c5a8"),), (b"\x68\xce\x3c\x80",))
)

# The clock starts when the timeline reports the click; it stops when a presented picture's own
# strip says the time that was clicked.
_WATCH = """
() => {
  const timeline = document.querySelector('vms-timeline');
  const canvas = document.createElement('canvas');
  window.looked = null;
  timeline.addEventListener('seek', (event) => {
    if (event.detail.scrubbing) return;
    const started = performance.now(), target = event.detail.time;
    window.looked = null;
    const look = () => {
      const player = document.querySelector('vms-player');
      const video = player && player.shadowRoot.querySelector('video');
      if (video && video.videoWidth && player.mode === 'archive') {
        canvas.width = video.videoWidth; canvas.height = video.videoHeight;
        const band = Math.ceil(video.videoHeight / 16);
        canvas.getContext('2d', { willReadFrequently: true })
          .drawImage(video, 0, 0, video.videoWidth, band, 0, 0, video.videoWidth, band);
        const strip = readStrip(canvas);
        if (strip !== null && Math.abs(strip.time - target) < 1000) {
          window.looked = { ms: performance.now() - started, off: strip.time - target };
          return;
        }
      }
      if (performance.now() - started < 10000) requestAnimationFrame(look);
      else window.looked = { ms: 10000, off: NaN };
    };
    look();
  });
}
"""


def run(clicks: int = CLICKS, cameras: int = CAMERAS, days: int = DAYS) -> Report:
    """The camera's page, as an operator uses it."""
    camera = {
        "id": "clock",
        "video": {"width": 1280, "height": 720, "fps": 25, "bitrate": 3_000_000, "gop": 50},
        "sub": False,
    }
    with workplace() as folder:
        fleet = fleet_toml(folder, [camera])
        with simulator(folder, "--config", str(fleet)) as served:
            config = write_settings(folder, {"clock": (served.url("clock"), None)})
            rows = _fill(config, cameras, days)
            with console(config, cameras=1) as site, chromium() as browser:
                time.sleep(RECORDED)
                page = site.page(browser)
                page.goto(f"{site.url}/camera/clock")
                page.wait_for_function("() => document.querySelector('vms-timeline') !== null")
                page.wait_for_timeout(3000)
                page.evaluate(_WATCH)
                found = [_click(page, random.Random(number)) for number in range(clicks)]
    times = [look["ms"] for look in found]
    return Report(
        name="lookback",
        title="A click into the past",
        how=(
            f"The camera's page in headless Chromium, an index of {rows:,} rows ({cameras} cameras "
            f"× {days} days). From the click on the timeline to the presented picture whose own "
            f"clock says the time that was clicked; {clicks} clicks."
        ),
        figures=(
            Figure("p95", quantile(times, 0.95), "ms", 300, digits=0),
            Figure("median", quantile(times, 0.5), "ms", digits=0),
            Figure("clicks that found their picture", sum(t < 10_000 for t in times), "",
                   clicks, "at least", digits=0),
        ),
    )  # fmt: skip


def _fill(config: Path, cameras: int, days: int) -> int:
    settings = load_settings(config)
    engine = open_database(settings.database_url)
    migrate(engine)
    others = [StreamKey(CameraId(f"city-{number:03d}")) for number in range(cameras - 1)]
    streams = [StreamKey(CameraId("clock")), *others]
    start = SystemClock().now() - days * DAY - 5 * MINUTE
    rows = fill_index(engine, streams, type(SystemClock().now())(start), days * 24 * 60, _FORM)
    engine.dispose()
    return rows


def _click(page: Page, rng: random.Random) -> dict[str, float]:
    """Show the last two minutes, and click somewhere into them."""
    now = time.time() * 1000
    page.evaluate(
        "(view) => { document.querySelector('vms-timeline').view = view; }",
        {"start": now - 90_000, "end": now + 5_000},
    )
    page.wait_for_timeout(700)
    box = page.locator("vms-timeline").bounding_box()
    assert box is not None
    share = 0.1 + 0.7 * rng.random()
    page.evaluate("() => { window.looked = null; }")
    page.mouse.click(box["x"] + box["width"] * share, box["y"] + box["height"] * 0.6)
    page.wait_for_function("() => window.looked !== null", timeout=15_000)
    found: dict[str, float] = page.evaluate("() => window.looked")
    page.wait_for_timeout(500)
    return found
