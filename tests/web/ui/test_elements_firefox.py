"""H.265 in Firefox: live by MSE and from the archive, exact to the picture."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

import pytest

from tests.web.ui import bundle
from tests.web.ui.firefox import Tab, firefox
from tests.web.ui.footage import STEP_MS, Encoder, record
from tests.web.ui.mediaserver import Camera, LiveCamera, MediaServer
from tests.web.ui.test_elements_player import HELPERS

pytestmark = pytest.mark.skipif(shutil.which("firefox-esr") is None, reason="needs firefox-esr")


@pytest.fixture(scope="module")
def base() -> int:
    return int(time.time() * 1000) // STEP_MS * STEP_MS - 300_000


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory, base: int) -> Iterator[Tab]:
    static = bundle.build(tmp_path_factory.mktemp("firefox-elements"))
    server = MediaServer(static, bundle.PAGE)
    stored = list(record(base, base, 18, Encoder(352, 200, codec="h265")))
    live = LiveCamera(base, codec="h265")
    server.cameras = {"past": Camera(stored, []), "live": live}
    with server, firefox(tmp_path_factory.mktemp("profile")) as opened:
        opened.goto(server.url)
        opened.until("customElements.get('vms-player') !== undefined")
        opened.evaluate(f"(() => {{ {HELPERS} }})()")
        yield opened


def test_h265_plays_live_by_mse(tab: Tab, base: int) -> None:
    tab.evaluate("make('live', { codec: 'h265' })")
    tab.until("events.some(([t]) => t === 'firstframe')")
    time.sleep(2)
    behind = time.time() * 1000 - (base + int(str(tab.evaluate("strip()"))) * STEP_MS)
    print(f"H.265 live in Firefox: {behind:.0f} ms behind")
    assert behind < 5_000
    assert tab.evaluate("[player.state.phase, player.state.path, player.state.pathWhy]") == [
        "playing",
        "mse",
        "codec",
    ]


def test_h265_of_the_archive_is_exact(tab: Tab, base: int) -> None:
    tab.evaluate("(make('past', { mode: 'archive' }), player.pause())")
    for offset in (3000, 5960, 6040, 17_000):
        tab.evaluate(f"(events.length = 0, player.seek({base + offset}))")
        tab.until("events.some(([t]) => t === 'firstframe')")
        tab.until(f"strip() === {offset // STEP_MS}")
    tab.evaluate("player.step(-1)")
    tab.until(f"strip() === {17_000 // STEP_MS - 1}")
