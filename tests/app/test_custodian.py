"""The custodian: duties go on beside each other, and after a failure."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field

from vms.app.custodian import Custodian
from vms.core.clock import MILLISECOND, Span, SystemClock
from vms.core.errors import StorageError
from vms.core.model import Cause

EVERY = Span(10 * MILLISECOND)


@dataclass
class _Counting:
    name: str
    every: Span = EVERY
    urgent: bool = True
    fails: int = 0
    rounds: int = 0
    hangs: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    def work(self, stopping: threading.Event) -> None:
        self.rounds += 1
        if self.rounds <= self.fails:
            raise StorageError(Cause.DISK_FAILED, "for the test")
        if self.hangs:
            stopping.wait()
        if stopping.is_set():
            self.ended.set()


async def _until(condition: object, within: float = 5.0) -> None:
    assert callable(condition)
    for _ in range(round(within / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


def test_a_duty_that_fails_is_tried_again_and_costs_the_others_nothing() -> None:
    async def run() -> None:
        good, bad = _Counting("good"), _Counting("bad", fails=1)
        custodian = Custodian([good, bad], SystemClock())
        custodian.start()
        await _until(lambda: good.rounds > 20 and bad.rounds > 1)
        await custodian.stop()

    asyncio.run(run())


def test_a_duty_in_the_middle_of_its_work_ends_when_told() -> None:
    async def run() -> None:
        duty = _Counting("slow", hangs=True)
        custodian = Custodian([duty], SystemClock())
        custodian.start()
        await _until(lambda: duty.rounds == 1)
        await custodian.stop()
        assert duty.ended.is_set()

    asyncio.run(run())
