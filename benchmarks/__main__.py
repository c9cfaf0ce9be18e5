"""`make bench`: all promises, or those named; `--page` writes docs and README from this run."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.report import Report, headline, latest, page

NAMES = (
    "recorder_cpu",
    "recorder_audit",
    "kill",
    "full_disk",
    "volume_pulled",
    "first_picture",
    "glass",
    "live_viewers",
    "lookback",
    "timeline",
    "activity",
    "motion",
    "preroll",
    "restore",
    "retention",
    "power_cuts",
    "rebuild",
    "wall",
    "demo_cpu",
    "tamper",
    "picture_checks",
    "sick",
    "restart",
    "export",
    "discovery",
    "ptz",
    "audit_cost",
    "permit_cost",
)
README = Path(__file__).resolve().parent.parent / "README.md"
PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"


def main() -> int:
    """Run, print, keep; exit code 1 if a promise was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    told = "write docs/performance.md and the README's figures: of each benchmark its last outcome"
    parser.add_argument("--page", action="store_true", help=told)
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(NAMES)
    if unknown:
        parser.error(
            f"there is no benchmark {', '.join(sorted(unknown))}; known: {', '.join(NAMES)}"
        )
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line for each question asked
    console = Console()
    reports: list[Report] = []
    for name in arguments.names or NAMES:
        started = time.monotonic()
        console.print(f"[dim]{name} …[/dim]")
        report: Report = importlib.import_module(f"benchmarks.{name}").run()
        report.append()
        reports.append(report)
        _show(console, report, time.monotonic() - started)
        if arguments.page:  # after each, so that a run that is cut off has told what it knew
            PAGE.write_text(page(latest(NAMES)))
            README.write_text(headline(README.read_text(), latest(NAMES)))
    return int(any(figure.met is False for report in reports for figure in report.figures))


def _show(console: Console, report: Report, seconds: float) -> None:
    table = Table(title=f"{report.title} ({seconds:.0f} s)", title_justify="left", box=None)
    for column in ("", "measured", "promise", ""):
        table.add_column(column)
    for figure in report.figures:
        name, value, promise, verdict = figure.row()
        style = "red" if figure.met is False else None
        table.add_row(name, value, promise, verdict.strip("*"), style=style)
    console.print(table)
    for note in report.notes:
        console.print(f"  {note}", style="dim", markup=False)
    console.print()


if __name__ == "__main__":
    sys.exit(main())
