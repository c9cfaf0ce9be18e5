"""Gives an accepted WebSocket's connection to the live process: the descriptor and the request.

Live media is never sent from the process that answers the API. So the API process reads the
upgrade request, decides who may watch, and then hands the TCP connection itself over a Unix
socket (SCM_RIGHTS); the live process does the handshake and sends from then on.

Over the socket `live-<n>.fds`, one connection per viewer: a JSON line `{"camera", "stream", "user",
"permit", "address", "hears", "request"}` ("hears": `yes` or `no`, "request": base64 of the raw
upgrade request) with one descriptor as ancillary data of its first byte; back comes `{"ok": true}`,
or `{"ok": false, "code", "detail"}` and the viewer is still ours, to be refused over HTTP. The
other end stands in `web.live.handover`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from vms.core.errors import VmsError
from web.connections import refuse
from web.problems import Problem
from web.relay import carry

EXTENSION = "vms.handover"
REQUEST_MAX = 32_768  # a larger head is refused: cookies and URL together need far less
SEND_DEADLINE_S = 3.0
ANSWER_MAX = 16_384

Handover = Callable[[Path, Mapping[str, str]], Awaitable[None]]
"""`scope["extensions"]["vms.handover"]`: gives this connection to the live process at the
socket. Raises HandoverError; the connection is then still ours, to be refused."""


class HandoverError(VmsError):
    """The live process did not take the connection; `code` is for programs."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        super().__init__(detail)


class HandoverProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, able to give its connection away before the handshake.

    Refusals before the handshake go out as HTTP answers, as uvicorn does by itself.
    """

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated:  # uvicorn gives the rebuilt request as the first data
            self._request = data
        super().data_received(data)
        # uvicorn overlooks a head that websockets can't read (a line over 8 KB) and would leave
        # the connection open and silent for ever.
        if not self.handshake_initiated and self.conn.handshake_exc is not None:
            reason = self.conn.handshake_exc.__cause__ or self.conn.handshake_exc
            detail = f"The WebSocket request can't be read: {reason}."
            refuse(self.transport, Problem(400, "bad_request", detail))

    async def run_asgi(self) -> None:
        extensions: dict[str, Any] = self.scope["extensions"]
        extensions[EXTENSION] = self.hand_over
        self._given = False
        await super().run_asgi()

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.close_sent:  # a refusal is complete too; uvicorn would log it as our fault
            self.handshake_complete = True

    async def hand_over(self, path: Path, head: Mapping[str, str]) -> None:
        """See `Handover`."""
        if len(self._request) > REQUEST_MAX:
            raise HandoverError("too_large", f"the request is larger than {REQUEST_MAX} bytes")
        # From here on not a byte may be read: it would be missing over there.
        self.transport.pause_reading()
        tls = self.transport.get_extra_info("sslcontext") is not None
        message = {**head, "request": base64.b64encode(self._request).decode()}
        try:
            if tls:
                await self._carry(path, message)
            else:
                sock = self.transport.get_extra_info("socket")
                await send_connection(path, message, sock.fileno())
        except HandoverError:
            self.transport.resume_reading()
            raise
        if not tls:
            self._let_go()

    async def _carry(self, path: Path, message: Mapping[str, str]) -> None:
        """Give the live process one end of a pair, and carry the other's bytes under TLS."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                await send_connection(path, message, theirs.fileno())
            await carry(self.transport, ours, self.connections)
        except BaseException:
            ours.close()
            raise
        self.connections.discard(self)
        self._given = self.handshake_complete = self.close_sent = True
        # uvicorn closes a transport that no timer waits for, and this one is ours no more.
        self.close_timer = self.loop.call_later(0, lambda: None)

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
            answer = json.loads(await _deliver(path, line, copy))
    except (OSError, TimeoutError, ValueError) as error:
        reason = str(error) or "no answer in time"
        raise HandoverError(
            "live_down",
            f"The live process does not answer at {path} ({reason}); live pictures are back when "
            "it runs again.",
        ) from error
    finally:
        os.close(copy)
    if not answer.get("ok"):
        raise HandoverError(str(answer.get("code", "refused")), str(answer.get("detail", "")))


async def _deliver(path: Path, line: bytes, descriptor: int) -> bytes:
    """Send the line with the descriptor; the line that comes back."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, os.fspath(path))
        sent = socket.send_fds(sock, [line], [descriptor])
        if sent < len(line):
            await loop.sock_sendall(sock, line[sent:])
        answer = b""
        while not answer.endswith(b"\n") and len(answer) < ANSWER_MAX:
            piece = await loop.sock_recv(sock, ANSWER_MAX)
            if not piece:
                raise ConnectionError("it closed the connection")
            answer += piece
    return answer
