"""A test's server in a thread and a loop of its own: the browser's driver has the main one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any

from aiohttp import web, web_fileresponse

# A connection cut while asyncio waits to begin a sendfile() stays paused, and belongs to nobody.
web_fileresponse.NOSENDFILE = True

START_S = 60.0


@asynccontextmanager
async def listening(
    app: web.Application, site: Callable[[web.AppRunner], web.BaseSite]
) -> AsyncIterator[web.AppRunner]:
    """The application at its address until the block ends."""
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await site(runner).start()
        yield runner
    finally:
        await runner.cleanup()


@contextmanager
def in_thread(
    serve: Callable[[], AbstractAsyncContextManager[Any]],
) -> Iterator[asyncio.AbstractEventLoop]:
    """Run what `serve` opens until the block ends; nothing of it is left then."""
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()

    async def life() -> None:
        async with serve():
            ready.set()
            await stop.wait()
        await _hang_up(loop)

    thread = threading.Thread(target=loop.run_until_complete, args=(life(),), name="test-server")
    thread.start()
    try:
        assert ready.wait(START_S), "the test's server does not start"
        yield loop
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def _hang_up(loop: asyncio.AbstractEventLoop) -> None:
    """Close what a browser still holds: the garbage collector would find it in another test."""
    for _ in range(3):  # a connection is accepted in two steps
        await asyncio.sleep(0)
    transports: Any = getattr(loop, "_transports", {})
    for transport in list(transports.values()):
        transport.abort()
    await asyncio.sleep(0)
