"""A wall of 16 sub-streams in Chromium: every tile moves, hardly a picture is dropped."""

from __future__ import annotations

from benchmarks.console import chromium, console
from benchmarks.processes import cpu_seconds, tree, workplace
from benchmarks.report import Figure, Report
from benchmarks.site import load_name, simulator, write_settings

TILES = 16
SECONDS = 30

_STATS = "() => [...document.querySelectorAll('vms-player')].map((p) => ({ ...p.stats }))"
_MOVING = """(wanted) => wanted <= [...document.querySelectorAll('vms-player')]
  .filter((player) => player.stats.decoded > 0).length"""


def run(tiles: int = TILES, seconds: int = SECONDS) -> Report:
    """The console's own wall, as an operator opens it."""
    names = [load_name(number) for number in range(tiles)]
    with workplace() as folder, simulator(folder, "--load", str(tiles)) as served:
        sources: dict[str, tuple[str, str | None]] = {
            name: (served.url(name), served.url(name, "sub")) for name in names
        }
        config = write_settings(folder, sources)
        with console(config, cameras=tiles) as site, chromium() as browser:
            page = site.page(browser, width=1920, height=1080)
            page.goto(f"{site.url}/?layout={tiles}")
            page.wait_for_function(_MOVING, arg=tiles, timeout=60_000)
            page.wait_for_timeout(3000)
            before, cpu = page.evaluate(_STATS), cpu_seconds(tree(site.pid))
            page.wait_for_timeout(seconds * 1000)
            after, cpu = page.evaluate(_STATS), cpu_seconds(tree(site.pid)) - cpu
    pairs = list(zip(before, after, strict=True))
    decoded = [b["decoded"] - a["decoded"] for a, b in pairs]
    dropped = sum(b["dropped"] - a["dropped"] for a, b in pairs)
    slowest = min(decoded) / seconds
    return Report(
        name="wall",
        title="A wall of sixteen",
        how=(
            f"The console's wall of {tiles} sub-streams (320×180, 25 pictures a second) in "
            f"headless Chromium for {seconds} s, on the machine that also runs cameras and "
            f"recorder; paths: {', '.join(sorted({str(stats['path']) for stats in after}))}."
        ),
        figures=(
            Figure(
                "tiles that move",
                sum(count > 0 for count in decoded),
                "",
                tiles,
                "at least",
                digits=0,
            ),
            Figure("pictures dropped", 100 * dropped / max(1, sum(decoded) + dropped), "%", 1.0),
            Figure("slowest tile, pictures a second", slowest, "", digits=1),
            Figure(
                "recorder, live and web together, % of a core", 100 * cpu / seconds, "%", digits=1
            ),
        ),
    )
