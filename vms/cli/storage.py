"""`vms storage`: is what is stored as it should be, and making it so."""

from __future__ import annotations

import itertools
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from vms.cli.checking import Checked, sentence, speed, threads
from vms.cli.options import DEFAULT_CONFIG, AsJson, Config, print_json, print_table
from vms.cli.progress import progress_bar
from vms.core.clock import rfc3339
from vms.core.errors import BadRequest

if TYPE_CHECKING:
    from storage.check import Level

app = typer.Typer(
    help="What is stored: check it, rebuild its index, see findings.", no_args_is_help=True
)

LevelOption = Annotated[str, typer.Option("--level", help="presence, size or hash.")]
_REBUILT = ("segments", "bytes", "gaps", "dropped", "lost", "deleted", "leaves")


@app.command("check")
def check(
    level: LevelOption = "hash", config: Config = DEFAULT_CONFIG, as_json: AsJson = False
) -> None:
    """Hold every row against its file and every file against its row; changes nothing."""
    from storage.check import Level, total, verify_archive
    from storage.tiers.check import verify_tiers
    from vms.app.site import open_archive

    chosen = _level(level, *Level)
    began = time.monotonic()
    with (
        open_archive(config) as site,
        progress_bar("Checking", total(site.engine)[1], quiet=as_json) as advance,
    ):
        checked = Checked(advance)
        found = verify_archive(
            site.engine,
            site.settings.volumes,
            chosen,
            site.clock,
            threads=threads(),
            progress=checked,
        )
        far = verify_tiers(site.engine, site.tiers, chosen, progress=checked)
        findings = []
        for finding in itertools.chain(found, far):
            findings.append(finding.as_json())
            if not as_json:
                print(f"{finding.subject}: {finding.kind}: {finding.detail}")
    seconds = time.monotonic() - began
    if as_json:
        facts = {"files": checked.files, "bytes": checked.bytes, "seconds": round(seconds, 3)}
        print_json({"level": level.lower(), **facts, "findings": findings})
    else:
        print(sentence(len(findings)))
        told = speed(checked.files, checked.bytes, seconds, read=chosen is Level.HASH)
        print(told, file=sys.stderr)
    if findings:
        raise typer.Exit(1)


@app.command("rebuild")
def rebuild(
    level: Annotated[
        str,
        typer.Option(
            "--level",
            help="hash reads every byte; size, quick, believes the ledger's hashes.",
        ),
    ] = "hash",
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Make the index, the holds and the ledger anew from the volumes; no recorder may run.

    Segments, gaps and what was deleted come from the files and the ledger's replica on each volume;
    the exit code is 1 if anything was not as it should be.
    """
    from storage.check import Level, total
    from vms.app.rebuilding import rebuild as rebuild_site
    from vms.app.site import open_archive

    chosen = _level(level, Level.SIZE, Level.HASH)
    began = time.monotonic()
    with (
        open_archive(config) as site,
        progress_bar("Rebuilding", total(site.engine)[1], quiet=as_json) as advance,
    ):
        done = rebuild_site(site, chosen, threads=threads(), progress=lambda _, size: advance(size))
    seconds = time.monotonic() - began
    findings = [finding.as_json() for finding in done.findings]
    if as_json:
        facts = {name: getattr(done, name) for name in _REBUILT}
        print_json({"level": level.lower(), **facts, "seconds": seconds, "findings": findings})
    else:
        for finding in done.findings:
            print(f"{finding.subject}: {finding.kind}: {finding.detail}")
        told = ", ".join(f"{getattr(done, name):,} {name}" for name in _REBUILT if name != "bytes")
        print(f"{sentence(len(findings))} Rebuilt: {told}.")
        read = chosen is Level.HASH
        print(speed(done.segments, done.bytes, seconds, read=read), file=sys.stderr)
    if findings:
        raise typer.Exit(1)


@app.command("scrub")
def scrub(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Say how far the custodian has come in reading everything again, and when it last had."""
    from storage.scrub import Scrub
    from vms.app.site import open_archive

    with open_archive(config) as site:
        period = site.settings.custody.scrub
        facts = Scrub(site.engine, site.settings, site.clock).state().as_json()
    if as_json:
        print_json(facts)
    elif not period:
        print("The scrub is switched off ([custody] scrub).")
    else:
        share = f"{facts['done']:,} of {facts['total']:,} bytes, {facts['files']:,} files"
        print(
            f"{share} since {facts['since'] or 'never'}; last complete: {facts['last'] or 'never'}"
        )


@app.command("findings")
def findings(
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that are well again.")
    ] = False,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List what is known not to be well, since when, and when it was last seen so."""
    from storage.findings import Findings
    from vms.app.site import open_archive

    with open_archive(config) as site:
        kept = Findings(site.engine, site.clock)
        found = [one.as_json() for one in (kept.recent() if everything else kept.open())]
    if as_json:
        print_json(found)
        return
    rows = [
        (str(f["kind"]), str(f["subject"]), str(f["detail"]), str(f["first"]), str(f["last"]))
        for f in found
    ]
    print_table(("kind", "subject", "detail", "first", "last"), rows, empty="All is well.")


@app.command("tiers")
def tiers(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the buckets that older footage moves to: do they answer, and what stands there."""
    from storage.tiers.facts import GOOD, tier_facts
    from vms.app.site import open_archive

    with open_archive(config) as site:
        found = tier_facts(site.tiers, site.engine, site.clock)
    if as_json:
        print_json([one.as_json() for one in found])
    else:
        rows = [
            (
                one.tier.name,
                one.tier.url,
                one.state,
                f"{one.stored.segments:,}",
                f"{one.stored.size / 1e9:,.1f} GB",
                "" if one.stored.oldest is None else rfc3339(one.stored.oldest),
                one.detail or (one.last.detail if one.last is not None else ""),
            )
            for one in found
        ]
        columns = ("name", "bucket", "state", "segments", "size", "oldest", "last trouble")
        print_table(columns, rows, empty="No [[tiers]] in the settings.")
    if any(one.state != GOOD for one in found):
        raise typer.Exit(1)


def _level(text: str, *allowed: Level) -> Level:
    for level in allowed:
        if text.upper() == level.name:
            return level
    known = ", ".join(level.name.lower() for level in allowed)
    raise BadRequest(f"{text!r} is not a level; use {known}")


@app.command("accept")
def accept(
    path: Annotated[str, typer.Argument(help="The volume's path, as in the settings.")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Take what stands at a volume's path for its volume from now on: a new disk, or another."""
    from storage.known_volumes import KnownVolumes
    from vms.app.site import open_archive

    with open_archive(config) as site:
        paths = [volume.path for volume in site.settings.volumes]
        wanted = site.settings.file.parent / path
        if wanted not in paths:
            known = ", ".join(str(one) for one in paths)
            raise BadRequest(f"{path} is no volume of the settings; those are {known}")
        before = KnownVolumes(site.engine).accept(wanted)
    if before is None:
        print(f"{wanted}: no volume was known there; whatever stands there is taken.")
    else:
        print(f"{wanted}: volume {before} is given up there; whatever stands there is taken.")
