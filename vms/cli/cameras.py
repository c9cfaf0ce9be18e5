"""Commands about the registry: apply, dump, cameras."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from vms.cli.options import DEFAULT_CONFIG, AsJson, Config, print_json, print_table


def add_to(app: typer.Typer) -> None:
    """Put this module's commands into `app`."""
    app.command("apply")(apply)
    app.command("dump")(dump)
    app.command("cameras")(cameras)


def apply(
    config: Config = DEFAULT_CONFIG,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the database to what cameras.toml says, and print the difference."""
    from vms.app.site import open_site
    from vms.cameras.provisioning import explained
    from vms.core.config_file import check_writable, load_settings

    settings = load_settings(config)
    check_writable(settings)
    with open_site(settings) as site:
        act = site.registry.difference if dry_run else site.registry.apply
        changes = act(settings.cameras)
    if as_json:
        print_json([dataclasses.asdict(change) for change in changes])
    else:
        print(explained(changes))


def dump(config: Config = DEFAULT_CONFIG) -> None:
    """Print all cameras as TOML; passwords become variables."""
    from vms.app.site import open_site
    from vms.cameras.dump import dump_cameras

    with open_site(config) as site:
        print(dump_cameras(site.registry.list()), end="")


def cameras(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the cameras and how they are."""
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
            fact.problem or "",
        )
        for fact in facts
    ]
    columns = ("id", "name", "state", "pictures/s", "Mbit/s", "source", "problem")
    print_table(columns, rows, empty="No cameras. Add some to cameras.toml, then: vms apply")
