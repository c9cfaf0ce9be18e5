"""Commands about evidence: export, and verify with a file."""

from __future__ import annotations

import contextlib
import getpass
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from vms.cli.options import (
    DEFAULT_CONFIG,
    AsJson,
    Config,
    StreamOption,
    instant,
    print_json,
    stream_key,
    whoami,
)
from vms.core.clock import rfc3339
from vms.core.errors import BadRequest
from vms.core.plain import plain
from vms.core.secret import Secret

Progress = Callable[[int, int], None]

_VARIABLE = "VMS_EXPORT_PASSWORD"
_SEEN = (
    "vms: whoever uses this machine can read the password among its processes; "
    f"better: --password -, or ${_VARIABLE}"
)

Password = Annotated[
    str | None,
    typer.Option(
        "--password",
        envvar=_VARIABLE,
        help="Encrypt with AES-256; - asks for it, or reads it from standard input.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Put this module's commands into `app`."""
    app.command("export")(export)


def export(
    cameras: Annotated[list[str], typer.Argument(help="Ids, such as gate-north.")],
    start: Annotated[
        str, typer.Option("--from", metavar="T", help="RFC 3339 time, or '5 min ago'.")
    ],
    end: Annotated[str, typer.Option("--to", metavar="T", help="RFC 3339 time, or how long ago.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The zip to write.")],
    password: Password = None,
    reason: Annotated[str, typer.Option(help="For whom and why; goes into the package.")] = "",
    language: Annotated[str, typer.Option(help="Of the page for people: tr or en.")] = "tr",
    stream: StreamOption = "main",
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Hand out footage: one MP4 a camera, cut exactly, with what proves it."""
    from vms.app.evidence import exporter
    from vms.app.site import open_archive
    from vms.evidence.order import Order, new_id

    if language not in ("tr", "en"):
        raise BadRequest(f"{language!r} is not a language we write; use tr or en")
    keys = [stream_key(camera, stream) for camera in cameras]
    first, last = instant(start), instant(end)
    assert first is not None
    assert last is not None
    with open_archive(config) as site:
        now = site.clock.now()
        order = Order(
            new_id(now),
            tuple(key.camera for key in keys),
            first,
            last,
            plain(reason, 2_000),
            whoami(),
            now,
            cast(Literal["tr", "en"], language),
            keys[0].name,
        )
        secret = _secret(password)
        with _bar("Exporting", quiet=as_json) as shown, site.ordered.running(order) as still:

            def progress(done: int, total: int) -> None:
                still()
                shown(done, total)

            made = exporter(site).run(order, output, secret, progress)
    if as_json:
        print_json(
            {
                "id": order.id,
                "file": str(made.path),
                "bytes": made.size,
                "clips": made.clips,
                "manifest_sha256": made.sha256,
                "key": made.key,
                "start": rfc3339(order.start, digits=9),
                "end": rfc3339(order.end, digits=9),
            }
        )
        return
    print(f"{made.path}: {made.size / 1e6:.1f} MB, {made.clips} clips, signed by {made.key}")


def verify_file(
    file: Path,
    password: str | None,
    key: str | None,
    certificates: Path | None,
    as_json: bool,
) -> None:
    """Whether a package is what its manifest says; exit code 1 if not."""
    from vms.evidence.verification import verify_package

    with _bar("Verifying", quiet=as_json) as progress:
        verdict = verify_package(file, _secret(password), key, certificates, progress)
    if as_json:
        print_json(verdict.as_json())
    else:
        print(verdict.sentence)
        for finding in verdict.findings[1:]:
            print(f"  {finding}")
        for note in verdict.notes[:3]:
            print(f"  note: {note}", file=sys.stderr)
    if not verdict.good:
        raise typer.Exit(1)


def _secret(password: str | None) -> Secret | None:
    """What `--password` or the variable says; where it is `-`, what a person or a pipe does."""
    if password is None:
        return None
    if password == "-":  # noqa: S105 - the sign for it
        asked = sys.stdin.isatty()
        password = getpass.getpass("Password: ") if asked else sys.stdin.readline().rstrip("\n")
    elif password != os.environ.get(_VARIABLE):
        print(_SEEN, file=sys.stderr)
    if not password:
        raise BadRequest("the password is empty")
    return Secret(password)


@contextlib.contextmanager
def _bar(what: str, *, quiet: bool) -> Iterator[Progress]:
    """A progress bar on a terminal, nothing elsewhere and where `quiet`."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total or None)
