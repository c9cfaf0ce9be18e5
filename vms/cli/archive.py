"""Commands about footage: segments, gaps, frame, verify, storage check."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import typer

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
from vms.core.clock import SECOND, Instant, SystemClock, rfc3339
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
    from vms.app.site import open_site

    key, span = stream_key(camera, stream), _span(start, end)
    with open_site(config) as site:
        site.require_stream(key)
        found = site.archive.segments(key, *span)
    if as_json:
        print_json([fact.as_json() for fact in found])
        return
    rows = [
        (rfc3339(f.start), rfc3339(f.end), f"{f.size / 1e6:.1f} MB", f.video_codec, str(f.path))
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
    from vms.app.site import open_site

    key, span = stream_key(camera, stream), _span(start, end)
    with open_site(config) as site:
        site.require_stream(key)
        found = site.archive.gaps(key, *span)
    now = SystemClock().now()
    if as_json:
        print_json([gap.as_json(now) for gap in found])
        return
    rows = [
        (
            rfc3339(gap.start),
            "now" if gap.end is None else rfc3339(gap.end),
            f"{((gap.end or now) - gap.start) / SECOND:.1f} s",
            str(gap.cause),
        )
        for gap in found
    ]
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
    from vms.app.site import open_site
    from web.playback.picture import jpeg_at

    moment = instant(at)
    assert moment is not None
    key = stream_key(camera, stream)
    with open_site(config) as site:
        site.require_stream(key)
        picture = jpeg_at(site.archive, key, moment, width)
    if str(output) == "-":
        sys.stdout.buffer.write(picture)
        return
    try:
        output.write_bytes(picture)
    except OSError as error:
        raise BadRequest(f"{output} can't be written: {error.strerror}") from None


def verify(
    level: Annotated[str, typer.Option(help="presence, size or hash.")] = "hash",
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Check the archive: every row has its file, every file its row, every hash is right."""
    from storage.check import Level, verify_archive
    from vms.app.site import open_site

    if level.upper() not in Level.__members__:
        known = ", ".join(name.lower() for name in Level.__members__)
        raise BadRequest(f"{level!r} is not a level; use {known}")
    with open_site(config) as site:
        found = verify_archive(site.engine, site.settings.volumes, Level[level.upper()])
        findings = list(found)
    if as_json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    for finding in () if as_json else findings:
        print(f"{finding.segment}: {finding.cause}: {finding.detail}")
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
