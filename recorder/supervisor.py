"""Keeps the recorder's workers running: one process each, started again when it dies."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from vms.core.clock import SECOND, SystemClock
from vms.core.config import Settings
from vms.core.log import get_logger
from vms.core.processes import ChildProcess, ProcessSpec
from vms.core.status import status_path

log = get_logger(__name__)

GRACE = 6 * SECOND  # a worker ends within 3 s; more only when its disk does not answer

Command = Callable[[int], tuple[str, ...]]
"""The command that runs worker number so-and-so."""


async def run_supervisor(settings: Settings, command: Command) -> None:
    """Run all workers until SIGTERM or SIGINT; SIGHUP is handed on to them."""
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
    await stopping.wait()
    # No order among them: each has its own cameras, and together they end as fast as one.
    await asyncio.gather(*(child.stop() for child in children))


def _forget_other_workers(settings: Settings) -> None:
    """Remove what workers that are no more wanted, or were killed, left in the run folder."""
    keep = {status_path(settings.run_dir, index) for index in range(settings.recorder.workers)}
    for path in settings.run_dir.glob("recorder-*.status.json*"):
        if path not in keep:
            path.unlink(missing_ok=True)
