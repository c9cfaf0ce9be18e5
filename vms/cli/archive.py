"""Commands about footage: segments, gaps, frame, verify, storage check."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from vms.app.site import open_site
from vms.cli.options import (
    DEFAULT_CONFIG,
    AsJson,
    CameraArgument,
    Config,
    From,
    StreamOption,
    To,
    instant,
    print_json,
    print_table,
    stream_key,
)
from vms.core.clock import Instant, SystemClock
from vms.core.errors import BadRequest

_EVER = Instant(0)


def add_to(app: typer.Typer) -> None:
    """Put this module's commands into `app`."""
    app.command("segments")(segments)
    app.command("gaps")(gaps)
    app.command("frame")(frame)
    app.command("verify")(verify)


def segments(
    camera: CameraArgument,
    stream: StreamOption = "main",
    start: From = None,
    end: To = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List a camera's segments: files, spans, hashes."""
    key = stream_key(camera, stream)
    with open_site(config) as site:
        site.require_stream(key)
        found = [fact.as_json() for fact in site.archive.segments(key, *_span(start, end))]
    if as_json:
        print_json(found)
        return
    rows = [
        (str(f["start"]), str(f["end"]), f"{f['bytes'] / 1e6:.1f} MB", str(f["codec"]), f["path"])
        for f in found
    ]
    columns = ("start", "end", "size", "codec", "path")
    print_table(columns, rows, empty=f"No footage of {key} in that span.")


def gaps(
    camera: CameraArgument,
    stream: StreamOption = "main",
    start: From = None,
    end: To = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List where a camera has no footage, and why."""
    key = stream_key(camera, stream)
    with open_site(config) as site:
        site.require_stream(key)
        found = [gap.as_json() for gap in site.archive.gaps(key, *_span(start, end))]
    if as_json:
        print_json(found)
        return
    rows = [(str(g["start"]), str(g["end"]), f"{g['seconds']:.1f} s", g["cause"]) for g in found]
    print_table(("start", "end", "length", "cause"), rows, empty=f"No gap of {key} in that span.")


def frame(
    camera: CameraArgument,
    at: Annotated[str, typer.Option("--at", metavar="T", help="RFC 3339 time, or '5 min ago'.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The JPEG to write; - for stdout.")
    ],
    stream: StreamOption = "main",
    width: Annotated[int | None, typer.Option(help="Scale to this width in pixels.")] = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Write the picture shown at a time as a JPEG."""
    from web.playback.picture import jpeg_at

    moment = instant(at)
    assert moment is not None
    with open_site(config) as site:
        picture = jpeg_at(site.archive, stream_key(camera, stream), moment, width)
    if str(output) == "-":
        sys.stdout.buffer.write(picture)
    else:
        output.write_bytes(picture)


def verify(
    level: Annotated[str, typer.Option(help="presence, size or hash.")] = "hash",
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Check the archive: every row has its file, every file its row, every hash is right."""
    from storage.check import LEVELS, verify_archive

    if level not in LEVELS:
        raise BadRequest(f"{level!r} is not a level; use {', '.join(LEVELS)}")
    with open_site(config) as site:
        findings = list(verify_archive(site.engine, site.settings.volumes, level))
    if as_json:
        print_json([finding.as_json() for finding in findings])
    for finding in () if as_json else findings:
        print(finding)
    if findings:
        print(f"{len(findings)} findings", file=sys.stderr)
        raise typer.Exit(1)
    if not as_json:
        print("All is well.")


def _span(start: str | None, end: str | None) -> tuple[Instant, Instant]:
    first = instant(start) or _EVER
    last = instant(end) or SystemClock().now()
    if first >= last:
        raise BadRequest(f"--from ({start}) must lie before --to ({end or 'now'})")
    return first, last
