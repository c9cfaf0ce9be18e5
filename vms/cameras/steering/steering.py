"""The steering service: commands of people to cameras, leased, logged, and quickly there.

It lives in the web's event loop: there is one web process a site, and so one place that knows who
steers. The cameras' clients are kept by `helms`; `patrols` turns what nobody steers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass

from vms.cameras.onvif.clients import OnvifClients
from vms.cameras.onvif.port import OnvifError, Trouble
from vms.cameras.onvif.ptz_facts import PtzFacts, PtzStatus
from vms.cameras.steering.command import MOVE_LASTS, Command, goto_preset, stop
from vms.cameras.steering.helm import Helm, Overtaken
from vms.cameras.steering.helms import Helms
from vms.cameras.steering.lease import (
    Lease,
    LeaseRules,
    Operator,
    PurposeMissing,
    Steered,
    claimed,
)
from vms.cameras.steering.patrol import Patrol, check_patrol
from vms.cameras.steering.patrols import Patrols
from vms.cameras.steering.portraits import Portraits
from vms.cameras.steering.records import DONE, Records
from vms.cameras.steering.scribe import Ending, MovementAudit, Scribe
from vms.core.clock import SECOND, Clock, Span
from vms.core.config import PtzSettings
from vms.core.config_camera import CameraSettings
from vms.core.errors import Refused, VmsError
from vms.core.log import get_logger
from vms.core.supervise import Backoff, supervise

log = get_logger(__name__)

_STOP_AFTER_S = MOVE_LASTS / SECOND + 0.3  # the camera's own timeout comes first


@dataclass(frozen=True, slots=True)
class PresetShown:
    """A preset for people. `pictured`: ns of UTC of its picture, None without one."""

    token: str
    name: str
    pictured: int | None


@dataclass(frozen=True, slots=True)
class Wheel:
    """A camera as its steering panel shows it. `status`: None while the camera can't be asked."""

    facts: PtzFacts
    status: PtzStatus | None
    lease: Lease | None
    patrol: Patrol | None
    purpose_required: bool


