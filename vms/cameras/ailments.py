"""What was not well with cameras, from when to when: the history of the health checks.

Events tell of the changes; an ailment may last for weeks, longer than an event can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from storage.database import writing
from vms.cameras.health.checks import Change, Check
from vms.cameras.schema import camera_ailment as table
from vms.cameras.schema import camera_view
from vms.core.clock import DAY, Instant, rfc3339
from vms.core.plain import plain

KEPT = 400 * DAY
KEPT_MAX = 200_000
LISTED = 500
_TIDY_EACH = 256  # so many begin between two looks at how many there are
_DETAIL_MAX = 500


# Asked each minute.
_OPEN = sa.select(table).where(table.c.end.is_(None)).order_by(table.c.start, table.c.id)
_VIEWS = sa.select(camera_view.c.camera, camera_view.c.at)


@dataclass(frozen=True, slots=True)
class Ailment:
    """A spell in which a check was sick. `end`: None while it lasts; `good`: when its last picture
    that was as it should be was taken; `value` beside `limit` as it began."""

    camera: str
    check: str
    start: Instant
    end: Instant | None
    value: float | None
    limit: float | None
    detail: str
    good: Instant | None

    def as_json(self) -> dict[str, object]:
        """The contract of GET /api/cameras/{id}/health."""
        return {
            "check": self.check,
            "start": rfc3339(self.start),
            "end": None if self.end is None else rfc3339(self.end),
            "value": self.value,
            "limit": self.limit,
            "detail": self.detail,
            "good": None if self.good is None else rfc3339(self.good),
        }


class Ailments:
    """The table of them. Calls block for a database access."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def note(self, camera: str, changes: list[Change], good: Instant | None) -> None:
        """What a look at a camera changed: ailments that began and that ended."""
        if not changes:
            return
        with writing(self._engine) as connection:
            for change in changes:
                if change.sick:
                    _begin(connection, camera, change, good)
                else:
                    _end(connection, camera, change.check, change.since)

    def end_all(self, camera: str, at: Instant) -> None:
        """A camera is gone; nothing is wrong with it any more."""
        with writing(self._engine) as connection:
            _end(connection, camera, None, at)

    def open(self) -> list[Ailment]:
        """Those that last, of all cameras, the longest first."""
        return self._listed(_OPEN)

    def of(self, camera: str, since: Instant) -> list[Ailment]:
        """Those of a camera with a part after `since`, the newest first; of many the newest."""
        lasted = sa.or_(table.c.end.is_(None), table.c.end >= since)
        query = sa.select(table).where(table.c.camera == camera, lasted)
        return self._listed(query.order_by(table.c.start.desc(), table.c.id.desc()).limit(LISTED))

    def latest(self) -> list[Ailment]:
        """Of each camera and check the last one: what a new process has to know."""
        newest = sa.select(sa.func.max(table.c.id)).group_by(table.c.camera, table.c.check)
        return self._listed(sa.select(table).where(table.c.id.in_(newest)))

    def _listed(self, query: sa.Select[Any]) -> list[Ailment]:
        with self._engine.connect() as connection:
            return [_ailment(row) for row in connection.execute(query)]


class Views:
    """When a person last said: this is what the camera is to show. Calls block for a database
    access."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def all(self) -> dict[str, Instant]:
        """Camera → since when what it showed before does not count."""
        with self._engine.connect() as connection:
            rows = connection.execute(_VIEWS)
            return {row.camera: Instant(row.at) for row in rows}

    def begin(self, camera: str, at: Instant, by: str) -> None:
        """From `at` on it is to look as it does then."""
        with writing(self._engine) as connection:
            connection.execute(sa.delete(camera_view).where(camera_view.c.camera == camera))
            connection.execute(sa.insert(camera_view).values(camera=camera, at=at, made_by=by))


def _begin(connection: sa.Connection, camera: str, change: Change, good: Instant | None) -> None:
    reading = change.reading
    values: dict[str, Any] = {"camera": camera, "check": change.check.value}
    values |= {"start": change.since, "good": good}
    values |= {"value": reading.value, "limit": reading.limit}
    values["detail"] = plain(reading.detail, _DETAIL_MAX)
    added = connection.execute(sa.insert(table).values(values).returning(table.c.id)).scalar_one()
    if added % _TIDY_EACH == 0:
        old = sa.and_(table.c.end.isnot(None), table.c.end < change.since - KEPT)
        connection.execute(sa.delete(table).where(old))
        connection.execute(sa.delete(table).where(table.c.id <= added - KEPT_MAX))


def _end(connection: sa.Connection, camera: str, check: Check | None, at: Instant) -> None:
    lasting = sa.and_(table.c.camera == camera, table.c.end.is_(None))
    if check is not None:
        lasting = sa.and_(lasting, table.c.check == check.value)
    # A clock that was set back never makes one end before it began.
    end = sa.case((table.c.start > at, table.c.start), else_=at)
    connection.execute(sa.update(table).where(lasting).values(end=end))


def _ailment(row: Any) -> Ailment:
    end, good = (None if value is None else Instant(value) for value in (row.end, row.good))
    start = Instant(row.start)
    return Ailment(row.camera, row.check, start, end, row.value, row.limit, row.detail, good)
