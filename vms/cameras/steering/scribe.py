"""Writes steering's log as things happen: a line for each command, and one for each movement.

For one event loop; a line is durable when its call returns.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from vms.cameras.onvif.ptz_facts import Vector
from vms.cameras.steering.lease import Lease
from vms.cameras.steering.logbook import Logged
from vms.cameras.steering.movement import Movement
from vms.cameras.steering.records import DONE, Records
from vms.core.clock import Clock
from vms.core.errors import VmsError


@dataclass(frozen=True, slots=True)
class _Line:
    """A movement that goes on, and the number its line gets."""

    movement: Movement
    number: asyncio.Task[int]


class Scribe:
    """Every call raises StorageError where the log can't be written."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records, self._clock = records, clock
        self._lines: dict[str, _Line] = {}  # of the cameras that move: at most one each

    async def command(
        self, camera: str, operator: str, word: str, detail: str, result: str, purpose: str
    ) -> None:
        """A command that was answered, or refused. `operator`: empty for the system itself."""
        now = self._clock.now()
        one = Logged(camera, now, operator, word, detail, result, purpose)
        await asyncio.to_thread(self._records.log, one)

    async def move(self, camera: str, lease: Lease, speed: Vector) -> None:
        """A move that was answered: one more of its movement, or the first of another."""
        now, who, purpose = self._clock.now(), lease.operator.name, lease.purpose
        line = self._lines.get(camera)
        if line is not None and line.movement.is_of(who, purpose, now):
            line.movement.go_on(speed, now)
            await self._bring_up_to_date(camera, line)
            return
        begun = Movement.begun(who, purpose, speed, now)
        one = Logged(camera, now, who, "move", begun.detail, DONE, purpose, until=now)
        write = asyncio.to_thread(self._records.log, one)
        fresh = _Line(begun, asyncio.create_task(write, name=f"log a move of {camera}"))
        self._lines[camera] = fresh
        if line is not None:
            await self._end(camera, line)
        await self._number(camera, fresh)

    async def stands(self, camera: str) -> None:
        """The camera moves no more as it was told, or does something else."""
        line = self._lines.pop(camera, None)
        if line is not None:
            await self._end(camera, line)

    async def _end(self, camera: str, line: _Line) -> None:
        line.movement.until = max(line.movement.until, self._clock.now())
        await self._bring_up_to_date(camera, line)

    async def _bring_up_to_date(self, camera: str, line: _Line) -> None:
        number = await self._number(camera, line)
        await asyncio.to_thread(self._records.go_on, number, replace(line.movement))

    async def _number(self, camera: str, line: _Line) -> int:
        """Once it is written; after a failure the next move begins another line."""
        try:
            return await asyncio.shield(line.number)
        except VmsError:
            if self._lines.get(camera) is line:
                del self._lines[camera]
            raise