class Steering:
    """Steers the site's cameras, from one event loop, while it is `running`.

    `cameras` gives a camera's settings and raises NotFound; it blocks.
    """

    def __init__(
        self,
        clients: OnvifClients,
        cameras: Callable[[str], CameraSettings],
        records: Records,
        portraits: Portraits,
        audit: MovementAudit,
        settings: PtzSettings,
        clock: Clock,
    ) -> None:
        self.records, self._portraits, self._clock = records, portraits, clock
        self._rules = LeaseRules(Span(settings.idle), settings.purpose == "required")
        self._scribe = Scribe(records, audit, clock)
        self._helms = Helms(clients, cameras, self._rules, clock)
        rest = Span(settings.rest)
        self._patrols = Patrols(records, self._helms, clock, rest, self._go_to, self._start)
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Patrol meanwhile; at the end stop what still moves, within 2 s. First the audit is told
        what a crash before kept from it."""
        await self._scribe.resume()
        patrols = asyncio.create_task(
            supervise("patrols", self._patrols.run, self._clock, backoff=Backoff()), name="patrols"
        )
        try:
            yield
        finally:
            patrols.cancel()
            await asyncio.gather(patrols, return_exceptions=True)
            await self._end()

    async def _end(self) -> None:
        moving = self._helms.moving()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await asyncio.gather(*(self._abandon(name) for name in moving))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- looking

    async def look(self, camera: str) -> Wheel:
        """What can be done with a camera, and who does. Raises NotFound, Refused, OnvifError."""
        client, helm = await self._helms.client(camera), await self._helms.of(camera)
        facts = await helm.asked(client.ptz.facts)
        try:
            status = await client.ptz.status()
        except OnvifError:
            status = None  # some cameras turn and tell nothing of it
        patrol = await asyncio.to_thread(self.records.patrol, camera)
        return Wheel(facts, status, self.lease(camera), patrol, self._rules.purpose)

    def lease(self, camera: str) -> Lease | None:
        """Who steers a camera now."""
        return self._helms.lease(camera)

    async def presets(self, camera: str) -> list[PresetShown]:
        """The views the camera keeps."""
        client, helm = await self._helms.client(camera), await self._helms.of(camera)
        found = await helm.asked(client.ptz.presets)
        pictured = await asyncio.to_thread(self.records.pictured, camera)
        return [PresetShown(one.token, one.name, pictured.get(one.token)) for one in found]

    # -- who steers

    async def take(
        self, camera: str, operator: Operator, purpose: str | None, *, take_over: bool
    ) -> Lease:
        """Steer a camera from now on. Raises NotFound, Steered, PurposeMissing."""
        helm = await self._helms.of(camera)
        before = self.lease(camera)
        lease = self._claim(camera, helm, operator, purpose, take_over=take_over)
        if before is None or before.operator.name != operator.name or before.purpose != purpose:
            await self._scribe.command(
                *(camera, operator.name, "take", "", DONE, lease.purpose),
                due=self._due_of(operator),
            )
        return lease

    async def release(self, camera: str, operator: Operator) -> None:
        """Steer it no longer. A camera that still turns is stopped."""
        helm = await self._helms.of(camera)
        lease = self.lease(camera)
        if lease is None or lease.operator.name != operator.name:
            return
        if helm.moving is not None:
            await self._abandon(camera)
        _leave(helm, operator)
        await self._scribe.command(
            *(camera, operator.name, "release", "", DONE, lease.purpose), due=self._due_of(operator)
        )

    # -- commands

    async def do(self, camera: str, operator: Operator, command: Command) -> str | None:
        """Carry out a command of a person; what it gives. It stands in the log when this returns.

        Raises NotFound, Steered, PurposeMissing, OnvifError.
        """
        helm, due = await self._helms.of(camera), self._due_of(operator)
        logged = (camera, operator.name, command.word, command.detail)
        try:
            lease = self._claim(camera, helm, operator, None)
        except VmsError as refused:
            await self._scribe.command(*logged, _word(refused), "", due=due)
            raise
        helm.steered = self._clock.monotonic()
        try:
            given = await self._run(
                camera, helm, command, lambda: self._check_held(camera, operator), operator.name
            )
        except VmsError as error:
            if not isinstance(error, Overtaken):
                await self._scribe.command(*logged, _word(error), lease.purpose, due=due)
            raise
        if command.turns is not None:
            await self._scribe.move(camera, lease, command.turns, due=due)
        else:
            await self._scribe.command(*logged, DONE, lease.purpose, due=due)
        await self._portray(camera, helm, command, given)
        return given

    def is_of_a_movement(self, camera: str, operator: Operator, command: Command) -> bool:
        """Whether a command that was just done is in the audit already, as a part of a movement:
        a move, and the stop that ends one's own."""
        if command.word == "stop":
            return self._scribe.was_stopped_by(camera, operator.name)
        return command.turns is not None

    def _due_of(self, operator: Operator) -> bool:
        """Whether they must say what for."""
        return self._rules.purpose or operator.states

    async def _run(
        self,
        camera: str,
        helm: Helm,
        command: Command,
        check: Callable[[], None] = lambda: None,
        by: str = "",
    ) -> str | None:
        client = await self._helms.client(camera)
        try:
            given = await helm.run(client, command, check)
        except OnvifError as error:
            if command.turns is not None and error.trouble is Trouble.SILENT:
                # It may turn all the same; an older move's stop may come too early for this one.
                helm.goes_on(command, _STOP_AFTER_S, lambda: self._lose(camera))
            raise
        helm.goes_on(command, _STOP_AFTER_S, lambda: self._lose(camera))
        if command.turns is None:
            await self._scribe.stands(camera, Ending(command.word, by))
        return given

    def _claim(
        self,
        camera: str,
        helm: Helm,
        operator: Operator,
        purpose: str | None,
        *,
        take_over: bool = False,
    ) -> Lease:
        now, mono = self._clock.now(), self._clock.monotonic()
        helm.lease = claimed(
            camera, helm.lease, operator, purpose, self._rules,
            now=now, mono=mono, take_over=take_over,
        )  # fmt: skip
        return helm.lease

    def _check_held(self, camera: str, operator: Operator) -> None:
        """Raise Steered when somebody took the camera over while a command waited."""
        lease = self.lease(camera)
        if lease is not None and lease.operator.name != operator.name:
            raise Steered(camera, lease, may_take_over=operator.priority > lease.operator.priority)

    def _lose(self, camera: str) -> None:
        """A move was not renewed: its operator is gone, and the camera may know no timeout."""
        self._start(self._abandon(camera), f"stop {camera}")

    async def _abandon(self, camera: str) -> None:
        helm = self._helms.known(camera)
        assert helm is not None, "a helm whose camera moves stays"
        helm.stands()
        purpose = helm.lease.purpose if helm.lease is not None else ""
        result = DONE
        try:
            await self._run(camera, helm, stop())
        except VmsError as error:
            result = _word(error)
            log.warning("a camera can't be stopped", camera=camera, error=str(error))
        await self._scribe.stands(camera, Ending("stop", "", result))
        await self._scribe.command(camera, "", "stop", "", result, purpose)

    # -- pictures of presets

    async def _portray(self, camera: str, helm: Helm, command: Command, given: str | None) -> None:
        """Take the picture of a preset that was saved, or will be reached."""
        match command.word:
            case "preset_save" if given is not None:
                self._sit(camera, helm, given, fresh=True)
            case "preset_goto":
                self._sit(camera, helm, command.detail, fresh=False)
            case "preset_remove":
                await asyncio.to_thread(self.records.forget_picture, camera, command.detail)

    def _sit(self, camera: str, helm: Helm, preset: str, *, fresh: bool) -> None:
        if helm.client is None or helm.settings is None:
            return
        count = helm.count
        taken = self._portraits.take(
            helm.settings, helm.client, preset, lambda: helm.count == count, fresh=fresh
        )
        self._start(taken, f"picture {camera}")

    # -- patrols

    async def set_patrol(self, camera: str, operator: Operator, patrol: Patrol | None) -> None:
        """A camera's patrol from now on. Raises BadRequest, and as a command does."""
        if patrol is not None:
            check_patrol(patrol)
        helm = await self._helms.of(camera)
        lease = self._claim(camera, helm, operator, None)
        self._patrols.begin_anew(camera)
        await asyncio.to_thread(self.records.set_patrol, camera, patrol)
        running = patrol is not None and patrol.running
        if running:  # who starts it lets go: it does not wait for them to rest
            _leave(helm, operator)
            helm.steered = None
        steps = " ".join(one.preset for one in patrol.steps) if patrol is not None else ""
        word = "patrol_start" if running else "patrol_stop"
        await self._scribe.command(
            *(camera, operator.name, word, steps[:400], DONE, lease.purpose),
            due=self._due_of(operator),
        )

    async def _go_to(self, camera: str, preset: str) -> None:
        """One step of a patrol."""
        helm = await self._helms.of(camera)
        await self._run(camera, helm, goto_preset(preset), lambda: self._check_free(camera))
        self._sit(camera, helm, preset, fresh=False)

    def _check_free(self, camera: str) -> None:
        """Raise Steered when a person took the camera while a step waited."""
        lease = self.lease(camera)
        if lease is not None:
            raise Steered(camera, lease, may_take_over=False)

    # -- how

    def _start(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("unexpected error", task=task.get_name(), exc_info=error)


def _leave(helm: Helm, operator: Operator) -> None:
    """They steer it no longer; who took it over meanwhile still does."""
    if helm.lease is not None and helm.lease.operator.name == operator.name:
        helm.lease = None


def _word(error: VmsError) -> str:
    """The log's word for why a command was not carried out."""
    if isinstance(error, OnvifError):
        return str(error.trouble)
    if isinstance(error, Steered):
        return "steered"
    if isinstance(error, PurposeMissing):
        return "no_purpose"
    return "refused" if isinstance(error, Refused) else "failed"
