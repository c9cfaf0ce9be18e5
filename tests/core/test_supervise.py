"""What fails is started again, never in a storm."""

from __future__ import annotations

import asyncio
import random

import pytest

from vms.core.clock import MILLISECOND, SECOND, SystemClock
from vms.core.errors import CameraError
from vms.core.model import Cause
from vms.core.supervise import Backoff, supervise


def test_waits_have_a_floor_a_ceiling_and_jitter() -> None:
    backoff = Backoff(rng=random.Random(1))
    waits = [backoff.after(0) for _ in range(6)]
    assert min(waits) >= 5 * SECOND
    assert max(waits) <= 36 * SECOND
    assert waits[0] < waits[-1]
    assert 5 * SECOND <= backoff.after(60 * SECOND) <= 6 * SECOND


def test_an_instance_that_fails_is_started_again_and_told() -> None:
    told: list[str] = []
    runs = 0

    async def instance() -> None:
        nonlocal runs
        runs += 1
        raise CameraError(Cause.SILENT, f"try {runs}")

    async def main() -> None:
        task = asyncio.create_task(
            supervise(
                "camera",
                instance,
                SystemClock(),
                backoff=Backoff(floor=MILLISECOND, ceiling=MILLISECOND),
                failed=lambda error, wait: told.append(str(error)),
            )
        )
        while runs < 3:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert told[:2] == ["try 1", "try 2"]
