"""`vms approvals`: what waits for a second person's yes. Saying it takes a person who signed in, on
the console or over HTTP: the machine's command line proves nobody."""

from __future__ import annotations

from typing import Annotated

import typer

from vms.cli.options import DEFAULT_CONFIG, AsJson, Config, print_json, print_table

app = typer.Typer(help="What waits for a second person's yes.", no_args_is_help=True)

_COLUMNS = ("id", "state", "action", "cameras", "asked", "asked_by", "decided_by", "reason")


@app.callback()
def _approvals() -> None:
    """What waits for a second person's yes."""


@app.command("list")
def list_approvals(
    everything: Annotated[bool, typer.Option("--all", help="Those that have ended too.")] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List the requests of the last 30 days: who wants what, and who said what to it."""
    from vms.app.site import open_site
    from vms.people.approval import State

    open_ones = {State.WAITING, State.APPROVED}
    with open_site(config) as site:
        now = site.clock.now()
        found = [
            one.as_json(now)
            for one in site.approvals.all()
            if everything or one.state(now) in open_ones
        ]
    if as_json:
        print_json(found)
        return
    rows = [tuple(_told(one[column]) for column in _COLUMNS) for one in found]
    print_table([one.replace("_", " ") for one in _COLUMNS], rows, empty="Nothing waits.")


def _told(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "the site"
    return "–" if value is None else str(value)
