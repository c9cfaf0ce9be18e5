"""What steering keeps in the database: the log of commands, pictures of presets, patrols.

Calls block for a database access; not for a loop.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import sqlalchemy as sa

from storage.database import writing
from vms.cameras.steering.logbook import LISTED, Logbook, Logged, logged
from vms.cameras.steering.movement import Movement
from vms.cameras.steering.patrol import Patrol, Step
from vms.cameras.steering.schema import command as command_table
from vms.cameras.steering.schema import patrol as patrol_table
from vms.cameras.steering.schema import picture as picture_table
from vms.core.clock import Instant

DONE = "done"
_READ_MOST = 10_000  # lines; a reader who comes anew need not know older ones
_GOES_ON_MOST = 2_000  # newer lines than a movement that still goes on
_MOVES = ("move", "absolute", "relative", "centre", "preset_goto", "home_goto")


class Records:
    """The tables of steering. `logbook`: its log, for readers."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self.logbook = Logbook(engine)

    # -- commands

    def log(self, one: Logged) -> int:
        """Keep a command, durable when it returns; gives the line's number."""
        values = {
            "camera": one.camera, "at": one.at, "operator": one.operator, "command": one.command,
            "detail": one.detail, "result": one.result, "purpose": one.purpose,
            "until": one.until, "commands": one.commands, "moves": one.moves or None,
            "purpose_due": one.purpose_due,
        }  # fmt: skip
        added = sa.insert(command_table).values(values).returning(command_table.c.id)
        with writing(self._engine) as connection:
            number: int = connection.execute(added).scalar_one()
        return number

    def go_on(self, number: int, movement: Movement) -> None:
        """What a movement has become since its line was written; durable when it returns. An older
        state that comes later changes nothing."""
        line = command_table.c
        older = sa.or_(line.commands < movement.commands, line.until < movement.until)
        values = {
            "detail": movement.detail, "until": movement.until, "commands": movement.commands,
            "moves": movement.track,
        }  # fmt: skip
        with writing(self._engine) as connection:
            connection.execute(
                sa.update(command_table)
                .where(line.id == number, line.commands <= movement.commands, older)
                .values(values)
            )

    def commands(self, camera: str, limit: int, before: Instant | None = None) -> Sequence[Logged]:
        """What was commanded, the newest first; `before`: begun earlier than that."""
        query = sa.select(*LISTED).where(command_table.c.camera == camera)
        if before is not None:
            query = query.where(command_table.c.at < before)
        query = query.order_by(command_table.c.id.desc()).limit(limit)
        with self._engine.connect() as connection:
            return [logged(row) for row in connection.execute(query)]

    def moves_after(self, number: int) -> tuple[int, dict[str, Instant]]:
        """Which cameras were moved by commands later than the `number`th, and when last; some
        earlier ones again, for a movement goes on in its line.

        With it the number of the last command there is, to go on from.
        """
        line = command_table.c
        moved_at = sa.func.max(sa.func.coalesce(line.until, line.at)).label("at")
        with self._engine.connect() as connection:
            last = connection.execute(sa.select(sa.func.max(line.id))).scalar() or 0
            moved = connection.execute(
                sa.select(line.camera, moved_at)
                .where(line.id > max(number - _GOES_ON_MOST, last - _READ_MOST))
                .where(line.id <= last, line.result == DONE)
                .where(line.command.in_(_MOVES))
                .group_by(line.camera)
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
