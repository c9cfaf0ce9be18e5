"""Schedules in the database: what cameras.toml declares under [[schedules]].

A schedule that a camera of the console still names stays when the file drops it: without it nobody
could say when that camera is to be recorded.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
import tomli_w

from storage.database import writing
from vms.cameras.schema import camera, camera_revision, schedule
from vms.core.config_camera import CameraSettings, ScheduleSettings
from vms.core.errors import Refused
from vms.core.schedule import WeekSpan, parse_week_spans

_TOLD = 5  # cameras named for one schedule


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


def named_by(
    cameras: Iterable[CameraSettings], schedules: Iterable[ScheduleSettings]
) -> list[ScheduleSettings]:
    """Those of the schedules by which some of the cameras go."""
    used = {name for one in cameras for name in one.schedules}
    return [one for one in schedules if one.name in used]


def refuse_other_schedules(
    cameras: Sequence[CameraSettings],
    of_file: Sequence[ScheduleSettings],
    of_site: Sequence[ScheduleSettings],
) -> None:
    """Raise Refused where cameras of a file go by schedules that the site lacks or has otherwise.

    An import changes no schedule: others may go by it. But under other hours than where it comes
    from a camera would record, or hide, at times that nobody chose.
    """
    here = {one.name: one for one in of_site}
    there = {one.name: one for one in of_file}
    mistakes: list[str] = []
    for name in sorted({name for one in cameras for name in one.schedules}):
        users = [one.id for one in cameras if name in one.schedules]
        known, brought = here.get(name), there.get(name)
        whose = f"{', '.join(users[:_TOLD])}{' …' if len(users) > _TOLD else ''}"
        if known is None:
            hours = f", with {_written(brought.spans)}" if brought is not None else ""
            near = difflib.get_close_matches(name, here, n=1, cutoff=0.5)
            mean = f"did you mean {near[0]!r}? else " if near else ""
            mistakes.append(
                f"there is no schedule {name!r} on this site, by which {whose} would go "
                f"({mean}add it under [[schedules]] of the site's cameras.toml{hours}; vms apply)"
            )
        elif brought is not None and _hours(known) != _hours(brought):
            mistakes.append(
                f"the schedule {name!r}, by which {whose} would go, has {_written(known.spans)} "
                f"on this site and {_written(brought.spans)} in the file (make them alike in the "
                "site's cameras.toml or in the file)"
            )
    if mistakes:
        raise Refused("nothing was imported:\n" + "\n".join(mistakes))


def _hours(one: ScheduleSettings) -> tuple[WeekSpan, ...]:
    return parse_week_spans(one.spans)


def _written(spans: Sequence[str]) -> str:
    return f"[{', '.join(map(repr, spans))}]"


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
        names |= settings.schedules
    return names


def _bump(connection: sa.Connection) -> None:
    raised = connection.execute(
        sa.update(camera_revision).values(revision=camera_revision.c.revision + 1)
    )
    if raised.rowcount == 0:
        connection.execute(sa.insert(camera_revision).values(id=1, revision=1))
