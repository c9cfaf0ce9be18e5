"""The custodian's process: its duties, each in a thread of its own, again and again.

One process per site, started beside the recorder's workers so that nothing here costs them a
second. A duty that fails is logged and tried again; the others go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import cv2

from storage.findings import Findings
from vms.app.audit_duty import AuditDuty
from vms.app.collector_duty import CollectorDuty
from vms.app.exports_duty import exports_duty
from vms.app.glance import Glances
from vms.app.health_duty import HealthDuty
from vms.app.hearing_duty import HearingDuty
from vms.app.hold_duty import HoldDuty
from vms.app.ledger_duty import LedgerDuty
from vms.app.motion_duty import MotionDuty
from vms.app.retention_duty import retention_duty
from vms.app.scrub_duty import ScrubDuty
from vms.app.site import Site, open_site
from vms.app.steering_log_duty import SteeringLogDuty
from vms.app.tier_duty import TierDuty
from vms.app.volume_duty import VolumeDuty
from vms.cameras.reception import Reception
from vms.cameras.steering.moves import Moves
from vms.cameras.steering.records import Records
from vms.core.clock import SECOND, Clock, Span
from vms.core.config import Settings
from vms.core.log import get_logger
from vms.core.supervise import Backoff, supervise

log = get_logger(__name__)

_GRACE = 4.0  # seconds a duty has to end once it is told
_NICE = 10  # how far a duty that is not urgent gives way


class Duty(Protocol):
    """One thing to be done again and again. `every`: ns from one end to the next start.

    `urgent`: others depend on its speed (a full disk); all else gives way to the recorder.
    `work` blocks; it looks at `stopping` between small steps and returns soon once it is set.
    """

    @property
    def name(self) -> str: ...
    @property
    def every(self) -> Span: ...
    @property
    def urgent(self) -> bool: ...
    def work(self, stopping: threading.Event) -> None: ...


MakeDuty = Callable[[Site], Duty]


def duties(site: Site) -> Sequence[Duty]:
    """What is done on this site."""
    reception = Reception()  # told by one duty, read by another
    makers: tuple[MakeDuty, ...] = (
        retention_duty,
        _holds,
        LedgerDuty,
        TierDuty,
        exports_duty,
        ScrubDuty,
        VolumeDuty,
        lambda site: HearingDuty(site, reception),
        lambda site: health_duty(site, reception),
        MotionDuty,
        AuditDuty,
        SteeringLogDuty,
        CollectorDuty,
    )
    return [make(site) for make in makers]


def health_duty(site: Site, reception: Reception | None = None) -> Duty:
    """Looks at the cameras, and heeds who steers them. `reception`: of who listens to them."""
    cv2.setNumThreads(1)  # more would take the recorder's cores
    moves = Moves(Records(site.engine), site.clock)
    glances = Glances(site.settings, site.clock)
    return HealthDuty(site, moves, reception or Reception(), glances)


def _holds(site: Site) -> Duty:
    findings = Findings(site.engine, site.clock)
    return HoldDuty(site.holds, findings, site.keeping.clock_doubt)


async def run_custodian(settings: Settings) -> None:
    """Do all duties until SIGTERM or SIGINT."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # each round reads what it needs anew
    with open_site(settings) as site:
        custodian = Custodian(duties(site), site.clock)
        custodian.start()
        await told.wait()
        await custodian.stop()


class Custodian:
    """Runs duties, each in a thread of its own; their failures never end the process."""

    def __init__(self, wanted: Sequence[Duty], clock: Clock) -> None:
        self._duties, self._clock = wanted, clock
        self._stopping = threading.Event()
        self._threads: dict[str, threading.Thread] = {}  # one a duty
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._keep_up(duty), name=duty.name) for duty in self._duties
        ]

    async def stop(self) -> None:
        """Tell the duties to end and wait for them, not longer than their grace."""
        self._stopping.set()
        running = [
            asyncio.create_task(asyncio.to_thread(thread.join, _GRACE))
            for thread in self._threads.values()
        ]
        await asyncio.gather(*running)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for name, thread in self._threads.items():
            if thread.is_alive():
                log.warning("a duty does not end", duty=name)

    async def _keep_up(self, duty: Duty) -> None:
        def failed(error: Exception, wait: Span) -> None:
            log.error("duty failed", duty=duty.name, error=str(error), again_ms=wait // 1_000_000)

        floor = max(duty.every, SECOND)
        backoff = Backoff(floor=floor, ceiling=max(floor, 60 * SECOND))
        await supervise(
            duty.name, lambda: self._rounds(duty), self._clock, backoff=backoff, failed=failed
        )

    async def _rounds(self, duty: Duty) -> None:
        """The duty works, rests, works; ends by raising, or when told to end."""
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()

        def tell(error: Exception | None) -> None:
            if over.done():
                return
            if error is None:
                over.set_result(None)
            else:
                over.set_exception(error)

        def run() -> None:
            found: Exception | None = None
            try:
                if not duty.urgent:
                    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
                while not self._stopping.is_set():
                    duty.work(self._stopping)
                    self._stopping.wait(duty.every / SECOND)
            except Exception as error:  # noqa: BLE001 - handed on to who supervises
                found = error
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
                loop.call_soon_threadsafe(tell, found)

        thread = threading.Thread(target=run, name=f"duty {duty.name}", daemon=True)
        self._threads[duty.name] = thread
        thread.start()
        await over
