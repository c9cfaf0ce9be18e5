"""Commands about the registry: apply, dump, cameras and what stands below it."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vms.cameras.condition import SENTENCES
from vms.cli.options import (
    DEFAULT_CONFIG,
    AsJson,
    CameraArgument,
    Config,
    hand_down,
    print_json,
    print_table,
    whoami,
)
from vms.cli.telling import note
from vms.core.clock import Instant, rfc3339
from vms.core.model import Cause

if TYPE_CHECKING:
    from vms.core.config_camera import CameraSettings

below = typer.Typer(help="The cameras: list, test, import, export, replace.")


def add_to(app: typer.Typer) -> None:
    """Put this module's commands into `app`."""
    app.command("apply")(apply)
    app.command("dump")(dump)
    app.add_typer(below, name="cameras")


def apply(
    config: Config = DEFAULT_CONFIG,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; change nothing.")
    ] = False,
    meant: Annotated[
        bool, typer.Option("--meant", help="Take retention rules that delete everything, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the database to what cameras.toml says, and print the difference."""
    from vms.app.reload import take_rules
    from vms.app.site import open_site
    from vms.cameras.provisioning import explained
    from vms.core.config_file import check_writable, load_settings

    settings = load_settings(config)
    check_writable(settings)
    with open_site(settings) as site:
        # The rules first: they may be refused, and then nothing is to change.
        rules = (
            site.keeping.difference(settings.retention)
            if dry_run
            else take_rules(site, settings.retention, whoami(), meant=meant)
        )
        book = site.schedules
        plans = (book.difference if dry_run else book.apply)(settings.schedules)
        act = site.registry.difference if dry_run else site.registry.apply
        changes = act(settings.cameras)
    note("; ".join(f"schedule {plan.schedule} {plan.detail()}" for plan in plans if not dry_run))
    if as_json:
        facts = [dataclasses.asdict(change) for change in changes]
        facts += [dataclasses.asdict(rule) for rule in rules]
        print_json(facts + [dataclasses.asdict(plan) for plan in plans])
    else:
        print(explained([*plans, *changes, *rules]))


def dump(config: Config = DEFAULT_CONFIG) -> None:
    """Print all cameras, schedules and retention rules as TOML; passwords become variables."""
    from storage.rule_changes import dump_rules
    from vms.app.site import open_site
    from vms.cameras.dump import dump_cameras, dump_schedules

    with open_site(config) as site:
        parts = [
            dump_rules(site.keeping.stored()),
            dump_schedules(site.schedules.list()),
            dump_cameras(site.registry.list()),
        ]
    print("\n".join(part for part in parts if part), end="")


@below.callback(invoke_without_command=True)
def cameras(
    context: typer.Context, config: Config = DEFAULT_CONFIG, as_json: AsJson = False
) -> None:
    """List the cameras and how they are; or test, import, export and replace them."""
    if context.invoked_subcommand is not None:
        hand_down(context, config)
        return
    from vms.app.facts import camera_facts
    from vms.app.site import open_site

    with open_site(config) as site:
        facts = camera_facts(site)
    if as_json:
        print_json([fact.as_json() for fact in facts])
        return
    rows = [
        (
            fact.id,
            fact.name,
            fact.state,
            "–" if fact.fps is None else f"{fact.fps:.1f}",
            "–" if fact.bitrate is None else f"{fact.bitrate / 1e6:.2f}",
            fact.source or "–",
            fact.problem or _waiting(fact.waits_for, fact.until_ns),
        )
        for fact in facts
    ]
    columns = ("id", "name", "state", "pictures/s", "Mbit/s", "source", "problem")
    print_table(columns, rows, empty="No cameras. Add some to cameras.toml, then: vms apply")


def _waiting(cause: str | None, until: Instant | None) -> str:
    """Why nothing is recorded just now, and until when: in UTC, as all tables."""
    if cause is None:
        return ""
    words = SENTENCES[Cause(cause)]
    return f"{words} Until {rfc3339(until, digits=0)}." if until is not None else words


@below.command("import")
def import_cameras(
    file: Annotated[Path, typer.Argument(help="A CSV or a TOML with [[cameras]].")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; change nothing.")
    ] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Add cameras of a file to the database, or change them: all of them or none."""
    from vms.app.site import open_site
    from vms.cameras.importing import read_cameras
    from vms.cameras.provisioning import explained

    with open_site(config) as site:
        registry = site.registry
        known = {one.settings.id: one for one in registry.list()}
        wanted = read_cameras(file, known, site.schedules.settings())
        changes = registry.additions(wanted) if dry_run else registry.take(wanted, whoami())
    if as_json:
        print_json([dataclasses.asdict(change) for change in changes])
    else:
        print(explained(changes))


@below.command("export")
def export_cameras(
    form: Annotated[Literal["csv", "toml"], typer.Option("--format", help="csv or toml.")] = "csv",
    excel: Annotated[
        bool, typer.Option("--excel", help="CSV as a Turkish Excel opens it: semicolons, commas.")
    ] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it here.")] = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Print all cameras; passwords are never among it."""
    from vms.app.site import open_site
    from vms.cameras import dump as toml
    from vms.cameras.sheet import write_sheet

    with open_site(config) as site:
        found, schedules = site.registry.list(), site.schedules.list()
    if form == "toml":
        text = toml.export_cameras(found, schedules)
    else:
        text = write_sheet((camera.settings for camera in found), excel=excel)
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_bytes(text.encode())


@below.command("test")
def try_camera(
    camera: Annotated[str, typer.Argument(metavar="ID|URL", help="A camera, or an address.")],
    username: Annotated[str | None, typer.Option(help="The user, for an address.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    brief: Annotated[bool, typer.Option("--brief", help="Watch for 2 s instead of 8.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it here.")] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Try a camera as the recorder would, storing nothing: a report to read or to send on.

    Passwords are masked in it. Exit code 1 if a stream can't be recorded.
    """
    import asyncio

    from vms.app.site import open_site
    from vms.app.trial import CameraTrials
    from vms.cameras.trial_report import report
    from vms.cli.progress import counter

    with open_site(config) as site:
        known_as = None if "://" in camera else camera
        if known_as is not None:
            settings = site.registry.get(known_as).settings
        else:
            settings = _of_an_address(camera, username, password_stdin=password_stdin)
        with counter("Watching for some seconds …", "", quiet=as_json):
            trials = CameraTrials(site.settings, site.clock, brief=brief)
            trial = asyncio.run(trials.run(settings, known_as))
    text = json.dumps(trial.as_json(), ensure_ascii=False, indent=2) if as_json else report(trial)
    if output is not None:
        output.write_text(text.rstrip("\n") + "\n")
    else:
        print(text.rstrip("\n"))
    if not trial.well:
        raise typer.Exit(1)


def _of_an_address(url: str, username: str | None, *, password_stdin: bool) -> CameraSettings:
    """An address that nobody has recorded, as a camera. Raises BadRequest."""
    from vms.cameras.entry import entered

    if "@" in url:
        print(
            "vms: others see the command line; better: --username, --password-stdin",
            file=sys.stderr,
        )
    values = {"id": "camera", "source": url, "username": username}
    if password_stdin:
        values["password"] = sys.stdin.readline().rstrip("\n")
    return entered({key: value for key, value in values.items() if value is not None})


@below.command()
def replace(
    camera: CameraArgument,
    source: Annotated[str, typer.Option(help="The new device's address.")],
    sub: Annotated[str | None, typer.Option(help="The address of its sub stream.")] = None,
    onvif: Annotated[
        str | None, typer.Option(help="Where it speaks ONVIF: for PTZ, events, its clock.")
    ] = None,
    onvif_certificate: Annotated[
        str | None, typer.Option(help="Over https: any, checked, or sha256:… of the one it has.")
    ] = None,
    username: Annotated[str | None, typer.Option(help="Its user, if another one.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read its password from standard input.")
    ] = False,
    make: Annotated[str | None, typer.Option(help="Its make.")] = None,
    model: Annotated[str | None, typer.Option(help="Its model.")] = None,
    serial: Annotated[str | None, typer.Option(help="Its serial number.")] = None,
    firmware: Annotated[str | None, typer.Option(help="Its firmware.")] = None,
    mac: Annotated[str | None, typer.Option(help="Its MAC address.")] = None,
    installed: Annotated[str | None, typer.Option(help="The day, 2026-05-31.")] = None,
    warranty_until: Annotated[str | None, typer.Option(help="The day, 2029-05-31.")] = None,
    notes: Annotated[str | None, typer.Option(help="Maintenance notes.")] = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Put another device in a camera's place: id, name, place and footage stay."""
    from vms.app.site import open_site
    from vms.cameras.entry import replaced
    from vms.core.errors import BadRequest

    label = {"make": make, "model": model, "serial": serial, "firmware": firmware}
    label |= {"mac": mac}
    label |= {"installed": installed, "warranty_until": warranty_until, "notes": notes}
    inventory = {name: value for name, value in label.items() if value is not None}
    device: dict[str, Any] = {"source": source, "sub": sub, "inventory": inventory or None}
    device |= {"onvif": onvif, "onvif_certificate": onvif_certificate}
    if username is not None:
        device["username"] = username
    if password_stdin:
        device["password"] = sys.stdin.readline().rstrip("\n")
        if not device["password"]:
            raise BadRequest("standard input holds no password")
    with open_site(config) as site:
        before = site.registry.get(camera).settings
        after, change = site.registry.change(
            camera, lambda before: replaced(before, device), whoami(), "replaced"
        )
    print(change if change.fields else "Nothing to change.")
    if before.onvif is not None and after.settings.onvif is None:
        print(
            "vms: the old device was steered and listened to over ONVIF, the new one is not; give "
            "its address with --onvif",
            file=sys.stderr,
        )
