"""Who waits for a change is woken by it, and goes on without one in time."""

from __future__ import annotations

import asyncio
import time

from vms.core.change import Change
from vms.core.clock import MILLISECOND, MINUTE, Span


def test_all_who_wait_are_woken_once() -> None:
    async def scene() -> None:
        change = Change()
        change.tell()  # nobody waits yet: it is not kept
        waiting = [asyncio.create_task(change.wait(MINUTE)) for _ in range(3)]
        await asyncio.sleep(0.01)
        assert not any(one.done() for one in waiting)
        change.tell()
        async with asyncio.timeout(5):
            await asyncio.gather(*waiting)

    asyncio.run(scene())


def test_who_waits_in_vain_goes_on() -> None:
    began = time.monotonic()
    asyncio.run(Change().wait(Span(20 * MILLISECOND)))
    assert 0.015 < time.monotonic() - began < 5
