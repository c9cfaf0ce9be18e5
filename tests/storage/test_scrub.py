"""The scrub reads everything again in its time, and tells what rotted until it is well."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.custody import Memory
from storage.findings import Findings, Kind
from storage.scrub import Scrub, read_state
from tests.storage.test_rebuild import Site
from vms.core.clock import DAY, HOUR, MINUTE
from vms.core.config_storage import CustodySettings

NEVER = threading.Event()
PERIOD = 30 * DAY


@pytest.fixture
def site(tmp_path: Path, template: Path) -> Iterator[Site]:
    site = Site(tmp_path, template)
    site.record()
    yield site
    site.engine.dispose()


def scrub(site: Site, period: int = PERIOD) -> Scrub:
    settings = site.house.model_copy(update={"custody": CustodySettings(scrub=period)})
    return Scrub(site.engine, settings, site.clock)


def run(one: Scrub, site: Site, span: int, each: int = 6 * HOUR) -> None:
    for _ in range(span // each):
        one.round(NEVER)
        site.clock.advance(each)


def test_everything_is_read_once_in_its_time_and_evenly(site: Site) -> None:
    one = scrub(site)
    run(one, site, 15 * DAY)
    half = one.state()
    size = max(row.size for row in site.rows())
    assert abs(half.done / half.total - 15 / 27) <= 2 * size / half.total  # nine tenths of 30 d
    run(one, site, 16 * DAY)
    over = one.state()
    assert over.last is not None
    assert Findings(site.engine, site.clock).open() == []


def test_it_goes_on_where_it_was_after_a_restart(site: Site) -> None:
    run(scrub(site), site, 10 * DAY)
    before = read_state(Memory(site.engine))
    run(scrub(site), site, 2 * HOUR, HOUR)
    after = read_state(Memory(site.engine))
    assert after.since == before.since
    assert before.files <= after.files <= before.files + 1


def test_what_rotted_is_found_and_what_is_good_again_is_well(site: Site) -> None:
    bad, gone = site.rows()[0], site.rows()[5]
    whole = site.path(bad).read_bytes()
    site.path(bad).write_bytes(whole[:-1] + b"\0")
    kept = site.path(gone).read_bytes()
    site.path(gone).unlink()
    one = scrub(site)
    findings = Findings(site.engine, site.clock)
    run(one, site, 31 * DAY)
    assert {(found.kind, found.subject) for found in findings.open()} == {
        (Kind.FOOTAGE_DAMAGED, f"gate.main.{bad.start}"),
        (Kind.FOOTAGE_MISSING, f"{gone.stream.camera}.main.{gone.start}"),
    }
    site.path(bad).write_bytes(whole)
    site.path(gone).write_bytes(kept)
    run(one, site, 31 * DAY)
    assert findings.open() == []


def test_a_finding_ends_when_its_segment_is_deleted_by_rule(site: Site) -> None:
    row = site.rows()[0]
    site.path(row).write_bytes(b"")
    one = scrub(site)
    findings = Findings(site.engine, site.clock)
    run(one, site, 31 * DAY)
    assert len(findings.open()) == 1
    site.delete(row)
    run(one, site, 31 * DAY)
    assert findings.open() == []


def test_after_a_long_stop_it_hurries_with_measure_and_says_that_it_is_late(site: Site) -> None:
    one = scrub(site)
    run(one, site, 3 * DAY)
    site.clock.advance(60 * DAY)
    again = scrub(site)
    run(again, site, HOUR, 10 * MINUTE)
    state = again.state()
    assert state.done < state.total / 2
    findings = Findings(site.engine, site.clock)
    assert [found.kind for found in findings.open()] == [Kind.SCRUB_LATE]
    run(again, site, 31 * DAY)
    assert findings.open() == []


def test_it_ends_at_once_when_told_and_can_be_switched_off(site: Site) -> None:
    told = threading.Event()
    told.set()
    one = scrub(site)
    one.round(told)
    site.clock.advance(29 * DAY)
    one.round(told)
    assert one.state().files == 0
    off = scrub(site, 0)
    run(off, site, DAY)
    assert off.state().files == 0


def test_a_volume_that_is_away_raises_no_finding_per_file(site: Site) -> None:
    root = site.roots[0]
    root.rename(root.with_name("elsewhere"))
    run(scrub(site), site, 31 * DAY)
    assert Findings(site.engine, site.clock).open() == []


def test_a_volume_that_comes_back_is_read_on_from_where_its_time_is(site: Site) -> None:
    root = site.roots[0]
    away = root.rename(root.with_name("elsewhere"))
    one = scrub(site)
    run(one, site, 3 * DAY)
    size = max(row.size for row in site.rows())
    state = one.state()
    assert state.done <= state.total * 3 / 27 + 2 * size  # not all of it as if it had been read
    away.rename(root)
    bad = [row for row in site.rows() if row.volume_path == str(root)][-1]
    site.path(bad).write_bytes(b"")
    run(one, site, 28 * DAY)
    found = Findings(site.engine, site.clock).open(Kind.FOOTAGE_DAMAGED)
    assert [kept.subject for kept in found] == [f"{bad.stream.camera}.main.{bad.start}"]


def test_a_place_that_cannot_be_read_is_the_beginning(site: Site) -> None:
    Memory(site.engine).put("scrub", "{broken")
    one = scrub(site)
    one.round(NEVER)
    assert one.state().files == 1
