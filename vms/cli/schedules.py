"""`vms schedules`: the hours of a week that cameras go by, of cameras.toml and of the console."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vms.cli.options import DEFAULT_CONFIG, AsJson, Config, print_json, print_table, whoami
from vms.cli.telling import note

if TYPE_CHECKING:
    from vms.app.site import Site
    from vms.cameras.schedule_change import RegisteredSchedule, ScheduleChange
    from vms.core.config_camera import CameraSettings

app = typer.Typer(
    help="The hours that cameras are recorded or hidden in.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="The schedule's name, such as office-hours.")]
Spans = Annotated[
    list[str],
    typer.Argument(
        metavar="SPAN...",
        help="Hours by the site's clock, each in quotes: 'mon-fri 08:00-18:00' "
        "'sat,sun 22:00-06:00' 'daily 00:00-24:00'.",
    ),
]


@app.command("list")
def list_schedules(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the schedules, their hours by the site's clock, and the cameras that go by them."""
    from vms.app.site import open_site

    with open_site(config) as site:
        cameras, schedules = site.registry.settings(), site.schedules.list()
    facts = [_fact(one, cameras) for one in schedules]
    if as_json:
        print_json(facts)
        return
    rows = [
        (
            one["name"],
            *(", ".join(one[key]) or "–" for key in ("spans", "recorded", "hidden")),
            "cameras.toml" if one["origin"] == "file" else "the console",
        )
        for one in facts
    ]
    columns = ("name", "hours", "recorded in them", "hidden in them", "declared in")
    empty = (
        "No schedules. Make one: vms schedules add office-hours 'mon-fri 08:00-18:00'; or add it "
        "under [[schedules]] in cameras.toml, then: vms apply"
    )
    print_table(columns, rows, empty=empty)


@app.command()
def add(name: Name, spans: Spans, config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Make a schedule; then cameras can go by it."""
    from vms.app.site import open_site
    from vms.cameras.schedule_change import entered_schedule

    with open_site(config) as site:
        wanted = entered_schedule({"name": name, "spans": spans})
        change = site.schedules.add(wanted, whoami())
        note(change.detail())
        _answer(site, name, change, as_json=as_json)


@app.command("set")
def change_hours(
    name: Name, spans: Spans, config: Config = DEFAULT_CONFIG, as_json: AsJson = False
) -> None:
    """Give a schedule other hours; its cameras are recorded and hidden by them at once."""
    from vms.app.site import open_site
    from vms.cameras.schedule_change import entered_schedule, use_of

    with open_site(config) as site:
        wanted = entered_schedule({"name": name, "spans": spans})
        change = site.schedules.change(wanted, whoami())
        if change is not None:
            note(change.detail(), use_of(name, site.registry.settings()).cameras)
        _answer(site, name, change, as_json=as_json)


@app.command()
def remove(name: Name, config: Config = DEFAULT_CONFIG) -> None:
    """Take a schedule away; refused while cameras go by it."""
    from vms.app.site import open_site

    with open_site(config) as site:
        change = site.schedules.remove(name, whoami())
    note(change.detail())
    print(change)


def _answer(site: Site, name: str, change: ScheduleChange | None, *, as_json: bool) -> None:
    if as_json:
        print_json(_fact(site.schedules.get(name), site.registry.settings()))
    else:
        print(change or "Nothing to change.")


def _fact(schedule: RegisteredSchedule, cameras: Sequence[CameraSettings]) -> dict[str, Any]:
    from vms.cameras.schedule_change import use_of

    use = use_of(schedule.name, cameras)
    return {
        "name": schedule.name,
        "spans": list(schedule.spans),
        "origin": schedule.origin,
        "recorded": list(use.recorded),
        "hidden": list(use.hidden),
    }
