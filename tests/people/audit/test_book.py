"""Kept, found again, forgotten by age; whoever changes it past us is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from storage.findings import Kind
from storage.ledger.leaves import AuditLeaf, ForgetLeaf, parse
from storage.ledger.log import Ledger
from vms.core.clock import DAY, HOUR, FakeClock, Instant, Span
from vms.core.errors import StorageError
from vms.people.audit.book import Book
from vms.people.audit.check import AuditCheck
from vms.people.audit.entry import Entry, What
from vms.people.audit.entry import parse as parse_entry
from vms.people.audit.records import Query, Records
from vms.people.audit.trail import Trail


def entry(clock: FakeClock, who: str = "ali", **more: object) -> Entry:
    values = {"what": What.LIVE, "camera": "gate-north", **more}
    return Entry(at=clock.now(), who=who, **values)  # type: ignore[arg-type]


def wrong(engine: Engine, ledger: Ledger) -> list[str]:
    found = list(AuditCheck(engine, ledger, patience=0).findings())
    assert all(one.kind is Kind.AUDIT_CHANGED for one in found)
    return [one.detail for one in found]


def filled(book: Book, clock: FakeClock) -> None:
    for batch in range(4):
        book.write([entry(clock, f"p{batch}", subject=str(n)) for n in range(5)])
        clock.advance(Span(HOUR))


def test_an_entrys_line_is_canonical(clock: FakeClock) -> None:
    one = entry(clock, "İ\x00nci\n", detail="a" * 2_000, start=Instant(5))
    assert one.who == "İ nci"
    assert len(one.detail) == 500
    assert parse_entry(one.line()) == one
    for bad in (b"", b"[]", b"{}", one.line() + b" ", one.line().replace(b"live", b"lives")):
        with pytest.raises(ValueError):
            parse_entry(bad)


def test_entries_are_kept_with_a_leaf_for_each_batch(
    book: Book, clock: FakeClock, engine: Engine, ledger: Ledger
) -> None:
    filled(book, clock)
    leaves = [parse(line) for _, line in ledger.leaves()]
    assert [leaf.count for leaf in leaves if isinstance(leaf, AuditLeaf)] == [5, 5, 5, 5]
    found = list(Records(engine).all(Query(person="P3")))
    assert [one.entry.subject for one in found] == ["4", "3", "2", "1", "0"]
    assert wrong(engine, ledger) == []


TAMPERED: dict[str, tuple[str, str]] = {
    "an entry's words": (
        "UPDATE audit_entry SET line = replace(line, 'p1', 'p9') WHERE id = 7",
        "entry 7 was changed",
    ),
    "words and columns": (
        "UPDATE audit_entry SET line = replace(line, 'p1', 'p9'), who = 'p9', who_key = 'p9'"
        " WHERE id = 7",
        "was changed",
    ),
    "what it is found by": ("UPDATE audit_entry SET camera = 'x' WHERE id = 7", "column camera"),
    "its order": ("UPDATE audit_entry SET position = 9 WHERE id = 20", "was changed"),
    "one removed": ("DELETE FROM audit_entry WHERE id = 7", "1 of 5 entries are gone: 1"),
    "the last removed": ("DELETE FROM audit_entry WHERE id > 15", "5 of 5 entries are gone"),
    "a batch removed whole": (
        "DELETE FROM audit_entry WHERE id > 15; DELETE FROM audit_batch WHERE last ="
        " (SELECT max(last) FROM audit_batch)",
        "5 of 5 entries are gone",
    ),
    "one put in": (
        "INSERT INTO audit_entry (batch, position, at, what, who, who_key, camera, viewing, line)"
        " SELECT batch, 5, at, what, who, who_key, camera, viewing, line FROM audit_entry"
        " WHERE id = 7",
        "1 entries more",
    ),
    "a batch put in": (
        "INSERT INTO audit_entry (batch, position, at, what, who, who_key, camera, viewing, line)"
        " SELECT 'mine', 0, at, what, who, who_key, camera, viewing, line FROM audit_entry"
        " WHERE id = 7",
        "no leaf in the ledger",
    ),
    "made to look old": ("UPDATE audit_batch SET last = 5 WHERE count = 5", "audit_batch"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_who_changes_the_database_is_found(
    name: str, book: Book, clock: FakeClock, engine: Engine, ledger: Ledger
) -> None:
    filled(book, clock)
    statements, expected = TAMPERED[name]
    with engine.begin() as connection:
        for statement in statements.split("; "):
            assert connection.execute(sa.text(statement)).rowcount > 0
    found = wrong(engine, ledger)
    assert found
    assert all(expected in one for one in found), found


def test_forgetting_has_its_leaf_and_is_no_tampering(
    book: Book, clock: FakeClock, engine: Engine, ledger: Ledger
) -> None:
    filled(book, clock)
    clock.advance(Span(30 * DAY))
    book.write([entry(clock, "new")])
    assert book.forget(Span(30 * DAY + 2 * HOUR)) == 2
    assert {one.entry.who for one in Records(engine).all(Query())} == {"p2", "p3", "new"}
    assert any(isinstance(parse(line), ForgetLeaf) for _, line in ledger.leaves())
    assert wrong(engine, ledger) == []
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM audit_entry WHERE who = 'p2'"))
        connection.execute(sa.text("DELETE FROM audit_batch WHERE count = 5"))
    assert any("entries are gone" in one for one in wrong(engine, ledger))


class Stops(Exception):
    pass


@pytest.mark.parametrize("where", ["ledger", "rows"])
def test_a_crash_between_journal_ledger_and_rows_loses_nothing(
    where: str,
    book: Book,
    clock: FakeClock,
    engine: Engine,
    ledger: Ledger,
    tmp_path: Path,
) -> None:
    class Stopping(Ledger):
        def append(self, leaves):  # type: ignore[no-untyped-def]
            if where == "rows":
                super().append(leaves)
            raise Stops

    broken = Book(engine, Stopping(tmp_path / "ledger", None, clock), tmp_path / "audit", clock)
    with pytest.raises(Stops):
        broken.write([entry(clock)])
    assert Records(engine).last() == 0
    book.settle()
    assert [one.entry for one in Records(engine).all(Query())] == [entry(clock)]
    assert wrong(engine, ledger) == []
    book.settle()
    assert Records(engine).last() == 1


def test_a_torn_journal_costs_only_what_was_being_written(
    book: Book, clock: FakeClock, engine: Engine, tmp_path: Path
) -> None:
    book.write([entry(clock)])
    (tmp_path / "audit" / "pending").write_bytes(b'{"id":"x","lin')
    book.write([entry(clock, "veli")])
    assert [one.entry.who for one in Records(engine).all(Query())] == ["veli", "ali"]


def test_a_page_goes_on_where_the_last_ended_and_a_viewing_is_one(
    book: Book, clock: FakeClock, engine: Engine
) -> None:
    grown = [entry(clock, viewing="v", start=Instant(0), end=Instant(n * 60)) for n in (1, 2, 3)]
    book.write([*grown, *(entry(clock, subject=str(n)) for n in range(4))])
    records = Records(engine)
    first = records.page(Query(), 3)
    rest = records.page(Query(), 9, first[-1].id)
    assert [one.id for one in [*first, *rest]] == [7, 6, 5, 4, 3]
    assert rest[-1].entry.end == 180
    about = Query(start=Instant(100), end=Instant(200), footage=True, cameras=("gate-north",))
    assert [one.id for one in records.page(about, 9)] == [3]
    assert [one.id for one in records.after(5, 9)] == [6, 7]


@pytest.fixture
def failing(tmp_path: Path) -> Callable[[bool], None]:
    def fail(wanted: bool) -> None:
        file = tmp_path / "audit"
        if wanted:
            file.write_text("in the way")
        else:
            file.unlink()

    return fail


def test_a_full_queue_and_a_failed_disk_are_told_as_entries(
    book: Book, clock: FakeClock, engine: Engine, failing: Callable[[bool], None]
) -> None:
    trail = Trail(book, clock, queue_max=3)
    failing(True)
    for number in range(5):
        trail.tell(entry(clock, subject=str(number)))
    trail.flush()
    failing(False)
    trail.flush()
    kept = [one.entry for one in Records(engine).all(Query())][::-1]
    assert [one.subject for one in kept if one.what is What.LIVE] == ["0", "1", "2"]
    assert [one.subject for one in kept if one.what is What.LOST] == ["2"]


def test_a_trail_that_runs_keeps_all_at_its_end(
    book: Book, clock: FakeClock, engine: Engine
) -> None:
    trail = Trail(book, clock)
    with trail.running():
        trail.tell(entry(clock))
    assert Records(engine).last() == 1


def test_a_ledger_that_refuses_makes_it_wait(
    book: Book, clock: FakeClock, engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "ledger").write_text("in the way")
    with pytest.raises(StorageError):
        book.write([entry(clock)])
    (tmp_path / "ledger").unlink()
    book.settle()
    assert Records(engine).last() == 1


def test_who_looked_for_hours_is_found_at_each_moment_of_it(
    book: Book, clock: FakeClock, engine: Engine
) -> None:
    begin = clock.now()
    for _ in range(3):
        book.write([entry(clock, viewing="v", start=Instant(0), end=Instant(9))])
        clock.advance(Span(HOUR))
    span = {"start": Instant(begin + HOUR // 2), "end": Instant(begin + HOUR)}
    (found,) = Records(engine).all(Query(**span))
    assert (found.since, found.entry.at) == (begin, begin + 2 * HOUR)
    assert list(Records(engine).all(Query(end=begin))) == []
