"""`vms audit`: who did and saw what. Reading it is itself on record."""

from __future__ import annotations

import getpass
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from vms.cli.options import (
    DEFAULT_CONFIG,
    AsJson,
    Config,
    From,
    To,
    hand_down,
    instant,
    print_table,
)
from vms.core.clock import Instant, rfc3339
from vms.core.errors import BadRequest
from vms.people.audit.entry import Entry, What

app = typer.Typer()


@app.callback(invoke_without_command=True)
def audit(
    context: typer.Context,
    camera: Annotated[list[str] | None, typer.Option(help="Any of these cameras.")] = None,
    person: Annotated[str | None, typer.Option(help="The account's name.")] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="Any of: " + ", ".join(sorted(What)))
    ] = None,
    start: From = None,
    end: To = None,
    footage: Annotated[
        bool, typer.Option(help="--from and --to are of the footage seen, not of the seeing.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 1_000,
    csv: Annotated[Path | None, typer.Option(help="Write all of them as CSV to this file.")] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List who did and saw what, the newest first."""
    if context.invoked_subcommand is not None:
        hand_down(context, config)
        return
    import itertools

    from vms.app.site import open_site
    from vms.people.audit.records import Query, Records
    from vms.people.audit.sheet import rows

    query = Query(tuple(camera or ()), person, _kinds(kind), instant(start), instant(end), footage)
    with open_site(config) as site:
        asked = " ".join(sys.argv[1:])
        site.audit.write([entry_of_here(site.clock.now(), What.READ_AUDIT, asked)])
        found = Records(site.engine).all(query)
        if csv is not None:
            try:
                with csv.open("w", encoding="utf-8", newline="") as file:
                    file.writelines(rows((one.id, one.entry) for one in found))
            except OSError as error:
                raise BadRequest(f"{csv} can't be written: {error.strerror}") from None
            return
        shown = list(itertools.islice(found, limit))
    if as_json:
        print(json.dumps([one.as_json() for one in shown], ensure_ascii=False, indent=2))
        return
    table = [
        (
            rfc3339(one.entry.at),
            one.entry.who or "–",
            str(one.entry.what),
            one.entry.camera,
            _span(one.entry),
            " ".join(filter(None, (one.entry.subject, one.entry.detail))),
            "" if one.entry.outcome == "done" else one.entry.outcome,
            one.entry.address,
        )
        for one in shown
    ]
    columns = ("when", "who", "what", "camera", "footage", "", "", "from")
    print_table(columns, table, empty="Nothing of that is on record.")


@app.command()
def pack(
    cameras: Annotated[list[str], typer.Argument(help="The cameras' ids.")],
    start: Annotated[str, typer.Option("--from", metavar="T", help="The footage from here …")],
    end: Annotated[str, typer.Option("--to", metavar="T", help="… to here.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The ZIP to write.")],
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Pack all access to cameras in a span, with proofs: for a report of a breach (72 hours)."""
    from vms.app.site import open_site
    from vms.people.audit.pack import write_pack
    from vms.people.audit.records import Query, Records

    first, last = instant(start), instant(end)
    if first is None or last is None or first >= last:
        raise BadRequest(f"--from ({start}) must lie before --to ({end})")
    query = Query(tuple(cameras), start=first, end=last, footage=True)
    with open_site(config) as site:
        site.audit.settle()
        known = Records(site.engine)
        count = write_pack(output, known, site.ledger, query, site.clock.now())
    if as_json:
        print(json.dumps({"file": str(output), "entries": count}))
    else:
        print(f"{output}: {count} entries with their proofs.")


def entry_of_here(now: Instant, what: What, detail: str) -> Entry:
    """What is done at the command line, by the machine's account."""
    try:
        who = getpass.getuser()
    except (OSError, KeyError):  # an account without a name
        who = str(os.getuid())
    return Entry(now, what, who, "cli", "local", detail=detail)


def _kinds(names: list[str] | None) -> tuple[What, ...]:
    try:
        return tuple(What(name) for name in names or ())
    except ValueError as error:
        known = ", ".join(sorted(What))
        raise BadRequest(f"{error} of the audit; use {known}") from None


def _span(entry: Entry) -> str:
    if entry.start is None or entry.end is None:
        return ""
    open_ = " …" if entry.phase in ("opened", "goes_on") else ""
    return f"{rfc3339(entry.start)} – {rfc3339(entry.end)}{open_}"
