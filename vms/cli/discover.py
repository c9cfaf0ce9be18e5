"""`vms discover`: which cameras are out there, what they are, and taking them in."""

from __future__ import annotations

import asyncio
import dataclasses
import getpass
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vms.cli.options import DEFAULT_CONFIG, AsJson, Config, print_json, print_table, whoami
from vms.cli.progress import counter
from vms.core.errors import BadRequest
from vms.core.secret import Secret

if TYPE_CHECKING:
    from vms.app.site import Site
    from vms.cameras.onvif.client import Credentials
    from vms.cameras.onvif.probe import Match
    from vms.cameras.onvif.search import Found, Wanted

PASSWORD_VARIABLE = "VMS_DISCOVER_PASSWORD"  # noqa: S105 - its name
_NEW = "new"
_COLUMNS = ("address", "make", "model", "firmware", "streams", "here")


def add_to(app: typer.Typer) -> None:
    """Put this module's command into `app`."""
    app.command("discover")(discover)


def discover(
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", metavar="R", help="10.0.0.0/24, 10.0.0.5-10.0.0.9 or 10.0.0.5."),
    ] = None,
    users: Annotated[
        list[str] | None, typer.Option("--user", metavar="NAME", help="A user of the cameras.")
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="Their passwords, one a line.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the passwords from standard input.")
    ] = False,
    interfaces: Annotated[
        list[str] | None,
        typer.Option("--interface", metavar="NAME", help="Ask by this interface only."),
    ] = None,
    multicast: Annotated[
        bool, typer.Option("--multicast/--no-multicast", help="Ask everybody nearby as well.")
    ] = True,
    port: Annotated[int, typer.Option(help="Where probes are sent.", min=1, max=65_535)] = 3702,
    wait: Annotated[
        float | None, typer.Option(help="Seconds to wait for answers; 2.", min=0.7, max=60)
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(
            "--add",
            metavar="ADDRESS",
            help="Take this one in, or a channel of it (10.0.0.5#2); 'new': all not here yet.",
        ),
    ] = None,
    groups: Annotated[
        list[str] | None, typer.Option("--group", metavar="NAME", help="Into this group.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Find cameras by ONVIF: nearby by multicast, and in --range address by address.

    Only addresses within `networks` of the onvif section are asked. Of the users given each camera
    is tried with so many as it bears without locking the account.
    """
    from vms.app.site import open_site
    from vms.cameras.onvif.discovery import LISTEN_S
    from vms.cameras.onvif.networks import Networks
    from vms.cameras.onvif.search import Wanted

    credentials = _credentials(users or (), _passwords(users, password_file, password_stdin))
    with open_site(config) as site:
        hosts = Networks(site.settings.onvif.networks, site.settings.reach).hosts(ranges or ())
        through = tuple(interfaces or ())
        wanted = Wanted(hosts, credentials, multicast, through, port, wait or LISTEN_S)
        found = _search(site, wanted, quiet=as_json)
        if add:
            found = _take_in(site, found, add, groups or ())
    if as_json:
        print_json([one.as_json() for one in found])
        return
    rows = [_row(one) for one in found]
    print_table(_COLUMNS, rows, empty="No camera answered. Across a router, name a --range.")


def _search(site: Site, wanted: Wanted, *, quiet: bool) -> list[Found]:
    from vms.app.discovery import search_of

    search = search_of(site.settings, site.clock)
    known = site.registry.list()
    with counter("Listening for cameras …", "described", quiet=quiet) as (expect, count):
        return asyncio.run(search.run(wanted, known, lambda _: count(), expect))


def _passwords(users: Sequence[str] | None, file: Path | None, from_stdin: bool) -> list[str]:
    """The passwords, from where the command line says; never from the command line itself."""
    if file is not None and from_stdin:
        raise BadRequest("--password-file and --password-stdin exclude each other")
    if file is not None:
        try:
            lines = file.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadRequest(f"{file} can't be read: {error}") from None
    elif from_stdin:
        lines = sys.stdin.read().splitlines()
    elif PASSWORD_VARIABLE in os.environ:
        lines = [os.environ[PASSWORD_VARIABLE]]
    elif users and sys.stdin.isatty():
        lines = [getpass.getpass(f"Password of {user} on the cameras: ") for user in users]
    else:
        return []
    return [line for line in lines if line]


def _credentials(users: Sequence[str], passwords: Sequence[str]) -> tuple[Credentials, ...]:
    """Each user with their password; one user with many, or many users with one, as they come."""
    from vms.cameras.onvif.client import Credentials

    if not users and not passwords:
        return ()
    if not users or not passwords:
        missing = (
            "--user" if not users else f"--password-file, --password-stdin or {PASSWORD_VARIABLE}"
        )
        raise BadRequest(f"users and passwords go together; {missing} is missing")
    if len(users) == len(passwords):
        pairs = list(zip(users, passwords, strict=True))
    elif 1 in (len(users), len(passwords)):
        pairs = [(user, password) for user in users for password in passwords]
    else:
        counts = f"{len(users)} users and {len(passwords)} passwords"
        raise BadRequest(f"{counts} can't be paired; give as many passwords as users, or one")
    return tuple(Credentials(user, Secret(password)) for user, password in pairs)


def _take_in(
    site: Site, found: Sequence[Found], chosen: Sequence[str], groups: Sequence[str]
) -> list[Found]:
    """Write the chosen ones into the registry: all of them or none."""
    from vms.cameras.entry import entered
    from vms.cameras.suggestion import suggested

    taken = {camera.settings.id for camera in site.registry.list()}
    wanted = _chosen(found, chosen)
    cameras, ids = [], {}
    for one in wanted:
        settings = entered(suggested(one, taken) | {"groups": list(groups)})
        cameras.append(settings)
        taken.add(settings.id)
        ids[_key(one)] = settings.id
    for change in site.registry.take(cameras, whoami()):
        print(change, file=sys.stderr)
    return [dataclasses.replace(one, camera=ids.get(_key(one), one.camera)) for one in found]


def _chosen(found: Sequence[Found], chosen: Sequence[str]) -> list[Found]:
    """Those to take in. Raises BadRequest for one that can't be, before anything is done."""
    wanted = {}
    for name in chosen:
        fitting = [one for one in found if name in (_NEW, *_names(one))]
        if name == _NEW:
            fitting = [one for one in fitting if one.facts is not None and one.camera is None]
        elif not fitting:
            raise BadRequest(f"no camera answered at {name}; nothing was added")
        for one in fitting:
            if one.camera is not None:
                raise BadRequest(f"{name} is here already, as {one.camera}; nothing was added")
            if one.facts is None:
                raise BadRequest(f"{name} can't be added: {one.detail}; nothing was added")
            wanted[_key(one)] = one
    return list(wanted.values())


def _key(found: Found) -> tuple[Match, int]:
    """Which device, and which of its video sources."""
    return found.match, found.facts.number if found.facts is not None else 1


def _row(found: Found) -> tuple[str, ...]:
    from vms.cameras.onvif.sentences import SENTENCES

    here = f"already here as {found.camera}" if found.camera is not None else ""
    if found.trouble is not None:
        here = " · ".join(part for part in (here, SENTENCES[found.trouble].en) if part)
    if found.facts is None:
        name = found.match.hardware or found.match.name
        return (_address(found), "–", name or "–", "–", "–", here)
    device, main, sub = found.facts.device, found.facts.main, found.facts.sub
    sizes = [one.profile.size or "?" for one in (main, sub) if one is not None]
    streams = f"{main.profile.codec} {' + '.join(sizes)}"
    return (_address(found), device.make, device.model, device.firmware, streams, here or "new")


def _names(found: Found) -> tuple[str, ...]:
    """What it can be chosen by: the device's address, and its own if the device has several."""
    return found.match.source, str(found.match.address), _address(found)


def _address(found: Found) -> str:
    """Where it is: of a device with several video sources with which one, `10.0.0.5#2`."""
    device = found.match.source if found.match.port == 80 else str(found.match.address)
    several = found.facts is not None and found.facts.sources > 1
    return f"{device}#{found.facts.number}" if several and found.facts is not None else device
