"""`vms ptz log`: who steered which camera, when, and what for. Reading it is on record."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Annotated

import typer

from vms.cli.audit import entry_of_here
from vms.cli.options import DEFAULT_CONFIG, AsJson, Config, instant, print_json, print_table
from vms.core.clock import rfc3339
from vms.core.errors import BadRequest

app = typer.Typer(help="Steering: what was commanded.", no_args_is_help=True)

_TIME = "RFC 3339 time, or how long ago: '10 min ago'."


@app.callback()
def ptz() -> None:
    """Steering: what was commanded."""


@app.command()
def log(
    camera: Annotated[list[str] | None, typer.Option(help="Any of these cameras.")] = None,
    who: Annotated[str, typer.Option(help="The account's name.")] = "",
    purpose: Annotated[str, typer.Option(help="A part of the purpose or order number.")] = "",
    start: Annotated[str | None, typer.Option("--start", "--from", metavar="T", help=_TIME)] = None,
    end: Annotated[str | None, typer.Option("--end", "--to", metavar="T", help=_TIME)] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 1_000,
    csv: Annotated[Path | None, typer.Option(help="Write all of them as CSV to this file.")] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List what was commanded, the newest first: operator, camera, from when until when, why."""
    from vms.app.site import open_site
    from vms.cameras.steering.logbook import Logbook, Query
    from vms.cameras.steering.sheet import rows
    from vms.people.audit.entry import What

    query = Query(tuple(camera or ()) or None, who, purpose, instant(start), instant(end))
    with open_site(config) as site:
        asked = " ".join(sys.argv[1:])
        site.audit.write([entry_of_here(site.clock.now(), What.READ_AUDIT, asked)])
        found = Logbook(site.engine).all(query, moves=csv is not None)
        if csv is not None:
            try:
                with csv.open("w", encoding="utf-8", newline="") as file:
                    file.writelines(rows(found))
            except OSError as error:
                raise BadRequest(f"{csv} can't be written: {error.strerror}") from None
            return
        shown = list(itertools.islice(found, limit))
    if as_json:
        print_json([one.as_json() for one in shown])
        return
    table = [
        (
            rfc3339(one.at),
            "" if one.until is None else rfc3339(one.until),
            one.operator or "–",
            one.camera,
            one.command,
            f"{one.detail} ({one.commands} commands)" if one.commands > 1 else one.detail,
            "" if one.result == "done" else one.result,
            one.purpose,
        )
        for one in shown
    ]
    columns = ("from", "until", "who", "camera", "command", "", "", "purpose")
    print_table(columns, table, empty="Nothing of that is in the log.")
