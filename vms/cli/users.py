"""`vms users`: who may sign in."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from vms.cli.options import DEFAULT_CONFIG, AsJson, Config, print_json, print_table
from vms.core.clock import DAY, Span, parse_span, rfc3339
from vms.core.errors import BadRequest, NotFound

if TYPE_CHECKING:
    from vms.people.roles import Granted

app = typer.Typer(help="Who may sign in.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="The account's name.")]
RoleArgument = Annotated[str, typer.Argument(help="The role's name.")]
OnCameras = Annotated[
    list[str] | None,
    typer.Option(
        "--cameras",
        help="On which: an id, a glob, group:NAME; once for each. All without it.",
    ),
]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]

MustChange = Annotated[
    bool,
    typer.Option("--must-change", help="Its person changes the password at the next sign-in."),
]


@app.command("list")
def list_accounts(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the accounts."""
    from vms.app.site import open_site

    with open_site(config) as site:
        accounts = site.accounts.list()
    if as_json:
        print_json([account.as_json() for account in accounts])
        return
    rows = [
        (
            one.name,
            one.display_name,
            one.origin,
            "; ".join(map(_told, one.grants)),
            rfc3339(one.created),
        )
        for one in accounts
    ]
    columns = ("name", "shown as", "from", "roles", "created")
    print_table(columns, rows, empty="No accounts yet; `vms up` makes the first administrator.")


