"""Glass to glass over WHEP: from a picture's capture to its presentation in Chromium."""

from __future__ import annotations

from benchmarks.console import chromium, console, fleet_toml
from benchmarks.processes import quantile, workplace
from benchmarks.report import Figure, Report
from benchmarks.site import simulator, write_settings

SECONDS = 20

_WATCH = """
([camera, seconds]) => new Promise((resolve, reject) => {
  const player = document.createElement('vms-player');
  Object.assign(player.style, { position: 'fixed', inset: '0', zIndex: 99 });
  player.setAttribute('camera', camera);
  document.body.append(player);
  const canvas = document.createElement('canvas');
  const latencies = [];
  let unread = 0, path = '';
  player.addEventListener('firstframe', () => {
    const video = player.shadowRoot.querySelector('video');
    path = player.stats.path;
    const look = () => {
      // Only the strip's band is drawn: reading whole pictures back would itself cost time.
      canvas.width = video.videoWidth; canvas.height = video.videoHeight;
      const band = Math.ceil(video.videoHeight / 16);
      canvas.getContext('2d', { willReadFrequently: true })
        .drawImage(video, 0, 0, video.videoWidth, band, 0, 0, video.videoWidth, band);
      const now = Date.now();
      const strip = readStrip(canvas);
      if (strip === null) unread++; else latencies.push(now - strip.time);
      video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
    setTimeout(() => { player.remove(); resolve({ latencies, unread, path }); }, seconds * 1000);
  });
  const failed = () => reject(new Error('no picture: ' + JSON.stringify(player.state)));
  setTimeout(failed, seconds * 1000 + 15000);
})
"""


def run(seconds: int = SECONDS) -> Report:
    """A drawn 720p25 camera whose strip carries the capture time, read from a canvas."""
    camera = {
        "id": "clock",
        "video": {"width": 1280, "height": 720, "fps": 25, "bitrate": 3_000_000, "gop": 50},
        "sub": False,
    }
    with workplace() as folder:
        fleet = fleet_toml(folder, [camera])
        with simulator(folder, "--config", str(fleet)) as served:
            config = write_settings(folder, {"clock": (served.url("clock"), None)})
            with console(config, cameras=1) as site, chromium() as browser:
                page = site.page(browser)
                page.goto(site.url + "/health")
                page.wait_for_timeout(1000)
                found = page.evaluate(_WATCH, ["clock", seconds])
    assert found["path"] == "webrtc", found["path"]
    latencies = found["latencies"]
    return Report(
        name="glass",
        title="Glass to glass",
        how=(
            "A drawn 720p25 camera carries its capture time in each picture; a canvas in headless "
            f"Chromium reads it when the picture is presented over WHEP, for {seconds} s. Coding "
            "in the camera is included."
        ),
        figures=(
            Figure("p95", quantile(latencies, 0.95), "ms", 250, digits=0),
            Figure("median", quantile(latencies, 0.5), "ms", digits=0),
            Figure("pictures read", len(latencies), "", seconds * 20, "at least", digits=0),
        ),
        notes=(f"pictures whose strip could not be read: {found['unread']}",),
    )
