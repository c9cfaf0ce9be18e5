"""Wakes whoever waits for something to be otherwise."""

from __future__ import annotations

import asyncio

from vms.core.clock import SECOND, Span


class Change:
    """One thing that changes now and then, told to all who wait just then. Used from one event
    loop."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def tell(self) -> None:
        """It is otherwise."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, within: Span) -> None:
        """Until it is told the next time, or so long."""
        event = self._event  # of now: what is told while we begin to wait counts
        try:
            async with asyncio.timeout(within / SECOND):
                await event.wait()
        except TimeoutError:
            return
