"""Carries the bytes of a connection under TLS to and from the live process.

A TLS session can't be handed over as a descriptor, so of these viewers alone the media passes
through this process: a pair of sockets, one end for the live process, the other carried here. What
waits is bounded: who is slow is not read for, and the live process sees its full queue and skips.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

UNSENT_BYTES = 256_000  # under TLS on the way to the viewer


class _End(asyncio.Protocol):
    """One side: what it hears goes to the other, which may ask it to pause."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        return False  # half a connection is none

    def connection_lost(self, exc: Exception | None) -> None:
        other, self.other, self.transport = self.other, None, None
        if other is not None and other.transport is not None:
            other.transport.close()

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()


class _Viewer(_End):
    """The viewer's side; among the server's connections, which it closes when it ends."""

    def __init__(self, connections: set[Any]) -> None:
        super().__init__()
        self._connections = connections
        connections.add(self)

    def shutdown(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        super().connection_lost(exc)


async def carry(viewer: asyncio.Transport, ours: socket.socket, connections: set[Any]) -> None:
    """From now on `viewer`'s bytes and those of `ours` are one; each ends with the other."""
    loop = asyncio.get_running_loop()
    near, far = _Viewer(connections), _End()
    near.other, far.other = far, near
    # The viewer's side first: the live process may write before it is known here that it can.
    near.transport = viewer
    viewer.set_write_buffer_limits(UNSENT_BYTES)
    viewer.set_protocol(near)
    ours.setblocking(False)
    await loop.create_unix_connection(lambda: far, sock=ours)
    if viewer.is_closing():
        near.connection_lost(None)
    else:
        viewer.resume_reading()
