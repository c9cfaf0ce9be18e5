"""`vms schedules`: the hours of a week that cameras go by; cameras.toml declares them."""

from __future__ import annotations

import typer

from vms.cli.options import DEFAULT_CONFIG, AsJson, Config, print_json, print_table

app = typer.Typer(
    help="The hours that cameras are recorded or hidden in; set in cameras.toml.",
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    """Keeps `list` a command of its own while it is the only one."""


@app.command("list")
def list_schedules(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the schedules, their hours by the site's clock, and the cameras that go by them."""
    from vms.app.site import open_site

    with open_site(config) as site:
        cameras, schedules = site.registry.settings(), site.schedules.list()
    facts = [
        {
            "name": one.name,
            "spans": list(one.spans),
            "recorded": [camera.id for camera in cameras if camera.schedule == one.name],
            "hidden": [camera.id for camera in cameras if camera.privacy == one.name],
        }
        for one in schedules
    ]
    if as_json:
        print_json(facts)
        return
    rows = [
        (str(one["name"]), *(", ".join(one[key]) or "–" for key in ("spans", "recorded", "hidden")))
        for one in facts
    ]
    columns = ("name", "hours", "recorded in them", "hidden in them")
    empty = "No schedules. Add some under [[schedules]] in cameras.toml, then: vms apply"
    print_table(columns, rows, empty=empty)
