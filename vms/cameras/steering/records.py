"""What steering keeps in the database: the log of commands, pictures of presets, patrols.

Calls block for a database access; not for a loop.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from storage.database import writing
from vms.cameras.steering.patrol import Patrol, Step
from vms.cameras.steering.schema import command as command_table
from vms.cameras.steering.schema import patrol as patrol_table
from vms.cameras.steering.schema import picture as picture_table
from vms.core.clock import Instant

KEPT = 1_000_000
"""Commands kept; the oldest go first."""
_TIDY_EACH = 256
DONE = "done"
_READ_MOST = 10_000  # commands; a reader who comes anew need not know older ones
_MOVES = ("move", "absolute", "relative", "centre", "preset_goto", "home_goto")


@dataclass(frozen=True, slots=True)
class Logged:
    """One command as the log keeps it. `result`: `done`, or why not in one word."""

    camera: str
    at: Instant
    operator: str
    command: str
    detail: str
    result: str
    purpose: str


class Records:
    """The tables of steering."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # -- commands

    def log(self, one: Logged) -> None:
        """Keep a command; durable when it returns."""
        values = {
            "camera": one.camera, "at": one.at, "operator": one.operator, "command": one.command,
            "detail": one.detail, "result": one.result, "purpose": one.purpose,
        }  # fmt: skip
        added = sa.insert(command_table).values(values).returning(command_table.c.id)
        with writing(self._engine) as connection:
            number = connection.execute(added).scalar_one()
            if number % _TIDY_EACH == 0:
                old = command_table.c.id <= number - KEPT
                connection.execute(sa.delete(command_table).where(old))

    def commands(self, camera: str, limit: int, before: Instant | None = None) -> Sequence[Logged]:
        """What was commanded, the newest first; `before`: older than that."""
        query = sa.select(command_table).where(command_table.c.camera == camera)
        if before is not None:
            query = query.where(command_table.c.at < before)
        query = query.order_by(command_table.c.id.desc()).limit(limit)
        with self._engine.connect() as connection:
            return [
                Logged(row.camera, Instant(row.at), row.operator, row.command, row.detail,
                       row.result, row.purpose)
                for row in connection.execute(query)
            ]  # fmt: skip

    def moves_after(self, number: int) -> tuple[int, dict[str, Instant]]:
        """Which cameras were moved by commands later than the `number`th, and when last.

        With it the number of the last command there is, to go on from.
        """
        newest = sa.select(sa.func.max(command_table.c.id))
        with self._engine.connect() as connection:
            last = connection.execute(newest).scalar() or 0
            moved = connection.execute(
                sa.select(command_table.c.camera, sa.func.max(command_table.c.at).label("at"))
                .where(command_table.c.id > max(number, last - _READ_MOST))
                .where(command_table.c.id <= last, command_table.c.result == DONE)
                .where(command_table.c.command.in_(_MOVES))
                .group_by(command_table.c.camera)
            ).all()
        return last, {row.camera: Instant(row.at) for row in moved}

    # -- pictures

    def keep_picture(self, camera: str, preset: str, at: Instant, jpeg: bytes) -> None:
        """The view from a preset, in place of the one before."""
        key = (picture_table.c.camera == camera, picture_table.c.preset == preset)
        values = {"camera": camera, "preset": preset, "at": at, "jpeg": jpeg}
        with writing(self._engine) as connection:
            connection.execute(sa.delete(picture_table).where(*key))
            connection.execute(sa.insert(picture_table).values(values))

    def forget_picture(self, camera: str, preset: str) -> None:
        """The preset is gone."""
        key = (picture_table.c.camera == camera, picture_table.c.preset == preset)
        with writing(self._engine) as connection:
            connection.execute(sa.delete(picture_table).where(*key))

    def picture(self, camera: str, preset: str) -> bytes | None:
        """The JPEG of a preset."""
        query = sa.select(picture_table.c.jpeg).where(
            picture_table.c.camera == camera, picture_table.c.preset == preset
        )
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one_or_none()

    def pictured(self, camera: str) -> dict[str, Instant]:
        """Which presets have a picture, and of when."""
        query = sa.select(picture_table.c.preset, picture_table.c.at).where(
            picture_table.c.camera == camera
        )
        with self._engine.connect() as connection:
            return {row.preset: Instant(row.at) for row in connection.execute(query)}

    # -- patrols

    def patrols(self) -> dict[str, Patrol]:
        """Every camera's patrol."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(patrol_table)).all()
        return {row.camera: _patrol(row.steps, running=row.running) for row in rows}

    def patrol(self, camera: str) -> Patrol | None:
        """A camera's patrol."""
        query = sa.select(patrol_table).where(patrol_table.c.camera == camera)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return _patrol(row.steps, running=row.running) if row is not None else None

    def set_patrol(self, camera: str, patrol: Patrol | None) -> None:
        """A camera's patrol from now on; None: none."""
        with writing(self._engine) as connection:
            gone = sa.delete(patrol_table).where(patrol_table.c.camera == camera)
            connection.execute(gone)
            if patrol is not None:
                steps = json.dumps([[one.preset, one.seconds] for one in patrol.steps])
                values = {"camera": camera, "steps": steps, "running": patrol.running}
                connection.execute(sa.insert(patrol_table).values(values))


def _patrol(steps: str, *, running: bool) -> Patrol:
    return Patrol(tuple(Step(preset, seconds) for preset, seconds in json.loads(steps)), running)