@app.command()
def add(
    name: NameArgument,
    role: Annotated[str, typer.Option(help="What they are; `vms users roles` lists all.")] = (
        "operator"
    ),
    cameras: OnCameras = None,
    display_name: Annotated[str, typer.Option(help="How screens show this person.")] = "",
    password_stdin: FromStdin = False,
    must_change: MustChange = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Make an account; without --password-stdin a password is made and printed once."""
    from vms.app.site import open_site
    from vms.people.roles import Granted

    password, made = _password(password_stdin)
    with open_site(config) as site:
        grants = [Granted(role, tuple(cameras or ("*",)))]
        account = site.accounts.add(
            name, password, display_name=display_name, grants=grants, must_change=must_change
        )
    _tell(account.name, made)


@app.command()
def grant(
    name: NameArgument,
    role: RoleArgument,
    cameras: OnCameras = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Let an account hold a role, besides what it holds already."""
    from vms.app.site import open_site
    from vms.people.roles import Granted

    with open_site(config) as site:
        wanted = Granted(role, tuple(cameras or ("*",)))
        held = [one for one in site.accounts.get(name).grants if one.role != role]
        account = site.accounts.grant(name, [*held, wanted])
    print(f"{account.name}: {'; '.join(map(_told, account.grants))}")


@app.command()
def revoke(name: NameArgument, role: RoleArgument, config: Config = DEFAULT_CONFIG) -> None:
    """Take a role from an account; its last one goes only with the account."""
    from vms.app.site import open_site

    with open_site(config) as site:
        held = site.accounts.get(name).grants
        kept = [one for one in held if one.role != role]
        if len(kept) == len(held):
            raise NotFound(f"{name!r} does not hold the role {role!r}")
        account = site.accounts.grant(name, kept)
    print(f"{account.name}: {'; '.join(map(_told, account.grants))}")


@app.command()
def roles(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the roles and what each permits."""
    from vms.app.site import open_site

    with open_site(config) as site:
        found = [one.as_json() for one in site.roles.settings()]
    if as_json:
        print_json(found)
        return
    rows = [(str(one["name"]), ", ".join(map(str, one["permissions"]))) for one in found]
    print_table(("role", "permits"), rows, empty="")


@app.command()
def role(
    name: RoleArgument,
    permit: Annotated[
        list[str] | None, typer.Option(help="A permission; give the option once for each.")
    ] = None,
    footage_age: Annotated[
        str | None, typer.Option(help="How far back its holders look, such as '7 d'.")
    ] = None,
    hours: Annotated[
        list[str] | None, typer.Option(help="When it holds, such as 'mon-fri 08:00-18:00'.")
    ] = None,
    network: Annotated[
        list[str] | None, typer.Option(help="From where it holds, such as 10.0.0.0/8.")
    ] = None,
    purpose: Annotated[
        bool, typer.Option("--purpose", help="Steering asks its holders what for.")
    ] = False,
    second_factor: Annotated[
        bool, typer.Option("--second-factor", help="Its holders must set up a second factor.")
    ] = False,
    watermark: Annotated[
        bool, typer.Option("--watermark", help="Pictures carry the viewer's name and the time.")
    ] = False,
    approval: Annotated[
        list[str] | None,
        typer.Option(
            help="What takes a second person's yes: export, lift, retention, sound; once for each."
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the role instead.")] = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Make a role of one's own, change it, or remove it; of a built-in one, set its duties."""
    from vms.app.site import open_site
    from vms.people.permissions import BUILT_IN
    from vms.people.roles import RoleSettings

    with open_site(config) as site:
        if remove:
            site.roles.remove(name)
            print(f"Removed the role {name}.")
            return
        built_in = BUILT_IN.get(name)
        given = tuple(permit or (built_in.permissions if built_in is not None else ()))
        settings = RoleSettings(
            name,
            given,
            parse_span(footage_age) if footage_age is not None else None,
            tuple(hours) if hours else None,
            tuple(network) if network else None,
            priority=built_in.priority if built_in is not None else 1,
            purpose=purpose,
            second_factor=second_factor,
            watermark=watermark,
            approval=tuple(approval or ()),
        )
        site.roles.put(settings)
    print(f"The role {name} permits {', '.join(sorted(settings.permissions))}.")


@app.command()
def passwd(
    name: NameArgument,
    password_stdin: FromStdin = False,
    must_change: MustChange = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Set a new password; ends the account's sign-ins."""
    from vms.app.site import open_site

    password, made = _password(password_stdin)
    with open_site(config) as site:
        site.accounts.set_password(name, password, must_change=must_change)
    _tell(name, made)


@app.command("reset-second-factor")
def reset_second_factor(name: NameArgument, config: Config = DEFAULT_CONFIG) -> None:
    """Ask an account for no code any more, whose telephone is lost; ends its sign-ins."""
    from vms.app.site import open_site

    with open_site(config) as site:
        if not site.second_factors.remove(site.accounts.get(name)):
            raise NotFound(f"{name!r} has no second factor")
    print(f"{name}: signs in with the password alone until a second factor is set up again.")


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
    days: Annotated[int, typer.Option(min=1, max=366, help="How long it lives.")] = 90,
    permit: Annotated[
        list[str] | None,
        typer.Option(help="Only this permission; once for each. Without it all the account has."),
    ] = None,
    cameras: OnCameras = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Make an API token for `Authorization: Bearer`; it is shown this once."""
    from vms.app.site import open_site
    from vms.cli.audit import entry_of_here
    from vms.people.audit.entry import What
    from vms.people.tokens import TokenOrder, narrowing

    order = TokenOrder(label, Span(days * DAY), narrowing(permit, cameras))
    with open_site(config) as site:
        who = site.accounts.get(name)
        made = site.sessions.make_token(who, order)
        entry = entry_of_here(site.clock.now(), What.PEOPLE, f"make a token: {order}")
        site.audit.write([replace(entry, subject=who.name)])
    print(made)


@app.command()
def doors(name: NameArgument, config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the sign-ins and API tokens by which an account is let in now."""
    from vms.app.site import open_site

    with open_site(config) as site:
        found = [one.as_json() for one in site.sessions.doors(site.accounts.get(name))]
    if as_json:
        print_json(found)
        return
    columns = ("id", "kind", "label", "created", "expires", "used", "address")
    rows = [tuple(str(one[column] or "") for column in columns) for one in found]
    print_table(columns, rows, empty="No sign-in and no token.")


@app.command("shut")
def shut(
    name: NameArgument,
    door: Annotated[str, typer.Argument(help="Its id, of `vms users doors`.")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """End a sign-in or revoke an API token."""
    from vms.app.site import open_site
    from vms.cli.audit import entry_of_here
    from vms.people.audit.entry import What

    with open_site(config) as site:
        who = site.accounts.get(name)
        site.sessions.shut(who, door)
        entry = entry_of_here(site.clock.now(), What.PEOPLE, f"end the door {door}")
        site.audit.write([replace(entry, subject=who.name)])
    print(f"{who.name}: ended {door}.")


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


def _told(grant: Granted) -> str:
    return grant.role if grant.scope == ("*",) else f"{grant.role} on {', '.join(grant.scope)}"
