"""HTTP connections with a deadline for a request's head.

uvicorn waits for ever for the first byte and for slow heads; who opens many connections and says
nothing would take every place (`limit_concurrency`) from the control room.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_WITHIN_S = 15.0


class PromptHttp(HttpToolsProtocol):
    """Closes a connection that has not sent a whole request head in time."""

    head_within_s = HEAD_WITHIN_S

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._got_head()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        self._got_head()
        super().on_headers_complete()

    def _expect_head(self) -> None:
        self._got_head()
        self._deadline = self.loop.call_later(self.head_within_s, self._give_up)

    def _got_head(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
