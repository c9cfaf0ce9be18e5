"""Sends a span of an open file: bounded pieces, read in threads, nothing held but one piece."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial

import anyio
from anyio.to_thread import run_sync
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from web.playback.ranges import ByteRange

PIECE = 512 * 1024  # about a second of a 4 Mbit/s camera: one thread hop per fragment


class FileSpan(Response):
    """The bytes of `span` of the descriptor, which is closed at the end, whatever happens."""

    def __init__(
        self, descriptor: int, span: ByteRange, status: int, headers: Mapping[str, str]
    ) -> None:
        self._descriptor, self._span = descriptor, span
        super().__init__(None, status, {**headers, "Content-Length": str(span.length)}, "video/mp4")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            start = {"type": "http.response.start", "status": self.status_code}
            await send({**start, "headers": self.raw_headers})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
            else:
                await self._send_pieces(send)
        finally:
            os.close(self._descriptor)

    async def _send_pieces(self, send: Send) -> None:
        position, left = self._span.start, self._span.length
        while left:
            piece = await _read(self._descriptor, min(PIECE, left), position)
            if not piece:
                # Shorter than the index says. Ending without the promised length makes the
                # server cut the connection, so that no player takes it for whole.
                raise OSError(f"the file ends {left} bytes early, at {position}")
            position, left = position + len(piece), left - len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": left > 0})


# Own threads, so that a slow volume can't take those that answer the API. All busy: the next
# piece waits, and with it its viewer.
_limiter = anyio.lowlevel.RunVar[anyio.CapacityLimiter]("media_reads")


async def _read(descriptor: int, size: int, position: int) -> bytes:
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(16)
        _limiter.set(limiter)
    return await run_sync(partial(os.pread, descriptor, size, position), limiter=limiter)
