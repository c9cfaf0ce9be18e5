"""Keeps the recorder's workers running: one process each, started again when it dies."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from vms.core.clock import SECOND, SystemClock
from vms.core.config import Settings
from vms.core.log import get_logger
from vms.core.processes import ChildProcess, ProcessSpec
from vms.core.status import status_path

log = get_logger(__name__)

START_WITHIN = 20.0  # seconds; a worker that takes longer reads the cameras by itself anyway
_LOOK_AGAIN = 0.1
GRACE = 6 * SECOND  # a worker ends within 3 s; more only when its disk does not answer

Command = Callable[[int], tuple[str, ...]]
"""The command that runs worker number so-and-so."""


async def run_supervisor(
    settings: Settings, command: Command, provision: Callable[[], bool] | None = None
) -> None:
    """Run all workers until SIGTERM or SIGINT; SIGHUP is handed on to them.

    `provision` brings the cameras up to date and says whether any changed; then the workers are
    told to look again. It runs once they work, since a second of start is a second of footage.
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
    for child in children:
        child.start()
    log.info("recorder", workers=workers)
    if provision is not None:
        await _first(stopping.wait(), _started(settings))
        if not stopping.is_set() and await asyncio.to_thread(provision):
            hand_on()
    await stopping.wait()
    # No order among them: each has its own cameras, and together they end as fast as one.
    await asyncio.gather(*(child.stop() for child in children))


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Wait for the first of them; the others are let go."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


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
