"""Keeps the recorder's workers running: one process each, started again when it dies."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence

from vms.core.clock import MILLISECOND, SECOND, Clock, Span, SystemClock
from vms.core.config import Settings
from vms.core.log import get_logger
from vms.core.processes import ChildProcess, ProcessSpec
from vms.core.status import status_path
from vms.core.supervise import Backoff, supervise

log = get_logger(__name__)

START_WITHIN = 20.0  # seconds; a worker that takes longer reads the cameras by itself anyway
_LOOK_AGAIN = 0.1
_LOOK_FOR_CAMERAS = 1.0
GRACE = 6 * SECOND  # a worker ends within 3 s; more only when its disk does not answer

Command = Callable[[int], tuple[str, ...]]
"""The command that runs worker number so-and-so."""


async def run_supervisor(
    settings: Settings,
    command: Command,
    look: Callable[[], bool] | None = None,
    beside: Sequence[ProcessSpec] = (),
) -> None:
    """Run all workers until SIGTERM or SIGINT; SIGHUP is handed on to them.

    `beside`: what else must run while anything is recorded.

    `look`, asked each second in a thread, says whether any camera changed; then the workers are
    told to read them again. The first time is once they work, since a second of start is a second
    of footage. Nobody else tells a recorder that was started alone.
    """
    settings.make_run_dirs()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    clock = SystemClock()
    workers = settings.recorder.workers
    children = [
        ChildProcess(ProcessSpec(f"recorder-{index}", command(index), grace=GRACE), clock)
        for index in range(workers)
    ]

    def hand_on() -> None:
        for child in children:
            child.send(signal.SIGHUP)

    loop.add_signal_handler(signal.SIGHUP, hand_on)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    _forget_other_workers(settings)
    children += [ChildProcess(spec, clock) for spec in beside]
    for child in children:
        child.start()
    log.info("recorder", workers=workers)
    following = None
    if look is not None:
        follow = _follow(look, hand_on, settings, clock)
        following = asyncio.create_task(follow, name="follow-cameras")
    await stopping.wait()
    if following is not None:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    # No order among them: each has its own cameras, and together they end as fast as one.
    await asyncio.gather(*(child.stop() for child in children))


async def _follow(
    look: Callable[[], bool], changed: Callable[[], None], settings: Settings, clock: Clock
) -> None:
    async def look_on() -> None:
        while True:
            if await asyncio.to_thread(look):
                changed()
            await asyncio.sleep(_LOOK_FOR_CAMERAS)

    def failed(error: Exception, wait: Span) -> None:
        log.error("could not look for cameras", error=str(error), again_ms=wait // MILLISECOND)

    await _started(settings)
    again = Backoff(floor=SECOND, ceiling=10 * SECOND)
    await supervise("follow cameras", look_on, clock, backoff=again, failed=failed)


async def _started(settings: Settings) -> None:
    """Wait until every worker hears signals: its first status says so."""
    paths = [status_path(settings.run_dir, index) for index in range(settings.recorder.workers)]
    for _ in range(round(START_WITHIN / _LOOK_AGAIN)):
        if all(path.exists() for path in paths):
            return
        await asyncio.sleep(_LOOK_AGAIN)


def _forget_other_workers(settings: Settings) -> None:
    """Remove what the workers of an earlier start left in the run folder."""
    for path in settings.run_dir.glob("recorder-*.status.json*"):
        path.unlink(missing_ok=True)
