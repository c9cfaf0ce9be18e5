"""Searching the audit: who saw this camera, what did this person see. Reads only; blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine, select

from vms.core.clock import Instant, rfc3339
from vms.people.accounts import fold_name
from vms.people.audit.entry import Entry, What, parse
from vms.people.audit.schema import audit_batch, audit_entry

PAGE_MAX = 1_000

_entry = audit_entry.c


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for; None and empty: all.

    `start`, `end`: what was done then, of viewings what went on then; with `footage` what is about
    footage of then instead.
    `whole`: of a viewing only its last entry, which says all of it.
    """

    cameras: tuple[str, ...] = ()
    person: str | None = None
    what: tuple[What, ...] = ()
    start: Instant | None = None
    end: Instant | None = None
    footage: bool = False
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry with its number, by which pages go on, and its place in batch and so ledger.

    `since`: when the viewing began that it belongs to; else when it was made.
    """

    id: int
    batch: str
    position: int
    entry: Entry
    since: Instant

    def as_json(self) -> dict[str, object]:
        return {"id": self.id, **self.entry.as_json(), "since": rfc3339(self.since)}


class Records:
    """The table of entries, for reading."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def page(self, query: Query, limit: int, before: int | None = None) -> list[Kept]:
        """The newest first; `before`: those with a smaller number than this."""
        asked = _asked(query)
        if before is not None:
            asked = asked.where(_entry.id < before)
        asked = asked.order_by(_entry.id.desc()).limit(min(limit, PAGE_MAX))
        with self._engine.connect() as connection:
            return [_kept(row) for row in connection.execute(asked)]

    def all(self, query: Query) -> Iterator[Kept]:
        """Everything asked for, the newest first, a page at a time."""
        before: int | None = None
        while found := self.page(query, PAGE_MAX, before):
            yield from found
            before = found[-1].id

    def after(self, number: int, limit: int) -> list[Kept]:
        """What was kept after entry `number`, in order."""
        asked = select(audit_entry).where(_entry.id > number).order_by(_entry.id).limit(limit)
        with self._engine.connect() as connection:
            return [_kept(row) for row in connection.execute(asked)]

    def viewings(self, names: Sequence[str]) -> list[Entry]:
        """All entries of these viewings, in order."""
        asked = select(audit_entry).where(_entry.viewing.in_(names)).order_by(_entry.id)
        with self._engine.connect() as connection:
            return [_kept(row).entry for row in connection.execute(asked)]

    def closed(self, what: What) -> Iterator[Entry]:
        """The last entry of every viewing of a kind that is over, a page at a time."""
        number = 0
        asked = select(audit_entry).where(_entry.what == str(what), _entry.viewing != "")
        while True:
            page = asked.where(_entry.id > number).order_by(_entry.id).limit(PAGE_MAX)
            with self._engine.connect() as connection:
                found = [_kept(row) for row in connection.execute(page)]
            yield from (one.entry for one in found if one.entry.phase == "closed")
            if len(found) < PAGE_MAX:
                return
            number = found[-1].id

    def last(self) -> int:
        """The number of the newest entry; 0 if there is none."""
        with self._engine.connect() as connection:
            return connection.scalar(select(sa.func.max(_entry.id))) or 0

    def place(self, batch: str) -> int | None:
        """Where the leaf of a batch stands in the ledger; None if its row is gone."""
        asked = select(audit_batch.c.leaf).where(audit_batch.c.id == batch)
        with self._engine.connect() as connection:
            return connection.scalar(asked)

    def lines(self, batch: str) -> list[bytes]:
        """The lines of a batch, in order."""
        asked = select(_entry.line).where(_entry.batch == batch).order_by(_entry.position)
        with self._engine.connect() as connection:
            return [line.encode() for line in connection.scalars(asked)]


def _asked(query: Query) -> sa.Select[Any]:
    mine = audit_entry.alias()
    opened = select(sa.func.min(mine.c.at)).where(mine.c.viewing == _entry.viewing)
    # A viewing's last entry says all of it, and was made when it was over: it began earlier.
    began = sa.case((_entry.viewing == "", _entry.at), else_=opened.scalar_subquery())
    asked = select(audit_entry, began.label("since"))
    if query.cameras:
        asked = asked.where(_entry.camera.in_(query.cameras))
    if query.person is not None:
        asked = asked.where(_entry.who_key == fold_name(query.person))
    if query.what:
        asked = asked.where(_entry.what.in_([str(what) for what in query.what]))
    # What is about footage has a span; all else is about the moment it was done.
    first = sa.func.coalesce(_entry.start, _entry.at) if query.footage else began
    last = sa.func.coalesce(_entry.end, _entry.at) if query.footage else _entry.at
    if query.start is not None:
        asked = asked.where(last >= query.start)
    if query.end is not None:
        asked = asked.where(first < query.end)
    if query.whole:
        later = audit_entry.alias()
        newer = select(later.c.id).where(later.c.viewing == _entry.viewing, later.c.id > _entry.id)
        asked = asked.where(sa.or_(_entry.viewing == "", ~newer.exists()))
    return asked


def _kept(row: sa.Row[Any]) -> Kept:
    try:
        entry = parse(row.line.encode())
    except ValueError:
        # Somebody changed it past us: shown all the same, and `vms verify` names it.
        entry = Entry(Instant(row.at), _what(row.what), row.who, detail="(damaged)")
    since = Instant(getattr(row, "since", row.at))
    return Kept(row.id, row.batch, row.position, entry, since)


def _what(text: str) -> What:
    try:
        return What(text)
    except ValueError:
        return What.LOST
