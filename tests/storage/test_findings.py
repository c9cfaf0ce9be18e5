"""Findings begin, last and end; each is logged once, and their number is bounded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from storage import findings
from storage.database import migrate, open_database
from storage.findings import REST, Findings, Kind
from vms.core.clock import DAY, HOUR, SECOND, FakeClock

DAMAGED, MISSING = Kind.FOOTAGE_DAMAGED, Kind.FOOTAGE_MISSING


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_database(f"sqlite:///{tmp_path}/gozcu.db")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def kept(engine: sa.Engine, clock: FakeClock) -> Findings:
    return Findings(engine, clock)


def test_a_finding_is_logged_when_it_begins_and_when_it_ends(
    kept: Findings, clock: FakeClock
) -> None:
    with capture_logs() as logged:
        for _ in range(5):
            kept.report(DAMAGED, "gate.main.1", "SHA-256")
            clock.advance(HOUR)
        kept.well(DAMAGED, "gate.main.1")
        kept.well(DAMAGED, "gate.main.1")
        kept.well(DAMAGED, "never.main.1")
    assert [(line["event"], line["log_level"]) for line in logged] == [
        ("finding", "error"),
        ("finding ended", "info"),
    ]
    assert kept.open() == []


def test_a_finding_knows_when_it_began_and_was_last_seen(kept: Findings, clock: FakeClock) -> None:
    first = clock.now()
    kept.report(DAMAGED, "gate.main.1", "one byte")
    clock.advance(HOUR)
    kept.report(DAMAGED, "gate.main.1", "two bytes")
    (found,) = kept.open()
    assert (found.first, found.last, found.detail) == (first, first + HOUR, "two bytes")
    kept.well(DAMAGED, "gate.main.1")
    clock.advance(HOUR)
    kept.report(DAMAGED, "gate.main.1", "again")
    (found,) = kept.open()
    assert (found.first, found.detail, found.gone) == (clock.now(), "again", None)


def test_saying_it_again_within_a_minute_writes_nothing(
    kept: Findings, engine: sa.Engine, clock: FakeClock
) -> None:
    kept.report(DAMAGED, "gate.main.1", "x")
    writes: list[str] = []
    sa.event.listen(
        engine, "before_cursor_execute", lambda _c, _u, statement, *_: writes.append(statement)
    )
    clock.advance(SECOND)
    kept.report(DAMAGED, "gate.main.1", "x")
    assert not [statement for statement in writes if not statement.startswith(("SELECT", "BEGIN"))]


def test_one_kind_of_a_subject_does_not_end_another(kept: Findings) -> None:
    kept.report(DAMAGED, "gate.main.1", "x")
    kept.report(MISSING, "gate.main.1", "y")
    kept.well(DAMAGED, "gate.main.1")
    assert [found.kind for found in kept.open()] == ["footage_missing"]
    assert kept.open(DAMAGED) == []


def test_a_kind_looked_at_anew_keeps_what_lasts_and_ends_the_rest(kept: Findings) -> None:
    kept.report(Kind.VOLUME_FULL, "/a", "x")
    kept.report(MISSING, "gate.main.1", "y")
    kept.settle(Kind.VOLUME_FULL, {"/b": "z"})
    assert {found.subject for found in kept.open()} == {"/b", "gate.main.1"}
    kept.settle(Kind.VOLUME_FULL, {})
    assert {found.subject for found in kept.open()} == {"gate.main.1"}


def test_more_than_can_be_read_are_told_as_one(
    kept: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "OPEN_MAX", 3)
    with capture_logs() as logged:
        for number in range(10):
            kept.report(MISSING, f"gate.main.{number}", "gone")
        kept.report(DAMAGED, "gate.main.1", "another kind has room of its own")
    assert [found.subject for found in kept.open(MISSING)] == [
        REST,
        *(f"gate.main.{number}" for number in range(3)),
    ]
    assert kept.counts()["footage_missing"] == 4
    assert len(logged) == 5
    kept.settle(MISSING, {})
    assert kept.open(MISSING) == []


def test_what_ended_is_kept_for_a_while_and_not_for_ever(
    kept: Findings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "_GONE_MAX", 2)
    for number in range(5):
        kept.report(DAMAGED, f"gate.main.{number}", "x")
        clock.advance(SECOND)
        kept.well(DAMAGED, f"gate.main.{number}")
    assert [found.subject for found in kept.recent()] == ["gate.main.4", "gate.main.3"]
    clock.advance(91 * DAY)
    kept.report(MISSING, "gate.main.9", "y")
    kept.well(MISSING, "gate.main.9")
    assert [found.subject for found in kept.recent()] == ["gate.main.9"]


def test_every_kind_is_counted_from_zero(kept: Findings) -> None:
    assert set(kept.counts()) == {kind.value for kind in Kind}
    assert set(kept.counts().values()) == {0}


def test_a_detail_is_one_line_that_nul_and_length_do_not_break(kept: Findings) -> None:
    kept.report(DAMAGED, "gate.main.1", "a\0b\nc" + "d" * 9_000)
    (found,) = kept.open()
    assert found.detail.startswith("a b c")
    assert len(found.detail) <= 1_000
