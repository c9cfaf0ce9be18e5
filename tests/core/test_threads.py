"""A job that was begun has ended when its task has, also when that was cancelled."""

from __future__ import annotations

import asyncio
import threading

import pytest

from vms.core.threads import in_thread_to_its_end


def test_a_cancelled_job_is_waited_for() -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def job() -> None:
        begun.set()
        go_on.wait(0.5)
        ended.set()

    async def scene() -> None:
        task = asyncio.create_task(in_thread_to_its_end(job))
        assert await asyncio.to_thread(begun.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    asyncio.run(scene())


def test_what_the_job_raises_is_raised() -> None:
    def job() -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        asyncio.run(in_thread_to_its_end(job))
