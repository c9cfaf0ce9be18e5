"""The rows of holds, in SQL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from storage.database import writing
from storage.holds.held import EVERY_CAMERA, Hold
from storage.schema import hold
from vms.core.clock import Instant

if TYPE_CHECKING:
    from sqlalchemy import Engine


class HoldRows:
    """Reads and writes them. Raises StorageError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self) -> list[Hold]:
        """Every hold there ever was, the oldest first."""
        return self._select(sa.true())

    def active(self, camera: str | None = None) -> list[Hold]:
        """Those that are not lifted; of one camera, or of all."""
        held = hold.c.lifted.is_(None)
        if camera is None:
            return self._select(held)
        return self._select(sa.and_(held, hold.c.camera.in_((camera, EVERY_CAMERA))))

    def put(self, holds: Iterable[Hold]) -> None:
        """Make the rows say what `holds` say, in one transaction."""
        with writing(self._engine) as connection:
            for one in holds:
                values = _values(one)
                changed = connection.execute(hold.update().where(hold.c.id == one.id), values)
                if not changed.rowcount:
                    connection.execute(hold.insert(), values)

    def _select(self, where: sa.ColumnElement[bool]) -> list[Hold]:
        query = sa.select(hold).where(where).order_by(hold.c.made, hold.c.id)
        with self._engine.connect() as connection:
            return [_hold(row) for row in connection.execute(query)]


def _values(one: Hold) -> dict[str, Any]:
    return {
        "id": one.id,
        "camera": one.camera,
        "start": one.start,
        "end": one.end,
        "reason": one.reason,
        "until": one.until,
        "made": one.made,
        "made_by": one.made_by,
        "lifted": one.lifted,
        "lifted_by": one.lifted_by,
    }


def _hold(row: sa.Row[Any]) -> Hold:
    until, lifted = (None if at is None else Instant(at) for at in (row.until, row.lifted))
    span = Instant(row.start), Instant(row.end)
    made = Instant(row.made), row.made_by
    return Hold(row.id, row.camera, *span, row.reason, until, *made, lifted, row.lifted_by)
