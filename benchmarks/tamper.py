"""Tampering: a thousand random manipulations of files, rows and ledger, and who is found."""

from __future__ import annotations

import time
from collections import Counter

from benchmarks.processes import workplace
from benchmarks.report import Figure, Report

TIMES = 1_000
CLEAN = 20


def run(times: int = TIMES) -> Report:
    """Tamper with a small archive again and again, and ask `vms verify`'s audit each time."""
    from tests.storage.tampering import MANIPULATIONS, House, tampered

    with workplace() as folder:
        (folder / "house").mkdir()
        house = House(folder / "house")
        began = time.monotonic()
        alarms = sum(len(house.check(kept=True)) for _ in range(CLEAN))
        each = (time.monotonic() - began) / CLEAN
        missed: Counter[str] = Counter()
        found = named = 0
        for seed in range(times):
            told, findings, is_named = tampered(house, seed)
            found += bool(findings)
            named += is_named
            if not is_named:
                missed[told.what] += 1
        segments = len(house.rows())
        house.engine.dispose()
    figures = (
        Figure("manipulations found", 100 * found / times, "%", 100, "at least"),
        Figure("found and named", 100 * named / times, "%", 100, "at least"),
        Figure("false alarms on the untouched archive", alarms, "", 0, digits=0),
        Figure("one check", each * 1000, "ms"),
    )
    notes = tuple(f"not named: {what} ({count})" for what, count in missed.most_common(10))
    return Report(
        name="tamper",
        title="Tampering",
        how=(
            f"{times:,} manipulations of {len(MANIPULATIONS)} sorts, one at a time, of files, rows "
            f"and ledger of an archive of {segments} segments; each checked as `vms verify` does."
        ),
        figures=figures,
        notes=notes,
    )
