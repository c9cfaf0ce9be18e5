"""One steered camera: its client, who holds it, and that no two commands run at once.

A camera answers one command while one waits. A newer move takes a waiting move's place, so a slow
camera is never sent what its operator wanted seconds ago.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from vms.cameras.onvif.client import OnvifClient
from vms.cameras.onvif.port import OnvifError, Trouble
from vms.cameras.steering.command import Command
from vms.cameras.steering.lease import Lease
from vms.core.clock import SECOND, Clock, Mono, Span
from vms.core.config_camera import CameraSettings
from vms.core.errors import Refused

T = TypeVar("T")

WAITING_MAX = 4
SHUNNED = Span(30 * SECOND)
"""A camera that refused our password is left alone so long: it may lock the account."""


class Overtaken(Refused):
    """A newer move came before this one was sent."""

    def __init__(self, camera: str) -> None:
        super().__init__(f"a newer command for {camera} came first")


class Helm:
    """Commands to one camera, in turn. `settings`, `client`: what it is dialled with now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.settings: CameraSettings | None = None
        self.client: OnvifClient | None = None
        self.checked: Mono | None = None  # when the settings were last looked at
        self.lease: Lease | None = None
        self.used = clock.monotonic()
        self.steered: Mono | None = None  # when a person last commanded it
        self.count = 0  # commands so far
        self.moving: Command | None = None  # a move that goes on, until `lost` ends it
        self._lost: asyncio.TimerHandle | None = None
        self._refused: tuple[Mono, OnvifError] | None = None
        self._under_way: asyncio.Future[None] | None = None
        self._newest: object = None
        self._waiting = 0

    @property
    def idle(self) -> bool:
        """Nothing is under way, and nothing moves."""
        return self._under_way is None and self.moving is None

    def dial_anew(self, settings: CameraSettings | None) -> None:
        """Other settings, or a camera that is not where it was."""
        self.settings, self.client, self._refused = settings, None, None

    async def asked(self, what: Callable[[], Awaitable[T]]) -> T:
        """Something the camera tells, whatever is under way. Raises OnvifError."""
        self._refuse_shunned()
        try:
            return await what()
        except OnvifError as error:
            self._remember(error)
            raise

    async def run(
        self, client: OnvifClient, command: Command, check: Callable[[], None] = lambda: None
    ) -> str | None:
        """Carry out a command when it is its turn. Raises OnvifError, Overtaken, Refused.

        `check` raises what keeps it from being done by then.
        """
        self._refuse_shunned()
        await self._turn(command)
        check()
        under_way = self._under_way = asyncio.get_running_loop().create_future()
        self.count += 1
        try:
            return await command.run(client.ptz)
        except OnvifError as error:
            self._remember(error)
            raise
        finally:
            self._under_way = None
            under_way.set_result(None)

    def goes_on(self, command: Command, after_s: float, lost: Callable[[], None]) -> None:
        """The camera moves; `lost` is called unless something else is commanded before."""
        self.stands()
        if command.turns is not None:
            self.moving = command
            self._lost = asyncio.get_running_loop().call_later(after_s, lost)

    def stands(self) -> None:
        """Nothing moves any more that would have to be stopped."""
        self.moving = None
        if self._lost is not None:
            self._lost.cancel()
            self._lost = None

    async def _turn(self, command: Command) -> None:
        ticket = self._newest = object()
        if self._waiting >= WAITING_MAX and command.word != "stop":
            raise Refused("the camera has not answered the commands before")
        self._waiting += 1
        try:
            while self._under_way is not None:
                await asyncio.wait([self._under_way])
                if command.turns is not None and self._newest is not ticket:
                    name = self.settings.id if self.settings is not None else "the camera"
                    raise Overtaken(name)
        finally:
            self._waiting -= 1

    def _refuse_shunned(self) -> None:
        if self._refused is None:
            return
        since, error = self._refused
        if self._clock.monotonic() - since < SHUNNED:
            raise OnvifError(error.trouble, error.detail)
        self._refused = None

    def _remember(self, error: OnvifError) -> None:
        """What the error says about the next command."""
        if error.trouble in (Trouble.REFUSED, Trouble.LOCKED):
            self._refused = (self._clock.monotonic(), error)
        elif error.trouble in (Trouble.UNREACHABLE, Trouble.SILENT):
            self.client = None  # its name may mean another number by now
