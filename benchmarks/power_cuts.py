"""Ten thousand simulated power cuts over a site at work, and what each of them cost."""

from __future__ import annotations

import logging
import multiprocessing
import time
from typing import Any

import structlog

from benchmarks.report import Figure, Report
from vms.core.clock import SECOND

_CUTS = 10_000
_EACH = 2  # images before each operation
_TRIED = 4  # of every so many-th cut all is asked, see PowerCuts
_PROCESSES = 2


def run(cuts: int = _CUTS) -> Report:
    """Scenario after scenario on two cores, until there were enough."""
    began, seed = time.monotonic(), 0
    done, lost, broken, scenarios = 0, 0, [], 0
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(_PROCESSES) as pool:
        while done < cuts:
            seeds = range(seed, seed + _PROCESSES)
            for one in pool.map(_scenario, seeds):
                done += one[0]
                lost = max(lost, one[1])
                broken += one[2]
            scenarios += len(seeds)
            seed += len(seeds)
    figures = (
        Figure("power cuts", done, "", _CUTS if cuts == _CUTS else None, "at least", 0),
        Figure("lost, at most", lost / SECOND, "s", 1.0, digits=1),
        Figure("inconsistent states", len(broken), "", 0, digits=0),
        Figure("scenarios", scenarios, digits=0),
        Figure("cuts a second", done / (time.monotonic() - began), digits=1),
    )
    how = (
        "Two cameras on two volumes record, rotate, lose a connection, leave a volume, move to a "
        "bucket, hold, delete, export and lift. Before every operation of the simulated disk "
        "images of what a power cut could leave (pages lost and torn, names in any order) are "
        "taken and started again, and the invariants of design §7 are asked; 7, 8 and 10 "
        "(a rebuild, a full disk, a clock that jumps) of every fourth cut."
    )
    return Report("power_cuts", "Power cuts", how, figures, tuple(broken[:5]))


def _scenario(seed: int) -> tuple[int, int, list[str]]:
    from tests.storage.power_cuts import cut_power

    quiet: Any = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    outcome = cut_power([seed], _EACH, _TRIED)
    return outcome.cuts, outcome.lost, outcome.broken
