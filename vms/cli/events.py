"""`vms events`: what happened at a camera, and telling of it."""

from __future__ import annotations

from typing import Annotated

import typer

from vms.cli.options import (
    DEFAULT_CONFIG,
    AsJson,
    CameraArgument,
    Config,
    From,
    To,
    instant,
    print_json,
    print_table,
    stream_key,
)
from vms.core.clock import DAY, SECOND, Instant, SystemClock, rfc3339

app = typer.Typer(help="What happened at the cameras.", no_args_is_help=True)


@app.command()
def add(
    camera: CameraArgument,
    kind: Annotated[str, typer.Argument(help="A word: motion, tamper, digital_input …")],
    start: From = None,
    end: To = None,
    detail: Annotated[str, typer.Option(help="More about it, in your words.")] = "",
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Tell of an event: now, unless --from says when; a moment, unless it has --to."""
    from vms.app.site import open_archive

    key, begin, until = stream_key(camera, "main"), instant(start), instant(end)
    with open_archive(config) as site:
        site.registry.get(key.camera)
        event = site.events.add(key.camera, kind, begin, until, detail)
    if as_json:
        print_json(event.as_json())
    else:
        print(f"{event.id}: {event.kind} at {event.camera}, {rfc3339(event.start)}")


@app.command("list")
def list_events(
    camera: CameraArgument,
    start: From = None,
    end: To = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List a camera's events: of the last day, unless told otherwise."""
    from vms.app.site import open_archive

    key, now = stream_key(camera, "main"), SystemClock().now()
    until = instant(end) or now
    since = instant(start) or Instant(until - DAY)
    with open_archive(config) as site:
        site.require_stream(key)
        found = site.events.between(key.camera, since, Instant(until + 1))
    if as_json:
        print_json([event.as_json() for event in found])
        return
    rows = [
        (
            str(event.id),
            rfc3339(event.start),
            "lasts" if event.end is None else f"{(event.end - event.start) / SECOND:.1f} s",
            event.kind,
            event.detail,
        )
        for event in found
    ]
    columns = ("id", "start", "length", "kind", "detail")
    print_table(columns, rows, empty=f"No events of {key.camera} in that span.")
