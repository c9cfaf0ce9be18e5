"""`vms hold`: which spans are kept from every deletion."""

from __future__ import annotations

import re
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
from vms.core.clock import Instant, SystemClock, parse_span, rfc3339
from vms.core.errors import BadRequest

app = typer.Typer(help="Keep footage from every deletion.", no_args_is_help=True)

_Time = "RFC 3339 time, 'now', or how long ago: '10 min ago'."
Reason = Annotated[str, typer.Option(help="Why: the request, the case, who asked for it.")]


@app.command()
def add(
    camera: CameraArgument,
    start: Annotated[str, typer.Option("--from", metavar="T", help=_Time)],
    end: Annotated[str, typer.Option("--to", metavar="T", help=_Time)],
    reason: Reason,
    until: Annotated[
        str | None,
        typer.Option(metavar="T", help="End it by itself then: RFC 3339 time, or 'in 30 d'."),
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Hold a span of a camera, all its streams, until it is lifted."""
    from storage.holds.order import HoldOrder, check_order
    from vms.app.site import open_archive

    key, ends = stream_key(camera, "main"), _until(until)
    first, last = instant(start), instant(end)
    assert first is not None
    assert last is not None
    order = HoldOrder(key.camera, first, last, reason, ends)
    with open_archive(config) as site:
        site.require_stream(key)
        check_order(order, site.archive, site.clock.now())
        hold = site.holds.add(order, whoami())
    if as_json:
        print_json(hold.as_json())
    else:
        how_long = "it is lifted" if ends is None else f"{rfc3339(ends)}, or it is lifted"
        span = f"{rfc3339(hold.start)} to {rfc3339(hold.end)}"
        print(f"{hold.id}: {hold.camera} from {span} is held until {how_long}.")


@app.command("list")
def list_holds(
    everything: Annotated[bool, typer.Option("--all", help="Those that were lifted too.")] = False,
    camera: Annotated[str | None, typer.Option(help="Only this camera's.")] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List what is held, why, and by whom."""
    from vms.app.site import open_archive

    with open_archive(config) as site:
        found = site.holds.all() if everything else site.holds.active()
    found = [hold for hold in found if camera is None or hold.concerns(camera)]
    if as_json:
        print_json([hold.as_json() for hold in found])
        return
    rows = [
        (
            hold.id,
            hold.camera,
            rfc3339(hold.start),
            rfc3339(hold.end),
            "–" if hold.until is None else rfc3339(hold.until),
            hold.made_by,
            hold.reason,
            ""
            if hold.lifted is None
            else f"lifted {rfc3339(hold.lifted)} by {hold.lifted_by}"
            + (f": {hold.lift_reason}" if hold.lift_reason else ""),
        )
        for hold in found
    ]
    columns = ("id", "camera", "start", "end", "until", "by", "reason", "")
    print_table(columns, rows, empty="Nothing is held.")


@app.command()
def lift(
    hold: Annotated[str, typer.Argument(help="The hold's id, as `vms hold list` shows it.")],
    reason: Annotated[str, typer.Option(help="Why it is held no more; the ledger keeps it.")],
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """End a hold: its footage goes again when its rule says so."""
    from vms.app.site import open_archive

    with open_archive(config) as site:
        lifted = site.holds.lift(hold, whoami(), reason)
    if as_json:
        print_json(lifted.as_json())
    else:
        print(f"{lifted.id}: {lifted.camera} is held no more.")


def _until(text: str | None) -> Instant | None:
    if text is not None and (ahead := re.fullmatch(r"in\s+(.+)", text.strip())):
        try:
            return Instant(SystemClock().now() + parse_span(ahead[1]))
        except ValueError as error:
            raise BadRequest(str(error)) from None
    return instant(text)
