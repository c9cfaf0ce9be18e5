"""Writes steering's log as things happen: a line for each command, and one for each movement, which
the audit is told of when it begins and when it has ended.

For one event loop; a line is durable when its call returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from vms.cameras.onvif.ptz_facts import Vector
from vms.cameras.steering.command import MOVE_LASTS
from vms.cameras.steering.lease import Lease, Operator
from vms.cameras.steering.logbook import Logged
from vms.cameras.steering.movement import Movement
from vms.cameras.steering.records import DONE, Records
from vms.core.clock import Clock, Mono
from vms.core.errors import VmsError
from vms.core.log import get_logger

log = get_logger(__name__)

_RESUMED_MAX = 2_000
"""Newest movements that are looked at after a crash: what it can have kept from the audit is those
that went on, one a camera, and those of its last second."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What ended a movement: a command, `by` whom (empty: the system), with what `result`. `kept`:
    whether the movement's line says all of it."""

    word: str
    by: str
    result: str = DONE
    kept: bool = True


CRASHED = Ending("", "")
"""Nobody saw it end: the system ended before."""


class MovementAudit(Protocol):
    """Where movements are told, so that nobody can change them unseen: `vms.app.steering_audit`.

    `begun` and `ended` never block; `untold` does: of the movements whose end the audit does not
    know, the lines' numbers and who began them.
    """

    def begun(self, line: Logged, by: Operator) -> None: ...
    def ended(self, line: Logged, by: Operator, ending: Ending) -> None: ...
    def untold(self, lines: Sequence[Logged]) -> Mapping[int, Operator]: ...


@dataclass(frozen=True, slots=True)
class _Line:
    """A movement that goes on, and the line it gets. `first`: as it was begun."""

    movement: Movement
    by: Operator
    first: Logged
    number: asyncio.Task[int]

    def now(self, number: int) -> Logged:
        """The line as it is to be."""
        one = self.movement
        return replace(
            self.first, number=number, until=one.until, detail=one.detail, commands=one.commands,
            moves=one.track,
        )  # fmt: skip


class Scribe:
    """Every call raises StorageError where the log can't be written."""

    def __init__(self, records: Records, audit: MovementAudit, clock: Clock) -> None:
        self._records, self._audit, self._clock = records, audit, clock
        self._lines: dict[str, _Line] = {}  # of the cameras that move: at most one each
        self._stopped: dict[str, tuple[str, Mono]] = {}  # camera → who stopped their movement, when

    async def resume(self) -> None:
        """Tell the audit of movements that a crash kept from it. Raises nothing."""
        try:
            told = await asyncio.to_thread(self._resume)
        except VmsError as error:
            log.warning("the audit was not told of movements before a crash", error=str(error))
            return
        if told:
            log.info("the audit was told of movements that a crash kept from it", movements=told)

    def _resume(self) -> int:
        logbook = self._records.logbook
        untold = self._audit.untold(logbook.movements(_RESUMED_MAX))
        for number, line in sorted(logbook.lines(list(untold)).items()):
            self._audit.ended(line, untold[number], CRASHED)
        return len(untold)

    async def command(
        self,
        camera: str,
        operator: str,
        word: str,
        detail: str,
        result: str,
        purpose: str,
        *,
        due: bool = False,
    ) -> None:
        """A command that was answered, or refused. `operator`: empty for the system itself; `due`:
        whether they had to say what for."""
        now = self._clock.now()
        one = Logged(camera, now, operator, word, detail, result, purpose, purpose_due=due)
        await asyncio.to_thread(self._records.log, one)

    async def move(self, camera: str, lease: Lease, speed: Vector, *, due: bool = False) -> None:
        """A move that was answered: one more of its movement, or the first of another."""
        now, by, purpose = self._clock.now(), lease.operator, lease.purpose
        self._stopped.pop(camera, None)
        line = self._lines.get(camera)
        if line is not None and line.movement.is_of(by.name, purpose, now) and _same(line.by, by):
            line.movement.go_on(speed, now)
            await self._bring_up_to_date(camera, line)
            return
        begun = Movement.begun(by.name, purpose, speed, now)
        one = Logged(
            camera, now, by.name, "move", begun.detail, DONE, purpose, until=now,
            moves=begun.track, purpose_due=due,
        )  # fmt: skip
        write = asyncio.create_task(self._begin(one, by), name=f"log a move of {camera}")
        fresh = _Line(begun, by, one, write)
        self._lines[camera] = fresh
        if line is not None:
            await self._end(camera, line, Ending("move", by.name))
        await self._number(camera, fresh)

    async def stands(self, camera: str, ending: Ending) -> None:
        """The camera moves no more as it was told, or does something else."""
        line = self._lines.pop(camera, None)
        if line is not None:
            if ending.word == "stop" and ending.by == line.movement.operator:
                self._stopped[camera] = ending.by, self._clock.monotonic()
            await self._end(camera, line, ending)
        elif ending.word != "stop":
            self._stopped.pop(camera, None)

    def was_stopped_by(self, camera: str, operator: str) -> bool:
        """Whether the camera stands because this person has just ended their own movement; said
        once more, as screens do lest a stop is lost, it ends the same one."""
        by, at = self._stopped.get(camera, ("", None))
        return by == operator and at is not None and self._clock.monotonic() - at < MOVE_LASTS

    async def _begin(self, one: Logged, by: Operator) -> int:
        number = await asyncio.to_thread(self._records.log, one)
        self._audit.begun(replace(one, number=number), by)
        return number

    async def _end(self, camera: str, line: _Line, ending: Ending) -> None:
        line.movement.until = max(line.movement.until, self._clock.now())
        number = await self._number(camera, line)
        try:
            await asyncio.to_thread(self._records.go_on, number, replace(line.movement))
        except VmsError:
            self._audit.ended(line.now(number), line.by, replace(ending, kept=False))
            raise
        self._audit.ended(line.now(number), line.by, ending)

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


def _same(one: Operator, other: Operator) -> bool:
    """Whether they sit at the same place: the audit says from where a movement was commanded."""
    return (one.via, one.address) == (other.via, other.address)
