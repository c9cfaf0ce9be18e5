"""The live process's end: subscriptions that survive a restart of the recorder.

One connection per worker; a stream's worker follows from its camera's id, as in the recorder.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

from vms.core.clock import SECOND
from vms.core.live.messages import LiveMessage, LiveUnit, StreamDown
from vms.core.live.wire import (
    Decoder,
    Delivery,
    WireError,
    encode_subscribe,
    encode_unsubscribe,
)
from vms.core.log import get_logger
from vms.core.media import Track
from vms.core.model import Cause, StreamKey, shard_of

log = get_logger(__name__)

QUEUE_UNITS = 1_024  # a subscription's queue; when full it is emptied down to the next keyframe
QUEUE_BYTES = 16 << 20
RECONNECT = SECOND // 2


class Subscription:
    """One stream as it comes: an async context manager and an async iterator of messages.

    A reader too slow loses what waits and goes on at the next keyframe; `dropped` counts units.
    """

    def __init__(
        self, client: LiveClient, number: int, stream: StreamKey, *, views: bool = True
    ) -> None:
        self.stream, self.number, self.views = stream, number, views
        self.dropped = 0
        self._client = client
        self._queue: deque[LiveMessage] = deque()  # bounded by _offer_unit and _put_state
        self._bytes = 0
        self._skipping = False
        self._ready = asyncio.Event()
        self._closed = False

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the subscription; the iterator stops."""
        if not self._closed:
            self._closed = True
            self._client._forget(self)
            self._ready.set()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> LiveMessage:
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        message = self._queue.popleft()
        if type(message) is LiveUnit:
            self._bytes -= len(message.unit.data)
        return message

    def take_waiting(self) -> list[LiveMessage]:
        """All that waits, at once and without waiting: for who looks only now and then."""
        waiting = list(self._queue)
        self._queue.clear()
        self._bytes = 0
        return waiting

    def _offer(self, message: LiveMessage) -> None:
        if type(message) is LiveUnit:
            self._offer_unit(message)
        else:
            self._put_state(message)
        self._ready.set()

    def _offer_unit(self, message: LiveUnit) -> None:
        unit = message.unit
        if self._skipping and not (unit.key and unit.track == Track.VIDEO):
            self.dropped += 1
            return
        self._skipping = False
        if len(self._queue) >= QUEUE_UNITS or self._bytes + len(unit.data) > QUEUE_BYTES:
            self._drop_waiting()
            if not (unit.key and unit.track == Track.VIDEO):
                self._skipping = True
                self.dropped += 1
                return
        self._queue.append(message)
        self._bytes += len(unit.data)

    def _drop_waiting(self) -> None:
        states = [message for message in self._queue if type(message) is not LiveUnit]
        self.dropped += len(self._queue) - len(states)
        self._queue.clear()
        self._queue.extend(states[-1:])  # only the newest state still means anything
        self._bytes = 0

    def _put_state(self, message: LiveMessage) -> None:
        if len(self._queue) >= QUEUE_UNITS:
            self._drop_waiting()
            self._queue.clear()
        self._skipping = False
        self._queue.append(message)


class LiveClient:
    """Connects to the recorder's workers and stays connected.

    `sockets`: one per worker, in the order of their numbers.
    """

    def __init__(self, sockets: Sequence[Path]) -> None:
        self._links = [_WorkerLink(path, index) for index, path in enumerate(sockets)]
        self._tasks: list[asyncio.Task[None]] = []
        self._next_number = 1

    async def start(self) -> None:
        """Begin to connect; returns at once."""
        self._tasks = [
            asyncio.create_task(link.run(), name=f"live-link-{link.index}") for link in self._links
        ]

    async def close(self) -> None:
        """Disconnect; all subscriptions end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in self._links:
            for subscription in tuple(link.subscriptions.values()):
                subscription.close()

    def subscribe(self, stream: StreamKey, *, views: bool = True) -> Subscription:
        """Ask for a stream; use as `async with client.subscribe(stream) as messages`.

        `views` false: nobody looks on, so the recorder does not hurry for it or count a viewer.
        """
        subscription = Subscription(self, self._next_number, stream, views=views)
        self._next_number = self._next_number % 0xFFFF_FFFF + 1
        self._link_of(stream).add(subscription)
        return subscription

    def _link_of(self, stream: StreamKey) -> _WorkerLink:
        return self._links[shard_of(stream.camera, len(self._links))]

    def _forget(self, subscription: Subscription) -> None:
        self._link_of(subscription.stream).remove(subscription)


class _WorkerLink(asyncio.Protocol):
    """The connection to one worker, made again whenever it breaks."""

    def __init__(self, path: Path, index: int) -> None:
        self.path, self.index = path, index
        self.subscriptions: dict[int, Subscription] = {}
        self._decoder = Decoder()
        self._transport: asyncio.Transport | None = None
        self._lost = asyncio.Event()

    async def run(self) -> None:
        """Keep connected until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._lost.clear()
                with suppress(OSError):  # no worker listens there yet, or no more; readers know
                    await loop.create_unix_connection(lambda: self, str(self.path))
                    await self._lost.wait()
                await asyncio.sleep(RECONNECT / SECOND)
        finally:
            if self._transport is not None:
                self._transport.abort()

    def add(self, subscription: Subscription) -> None:
        self.subscriptions[subscription.number] = subscription
        if self._transport is not None:
            self._transport.write(_asked(subscription))
        else:
            subscription._offer(self._down())

    def remove(self, subscription: Subscription) -> None:
        if self.subscriptions.pop(subscription.number, None) is None:
            return
        if self._transport is not None:
            self._transport.write(encode_unsubscribe(subscription.number))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._transport, self._decoder = transport, Decoder()
        for subscription in self.subscriptions.values():
            transport.write(_asked(subscription))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._lost.set()
        for subscription in self.subscriptions.values():
            subscription._offer(self._down())

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._decoder.feed(data):
                if isinstance(frame, Delivery) and frame.number in self.subscriptions:
                    self.subscriptions[frame.number]._offer(frame.message)
        except WireError as error:
            log.warning(
                "recorder sent what is no live message", worker=self.index, error=str(error)
            )
            assert self._transport is not None
            self._transport.abort()

    def _down(self) -> StreamDown:
        return StreamDown(Cause.RECORDER_STOPPED, f"recorder worker {self.index} does not run")


def _asked(subscription: Subscription) -> bytes:
    number, stream = subscription.number, subscription.stream
    return encode_subscribe(number, stream, views=subscription.views)
