"""`vms users`: who may sign in."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from vms.cli.options import DEFAULT_CONFIG, AsJson, Config, print_json, print_table
from vms.core.errors import BadRequest

app = typer.Typer(help="Who may sign in.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="The account's name.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


@app.command("list")
def list_accounts(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the accounts."""
    from vms.app.site import open_site

    with open_site(config) as site:
        accounts = [account.as_json() for account in site.accounts.list()]
    if as_json:
        print_json(accounts)
        return
    rows = [(a["name"], a["display_name"], a["role"], a["created"]) for a in accounts]
    columns = ("name", "shown as", "role", "created")
    print_table(columns, rows, empty="No accounts yet; `vms up` makes the first administrator.")


@app.command()
def add(
    name: NameArgument,
    role: Annotated[str, typer.Option(help="operator or admin.")] = "operator",
    display_name: Annotated[str, typer.Option(help="How screens show this person.")] = "",
    password_stdin: FromStdin = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Make an account; without --password-stdin a password is made and printed once."""
    from vms.app.site import open_site

    password, made = _password(password_stdin)
    with open_site(config) as site:
        account = site.accounts.add(name, password, role=role, display_name=display_name)
    _tell(account.name, made)


@app.command()
def passwd(
    name: NameArgument, password_stdin: FromStdin = False, config: Config = DEFAULT_CONFIG
) -> None:
    """Set a new password; ends the account's sign-ins."""
    from vms.app.site import open_site

    password, made = _password(password_stdin)
    with open_site(config) as site:
        site.accounts.set_password(name, password)
    _tell(name, made)


@app.command()
def remove(name: NameArgument, config: Config = DEFAULT_CONFIG) -> None:
    """Remove an account."""
    from vms.app.site import open_site

    with open_site(config) as site:
        site.accounts.remove(name)
    print(f"Removed {name}.")


@app.command()
def token(
    name: NameArgument,
    label: Annotated[str, typer.Option(help="What the token is for.")] = "vms users token",
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Make an API token for `Authorization: Bearer`; it is shown this once."""
    from vms.app.site import open_site

    with open_site(config) as site:
        print(site.sessions.make_token(site.accounts.get(name), label))


def _password(from_stdin: bool) -> tuple[str, str | None]:
    """The password, and once more if we made it and must tell it."""
    from vms.people.passwords import make_password

    if not from_stdin:
        made = make_password()
        return made, made
    text = sys.stdin.readline().rstrip("\n")
    if not text:
        raise BadRequest("standard input holds no password")
    return text, None


def _tell(name: str, made: str | None) -> None:
    print(f"{name}: the password is set." if made is None else f"{name}: the password is {made}")
