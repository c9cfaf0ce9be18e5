"""`vms doctor`: whether this machine can carry the system."""

from __future__ import annotations

import typer

from vms.cli.options import DEFAULT_CONFIG, AsJson, Config, print_json

_SIGNS = {"ok": "[green]ok[/]", "warn": "[yellow]warn[/]", "fail": "[red]FAIL[/]"}


def add_to(app: typer.Typer) -> None:
    """Put the command into `app`."""
    app.command("doctor")(doctor)


def doctor(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Examine this machine: clock, disks, limits, memory, ports, keys. Exit code 1 if one fails.

    Takes some seconds: each volume is written to for two. Works while the system runs, too.
    """
    from vms.app.doctor.diagnosis import Level
    from vms.app.doctor.examination import examine
    from vms.core.clock import SystemClock
    from vms.core.config_file import load_settings

    found = []
    for one in examine(load_settings(config), SystemClock()):
        found.append(one)
        if not as_json:
            _show(one.check, one.level.value, one.sentence, one.remedy)
    failures = sum(one.level is Level.FAIL for one in found)
    if as_json:
        print_json({"ok": failures == 0, "checks": [one.as_json() for one in found]})
    if failures:
        raise typer.Exit(1)


def _show(check: str, level: str, sentence: str, remedy: str) -> None:
    """As it is found: the next check may take its seconds."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    console.print(f"{_SIGNS[level]:<4} [bold]{escape(check)}[/]: {escape(sentence)}")
    if remedy:
        console.print(f"     → {escape(remedy)}")
