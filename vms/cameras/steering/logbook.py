"""Steering's log read and kept: of all cameras, by person, purpose and time; what is old goes.

Calls block for a database access; not for a loop.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from storage.database import writing
from vms.cameras.steering.movement import LONGEST
from vms.cameras.steering.schema import command as command_table
from vms.core.clock import Instant, rfc3339

BOUND = 20_000_000
"""Lines kept at most, about 4 GB. Far away: a movement and its stop each ten seconds are as many in
two years when all people of a site together steer 38 hours a day. `SteeringLogDuty` tells
before."""
PAGE_MAX = 1_000
_AT_ONCE = 10_000  # lines deleted in one transaction: who steers must not wait for it

_column = command_table.c
LISTED = tuple(one for one in _column if one.name != "moves")
"""What lists are made of: the moves of a thousand movements are megabytes."""
_ended = sa.func.coalesce(_column.until, _column.at)


@dataclass(frozen=True, slots=True)
class Logged:
    """One line of the log: a command, or a movement of several. `result`: `done`, or why not in one
    word.

    `until`: when a movement ended, or was last known to go on; None of what takes no time.
    `commands`: moves it is made of. `number`: of the line, growing; 0 until it is kept. `moves`:
    each of them (`vms.cameras.steering.movement`), where they were asked for. `purpose_due`:
    whether the operator had to say what for; None of older releases' lines.
    """

    camera: str
    at: Instant
    operator: str
    command: str
    detail: str
    result: str
    purpose: str
    until: Instant | None = None
    commands: int = 1
    number: int = 0
    moves: str = ""
    purpose_due: bool | None = None

    def as_json(self) -> dict[str, object]:
        """The contract of `GET /api/ptz/log`, `vms ptz log --json` and the sheet's columns."""
        return {
            "number": self.number,
            "camera": self.camera,
            "at": rfc3339(self.at, digits=9),
            "until": None if self.until is None else rfc3339(self.until, digits=9),
            "operator": self.operator,
            "command": self.command,
            "detail": self.detail,
            "commands": self.commands,
            "result": self.result,
            "purpose": self.purpose,
        }

    def sha256(self) -> str:
        """Of the whole line, its moves too, as canonical JSON: what the audit keeps of it. Not of
        `as_json`, which may grow: what was kept must give the same for years."""
        told = {name: getattr(self, name) for name in _PROVEN}
        text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


_PROVEN = (
    *("number", "camera", "at", "until", "operator", "command", "detail", "commands", "result"),
    *("purpose", "moves"),
)


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for; None and empty: all. `cameras`: any of these, with () none at all.

    `purpose`: a part of its text. `start`, `end`: what was going on in [start, end).
    """

    cameras: tuple[str, ...] | None = None
    who: str = ""
    purpose: str = ""
    start: Instant | None = None
    end: Instant | None = None


class Logbook:
    """The table of commands, for who reads it and for who tidies it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def page(
        self, query: Query, limit: int, before: int | None = None, *, moves: bool = False
    ) -> list[Logged]:
        """The newest first; `before`: lines with a smaller number than this. `moves`: with them."""
        asked = _asked(query, moves=moves)
        if before is not None:
            asked = asked.where(_column.id < before)
        asked = asked.order_by(_column.id.desc()).limit(min(limit, PAGE_MAX))
        with self._engine.connect() as connection:
            return [logged(row) for row in connection.execute(asked)]

    def all(self, query: Query, *, moves: bool = False) -> Iterator[Logged]:
        """Everything asked for, the newest first, a page at a time."""
        before: int | None = None
        while found := self.page(query, PAGE_MAX, before, moves=moves):
            yield from found
            before = found[-1].number

    def movements(self, limit: int) -> list[Logged]:
        """The newest movements whose moves are kept."""
        asked = sa.select(*LISTED).where(_column.moves.is_not(None))
        asked = asked.order_by(_column.id.desc()).limit(limit)
        with self._engine.connect() as connection:
            return [logged(row) for row in connection.execute(asked)]

    def lines(self, numbers: Sequence[int]) -> dict[int, Logged]:
        """Lines by their numbers, with their moves; what is not there is left out."""
        asked = sa.select(command_table).where(_column.id.in_(numbers))
        with self._engine.connect() as connection:
            return {row.id: logged(row) for row in connection.execute(asked)}

    def first(self) -> int | None:
        """The number of the oldest line."""
        with self._engine.connect() as connection:
            return connection.execute(sa.select(sa.func.min(_column.id))).scalar()

    def count(self, bound: int = BOUND) -> int:
        """How many lines there are; counted one by one only where they come near `bound`."""
        ends = sa.select(sa.func.min(_column.id), sa.func.max(_column.id))
        with self._engine.connect() as connection:
            first, last = connection.execute(ends).one()
            if last is None or last - first < bound // 2:
                return 0 if last is None else int(last - first + 1)
            return int(connection.execute(sa.select(sa.func.count(_column.id))).scalar_one())

    def oldest(self) -> Instant | None:
        """When the oldest line began."""
        first = sa.select(_column.at).order_by(_column.id).limit(1)
        with self._engine.connect() as connection:
            at = connection.execute(first).scalar()
        return None if at is None else Instant(at)

    def forget_before(self, moment: Instant) -> int:
        """Delete lines that ended before `moment`, some at a time; how many went, 0: no more."""
        old = sa.select(_column.id).where(_column.at < moment, _ended < moment)
        return self._delete(old.order_by(_column.at).limit(_AT_ONCE))

    def forget_oldest(self, number: int) -> int:
        """Delete the `number` oldest lines, some at a time; how many went."""
        oldest = sa.select(_column.id).order_by(_column.id)
        return self._delete(oldest.limit(min(number, _AT_ONCE)))

    def _delete(self, numbers: sa.Select[tuple[int]]) -> int:
        with writing(self._engine) as connection:
            gone = connection.execute(sa.delete(command_table).where(_column.id.in_(numbers)))
        return gone.rowcount


def logged(row: sa.Row[Any]) -> Logged:
    """A row of the table."""
    until = None if row.until is None else Instant(row.until)
    return Logged(
        row.camera, Instant(row.at), row.operator, row.command, row.detail, row.result,
        row.purpose, until, row.commands, row.id, getattr(row, "moves", None) or "",
        row.purpose_due,
    )  # fmt: skip


def _asked(query: Query, *, moves: bool) -> sa.Select[Any]:
    asked: sa.Select[Any] = sa.select(command_table) if moves else sa.select(*LISTED)
    if query.cameras is not None:
        asked = asked.where(_column.camera.in_(query.cameras))
    if query.who:
        same = sa.func.lower(_column.operator) == query.who.lower()
        asked = asked.where(sa.or_(_column.operator == query.who, same))
    if query.purpose:
        asked = asked.where(_column.purpose.icontains(query.purpose, autoescape=True))
    if query.start is not None:  # the first condition is what the index answers
        asked = asked.where(_column.at >= query.start - LONGEST, _ended >= query.start)
    if query.end is not None:
        asked = asked.where(_column.at < query.end)
    return asked
