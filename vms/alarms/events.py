"""Events in the database: the one way in for every source, and what screens and recorder read.

Cameras' own events, people and programs all come through `Events.add`. A source that repeats itself
makes one event longer instead of many, and only the newest million is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from storage.database import writing
from vms.alarms.event import APART, LONGEST, SICK, UNTOLD, WELL, Event, check_event
from vms.alarms.schema import event as table
from vms.core.clock import Clock, Instant
from vms.core.errors import NotFound
from vms.core.model import CameraId

KEPT = 1_000_000
_TIDY_EACH = 256  # so many are added between two looks at how many there are
ACTIVE_MAX = 10_000
_AT_ONCE = 1_000


class Events:
    """Takes in and gives out events. Calls block for a database access; not for a loop."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def add(
        self,
        camera: CameraId,
        kind: str,
        start: Instant | None = None,
        end: Instant | None = None,
        detail: str = "",
        *,
        lasts: bool = False,
    ) -> Event:
        """Something happened, now unless `start` says when; a moment, unless it has an `end`.

        `lasts`: it goes on until `end_of` says otherwise, or its source no longer tells of it.
        What is returned is durable; the recorder knows of it within a second. The same kind told
        again at once makes the event longer. Raises BadRequest.
        """
        now = self._clock.now()
        begin = start if start is not None else now
        until = None if lasts and end is None else end if end is not None else begin
        check_event(kind, begin, until, detail, now)
        with writing(self._engine) as connection:
            known = self._same(connection, camera, kind, detail, begin)
            if known is not None and (until or now) - known.start <= LONGEST:
                return self._longer(connection, known, until, now)
            values = {"camera": camera, "kind": kind, "start": begin, "end": until}
            values |= {"detail": detail.replace("\0", ""), "told": now}
            added = connection.execute(sa.insert(table).values(values).returning(table)).one()
            if added.id % _TIDY_EACH == 0:
                _tidy(connection, added.id, now)
        return _event(added)

    def end_of(self, camera: CameraId, number: int, at: Instant | None = None) -> Event:
        """An event that lasted is over; twice is harmless. Raises NotFound, BadRequest."""
        now = self._clock.now()
        with writing(self._engine) as connection:
            row = connection.execute(
                sa.select(table).where(table.c.id == number, table.c.camera == camera)
            ).one_or_none()
            if row is None:
                raise NotFound(f"the camera {camera} has no event {number}")
            known = _event(row)
            if known.end is not None:
                return known
            end = at if at is not None else now
            check_event(known.kind, max(known.start, Instant(now - LONGEST)), end, "", now)
            return self._changed(connection, known.id, {"end": end, "told": now})

    def between(
        self, camera: CameraId, start: Instant, end: Instant, limit: int = 10_000
    ) -> list[Event]:
        """Events with a part in [start, end), in order; of more than `limit` the newest."""
        over = sa.or_(table.c.end.is_(None), table.c.end >= start)
        query = (
            sa.select(table)
            .where(table.c.camera == camera, table.c.start < end)
            .where(table.c.start >= start - LONGEST, over)
            .order_by(table.c.start.desc(), table.c.id.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            found = [_event(row) for row in connection.execute(query)]
        now = self._clock.now()
        return [one for one in reversed(found) if one.until(now) >= start]

    def each(self, camera: CameraId, start: Instant, end: Instant) -> Iterator[Event]:
        """Events with a part in [start, end), the oldest first, read a thousand at a time: who has
        enough stops."""
        over = sa.or_(table.c.end.is_(None), table.c.end >= start)
        query = (
            sa.select(table)
            .where(table.c.camera == camera, table.c.start < end)
            .where(table.c.start >= start - LONGEST, over)
            .order_by(table.c.start, table.c.id)
            .limit(_AT_ONCE)
        )
        now, read = self._clock.now(), query
        while True:
            with self._engine.connect() as connection:
                found = [_event(row) for row in connection.execute(read)]
            yield from (one for one in found if one.until(now) >= start)
            if len(found) < _AT_ONCE:
                return
            last = found[-1]
            later = sa.and_(table.c.start == last.start, table.c.id > last.id)
            read = query.where(sa.or_(table.c.start > last.start, later))

    def active(self, since: Instant) -> list[Event]:
        """Events that last, or ended after `since`: what a recorder has to know, and so none that
        tells of a camera's health."""
        now = self._clock.now()
        lasts = sa.and_(table.c.end.is_(None), table.c.told >= now - UNTOLD)
        query = sa.select(table).where(sa.or_(lasts, table.c.end >= since))
        query = query.where(table.c.kind.not_in((SICK, WELL)))
        query = query.order_by(table.c.id.desc()).limit(ACTIVE_MAX)
        with self._engine.connect() as connection:
            return [_event(row) for row in connection.execute(query)]

    def _same(
        self, connection: sa.Connection, camera: CameraId, kind: str, detail: str, start: Instant
    ) -> Event | None:
        """The camera's newest event of this kind, if this is still the same."""
        query = (
            sa.select(table)
            .where(table.c.camera == camera, table.c.kind == kind, table.c.detail == detail)
            .where(table.c.start >= start - LONGEST)
            .order_by(table.c.start.desc())
            .limit(1)
        )
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        known = _event(row)
        until = known.end if known.end is not None else Instant(known.told + UNTOLD)
        return known if known.start <= start <= until + APART else None

    def _longer(
        self, connection: sa.Connection, known: Event, until: Instant | None, now: Instant
    ) -> Event:
        end = until
        if until is not None and known.end is not None:
            end = max(until, known.end)
        return self._changed(connection, known.id, {"end": end, "told": now})

    def _changed(self, connection: sa.Connection, number: int, values: dict[str, Any]) -> Event:
        change = sa.update(table).where(table.c.id == number).values(values).returning(table)
        return _event(connection.execute(change).one())


def _tidy(connection: sa.Connection, newest: int, now: Instant) -> None:
    """Forget the oldest; end what its source forgot to end."""
    connection.execute(sa.delete(table).where(table.c.id <= newest - KEPT))
    forgotten = sa.and_(table.c.end.is_(None), table.c.told < now - UNTOLD)
    connection.execute(sa.update(table).where(forgotten).values(end=table.c.told))


def _event(row: Any) -> Event:
    return Event(
        row.id,
        CameraId(row.camera),
        row.kind,
        Instant(row.start),
        Instant(row.end) if row.end is not None else None,
        row.detail,
        Instant(row.told),
    )
