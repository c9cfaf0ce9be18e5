"""Sends a span of an open file: bounded pieces, read in threads, nothing held but one piece."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial

import anyio
from anyio.to_thread import run_sync
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from storage.facts import FragmentEntry
from web.downloads import downloads_of
from web.playback.ranges import ByteRange

PIECE = 512 * 1024  # about a second of a 4 Mbit/s camera: one thread hop per fragment


class FileSpan(Response):
    """The bytes of `span` of the descriptor, which is closed at the end, whatever happens."""

    def __init__(
        self,
        descriptor: int,
        span: ByteRange,
        status: int,
        headers: Mapping[str, str],
        media_type: str = "video/mp4",
    ) -> None:
        self._descriptor, self._span = descriptor, span
        super().__init__(None, status, {**headers, "Content-Length": str(span.length)}, media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            start = {"type": "http.response.start", "status": self.status_code}
            await send({**start, "headers": self.raw_headers})
            if scope["method"] != "HEAD" and not await self._send_pieces(scope, send):
                return  # without the promised length: the server cuts the connection
            await send({"type": "http.response.body", "body": b""})
        finally:
            os.close(self._descriptor)

    async def _send_pieces(self, scope: Scope, send: Send) -> bool:
        """Whether all were sent."""
        with downloads_of(scope).sending(scope) as download:
            async for piece in self._pieces():
                if download.is_over:
                    return False
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        return True

    async def _pieces(self) -> AsyncIterator[bytes]:
        for piece in pieces_of(self._span):
            yield await _read(self._descriptor, piece)


class ChangedSpan(FileSpan):
    """The same, with every fragment given through `change`, which keeps its length.

    `head`: bytes of the file's beginning that go through it too.
    """

    def __init__(
        self,
        descriptor: int,
        span: ByteRange,
        status: int,
        headers: Mapping[str, str],
        fragments: Sequence[FragmentEntry],
        change: Callable[[bytes], bytes],
        head: int = 0,
    ) -> None:
        places = [ByteRange(entry.offset, entry.size) for entry in fragments]
        self._places = [ByteRange(0, head), *places] if head else places
        self._change = change
        super().__init__(descriptor, span, status, headers)

    async def _pieces(self) -> AsyncIterator[bytes]:
        at, end = self._span.start, self._span.start + self._span.length
        for place in self._places:
            after = place.start + place.length
            if after <= at:
                continue
            if place.start >= end:
                break
            for piece in pieces_of(ByteRange(at, max(0, place.start - at))):
                yield await _read(self._descriptor, piece)
            whole = await _read(self._descriptor, place)
            first = max(at, place.start)
            yield self._change(whole)[first - place.start : end - place.start]
            at = min(after, end)
        for piece in pieces_of(ByteRange(at, end - at)):
            yield await _read(self._descriptor, piece)


def pieces_of(span: ByteRange) -> Iterator[ByteRange]:
    """The span in pieces of at most `PIECE` bytes."""
    end = span.start + span.length
    for start in range(span.start, end, PIECE):
        yield ByteRange(start, min(PIECE, end - start))


# Own threads, so that a slow volume can't take those that answer the API. All busy: the next
# piece waits, and with it its viewer.
_limiter = anyio.lowlevel.RunVar[anyio.CapacityLimiter]("media_reads")


async def _read(descriptor: int, span: ByteRange) -> bytes:
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(16)
        _limiter.set(limiter)
    data = await run_sync(partial(os.pread, descriptor, span.length, span.start), limiter=limiter)
    if len(data) < span.length:
        # Shorter than the index says. Ending without the promised length makes the server cut
        # the connection, so that no player takes it for whole.
        raise OSError(f"the file has {len(data)} of {span.length} bytes at {span.start}")
    return data
