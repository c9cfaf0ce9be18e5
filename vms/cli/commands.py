"""All commands, put together."""

from __future__ import annotations

import typer

from vms import __version__
from vms.cli import (
    approvals,
    archive,
    audit,
    backup,
    blocks,
    cameras,
    discover,
    doctor,
    events,
    evidence,
    holds,
    ledger,
    ptz,
    retention,
    schedules,
    storage,
    system,
    users,
)
from vms.cli.telling import tell_of_commands
from vms.simulator.cli import app as simulator

app = typer.Typer(
    name="vms",
    help="Gözcü: a video management system for city cameras.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True),
) -> None:
    """Gözcü: a video management system for city cameras."""


system.add_to(app)
cameras.add_to(app)
discover.add_to(app)
doctor.add_to(app)
archive.add_to(app)
backup.add_to(app)
retention.add_to(app)
evidence.add_to(app)
app.add_typer(audit.app, name="audit")
app.add_typer(schedules.app, name="schedules")
app.add_typer(events.app, name="events")
app.add_typer(ptz.app, name="ptz")
app.add_typer(storage.app, name="storage")
app.add_typer(holds.app, name="hold")
app.add_typer(blocks.app, name="block")
app.add_typer(approvals.app, name="approvals")
app.add_typer(ledger.app, name="ledger")
app.add_typer(users.app, name="users")
app.add_typer(simulator, name="simulate")
tell_of_commands(app)
