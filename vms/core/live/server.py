"""The worker's end of the live socket: answers subscriptions, never waits for a client."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import cast

from vms.core.live.hub import LiveHub
from vms.core.live.messages import LiveMessage, LiveUnit
from vms.core.live.wire import (
    AskGlimpse,
    Decoder,
    Delivery,
    Frame,
    Subscribe,
    WireError,
    encode_message,
)
from vms.core.log import get_logger
from vms.core.media import Track
from vms.core.model import StreamKey

log = get_logger(__name__)

SUBSCRIPTIONS_MAX = 4096  # per client; a live process asks once per stream
BUFFER_HIGH = 24 << 20  # bytes waiting for one client; beyond, units are dropped to a keyframe
BUFFER_LOW = 4 << 20  # a dropped stream comes back at a keyframe once the client is below this


class LiveServer:
    """Listens on a Unix socket and sends what the hub publishes. A context manager of asyncio.

    `dropped` counts units not sent because a client's buffer was full.
    """

    def __init__(self, path: Path, hub: LiveHub) -> None:
        self.dropped = 0
        self._path, self._hub = path, hub
        self._server: asyncio.Server | None = None
        self._clients: set[_ClientLink] = set()

    @property
    def clients(self) -> int:
        return len(self._clients)

    async def __aenter__(self) -> LiveServer:
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self._path))
        self._path.chmod(0o600)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _ClientLink(self), sock=listener)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for client in tuple(self._clients):
            client.abort()
        await self._server.wait_closed()
        self._path.unlink(missing_ok=True)


class _ClientLink(asyncio.Protocol):
    """One live process."""

    def __init__(self, server: LiveServer) -> None:
        self._server, self._hub = server, server._hub
        self._decoder = Decoder()
        self._outlets: dict[int, _Outlet] = {}
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._transport = transport
        # The transport's own flow control would ask us to wait; we look at its size instead.
        transport.set_write_buffer_limits(high=BUFFER_HIGH * 2)
        self._server._clients.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server._clients.discard(self)
        for outlet in self._outlets.values():
            self._hub.unsubscribe(outlet.stream, outlet.receive)
        self._outlets.clear()

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._decoder.feed(data):
                self._obey(frame)
        except WireError as error:
            log.warning("live client sent what is no request", error=str(error))
            self.abort()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _obey(self, frame: Frame) -> None:
        if isinstance(frame, Delivery):
            raise WireError("a client delivers nothing")
        if isinstance(frame, AskGlimpse):
            self._show_once(frame)
            return
        old = self._outlets.pop(frame.number, None)
        if old is not None:
            self._hub.unsubscribe(old.stream, old.receive)
        if not isinstance(frame, Subscribe):
            return
        if len(self._outlets) >= SUBSCRIPTIONS_MAX:
            raise WireError(f"more than {SUBSCRIPTIONS_MAX} subscriptions")
        assert self._transport is not None
        outlet = _Outlet(frame.number, frame.stream, self._transport, self._server)
        self._outlets[frame.number] = outlet
        self._hub.subscribe(frame.stream, outlet.receive, views=frame.views)

    def _show_once(self, frame: AskGlimpse) -> None:
        transport = self._transport
        assert transport is not None
        if transport.get_write_buffer_size() > BUFFER_HIGH:
            raise WireError("it asks and does not read")
        for message in self._hub.glimpse(frame.stream):
            head, data = encode_message(frame.number, message)
            transport.write(head)
            if data:
                transport.write(data)


class _Outlet:
    """One subscription of one client."""

    __slots__ = ("_number", "_server", "_skipping", "_transport", "stream")

    def __init__(
        self, number: int, stream: StreamKey, transport: asyncio.Transport, server: LiveServer
    ) -> None:
        self.stream = stream
        self._number, self._transport, self._server = number, transport, server
        self._skipping = False

    def receive(self, message: LiveMessage) -> None:
        if self._transport.is_closing():
            return
        if type(message) is LiveUnit and not self._takes(message):
            self._server.dropped += 1
            return
        if self._transport.get_write_buffer_size() > BUFFER_HIGH * 2:
            # Formats and outages are never dropped: a client that lets even them pile up is gone.
            self._transport.abort()
            return
        head, data = encode_message(self._number, message)
        self._transport.write(head)
        if data:
            self._transport.write(data)

    def _takes(self, message: LiveUnit) -> bool:
        waiting = self._transport.get_write_buffer_size()
        if self._skipping:
            at_keyframe = message.unit.key and message.unit.track == Track.VIDEO
            self._skipping = not (at_keyframe and waiting < BUFFER_LOW)
        elif waiting > BUFFER_HIGH:
            self._skipping = True
        return not self._skipping
