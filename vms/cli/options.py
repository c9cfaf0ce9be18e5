"""Options that several commands share, and how their texts are read."""

from __future__ import annotations

import getpass
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from vms.core.clock import Instant, SystemClock, parse_rfc3339, parse_span
from vms.core.errors import BadRequest
from vms.core.model import StreamKey

Config = Annotated[
    Path, typer.Option("--config", "-c", help="The settings file.", envvar="VMS_CONFIG")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print facts as JSON.")]
CameraArgument = Annotated[str, typer.Argument(help="The camera's id, such as gate-north.")]
StreamOption = Annotated[str, typer.Option("--stream", help="main or sub.")]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="T", help="RFC 3339 time, or how long ago: '10 min ago'."),
]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="T", help="RFC 3339 time, 'now', or how long ago."),
]

_WIDE = 400
DEFAULT_CONFIG = Path("cameras.toml")


def hand_down(context: typer.Context, config: Path) -> None:
    """A settings file that was named before a subcommand is the subcommand's, too."""
    said = context.get_parameter_source("config")
    if said is not None and said.name == "COMMANDLINE":
        context.default_map = {str(context.invoked_subcommand): {"config": str(config)}}


def instant(text: str | None) -> Instant | None:
    """Read a time of the command line; raises BadRequest."""
    if text is None:
        return None
    now = SystemClock().now()
    if text.strip() == "now":
        return now
    try:
        if ago := re.fullmatch(r"(.+?)\s+ago", text.strip()):
            return Instant(max(0, now - parse_span(ago[1])))
        return parse_rfc3339(text)
    except ValueError as error:
        raise BadRequest(str(error)) from None


def stream_key(camera: str, stream: str) -> StreamKey:
    """Camera and stream of the command line as a key; raises BadRequest."""
    try:
        return StreamKey.parse(f"{camera}/{stream}")
    except ValueError as error:
        raise BadRequest(str(error)) from None


def whoami() -> str:
    """Who uses the command line, for what is written down: the machine's account."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError):  # an account without a name
        return f"{os.getuid()} (command line)"


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """A plain table; `empty` is said when there is no row."""
    from rich.console import Console
    from rich.table import Table

    # Where nobody looks (a pipe, a file) a row stays one line.
    console = Console() if sys.stdout.isatty() else Console(width=_WIDE)
    if not rows:
        console.print(empty, markup=False)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table, markup=False)
