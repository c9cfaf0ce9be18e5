"""From opening a player to its first picture, in Chromium, by WHEP and by MSE."""

from __future__ import annotations

from playwright.sync_api import Page

from benchmarks.console import Console, chromium, console
from benchmarks.processes import quantile, workplace
from benchmarks.report import Figure, Report
from benchmarks.site import load_name, simulator, write_settings

TRIES = 20

_OPEN = """
([camera, stream]) => new Promise((resolve, reject) => {
  const player = document.createElement('vms-player');
  Object.assign(player.style, { position: 'fixed', inset: '0', zIndex: 99 });
  player.setAttribute('camera', camera);
  player.setAttribute('stream', stream);
  const started = performance.now();
  const timer = setTimeout(() => {
    player.remove();
    reject(new Error('no picture in 10 s: ' + JSON.stringify(player.state)));
  }, 10000);
  player.addEventListener('firstframe', () => {
    clearTimeout(timer);
    const ms = performance.now() - started;
    const path = player.stats.path;
    player.remove();
    resolve({ ms, path });
  });
  document.body.append(player);
})
"""


def run(tries: int = TRIES) -> Report:
    """Each try is another camera, so that nothing of it is warm in the live process."""
    names = [load_name(number) for number in range(tries)]
    with workplace() as folder, simulator(folder, "--load", str(tries)) as served:
        config = write_settings(folder, {name: (served.url(name), None) for name in names})
        with console(config, cameras=tries) as site, chromium() as browser:
            whep = _measured(site.page(browser), names, "webrtc")
            mse = _measured(_without_webrtc(site, browser), names[::-1], "mse")
    return Report(
        name="first_picture",
        title="Time to first picture",
        how=(
            f"Headless Chromium opens a player on a 1080p25 camera nobody watches, {tries} cameras "
            "one after another, until the first picture is presented."
        ),
        figures=(
            Figure("WHEP, p95", quantile(whep, 0.95), "ms", 500, digits=0),
            Figure("MSE, p95", quantile(mse, 0.95), "ms", 500, digits=0),
            Figure("WHEP, median", quantile(whep, 0.5), "ms", digits=0),
            Figure("MSE, median", quantile(mse, 0.5), "ms", digits=0),
        ),
    )


def _without_webrtc(site: Console, browser: object) -> Page:
    from playwright.sync_api import Browser

    assert isinstance(browser, Browser)
    return site.page(browser, webrtc=False)


def _measured(page: Page, names: list[str], path: str) -> list[float]:
    page.goto(page.url.rstrip("/") + "/health")  # no players of the wall beside ours
    page.wait_for_timeout(1000)
    times = []
    for name in names:
        found = page.evaluate(_OPEN, [name, "main"])
        assert found["path"] == path, f"{name} was played by {found['path']}"
        times.append(found["ms"])
        page.wait_for_timeout(200)
    page.context.close()
    return times
