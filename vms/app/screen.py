"""How the site does, on a terminal: a table that stays in place, or lines when there is none."""

from __future__ import annotations

import asyncio
import zoneinfo
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from vms.app.facts import CameraFacts, camera_facts
from vms.app.site import Site
from vms.app.up import SignIn
from vms.core.clock import SECOND
from vms.core.processes import ChildProcess

_STYLE = {
    "recording": ("●", "green"),
    "streaming": ("●", "green"),
    "waiting": ("◌", "green"),
    "connecting": ("◆", "yellow"),
    "failed": ("■", "red"),
    "off": ("○", "dim"),
    "stopped": ("■", "red"),
}


def show(
    site: Site, sign_in: SignIn, children: Sequence[ChildProcess]
) -> asyncio.Task[None] | None:
    """Print how to sign in, then keep the cameras' states on the terminal.

    Where the children log to our own output (a service under systemd), that says it all.
    """
    console = Console()
    console.print(str(sign_in), soft_wrap=True, highlight=False, style="bold", markup=False)
    if any(child.spec.log_file is None for child in children):
        return None
    keeper = _table(site, children, console) if console.is_terminal else _lines(site, console)
    return asyncio.create_task(keeper, name="screen")


async def _table(site: Site, children: Sequence[ChildProcess], console: Console) -> None:
    with Live(console=console, auto_refresh=False) as live:
        while True:
            facts = await asyncio.to_thread(camera_facts, site)
            live.update(
                Group(cameras_table(facts, site.settings.system.timezone), _foot(site, children)),
                refresh=True,
            )
            await asyncio.sleep(1)


async def _lines(site: Site, console: Console) -> None:
    """One line per change of a camera's state."""
    log = site.settings.system.data / "log"
    console.print(f"Logs are in {log}. Ctrl-C stops.", highlight=False, soft_wrap=True)
    before: dict[str, tuple[str, str | None]] = {}
    while True:
        for fact in await asyncio.to_thread(camera_facts, site):
            now = (fact.state, fact.problem)
            if before.get(fact.id) != now:
                before[fact.id] = now
                mark, _ = _STYLE.get(fact.state, ("?", ""))
                text = f"{mark} {fact.id}: {fact.state}"
                line = text + (f" – {fact.problem}" if fact.problem else "")
                console.print(line, markup=False, highlight=False, soft_wrap=True)
        await asyncio.sleep(1)


def cameras_table(facts: Sequence[CameraFacts], timezone: str) -> Table:
    """One row a camera; times by the clock of `timezone`."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, justify in (
        ("camera", "left"),
        ("state", "left"),
        ("pictures/s", "right"),
        ("Mbit/s", "right"),
        ("source", "left"),
        ("since", "left"),
        ("", "left"),
    ):
        table.add_column(name, justify="right" if justify == "right" else "left")
    zone = zoneinfo.ZoneInfo(timezone)
    for fact in facts:
        mark, style = _STYLE.get(fact.state, ("?", ""))
        table.add_row(
            Text(fact.name),  # a bracket in it is no markup
            Text(f"{mark} {fact.state}", style=style),
            "–" if fact.fps is None else f"{fact.fps:.1f}",
            "–" if fact.bitrate is None else f"{fact.bitrate / 1e6:.2f}",
            fact.source or "–",
            _clock_time(fact.since_ns, zone),
            Text(fact.problem or "", style="yellow"),
        )
    return table


def _clock_time(instant: int | None, zone: zoneinfo.ZoneInfo) -> str:
    return "–" if instant is None else f"{datetime.fromtimestamp(instant // SECOND, zone):%H:%M:%S}"


def _foot(site: Site, children: Sequence[ChildProcess]) -> Text:
    parts = [
        f"{child.spec.name}{f' (restarted {child.restarts}×)' if child.restarts else ''}"
        for child in children
    ]
    log = site.settings.system.data / "log"
    return Text(f"\nrunning: {', '.join(parts)} · logs in {log} · Ctrl-C stops", style="dim")
