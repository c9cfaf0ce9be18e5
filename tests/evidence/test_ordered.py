"""What was ordered is spared by rules until it is handed out, and not for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from storage.cleaner import Cleaner
from storage.disk import RealDisk
from storage.holds.held import HeldSpans
from storage.holds.repository import Holds
from storage.retention import plan
from storage.shelf import folder_shelves
from storage.stock import SqlStock
from tests.evidence.house import GATE, START, Site
from tests.evidence.test_jobs import Interrupting
from tests.storage.encoded import coded
from tests.storage.house import settings
from vms.app.exports_duty import ExportsDuty
from vms.cameras.vault import Vault
from vms.core.clock import DAY, HOUR, MINUTE, SECOND
from vms.core.config_storage import RetentionRule
from vms.evidence.jobs import Jobs
from vms.evidence.order import Order
from vms.evidence.ordered import SPARED_FOR, Ordered
from vms.evidence.verification import verify_package


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    for _ in range(8):
        site.record(coded())
    return site


def jobs_of(site: Site, make: type[Jobs] = Jobs) -> Jobs:
    return make(site.engine, site.clock, Vault(bytes(32)), site.exporter().check)


def is_spared(ordered: Ordered) -> bool:
    return ordered.spans().covers(GATE, START, START + SECOND)


def let_go(site: Site, ordered: Ordered, *, planned: Callable[[], object] = lambda: None) -> int:
    """All that was recorded is over a quota; how many segments go of it."""
    volumes, clock = settings(site.root).volumes, site.clock
    shelves = folder_shelves(volumes, RealDisk())
    holds = Holds(site.engine, volumes, RealDisk(), clock)
    rules = {GATE.camera: RetentionRule(name="small", quota=1)}
    due = plan(SqlStock(site.engine), rules, ordered.spans(), clock.now(), set(shelves))
    planned()
    cleaner = Cleaner(site.engine, lambda: shelves, 1, holds, site.ledger, clock)
    return cleaner.delete(due, rules, spared=ordered.spans).segments


def test_rules_let_nothing_go_that_an_export_is_just_reading(site: Site) -> None:
    ordered = Ordered(site.engine, site.clock)
    jobs = jobs_of(site, Interrupting)
    assert isinstance(jobs, Interrupting)
    gone: list[int] = []
    jobs.act = lambda: gone.append(let_go(site, ordered))
    jobs.add(site.order(5, 30))
    folder = site.root / "exports"
    ExportsDuty(jobs, site.exporter(), folder, site.clock, RealDisk()).work(threading.Event())
    (done,) = jobs.list()
    assert (done.state, done.error) == ("done", None)
    assert verify_package(folder / f"{done.id}.zip").good
    assert gone
    assert gone[0] == 1, "the first four seconds nobody ordered"
    assert let_go(site, ordered) == 7


def test_what_is_ordered_after_the_plan_is_spared_too(site: Site) -> None:
    ordered, jobs = Ordered(site.engine, site.clock), jobs_of(site)
    assert let_go(site, ordered, planned=lambda: jobs.add(site.order(0, 31))) == 0
    assert let_go(site, ordered) == 0


@pytest.mark.parametrize("end", ["done", "failed", "cancelled"])
def test_what_ended_is_spared_no_longer(site: Site, end: str) -> None:
    ordered, jobs = Ordered(site.engine, site.clock), jobs_of(site)
    id_ = jobs.add(site.order(0, 31)).id
    assert is_spared(ordered)
    jobs.take()
    assert is_spared(ordered)
    ends = {"done": lambda: jobs.finish(id_, 1, 1), "failed": lambda: jobs.fail(id_, "no")}
    ends.get(end, lambda: jobs.cancel(id_))()
    assert jobs.get(id_).state == end
    assert not is_spared(ordered)


def test_what_a_custodian_left_running_is_spared_until_it_is_begun_anew(site: Site) -> None:
    ordered, jobs = Ordered(site.engine, site.clock), jobs_of(site)
    jobs.add(site.order(0, 31))
    jobs.take()
    jobs.resume()
    assert is_spared(ordered)


def test_nothing_is_spared_for_ever(site: Site) -> None:
    ordered, jobs = Ordered(site.engine, site.clock), jobs_of(site)
    jobs.add(site.order(0, 31))
    site.clock.advance(SPARED_FOR - DAY)
    assert is_spared(ordered)
    site.clock.advance(DAY + SECOND)
    assert not is_spared(ordered)


def commanded(site: Site) -> Order:
    return replace(site.order(0, 31), id="command-1", by="os:ayse")


def test_a_command_spares_while_it_runs_and_no_custodian_takes_it(site: Site) -> None:
    ordered, jobs = Ordered(site.engine, site.clock), jobs_of(site)
    with ordered.running(commanded(site)):
        assert is_spared(ordered)
        assert jobs.list() == []
        assert jobs.resume() == ()
        assert jobs.take() is None
    assert not is_spared(ordered)


def test_a_command_that_was_killed_spares_nothing_an_hour_later(site: Site) -> None:
    ordered, jobs = Ordered(site.engine, site.clock), jobs_of(site)
    killed = ordered.running(commanded(site))
    still = killed.__enter__()
    for _ in range(3):  # it runs for longer than it may be silent
        site.clock.advance(50 * MINUTE)
        still()
    assert is_spared(ordered)
    site.clock.advance(HOUR + SECOND)
    assert not is_spared(ordered)
    jobs.forget(site.clock.now())
    with ordered.running(commanded(site)):  # its row is gone
        assert is_spared(ordered)


def test_held_and_ordered_spans_are_one(site: Site) -> None:
    held = HeldSpans.of([("a", 0, 10), ("*", 90, 100)])
    both = held.joined(HeldSpans.of([("a", 10, 20), ("b", 5, 6)]))
    assert both.within("a", 0, 100) == [(0, 20), (90, 100)]
    assert both.within("b", 0, 100) == [(5, 6), (90, 100)]
    assert both.within("c", 0, 100) == [(90, 100)]
