"""Commands about footage: segments, gaps, frame, verify."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from storage.activity.meter import ABOVE
from vms.cli.checking import Checked, sentence, threads
from vms.cli.evidence import Password, verify_file
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
from vms.cli.progress import progress_bar
from vms.core.clock import SECOND, Instant, Span, SystemClock, rfc3339
from vms.core.errors import BadRequest

_EVER = Instant(0)


def add_to(app: typer.Typer) -> None:
    """Put this module's commands into `app`."""
    app.command("segments")(segments)
    app.command("gaps")(gaps)
    app.command("activity")(activity)
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
    from vms.app.site import open_archive

    key, span = stream_key(camera, stream), _span(start, end)
    with open_archive(config) as site:
        site.require_stream(key)
        found = site.archive.segments(key, *span)
    if as_json:
        print_json([fact.as_json() for fact in found])
        return
    rows = [
        (
            rfc3339(f.start),
            rfc3339(f.end),
            f"{f.size / 1e6:.1f} MB",
            f.video_codec,
            "held" if f.held else "",
            str(f.path),
        )
        for f in found
    ]
    columns = ("start", "end", "size", "codec", "", "path")
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
    from vms.app.site import open_archive

    key, span = stream_key(camera, stream), _span(start, end)
    with open_archive(config) as site:
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


def activity(
    camera: CameraArgument,
    stream: StreamOption = "main",
    start: From = None,
    end: To = None,
    above: Annotated[
        int, typer.Option(min=1, max=255, help="The level that counts, 1 to 255.")
    ] = ABOVE,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List when something happened before a camera."""
    from vms.app.site import open_archive

    key, span = stream_key(camera, stream), _span(start, end)
    with open_archive(config) as site:
        site.require_stream(key)
        found = site.archive.active(key, *span, above)
    if as_json:
        print_json([one.as_json() for one in found])
        return
    rows = [(rfc3339(one.start), rfc3339(one.end), str(one.peak)) for one in found]
    print_table(("start", "end", "peak"), rows, empty=f"Nothing happened at {key} in that span.")


def frame(
    camera: CameraArgument,
    at: Annotated[str, typer.Option("--at", metavar="T", help="RFC 3339 time, or '5 min ago'.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The JPEG to write; - for stdout.")
    ],
    stream: StreamOption = "main",
    width: Annotated[
        int | None, typer.Option(min=16, help="Scale to this width in pixels.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Write the picture shown at a time as a JPEG."""
    from vms.app.site import open_archive
    from web.playback.picture import jpeg_at

    moment = instant(at)
    assert moment is not None
    key = stream_key(camera, stream)
    with open_archive(config) as site:
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
    file: Annotated[
        Path | None, typer.Argument(help="An exported package; without it the archive is checked.")
    ] = None,
    level: Annotated[str, typer.Option(help="presence, size or hash.")] = "hash",
    against: Annotated[
        list[str] | None,
        typer.Option(help="A head kept elsewhere, as `vms ledger checkpoint` prints it: a file."),
    ] = None,
    password: Password = None,
    key: Annotated[
        str | None, typer.Option(help="The institution's key: name+id+key, or a file with it.")
    ] = None,
    certificates: Annotated[
        Path | None, typer.Option(help="PEM of the time-stamping authority, for a package's stamp.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Check a package, or the archive: ledger, rows, files and hashes must agree."""
    if file is not None:
        verify_file(file, password, key, certificates, as_json)
        return
    from storage.audit.check import Audit
    from storage.check import Level, total
    from storage.ledger.kept import read_kept
    from storage.tiers.check import verify_tiers
    from vms.app.site import open_archive
    from vms.app.steering_audit import SteeringCheck
    from vms.people.audit.check import AuditCheck

    if level.upper() not in Level.__members__:
        known = ", ".join(name.lower() for name in Level.__members__)
        raise BadRequest(f"{level!r} is not a level; use {known}")
    chosen = Level[level.upper()]
    with (
        open_archive(config) as site,
        progress_bar("Verifying", total(site.engine)[1], quiet=as_json) as advance,
    ):
        checked = Checked(advance)
        kept = [read_kept(head) for head in against or ()]
        audit = Audit(site.engine, site.settings, site.ledger, site.clock, kept=kept)
        found = audit.findings(chosen, threads=threads(), progress=checked)
        far = verify_tiers(site.engine, site.tiers, chosen, progress=checked)
        site.audit.settle()  # what a crash left on its way is no tampering
        people = AuditCheck(site.engine, site.ledger).findings()
        keep = Span(site.settings.ptz.keep)
        steered = SteeringCheck(site.engine, keep, site.clock).findings()
        findings = [*found, *far, *site.holds.check(), *people, *steered]
    if as_json:
        print_json([finding.as_json() for finding in findings])
    else:
        for finding in findings:
            print(f"{finding.subject}: {finding.kind}: {finding.detail}")
        print(sentence(len(findings)))
    if findings:
        raise typer.Exit(1)


def _span(start: str | None, end: str | None) -> tuple[Instant, Instant]:
    first = instant(start) or _EVER
    last = instant(end) or SystemClock().now()
    if first >= last:
        raise BadRequest(f"--from ({start}) must lie before --to ({end or 'now'})")
    return first, last
