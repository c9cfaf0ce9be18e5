"""`vms audit`: who did and saw what."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from vms.cli.options import (
    DEFAULT_CONFIG,
    AsJson,
    Config,
    From,
    To,
    instant,
    print_json,
    print_table,
)
from vms.core.clock import Instant, rfc3339
from vms.core.errors import BadRequest

if TYPE_CHECKING:
    from vms.people.audit.entry import Entry, What

_SHOWN = 200


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("audit")(audit)


def audit(
    camera: Annotated[list[str] | None, typer.Option(help="Only of these cameras.")] = None,
    person: Annotated[str | None, typer.Option(help="Only of this account.")] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only these: live, look_back, export, people …")
    ] = None,
    start: From = None,
    end: To = None,
    footage: Annotated[
        bool, typer.Option("--footage", help="--from and --to are of the footage that was seen.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many, the newest.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a table by RFC 4180.")] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Who did and saw what, the newest first; that you asked is an entry as well."""
    import itertools

    from vms.app.site import open_site
    from vms.people.audit.records import Query, Records
    from vms.people.audit.table import csv_lines

    kinds = tuple(_kind(text) for text in kind or ())
    query = Query(tuple(camera or ()), person, kinds, instant(start), instant(end), footage)
    everything = as_csv or as_json
    most = limit if limit is not None or everything else _SHOWN
    with open_site(config) as site:
        found = itertools.islice(Records(site.engine).all(query), most)
        if as_csv:
            sys.stdout.reconfigure(newline="")  # type: ignore[union-attr]
            for line in csv_lines(found):
                sys.stdout.write(line)
            return
        if as_json:
            print_json([one.as_json() for one in found])
            return
        rows = [_row(one.entry) for one in found]
    columns = ("at", "who", "what", "camera", "footage", "looked", "from", "more")
    print_table(columns, rows, empty="Nothing on record fits.")
    if len(rows) == most:
        print(f"The newest {most} are shown; say more exactly what you look for, or --limit.")


def _row(entry: Entry) -> tuple[str, ...]:
    what = entry.what if entry.outcome == "done" else f"{entry.what} ({entry.outcome})"
    more = " ".join(text for text in (entry.subject, entry.detail) if text)
    return (
        rfc3339(entry.at),
        entry.who or "–",
        what,
        entry.camera,
        _span(entry.start, entry.end),
        _span(entry.since, entry.until),
        " ".join(text for text in (entry.address, f"({entry.via})") if text),
        more,
    )


def _span(start: Instant | None, end: Instant | None) -> str:
    if start is None:
        return ""
    return rfc3339(start) if end in (None, start) else f"{rfc3339(start)} to {rfc3339(end)}"


def _kind(text: str) -> What:
    from vms.people.audit.entry import What

    try:
        return What(text)
    except ValueError:
        known = ", ".join(What)
        raise BadRequest(f"{text!r} is not a kind of entry; use {known}") from None
