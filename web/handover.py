"""Gives an accepted WebSocket's connection to the live process: the descriptor and the request.

Live media is never sent from the process that answers the API. So the API process reads the
upgrade request, decides who may watch, and then hands the TCP connection itself over a Unix
socket (SCM_RIGHTS); the live process does the handshake and sends from then on.

What goes over the socket `live-<n>.fds`, one connection per viewer: a JSON line
`{"camera","stream","user","request"}` ("request": base64 of the raw upgrade request), ended by a
newline, with one descriptor as ancillary data of its first byte; then the sender closes. The
socket may be SOCK_SEQPACKET or SOCK_STREAM. Nothing is answered: a live process that fails
closes the connection, and the player connects anew.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from vms.core.errors import VmsError

EXTENSION = "vms.handover"
REQUEST_MAX = 32_768  # a larger head is refused: cookies and URL together need far less
SEND_DEADLINE_S = 2.0

Handover = Callable[[Path, Mapping[str, str]], Awaitable[None]]
"""`scope["extensions"]["vms.handover"]`: gives this connection to the live process at the
socket. Raises HandoverError; the connection is then still ours, to be refused."""


class HandoverError(VmsError):
    """The live process did not take the connection."""


class HandoverProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, able to give its connection away before the handshake.

    Refusals before the handshake go out as HTTP answers, as uvicorn does by itself.
    """

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated:  # uvicorn gives the rebuilt request as the first data
            self._request = data
        super().data_received(data)

    async def run_asgi(self) -> None:
        extensions: dict[str, Any] = self.scope["extensions"]  # type: ignore[assignment]
        extensions[EXTENSION] = self.hand_over
        self._given = False
        await super().run_asgi()

    async def hand_over(self, path: Path, head: Mapping[str, str]) -> None:
        """See `Handover`."""
        if self.transport.get_extra_info("sslcontext") is not None:
            raise HandoverError(
                "this server ends TLS itself, so the connection can't be given to the live "
                "process; let a proxy in front end TLS"
            )
        if len(self._request) > REQUEST_MAX:
            raise HandoverError(f"the request is larger than {REQUEST_MAX} bytes")
        # From here on not a byte may be read: it would be missing over there.
        self.transport.pause_reading()
        sock = self.transport.get_extra_info("socket")
        message = {**head, "request": base64.b64encode(self._request).decode()}
        try:
            await send_connection(path, message, sock.fileno())
        except HandoverError:
            self.transport.resume_reading()
            raise
        self._let_go()

    def _let_go(self) -> None:
        """Close our descriptor only: the connection lives on in the other process.

        Neither asyncio nor uvloop calls shutdown(2) when closing, and both take the descriptor
        out of epoll first, so the shared open file leaves no trace here.
        """
        self._given = True
        self.handshake_complete = True  # nothing is written to it any more, not even a 500
        self.close_sent = True
        self.transport.abort()


async def send_connection(path: Path, message: Mapping[str, str], descriptor: int) -> None:
    """Send `descriptor` with its JSON line to the socket at `path`. Raises HandoverError."""
    line = json.dumps(message).encode() + b"\n"
    copy = os.dup(descriptor)  # so that the number can't be reused while we wait
    try:
        async with asyncio.timeout(SEND_DEADLINE_S):
            await _deliver(path, line, copy)
    except (OSError, TimeoutError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no answer"
        raise HandoverError(f"the live process at {path} can't be reached: {reason}") from error
    finally:
        os.close(copy)


async def _deliver(path: Path, line: bytes, descriptor: int) -> None:
    with _connect(path) as sock:
        while True:
            try:
                sent = socket.send_fds(sock, [line], [descriptor])
                break
            except BlockingIOError:
                await asyncio.sleep(0.005)  # its queue is full for a moment; the deadline bounds
        if sent < len(line):
            await asyncio.get_running_loop().sock_sendall(sock, line[sent:])


def _connect(path: Path) -> socket.socket:
    """A connected, non-blocking socket of whichever kind listens there."""
    for kind in (socket.SOCK_SEQPACKET, socket.SOCK_STREAM):
        sock = socket.socket(socket.AF_UNIX, kind)
        sock.setblocking(False)
        try:
            sock.connect(os.fspath(path))  # on a Unix socket at once, or EAGAIN if its queue is full
        except OSError as error:
            sock.close()
            if error.errno == errno.EPROTOTYPE and kind == socket.SOCK_SEQPACKET:
                continue
            raise
        return sock
    raise AssertionError("unreachable: the loop returns or raises")
