"""Schedules in the database: what cameras.toml declares under [[schedules]].

A schedule that a camera of the console still names stays when the file drops it: without it nobody
could say when that camera is to be recorded.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
import tomli_w

from storage.database import writing
from vms.cameras.schema import camera, camera_revision, schedule
from vms.core.config_camera import CameraSettings, ScheduleSettings


@dataclass(frozen=True, slots=True)
class ScheduleChange:
    """One schedule that changes; `before` and `after` its spans as a text."""

    kind: Literal["added", "changed", "removed"]
    schedule: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        sign = {"added": "+", "changed": "~", "removed": "-"}[self.kind]
        lines = [f"{sign} schedule {self.schedule}: {self.kind}"]
        if self.kind == "changed":
            lines.append(f"    spans: {self.before} → {self.after}")
        return "\n".join(lines)


def schedule_difference(
    stored: Sequence[ScheduleSettings], declared: Sequence[ScheduleSettings], used: set[str]
) -> tuple[ScheduleChange, ...]:
    """What brings `stored` to what is declared; those `used` by the console's cameras stay."""
    before = {one.name: one for one in stored}
    wanted = {one.name: one for one in declared}
    changes: list[ScheduleChange] = []
    for name, new in wanted.items():
        old = before.get(name)
        if old is None:
            changes.append(ScheduleChange("added", name))
        elif old != new:
            spans = (", ".join(old.spans), ", ".join(new.spans))
            changes.append(ScheduleChange("changed", name, *spans))
    gone = (name for name in before if name not in wanted and name not in used)
    changes.extend(ScheduleChange("removed", name) for name in gone)
    return tuple(changes)


def dump_schedules(schedules: Sequence[ScheduleSettings]) -> str:
    """`[[schedules]]` tables for cameras.toml; empty without any."""
    tables = [{"name": one.name, "spans": list(one.spans)} for one in schedules]
    return "\n".join("[[schedules]]\n" + tomli_w.dumps(table) for table in tables)


class Schedules:
    """Reads and changes the site's schedules. Calls block for a database access."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def list(self) -> tuple[ScheduleSettings, ...]:
        """All of them, by name."""
        with self._engine.connect() as connection:
            return self._rows(connection)

    def difference(self, declared: Sequence[ScheduleSettings]) -> tuple[ScheduleChange, ...]:
        """What `apply` would change."""
        with self._engine.connect() as connection:
            return schedule_difference(self._rows(connection), declared, _used(connection))

    def apply(self, declared: Sequence[ScheduleSettings]) -> tuple[ScheduleChange, ...]:
        """Bring the schedules to what the file declares; running recorders look again."""
        wanted = {one.name: one for one in declared}
        with writing(self._engine) as connection:
            changes = schedule_difference(self._rows(connection), declared, _used(connection))
            for change in changes:
                name = change.schedule
                connection.execute(sa.delete(schedule).where(schedule.c.name == name))
                if change.kind != "removed":
                    spans = json.dumps(wanted[name].spans)
                    connection.execute(sa.insert(schedule).values(name=name, spans=spans))
            if changes:
                _bump(connection)
        return changes

    def _rows(self, connection: sa.Connection) -> tuple[ScheduleSettings, ...]:
        rows = connection.execute(sa.select(schedule).order_by(schedule.c.name))
        return tuple(ScheduleSettings(name=row.name, spans=json.loads(row.spans)) for row in rows)


def _used(connection: sa.Connection) -> set[str]:
    """The schedules that cameras of the console name."""
    added = sa.select(camera.c.settings).where(camera.c.origin == "database")
    names: set[str] = set()
    for text in connection.execute(added).scalars():
        settings = CameraSettings.model_validate_json(text)
        names |= {name for name in (settings.schedule, settings.privacy) if name is not None}
    return names


def _bump(connection: sa.Connection) -> None:
    raised = connection.execute(
        sa.update(camera_revision).values(revision=camera_revision.c.revision + 1)
    )
    if raised.rowcount == 0:
        connection.execute(sa.insert(camera_revision).values(id=1, revision=1))
