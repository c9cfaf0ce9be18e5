"""Events come in once, are bounded, and whoever asks finds those of his span."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import inspect

from storage.database import migrate, open_database
from vms.alarms import events as module
from vms.alarms.event import AHEAD, BEHIND, UNTOLD, Event, thinned
from vms.alarms.events import Events
from vms.alarms.schema import event as table
from vms.alarms.schema import metadata
from vms.core.clock import MINUTE, SECOND, FakeClock, Instant, Span
from vms.core.errors import BadRequest, NotFound
from vms.core.model import CameraId

GATE, YARD = CameraId("gate"), CameraId("yard")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def events(clock: FakeClock) -> Iterator[Events]:
    engine = open_database("sqlite:///:memory:")
    metadata.create_all(engine)
    yield Events(engine, clock)
    engine.dispose()


def test_an_event_is_a_moment_unless_it_has_an_end(events: Events, clock: FakeClock) -> None:
    now = clock.now()
    moment = events.add(GATE, "motion", detail="zone 1")
    assert (moment.start, moment.end, moment.detail) == (now, now, "zone 1")
    span = events.add(YARD, "motion", Instant(now - MINUTE), now)
    assert (span.start, span.end) == (now - MINUTE, now)
    assert events.between(GATE, now, Instant(now + 1)) == [moment]
    assert events.between(GATE, Instant(now + 1), Instant(now + 2)) == []
    assert events.between(YARD, Instant(now - SECOND), Instant(now + 1)) == [span]


def test_a_source_that_repeats_itself_makes_one_event_longer(
    events: Events, clock: FakeClock
) -> None:
    first = events.add(GATE, "motion")
    for _ in range(20):
        clock.advance(SECOND // 2)
        again = events.add(GATE, "motion")
    assert (again.id, again.start, again.end) == (first.id, first.start, clock.now())
    assert events.add(GATE, "tamper").id != first.id
    assert events.add(GATE, "motion", detail="other").id != first.id
    clock.advance(3 * SECOND)
    assert events.add(GATE, "motion").id != first.id


def test_an_event_lasts_until_it_is_ended(events: Events, clock: FakeClock) -> None:
    lasting = events.add(GATE, "digital_input", lasts=True)
    clock.advance(MINUTE)
    assert events.active(clock.now()) == [lasting]
    assert events.add(GATE, "digital_input", lasts=True).id == lasting.id
    ended = events.end_of(GATE, lasting.id)
    assert ended.end == clock.now()
    clock.advance(SECOND)
    assert events.end_of(GATE, lasting.id) == ended, "twice is harmless"
    assert events.active(clock.now()) == []
    assert events.active(Instant(clock.now() - 2 * SECOND)) == [ended]
    with pytest.raises(NotFound):
        events.end_of(YARD, lasting.id)


def test_an_event_whose_source_died_is_over(events: Events, clock: FakeClock) -> None:
    lasting = events.add(GATE, "motion", lasts=True)
    clock.advance(UNTOLD + 1)
    assert events.active(clock.now()) == []
    assert lasting.until(clock.now()) == lasting.told + UNTOLD
    assert events.between(GATE, clock.now(), Instant(clock.now() + 1)) == []
    assert events.add(GATE, "motion", Instant(clock.now() + 2 * SECOND)).id != lasting.id


@pytest.mark.parametrize(
    ("kind", "start", "end", "says"),
    [
        ("Motion", 0, None, "no kind"),
        ("", 0, None, "no kind"),
        ("x" * 41, 0, None, "no kind"),
        ("motion", AHEAD + 1, None, "last day"),
        ("motion", -BEHIND - 1, None, "last day"),
        ("motion", 0, -1, "must lie from the start"),
        ("motion", 0, AHEAD + 1, "not ahead"),
    ],
)
def test_what_can_not_be_is_refused(
    events: Events, clock: FakeClock, kind: str, start: int, end: int | None, says: str
) -> None:
    now = clock.now()
    until = Instant(now + end) if end is not None else None
    with pytest.raises(BadRequest, match=says):
        events.add(GATE, kind, Instant(now + start), until)
    with pytest.raises(BadRequest, match="letters"):
        events.add(GATE, "motion", detail="x" * 501)


def test_only_the_newest_are_kept(
    events: Events, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 100)
    monkeypatch.setattr(module, "_TIDY_EACH", 50)
    events.add(YARD, "motion", lasts=True)
    for _ in range(299):
        clock.advance(5 * SECOND)
        events.add(GATE, "motion")
    with events._engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(table)) == 100
        assert connection.scalar(sa.select(sa.func.min(table.c.id))) == 201


def test_each_reads_all_of_a_span_once_and_in_order() -> None:
    """More than are read at a time, many of one moment."""
    clock, engine = FakeClock(), open_database("sqlite:///:memory:")
    metadata.create_all(engine)
    begin, now = Instant(clock.now() - MINUTE), clock.now()
    rows = [
        {"camera": GATE, "kind": "motion", "detail": str(n), "start": begin + n // 900, "told": now}
        | {"end": begin + n // 900}
        for n in range(2_500)
    ]
    with engine.begin() as connection:
        connection.execute(sa.insert(table), rows)
    found = list(Events(engine, clock).each(GATE, begin, now))
    assert [one.detail for one in found] == [str(n) for n in range(2_500)]
    assert found[:2_000] == Events(engine, clock).between(GATE, begin, now, 2_500)[:2_000]
    assert len(list(Events(engine, clock).each(GATE, Instant(begin + 1), now))) == 1_600
    assert list(Events(engine, clock).each(YARD, begin, now)) == []
    engine.dispose()


def test_a_timeline_gets_one_of_a_kind_for_a_pixel() -> None:
    def at(number: int, start: int, length: int, kind: str = "motion") -> Event:
        return Event(number, GATE, kind, Instant(start), Instant(start + length), "", Instant(0))

    many = [at(n, n, n % 7) for n in range(100)] + [at(100, 5, 0, "tamper")]
    shown = thinned(many, Span(10), 50)
    assert len(shown) == 11
    assert {event.id for event in shown} >= {6, 13, 100}
    assert [event.start for event in shown] == sorted(event.start for event in shown)
    assert len(thinned(many, Span(1), 20)) == 20


def test_the_migrations_make_the_same_table(tmp_path: Path) -> None:
    migrated = open_database(f"sqlite:///{tmp_path / 'm.db'}")
    declared = open_database("sqlite:///:memory:")
    migrate(migrated)
    metadata.create_all(declared)
    left, right = inspect(migrated), inspect(declared)
    for columns in (left.get_columns("event"), right.get_columns("event")):
        assert [c["name"] for c in columns] == [c.name for c in table.columns]
    indexes = [
        {i["name"]: i["column_names"] for i in one.get_indexes("event")} for one in (left, right)
    ]
    assert indexes[0] == indexes[1]
    migrated.dispose()
    declared.dispose()
