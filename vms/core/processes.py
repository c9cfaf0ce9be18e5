"""Child processes that are kept running: started, watched, restarted, stopped in order.

Used by `vms up` (recorder, live, web, simulator) and by the recorder (its workers). Each child
dies with its parent (PR_SET_PDEATHSIG), so a killed parent leaves nothing behind that would
hold ports or volumes.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vms.core.clock import SECOND, Clock
from vms.core.log import get_logger
from vms.core.supervise import Backoff

log = get_logger(__name__)

_PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One child. `log_file`: where its output goes, None for ours. `grace`: ns to end in.

    `nice`: how far it gives way to others where all want the processor (nice(2)).
    """

    name: str
    argv: tuple[str, ...]
    log_file: Path | None = None
    grace: int = 5 * SECOND
    environment: dict[str, str] = field(default_factory=dict)
    nice: int = 0


class ChildProcess:
    """Keeps one child running until it is told to stop."""

    def __init__(self, spec: ProcessSpec, clock: Clock, *, backoff: Backoff | None = None) -> None:
        self.spec = spec
        self.restarts = 0
        self._clock = clock
        # A child that dies is back within a second; one that dies again and again is not stormed.
        self._backoff = backoff or Backoff(floor=SECOND // 4, ceiling=30 * SECOND)
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The running child's process id."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_running(), name=f"child-{self.spec.name}")

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the child, if it runs."""
        if self.pid is not None and self._process is not None:
            self._process.send_signal(number)

    async def stop(self) -> None:
        """Ask the child to end; kill it after its grace."""
        self._stopping.set()
        self.send(signal.SIGTERM)
        if self._process is not None and self._process.returncode is None:
            try:
                await asyncio.wait_for(self._process.wait(), self.spec.grace / SECOND)
            except TimeoutError:
                log.warning("killed after its grace", process=self.spec.name)
                self.send(signal.SIGKILL)
                await self._process.wait()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep_running(self) -> None:
        while not self._stopping.is_set():
            started = self._clock.monotonic()
            how = await self._once()
            if self._stopping.is_set():
                return
            self.restarts += 1
            wait = self._backoff.after(self._clock.monotonic() - started)
            log.error(
                "process ended, starting it again",
                process=self.spec.name,
                wait_ms=wait // 1_000_000,
                **how,
            )
            await asyncio.sleep(wait / SECOND)

    async def _once(self) -> dict[str, int | str]:
        """Start the child and wait for its end; how it ended, or why it could not be started."""
        try:
            self._process = await self._spawn()
        except (OSError, subprocess.SubprocessError) as error:  # no memory for a fork, say
            return {"error": str(error)}
        return {"code": await self._process.wait()}

    async def _spawn(self) -> asyncio.subprocess.Process:
        if self.spec.log_file is None:
            return await self._exec(None)
        try:
            self.spec.log_file.parent.mkdir(parents=True, exist_ok=True)
            log_file = self.spec.log_file.open("ab")
        except OSError as error:  # what a child says must not decide whether it runs
            log.error("no log file", process=self.spec.name, error=str(error))
            return await self._exec(None)
        with log_file:
            return await self._exec(log_file.fileno())

    async def _exec(self, output: int | None) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self.spec.argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C on the terminal reaches the parent alone
            preexec_fn=_prepared(os.getpid(), self.spec.nice),
            env={**os.environ, **self.spec.environment},
        )


def keep_log_within(file: Path, most: int) -> None:
    """Put what a log file holds aside, as `.1`, once it holds more than `most` bytes.

    Its writer appends and goes on at the beginning; a line or two written meanwhile may be lost.
    Raises OSError. Blocks.
    """
    try:
        if file.stat().st_size <= most:
            return
    except FileNotFoundError:
        return
    aside = file.with_name(f"{file.name}.1")
    fresh = file.with_name(f"{file.name}.tmp")
    shutil.copyfile(file, fresh)
    os.truncate(file, 0)
    fresh.replace(aside)


async def stop_in_order(children: Sequence[ChildProcess]) -> None:
    """Stop the last started first."""
    for child in reversed(children):
        await child.stop()


def _prepared(parent: int, nice: int) -> Callable[[], None]:
    # Loaded before the fork: the child of a threaded process must not import or allocate much.
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def arrange() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        # Until it has a handler: a child that is told to read again while it starts is not to end.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if nice:
            os.nice(nice)

    return arrange
