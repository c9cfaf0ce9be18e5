"""The one place that loops, waits and catches everything.

An instance (a connection, a worker's task) fails by raising; here it is started again after a
wait with a floor and jitter, so that a flapping peer is never stormed. Nothing else in the
project catches `Exception`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from vms.core.clock import SECOND, Clock, Span
from vms.core.errors import VmsError
from vms.core.log import get_logger

log = get_logger(__name__)


class Backoff:
    """How long to wait before the next try: `floor`, doubling to `ceiling`, plus up to 20 %.

    A try that lasted longer than `healthy` starts again at the floor.
    """

    def __init__(
        self,
        *,
        floor: int = 5 * SECOND,
        ceiling: int = 30 * SECOND,
        healthy: int = 60 * SECOND,
        rng: random.Random | None = None,
    ) -> None:
        self._floor, self._ceiling, self._healthy = floor, ceiling, healthy
        self._rng = rng if rng is not None else random.Random()
        self._next = floor

    def after(self, lasted: int) -> Span:
        """The wait after a try that lasted `lasted` nanoseconds."""
        if lasted >= self._healthy:
            self._next = self._floor
        wait = self._next
        self._next = min(self._next * 2, self._ceiling)
        return Span(wait + int(wait * 0.2 * self._rng.random()))


async def supervise(
    name: str,
    instance: Callable[[], Awaitable[None]],
    clock: Clock,
    *,
    backoff: Backoff | None = None,
    failed: Callable[[Exception, Span], None] | None = None,
) -> None:
    """Run `instance` again and again until cancelled.

    `failed(error, wait)` is told of each failure before the wait. An instance that returns is
    started again as well. Unexpected errors (not VmsError) are logged with their traceback.
    """
    waits = backoff if backoff is not None else Backoff()
    while True:
        started = clock.monotonic()
        try:
            await instance()
            error: Exception | None = None
        except Exception as caught:  # noqa: BLE001 - this is the place
            error = caught
        wait = waits.after(clock.monotonic() - started)
        if error is not None:
            if not isinstance(error, VmsError):
                log.error("unexpected error", task=name, exc_info=error)
            if failed is not None:
                failed(error, wait)
        await asyncio.sleep(wait / SECOND)
