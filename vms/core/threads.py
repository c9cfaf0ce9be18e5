"""Threads beside an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_LAST_S = 1.0  # so long a cancelled job is waited for: it may hang on a dead disk


async def in_thread_to_its_end(job: Callable[[], None]) -> None:
    """`asyncio.to_thread` that does not leave a job running when it is cancelled: one that writes
    a file would bring it back after its owner has taken it away. Raises what `job` raises."""
    working = asyncio.ensure_future(asyncio.to_thread(job))
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        done, _ = await asyncio.wait({working}, timeout=_LAST_S)
        for one in done:
            one.exception()  # taken note of: nobody else asks
        raise
