"""`vms ledger`: the signed head, the leaves, the keys."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from vms.cli.options import (
    DEFAULT_CONFIG,
    AsJson,
    Config,
    From,
    To,
    instant,
    print_json,
    print_table,
)
from vms.core.clock import rfc3339

app = typer.Typer(help="The ledger: its signed head, leaves and keys.", no_args_is_help=True)


@app.command()
def checkpoint(
    against: Annotated[
        str | None,
        typer.Option(help="A head kept earlier: a file with it, or - for standard input."),
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Print the signed head, to be kept elsewhere; --against proves that a kept one still holds."""
    from storage.ledger.kept import check_kept, read_kept
    from vms.app.site import open_archive

    with open_archive(config) as site:
        kept = None if against is None else read_kept(against)
        note = site.ledger.checkpoint()
        wrong = None if kept is None else check_kept(site.ledger, kept)
        facts = site.ledger.head(note, site.settings.ledger)
    if as_json:
        more: dict[str, Any] = {} if kept is None else {"holds": wrong is None, "wrong": wrong}
        print_json({**facts, **more})
    elif wrong is not None:
        print(wrong)
    else:
        print(note, end="")
        if kept is not None:
            print("The kept head holds: since then the ledger only grew.")
    if wrong is not None:
        raise typer.Exit(1)


@app.command()
def show(
    camera: Annotated[str | None, typer.Option(help="Only leaves of this camera.")] = None,
    start: From = None,
    end: To = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List the leaves: what was kept, deleted, moved, held and handed out."""
    from storage.ledger.select import select
    from vms.app.site import open_archive

    with open_archive(config) as site:
        found = list(select(site.ledger, camera, instant(start), instant(end)))
    if as_json:
        print_json([{"place": at, **_facts(line), "leaf": line.decode()} for at, line in found])
        return
    rows = []
    for place, line in found:
        values = json.loads(line)
        told = (f"{name}={value}" for name, value in values.items() if name not in _COLUMNS)
        at = values.get("start", values.get("at"))
        whom = values.get("stream") or values.get("camera") or ", ".join(values.get("cameras", ()))
        rows.append((str(place), values["kind"], rfc3339(at), whom, " ".join(told)))
    print_table(("place", "kind", "start", "of", "more"), rows, empty="No leaf fits.")


def _facts(line: bytes) -> dict[str, Any]:
    """What a leaf says, with times as everywhere; `leaf` beside it is what is hashed."""
    values: dict[str, Any] = json.loads(line)
    for name in _TIMES & values.keys():
        if values[name] is not None:
            values[name] = rfc3339(values[name], digits=9)
    if isinstance(values.get("settings"), str):
        values["settings"] = json.loads(values["settings"])
    return values


_TIMES = frozenset({"start", "end", "at", "until"})
_COLUMNS = frozenset({"kind", "start", "stream", "camera", "cameras"})


@app.command()
def rotate(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Sign with a new key from now on; the old key signs that it is so."""
    from vms.app.site import open_archive

    with open_archive(config) as site:
        site.ledger.rotate()
        keys = [str(verifier) for verifier in site.ledger.keys.verifiers()]
    if as_json:
        print_json({"key": keys[-1], "earlier": keys[:-1]})
        return
    print(f"The ledger is signed with {keys[-1]} from now on. Tell those who verify.")


@app.command()
def key(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Print the verifier key (C2SP) that checkpoints are verified with; earlier ones before it."""
    from vms.app.site import open_archive

    with open_archive(config) as site:
        site.ledger.checkpoint()  # makes the key, the first time
        keys = [str(verifier) for verifier in site.ledger.keys.verifiers()]
    if as_json:
        print_json({"key": keys[-1], "earlier": keys[:-1]})
        return
    for one in keys:
        print(one)
