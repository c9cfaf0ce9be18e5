"""`vms block`: which cameras and spans are hidden from all but named people."""

from __future__ import annotations

from typing import Annotated

import typer

from vms.cli.options import (
    DEFAULT_CONFIG,
    AsJson,
    CameraArgument,
    Config,
    instant,
    print_json,
    print_table,
    stream_key,
    whoami,
)
from vms.core.clock import rfc3339

app = typer.Typer(help="Hide a camera and span from all but named people.", no_args_is_help=True)

_Time = "RFC 3339 time, 'now', or how long ago: '10 min ago'."


@app.command()
def add(
    camera: CameraArgument,
    reason: Annotated[str, typer.Option(help="Why: the order, the case, who asked for it.")],
    start: Annotated[str, typer.Option("--from", metavar="T", help=_Time)] = "now",
    end: Annotated[
        str | None, typer.Option("--to", metavar="T", help=f"{_Time} Without: until lifted.")
    ] = None,
    seen_by: Annotated[
        list[str] | None, typer.Option(help="Who still sees it: an account; may be repeated.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Hide a span of a camera, all its streams, live and looked back."""
    from vms.app.site import open_site
    from vms.people.blocks import BlockOrder

    key, first, last = stream_key(camera, "main"), instant(start), instant(end)
    assert first is not None
    order = BlockOrder(key.camera, first, last, reason, tuple(seen_by or ()))
    with open_site(config) as site:
        site.require_stream(key)
        block = site.blocks.add(order, whoami())
    if as_json:
        print_json(block.as_json())
    else:
        names = ", ".join(one.name for one in block.seen_by) or "nobody"
        print(f"{block.id}: {block.camera} is hidden {block.span}; {names} still sees it.")


@app.command("list")
def list_blocks(
    everything: Annotated[bool, typer.Option("--all", help="Those that were lifted too.")] = False,
    camera: Annotated[str | None, typer.Option(help="Only this camera's.")] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List what is hidden, why, and by whom."""
    from vms.app.site import open_site

    with open_site(config) as site:
        found = site.blocks.all() if everything else site.blocks.active()
    found = [one for one in found if camera in (None, one.camera)]
    if as_json:
        print_json([one.as_json() for one in found])
        return
    rows = [
        (
            one.id,
            one.camera,
            rfc3339(one.start),
            "–" if one.end is None else rfc3339(one.end),
            ", ".join(named.name for named in one.seen_by) or "–",
            one.made_by,
            one.reason,
            ""
            if one.lifted is None
            else f"lifted {rfc3339(one.lifted)} by {one.lifted_by}: {one.lift_reason}",
        )
        for one in found
    ]
    columns = ("id", "camera", "start", "end", "seen by", "by", "reason", "")
    print_table(columns, rows, empty="Nothing is hidden.")


@app.command()
def lift(
    block: Annotated[str, typer.Argument(help="The block's id, as `vms block list` shows it.")],
    reason: Annotated[str, typer.Option(help="Why it is hidden no more.")],
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Hide a span no more."""
    from vms.app.site import open_site

    with open_site(config) as site:
        lifted = site.blocks.lift(block, whoami(), reason)
    if as_json:
        print_json(lifted.as_json())
    else:
        print(f"{lifted.id}: {lifted.camera} is hidden no more.")
