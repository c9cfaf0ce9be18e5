"""One MSE viewer's WebSocket, on a connection handed over by the API process.

The protocol is the `websockets` package's pure core; the pictures bypass it, framed once for all
viewers. The transport's write buffer is the viewer's queue: bounded, and when it is full the
viewer gets nothing before the next keyframe that finds room.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from websockets.exceptions import InvalidHandshake
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from vms.core.clock import SECOND, Clock
from vms.core.log import get_logger
from vms.core.model import StreamKey
from web.live.viewers import ViewerFacts, Watcher

log = get_logger(__name__)

_QUEUE_BYTES = 2_000_000  # waiting here; over it pictures are skipped
_UNSENT_BYTES = 256_000  # waiting in the kernel, so that skipping is about the present
_MESSAGE_MAX = 4_096  # players have nothing to say
_PING_EVERY = 10
_SILENCE = 25 * SECOND
_GOODBYE = 1.0  # seconds a viewer who is sent away has to close


class ViewerSocket(asyncio.Protocol):
    """Shakes hands, then writes what the outlet gives. `closed` is called once at the end."""

    def __init__(
        self,
        stream: StreamKey,
        watcher: Watcher,
        request: bytes,
        clock: Clock,
        opened: Callable[[ViewerSocket], None],
        closed: Callable[[ViewerSocket], None],
    ) -> None:
        self.stream, self.watcher = stream, watcher
        self._request, self._clock = request, clock
        self._opened, self._closed = opened, closed
        self._protocol = ServerProtocol(max_size=_MESSAGE_MAX)
        self._transport: asyncio.Transport | None = None
        self._since = clock.now()
        self._heard = clock.monotonic()
        self._pinger: asyncio.TimerHandle | None = None
        self._waiting = False
        self._bytes = self._skips = 0

    @property
    def informed(self) -> bool:
        return self.watcher.informed

    def facts(self) -> ViewerFacts:
        return ViewerFacts(
            stream=self.stream,
            watcher=self.watcher,
            path="mse",
            since=self._since,
            connected=self._protocol.state is State.OPEN,
            bytes=self._bytes,
            skips=self._skips,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        transport.set_write_buffer_limits(_QUEUE_BYTES)
        handle = transport.get_extra_info("socket")
        if handle.family != socket.AF_UNIX:  # of a viewer under TLS: the API process carries it
            handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        self._ping_later()
        self.data_received(self._request)

    def data_received(self, data: bytes) -> None:
        self._heard = self._clock.monotonic()
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._shake_hands(event)
        self._flush()

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._pinger is not None:
            self._pinger.cancel()
        self._protocol.state = State.CLOSED
        self._closed(self)

    def state(self, frames: bytes) -> None:
        """What must arrive: MIME type, init section, outages. Small and seldom."""
        self._waiting = False
        self._write(frames)

    def media(self, frames: bytes, key: bool) -> None:
        """Pictures; skipped up to a keyframe while the viewer's queue is full."""
        transport = self._transport
        if transport is None or (self._waiting and not key):
            return
        if transport.get_write_buffer_size() > _QUEUE_BYTES:
            if not self._waiting:
                self._skips += 1
            self._waiting = True
            return
        self._waiting = False
        self._write(frames)

    def stop(self) -> None:
        """Send the viewer away, whether or not it answers."""
        self.close(1008, "no longer permitted")
        asyncio.get_running_loop().call_later(_GOODBYE, self.abort)

    def close(self, code: int = 1001, reason: str = "") -> None:
        """Say goodbye; a viewer that does not answer is cut off by its silence."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _shake_hands(self, request: Request) -> None:
        response = self._protocol.accept(request)
        self._protocol.send_response(response)
        self._flush()
        if self._protocol.state is State.OPEN:
            self._opened(self)
        elif isinstance(self._protocol.handshake_exc, InvalidHandshake):
            log.info("no websocket", stream=str(self.stream), why=str(self._protocol.handshake_exc))

    def _flush(self) -> None:
        if self._transport is None:
            return
        for data in self._protocol.data_to_send():
            if data:
                self._write(data)
            else:
                self._transport.close()  # the protocol's sign for the end of what we send
        if self._protocol.close_expected() and self._protocol.state is not State.OPEN:
            self._transport.close()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
            self._bytes += len(data)

    def _ping_later(self) -> None:
        self._pinger = asyncio.get_running_loop().call_later(_PING_EVERY, self._ping)

    def _ping(self) -> None:
        if self._clock.monotonic() - self._heard > _SILENCE:
            log.info("viewer is silent", stream=str(self.stream), user=self.watcher.user)
            self.abort()
            return
        if self._protocol.state is State.OPEN:
            self._protocol.send_ping(b"")
            self._flush()
        self._ping_later()
