"""`vms backup` and `vms restore`."""

from __future__ import annotations

import contextlib
import getpass
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from vms.cli.options import DEFAULT_CONFIG, AsJson, Config, print_json
from vms.core.clock import SystemClock
from vms.core.errors import BadRequest
from vms.core.secret import Secret

_VARIABLE = "VMS_BACKUP_PASSWORD"
_SHORTEST = 8

PasswordFile = Annotated[
    Path | None,
    typer.Option(help=f"Its first line is the password; else ${_VARIABLE}, else it is asked for."),
]


def add_to(app: typer.Typer) -> None:
    """Put this module's commands into `app`."""
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to make.")],
    password_file: PasswordFile = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Put settings, database, keys and ledger into one encrypted file, while the system runs."""
    from vms.app.backup import back_up
    from vms.app.site import open_site

    password = _password(password_file, twice=True)
    with open_site(config) as site, _shown("Backing up") as progress:
        made = back_up(site, output, password, progress)
    if as_json:
        print_json(made.as_json())
    else:
        print(f"{made.file}: {made.rows} rows, {made.size / 1e6:.1f} MB. Keep it elsewhere.")


def restore(
    file: Annotated[Path, typer.Argument(help="The file that `vms backup` made.")],
    password_file: PasswordFile = None,
    force: Annotated[
        bool, typer.Option("--force", help="Put a site that is there aside first.")
    ] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Bring a site back from a backup; `vms up` then takes up what the volumes have."""
    from vms.app.restore import restore as bring_back

    password = _password(password_file, twice=False)
    with _shown("Restoring") as progress:
        done = bring_back(file, config, password, SystemClock(), progress, force=force)
    if as_json:
        print_json(done.as_json())
        return
    print(f"{done.name} is back as of {done.made}: {done.rows} rows; settings: {done.settings}.")
    for path in done.put_aside:
        print(f"What was there before: {path}")
    print("Attach the volumes, then start `vms up`: it takes up what is newer than the backup.")


def _password(file: Path | None, *, twice: bool) -> Secret:
    if file is not None:
        try:
            text = file.read_text().partition("\n")[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise BadRequest(f"the password file {file} can't be read: {error}") from None
    elif _VARIABLE in os.environ:
        text = os.environ[_VARIABLE]
    elif sys.stdin.isatty():
        text = getpass.getpass("Password of the backup: ")
        if twice and text != getpass.getpass("Once more: "):
            raise BadRequest("the two passwords are not the same")
    else:
        raise BadRequest(f"a backup needs a password: --password-file, ${_VARIABLE} or a terminal")
    if twice and len(text) < _SHORTEST:
        raise BadRequest(f"the password must have at least {_SHORTEST} characters")
    return Secret(text)


@contextlib.contextmanager
def _shown(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
