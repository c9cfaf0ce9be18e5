"""Footage and packages on their way to somebody, so that they end with the right to them.

What was asked of `decide` before the first byte is kept beside the answer while it is sent, and
`web.bouncer` asks it again every two seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Collection, Iterator
from typing import Any

from starlette.types import Scope

from vms.people.permissions import Asked
from web.witness import asker_of

TRANSPORT = "vms.transport"
"""Where in a request's state `web.connections` puts its transport."""

# Close at once (SO_LINGER of 0 s): what waits in the kernel for a slow reader is not sent either.
_AT_ONCE = struct.pack("ii", 1, 0)


class Download:
    """One answer that is being sent. `permit`: by which sign-in; `asked`: what was allowed."""

    def __init__(self, permit: str, asked: Collection[Asked], transport: Any) -> None:
        self.permit, self.asked = permit, tuple(asked)
        self._transport, self._ended = transport, False

    @property
    def is_over(self) -> bool:
        """Nobody gets the next byte: it was ended, or the reader is gone."""
        return self._ended or (self._transport is not None and self._transport.is_closing())

    def end(self) -> None:
        """Send no further byte. From the event loop."""
        self._ended = True
        if self._transport is None:
            return
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._transport.abort()


class Downloads:
    """All that is being sent by one process; belongs to its event loop."""

    def __init__(self) -> None:
        self._running: set[Download] = set()

    def running(self) -> list[Download]:
        """What is being sent now."""
        return list(self._running)

    @contextlib.contextmanager
    def sending(self, scope: Scope) -> Iterator[Download]:
        """While the answer to a request goes out."""
        permit, asked = asker_of(scope)
        transport: asyncio.Transport | None = scope.get("state", {}).get(TRANSPORT)
        download = Download(permit, asked, transport)
        self._running.add(download)
        try:
            yield download
        finally:
            self._running.discard(download)


def downloads_of(scope: Scope) -> Downloads:
    """Those of the application that got this request."""
    downloads = scope["app"].state.downloads
    assert isinstance(downloads, Downloads)
    return downloads
