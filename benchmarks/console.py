"""A whole site with a browser before it: cameras, `vms up`, Chromium signed in."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.processes import VMS, running, wait_until

CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    # The window is never covered, but a headless one counts as hidden without these.
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
)
_SIGN_IN = re.compile(r"Sign in at (\S+) as (\S+) with (\S+)")

# Reads the strip of vms.simulator.strip from a canvas; the geometry is explained there.
STRIP_JS = """
window.readStrip = (canvas) => {
  const { width: W, height: H } = canvas;
  const band = canvas.getContext('2d', { willReadFrequently: true })
    .getImageData(0, 0, W, Math.ceil(H / 18)).data;
  const cell = (row, column) => {
    const y0 = Math.round((row + 0.25) * H / 36), x0 = Math.round((column + 0.25) * W / 50);
    const y1 = Math.max(Math.round((row + 0.75) * H / 36), y0 + 1);
    const x1 = Math.max(Math.round((column + 0.75) * W / 50), x0 + 1);
    let sum = 0;
    for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) sum += band[(y * W + x) * 4 + 1];
    return sum / ((y1 - y0) * (x1 - x0));
  };
  const light = (cell(0, 0) + cell(1, 49)) / 2, dark = (cell(0, 49) + cell(1, 0)) / 2;
  if (light - dark < 16) return null;
  const bytes = new Uint8Array(12);
  for (let i = 0; i < 96; i++)
    if (cell(i < 48 ? 0 : 1, 1 + (i % 48)) > (light + dark) / 2) bytes[i >> 3] |= 0x80 >> (i & 7);
  let crc = 0xffff;
  for (let i = 0; i < 10; i++) {
    crc ^= bytes[i] << 8;
    for (let k = 0; k < 8; k++)
      crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  if (crc !== (bytes[10] << 8 | bytes[11])) return null;
  let time = 0;
  for (let i = 4; i < 10; i++) time = time * 256 + bytes[i];
  return { counter: (bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3]) >>> 0, time };
};
"""


@dataclass(frozen=True, slots=True)
class Console:
    """A running site. `pid`: of `vms up`."""

    url: str
    user: str
    password: str
    config: Path
    pid: int

    def page(
        self, browser: Browser, *, webrtc: bool = True, width: int = 1600, height: int = 900
    ) -> Page:
        """A signed-in page; `webrtc=False`: a browser that can't do WebRTC."""
        context = browser.new_context(viewport={"width": width, "height": height}, bypass_csp=True)
        if not webrtc:
            context.add_init_script(
                "delete window.RTCPeerConnection; delete window.RTCRtpReceiver;"
            )
        context.add_init_script(STRIP_JS)
        page = context.new_page()
        answer = context.request.post(
            f"{self.url}/api/session", data={"username": self.user, "password": self.password}
        )
        assert answer.ok, answer.text()
        page.goto(self.url)
        page.wait_for_function("() => customElements.get('vms-player') !== undefined")
        return page


@contextlib.contextmanager
def console(config: Path, *, cameras: int, within: float = 60) -> Iterator[Console]:
    """Run `vms up`, and wait until `cameras` streams are recorded and the console answers."""
    from benchmarks.site import wait_recording

    log = config.parent / "up.log"
    with running((*VMS, "up", "--config", str(config)), log=log) as process:
        found = wait_until(lambda: _SIGN_IN.search(log.read_text()), within, "the sign-in line")
        wait_recording(config, cameras, within)
        yield Console(found[1], found[2], found[3], config, process.pid)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=list(CHROMIUM)
        )
        yield browser
        browser.close()


def fleet_toml(folder: Path, cameras: list[dict[str, object]]) -> Path:
    """A simulator's settings file with drawn cameras; values as in vms.simulator.spec."""

    def table(values: dict[str, object]) -> str:
        parts = []
        for key, value in values.items():
            if isinstance(value, dict):
                inner = ", ".join(f"{k} = {json.dumps(v)}" for k, v in value.items())
                parts.append(f"{key} = {{ {inner} }}")
            else:
                parts.append(f"{key} = {json.dumps(value)}")
        return "[[cameras]]\n" + "\n".join(parts)

    file = folder / "fleet.toml"
    file.write_text("\n\n".join(table(camera) for camera in cameras) + "\n")
    return file
