"""Schedules in the database: what cameras.toml declares under [[schedules]], and what people make.

A schedule that a camera of the console still names stays when the file drops it, and is the
console's from then on: without it nobody could say when that camera is to be recorded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from storage.database import writing
from vms.cameras.history import note
from vms.cameras.provisioning import THE_FILE, Change, Origin
from vms.cameras.revision import bump
from vms.cameras.schedule_change import (
    RegisteredSchedule,
    ScheduleChange,
    addition,
    changed,
    removal,
    schedule_difference,
    use_of,
)
from vms.cameras.schema import camera, schedule
from vms.core.clock import Clock, SystemClock
from vms.core.config_camera import CameraSettings, ScheduleSettings
from vms.core.errors import AlreadyExists, NotFound


class Schedules:
    """Reads and changes the site's schedules. Calls block for a database access.

    What changes one is one transaction: the row, the histories of the cameras that go by it, and
    the revision that running processes follow. `by` says who did it, for the histories.
    """

    def __init__(self, engine: sa.Engine, clock: Clock | None = None) -> None:
        self._engine = engine
        self._clock = clock if clock is not None else SystemClock()

    def list(self) -> tuple[RegisteredSchedule, ...]:
        """All of them, by name."""
        with self._engine.connect() as connection:
            return tuple(_rows(connection).values())

    def settings(self) -> tuple[ScheduleSettings, ...]:
        """What the recorder needs: all of them, by name."""
        return tuple(one.settings for one in self.list())

    def get(self, name: str) -> RegisteredSchedule:
        """One of them; raises NotFound."""
        with self._engine.connect() as connection:
            return _one(connection, name)

    def difference(self, declared: Sequence[ScheduleSettings]) -> tuple[ScheduleChange, ...]:
        """What `apply` would change."""
        with self._engine.connect() as connection:
            stored = tuple(_rows(connection).values())
            return schedule_difference(stored, declared, _used(connection))

    def apply(self, declared: Sequence[ScheduleSettings]) -> tuple[ScheduleChange, ...]:
        """Bring the schedules to what the file declares; running recorders look again."""
        with writing(self._engine) as connection:
            _lock(connection)
            stored = tuple(_rows(connection).values())
            changes = schedule_difference(stored, declared, _used(connection))
            self._make(connection, changes, declared, "file", THE_FILE)
        return changes

    # -- what people make ------------------------------------------------------------------

    def add(self, new: ScheduleSettings, by: str) -> ScheduleChange:
        """A new schedule; raises AlreadyExists."""
        with writing(self._engine) as connection:
            if new.name in _rows(connection):
                raise AlreadyExists(
                    f"there is a schedule {new.name!r} already; choose another name"
                )
            change = addition(new)
            self._make(connection, [change], [new], "database", by)
        return change

    def change(self, new: ScheduleSettings, by: str) -> ScheduleChange | None:
        """Other spans for the schedule of this name; None: it has them.

        Raises NotFound, and Refused for a schedule of the file.
        """
        with writing(self._engine) as connection:
            change = changed(_one(connection, new.name), new)
            if change is not None:
                self._make(connection, [change], [new], "database", by)
        return change

    def remove(self, name: str, by: str) -> ScheduleChange:
        """Take a schedule away. Raises NotFound, and Refused for one of the file, or by which a
        camera goes."""
        with writing(self._engine) as connection:
            _lock(connection)
            old = _one(connection, name)
            change = removal(old, use_of(name, _cameras(connection)))
            self._make(connection, [change], [], "database", by)
        return change

    def _make(
        self,
        connection: sa.Connection,
        changes: Sequence[ScheduleChange],
        wanted: Sequence[ScheduleSettings],
        origin: Origin,
        by: str,
    ) -> None:
        """Carry out changes to what is `wanted`."""
        if not changes:
            return
        spans = {one.name: json.dumps(one.spans) for one in wanted}
        for change in changes:
            name, here = change.schedule, schedule.c.name == change.schedule
            if change.kind == "removed":
                connection.execute(sa.delete(schedule).where(here))
            elif change.kind == "left to the console":
                connection.execute(sa.update(schedule).where(here).values(origin="database"))
            elif change.kind == "added":
                row = {"name": name, "origin": origin, "spans": spans[name]}
                connection.execute(sa.insert(schedule).values(row))
            else:
                values = {"origin": origin, "spans": spans[name]}
                connection.execute(sa.update(schedule).where(here).values(values))
        note(connection, _of_cameras(changes, _cameras(connection)), by, self._clock.now())
        bump(connection)


def _of_cameras(
    changes: Iterable[ScheduleChange], cameras: Sequence[CameraSettings]
) -> Iterator[Change]:
    """What changed hours mean to the cameras that go by them, for their histories."""
    for change in changes:
        if change.changes_hours:
            field = (f"schedule {change.schedule}", change.before, change.after)
            for one in use_of(change.schedule, cameras).cameras:
                yield Change("changed", one, (field,))


def _lock(connection: sa.Connection) -> None:
    """Who adds a camera that names one of them waits, or we for them."""
    connection.execute(sa.select(schedule.c.name).with_for_update())


def _rows(connection: sa.Connection) -> dict[str, RegisteredSchedule]:
    rows = connection.execute(sa.select(schedule).order_by(schedule.c.name))
    return {row.name: _registered(row) for row in rows}


def _one(connection: sa.Connection, name: str) -> RegisteredSchedule:
    query = sa.select(schedule).where(schedule.c.name == name)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"there is no schedule {name!r}")
    return _registered(row)


def _registered(row: sa.Row[Any]) -> RegisteredSchedule:
    settings = ScheduleSettings(name=row.name, spans=json.loads(row.spans))
    return RegisteredSchedule(settings, row.origin)


def _cameras(connection: sa.Connection) -> tuple[CameraSettings, ...]:
    """The settings of all cameras, without their passwords."""
    texts = connection.execute(sa.select(camera.c.settings).order_by(camera.c.id)).scalars()
    return tuple(CameraSettings.model_validate_json(text) for text in texts)


def _used(connection: sa.Connection) -> set[str]:
    """The schedules that cameras of the console name."""
    added = sa.select(camera.c.settings).where(camera.c.origin == "database")
    texts = connection.execute(added).scalars()
    return {name for text in texts for name in CameraSettings.model_validate_json(text).schedules}
