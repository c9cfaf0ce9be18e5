"""Sends cameras on their patrols; where one goes next is decided in `patrol`.

Cameras are sent side by side, so that one which does not answer delays no other, each only once at
a time. A step counts only while its patrol is the same and nobody steers: both are looked at again
when its turn has come. Nobody commands a step, so none is logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

from vms.cameras.steering.helms import Helms
from vms.cameras.steering.patrol import BEGINNING, Patrol, Progress, Step, next_step
from vms.cameras.steering.records import Records
from vms.core.clock import SECOND, Clock, Mono, Span
from vms.core.errors import VmsError
from vms.core.log import get_logger

log = get_logger(__name__)

PATROLS_MAX = 32
"""Cameras that are sent on their patrols at once."""
_EVERY_S = 1.0
_AFTER_ERROR = Span(30 * SECOND)

Go = Callable[[str, str], Awaitable[None]]
"""Turn a camera (first) to a preset (second). Raises VmsError."""
Start = Callable[[Coroutine[None, None, None], str], None]
"""Begin some work under a name; who gives it ends it."""


class Patrols:
    """`rest`: a camera that a person steered is left alone so long."""

    def __init__(
        self, records: Records, helms: Helms, clock: Clock, rest: Span, go: Go, start: Start
    ) -> None:
        self._records, self._helms, self._clock = records, helms, clock
        self._rest, self._go, self._start = rest, go, start
        self._progress: dict[str, Progress] = {}  # one a patrol
        self._sent: set[str] = set()  # cameras whose patrol is sent on just now
        self._room = asyncio.Semaphore(PATROLS_MAX)  # more wait for a place

    async def run(self) -> None:
        """Look at all patrols each second, until cancelled."""
        while True:
            patrols = await asyncio.to_thread(self._records.patrols)
            for gone in self._progress.keys() - patrols.keys():
                del self._progress[gone]
            for camera, patrol in patrols.items():
                step = self._due(camera, patrol) if camera not in self._sent else None
                if step is not None:
                    self._sent.add(camera)
                    sent = self._send(camera, step, self._progress[camera])
                    self._start(sent, f"patrol {camera}")
            await asyncio.sleep(_EVERY_S)

    def begin_anew(self, camera: str) -> None:
        """A camera's patrol is another now."""
        self._progress.pop(camera, None)

    def _due(self, camera: str, patrol: Patrol) -> Step | None:
        """Where a camera on patrol goes now, if anywhere."""
        helm, now = self._helms.known(camera), self._clock.monotonic()
        steered = helm.steered if helm is not None else None
        if self._helms.lease(camera) is not None:
            steered = now
        before = self._progress.get(camera, BEGINNING)
        step, self._progress[camera] = next_step(patrol, before, steered, now, self._rest)
        return step

    async def _send(self, camera: str, step: Step, progress: Progress) -> None:
        """`progress`: as it was when the step was due; another one means another patrol."""
        try:
            async with self._room:
                if self._progress.get(camera) is progress and self._helms.lease(camera) is None:
                    await self._go(camera, step.preset)
        except VmsError as error:
            log.info("a patrol waits", camera=camera, preset=step.preset, error=str(error))
            if self._progress.get(camera) is progress:
                again = Mono(self._clock.monotonic() + _AFTER_ERROR)
                self._progress[camera] = Progress(progress.index, again)
        finally:
            self._sent.discard(camera)
