"""The steering service: commands of people to cameras, leased, logged, and quickly there.

One client a camera is kept for a while, with its services and clock offset known, so that a click
costs one request. It lives in the web's event loop: there is one web process a site, and so one
place that knows who steers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass

from vms.cameras.onvif.client import OnvifClient
from vms.cameras.onvif.clients import OnvifClients
from vms.cameras.onvif.port import OnvifError
from vms.cameras.onvif.ptz_facts import PtzFacts, PtzStatus
from vms.cameras.steering.command import MOVE_LASTS, Command, goto_preset, stop
from vms.cameras.steering.helm import Helm, Overtaken
from vms.cameras.steering.lease import (
    Lease,
    LeaseRules,
    Operator,
    PurposeMissing,
    Steered,
    alive,
    claimed,
)
from vms.cameras.steering.patrol import BEGINNING, Patrol, Progress, Step, check_patrol, next_step
from vms.cameras.steering.portraits import Portraits
from vms.cameras.steering.records import DONE, Records
from vms.cameras.steering.scribe import Ending, MovementAudit, Scribe
from vms.core.clock import MINUTE, SECOND, Clock, Mono, Span
from vms.core.config import PtzSettings
from vms.core.config_camera import CameraSettings
from vms.core.errors import Refused, VmsError
from vms.core.log import get_logger
from vms.core.supervise import Backoff, supervise

log = get_logger(__name__)

HELMS_MAX = 64
"""Cameras whose clients are kept; more push out the one that was idle longest."""
PATROLS_MAX = 32
"""Cameras that are sent on their patrols at once."""
KEPT = Span(10 * MINUTE)
_SETTINGS_HOLD = Span(2 * SECOND)  # a changed address is noticed within this
_STOP_AFTER_S = MOVE_LASTS / SECOND + 0.3  # the camera's own timeout comes first
_PATROL_EVERY_S = 1.0
_PATROL_AFTER_ERROR = Span(30 * SECOND)


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
        self._clients, self._cameras = clients, cameras
        self.records, self._portraits, self._clock = records, portraits, clock
        self._rules = LeaseRules(Span(settings.idle), settings.purpose == "required")
        self._rest = Span(settings.rest)
        self._scribe = Scribe(records, audit, clock)
        self._helms: OrderedDict[str, Helm] = OrderedDict()
        self._progress: dict[str, Progress] = {}  # one a patrol
        self._sent: set[str] = set()  # cameras whose patrol is sent on just now
        self._patrolling = asyncio.Semaphore(PATROLS_MAX)  # more wait for a place
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Patrol meanwhile; at the end stop what still moves, within 2 s. First the audit is told
        what a crash before kept from it."""
        await self._scribe.resume()
        patrols = asyncio.create_task(
            supervise("patrols", self._patrol, self._clock, backoff=Backoff()), name="patrols"
        )
        try:
            yield
        finally:
            patrols.cancel()
            await asyncio.gather(patrols, return_exceptions=True)
            await self._end()

    async def _end(self) -> None:
        moving = [name for name, helm in self._helms.items() if helm.moving is not None]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await asyncio.gather(*(self._abandon(name) for name in moving))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- looking

    async def look(self, camera: str) -> Wheel:
        """What can be done with a camera, and who does. Raises NotFound, Refused, OnvifError."""
        client = await self._client(camera)
        facts = await client.ptz.facts()
        try:
            status = await client.ptz.status()
        except OnvifError:
            status = None  # some cameras turn and tell nothing of it
        patrol = await asyncio.to_thread(self.records.patrol, camera)
        return Wheel(facts, status, self.lease(camera), patrol, self._rules.purpose)

    def lease(self, camera: str) -> Lease | None:
        """Who steers a camera now."""
        helm = self._helms.get(camera)
        return alive(helm.lease, self._clock.monotonic(), self._rules) if helm else None

    async def presets(self, camera: str) -> list[PresetShown]:
        """The views the camera keeps."""
        client = await self._client(camera)
        found = await client.ptz.presets()
        pictured = await asyncio.to_thread(self.records.pictured, camera)
        return [PresetShown(one.token, one.name, pictured.get(one.token)) for one in found]

    # -- who steers

    async def take(
        self, camera: str, operator: Operator, purpose: str | None, *, take_over: bool
    ) -> Lease:
        """Steer a camera from now on. Raises NotFound, Steered, PurposeMissing."""
        helm = await self._helm(camera)
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
        helm = await self._helm(camera)
        lease = self.lease(camera)
        if lease is None or lease.operator.name != operator.name:
            return
        if helm.moving is not None:
            await self._abandon(camera)
        helm.lease = None
        await self._scribe.command(
            *(camera, operator.name, "release", "", DONE, lease.purpose), due=self._due_of(operator)
        )

    # -- commands

    async def do(self, camera: str, operator: Operator, command: Command) -> str | None:
        """Carry out a command of a person; what it gives. It stands in the log when this returns.

        Raises NotFound, Steered, PurposeMissing, OnvifError.
        """
        helm, due = await self._helm(camera), self._due_of(operator)
        logged = (camera, operator.name, command.word, command.detail)
        try:
            lease = self._claim(camera, helm, operator, None)
        except VmsError as refused:
            await self._scribe.command(*logged, _word(refused), "", due=due)
            raise
        helm.steered = self._clock.monotonic()
        try:
            given = await self._run(camera, helm, command, operator.name)
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

    async def _run(self, camera: str, helm: Helm, command: Command, by: str = "") -> str | None:
        client = await self._client(camera)
        given = await helm.run(client, command)
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

    def _lose(self, camera: str) -> None:
        """A move was not renewed: its operator is gone, and the camera may know no timeout."""
        self._start(self._abandon(camera), f"stop {camera}")

    async def _abandon(self, camera: str) -> None:
        helm = self._helms[camera]
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
        helm = await self._helm(camera)
        lease = self._claim(camera, helm, operator, None)
        self._progress.pop(camera, None)
        await asyncio.to_thread(self.records.set_patrol, camera, patrol)
        running = patrol is not None and patrol.running
        if running:  # who starts it lets go: it does not wait for them to rest
            helm.lease, helm.steered = None, None
        steps = " ".join(one.preset for one in patrol.steps) if patrol is not None else ""
        word = "patrol_start" if running else "patrol_stop"
        await self._scribe.command(
            *(camera, operator.name, word, steps[:400], DONE, lease.purpose),
            due=self._due_of(operator),
        )

    async def _patrol(self) -> None:
        """Look at all patrols each second. They are sent side by side: a camera that does not
        answer delays no other."""
        while True:
            patrols = await asyncio.to_thread(self.records.patrols)
            for gone in self._progress.keys() - patrols.keys():
                del self._progress[gone]
            for camera, patrol in patrols.items():
                step = self._due(camera, patrol) if camera not in self._sent else None
                if step is not None:
                    self._sent.add(camera)
                    sent = self._patrol_to(camera, step, self._progress[camera])
                    self._start(sent, f"patrol {camera}")
            await asyncio.sleep(_PATROL_EVERY_S)

    def _due(self, camera: str, patrol: Patrol) -> Step | None:
        """Where a camera on patrol goes now, if anywhere."""
        helm, now = self._helms.get(camera), self._clock.monotonic()
        steered = helm.steered if helm is not None else None
        if self.lease(camera) is not None:
            steered = now
        before = self._progress.get(camera, BEGINNING)
        step, self._progress[camera] = next_step(patrol, before, steered, now, self._rest)
        return step

    async def _patrol_to(self, camera: str, step: Step, progress: Progress) -> None:
        """Its steps are not logged one by one: nobody commands them. `progress`: as it was when the
        step was due; another one means another patrol."""
        try:
            async with self._patrolling:
                if self._progress.get(camera) is not progress or self.lease(camera) is not None:
                    return  # the patrol was changed meanwhile, or a person steers
                helm = await self._helm(camera)
                await self._run(camera, helm, goto_preset(step.preset))
            self._sit(camera, helm, step.preset, fresh=False)
        except VmsError as error:
            log.info("a patrol waits", camera=camera, preset=step.preset, error=str(error))
            if self._progress.get(camera) is progress:
                again = Mono(self._clock.monotonic() + _PATROL_AFTER_ERROR)
                self._progress[camera] = Progress(progress.index, again)
        finally:
            self._sent.discard(camera)

    # -- clients

    async def _client(self, camera: str) -> OnvifClient:
        """The camera's client, as its settings are now."""
        helm = await self._helm(camera)
        if helm.client is None:
            assert helm.settings is not None, "a helm that was looked up has them"
            helm.client = await self._clients.client_for(helm.settings)
        return helm.client

    async def _helm(self, camera: str) -> Helm:
        now = self._clock.monotonic()
        helm = self._helms.get(camera)
        if helm is None or helm.checked is None or now - helm.checked >= _SETTINGS_HOLD:
            settings = await asyncio.to_thread(self._cameras, camera)
            helm = self._helms.get(camera) or Helm(self._clock)
            if settings != helm.settings:
                helm.dial_anew(settings)
            helm.checked = now
        if camera not in self._helms:
            self._make_room(now)
            self._helms[camera] = helm
        helm.used = now
        self._helms.move_to_end(camera)
        return helm

    def _make_room(self, now: Mono) -> None:
        """Before one more: let go of what was not used for long, and of the oldest above the
        bound. What is held, moves or is asked stays, and ends soon."""
        idle = [
            name
            for name, helm in self._helms.items()
            if helm.idle and alive(helm.lease, now, self._rules) is None
        ]
        over = len(self._helms) + 1 - HELMS_MAX
        for place, name in enumerate(idle):
            if place < over or now - self._helms[name].used >= KEPT:
                del self._helms[name]

    # -- how

    def _start(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("unexpected error", task=task.get_name(), exc_info=error)


def _word(error: VmsError) -> str:
    """The log's word for why a command was not carried out."""
    if isinstance(error, OnvifError):
        return str(error.trouble)
    if isinstance(error, Steered):
        return "steered"
    if isinstance(error, PurposeMissing):
        return "no_purpose"
    return "refused" if isinstance(error, Refused) else "failed"
