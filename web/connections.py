"""HTTP connections with deadlines for a request's head and body, and a bound for its head.

uvicorn waits for ever for the first byte, for slow heads and bodies, and keeps a head of any size
in memory; who opens many connections and says nothing, or never stops, would take every place
(`limit_concurrency`) from the control room, without a sign-in.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from web.downloads import TRANSPORT
from web.limits import CONNECTIONS, client_of
from web.problems import Problem

HEAD_WITHIN_S = 15.0
BODY_WITHIN_S = 60.0  # `web.guard.BODY_MAX` at 20 KB a second
HEAD_MAX = 65_536  # and at most one read of the loop more; browsers send a tenth of it


# One server a process: open connections by client.
_OPEN = Counter[str]()


def refuse(transport: asyncio.Transport, problem: Problem) -> None:
    """Answer what no application has seen, and close."""
    answer = problem.response()
    answer.headers["Connection"] = "close"
    head = [f"HTTP/1.1 {problem.status} {problem.document['title']}".encode()]
    head += [name + b": " + value for name, value in answer.raw_headers]
    transport.write(b"\r\n".join([*head, b"", bytes(answer.body)]))
    transport.close()


class PromptHttp(HttpToolsProtocol):
    """Closes a connection that has not sent a whole head in time and size, or a body in time."""

    head_within_s, body_within_s = HEAD_WITHIN_S, BODY_WITHIN_S

    _deadline: asyncio.TimerHandle | None = None
    _counted: str | None = None
    _in_head = True
    _head_size = 0

    def data_received(self, data: bytes) -> None:
        self._head_size += len(data)
        super().data_received(data)
        if not self._in_head or self._head_size <= HEAD_MAX or self.transport.is_closing():
            return
        detail = f"The request's head is larger than {HEAD_MAX} bytes."
        refuse(self.transport, Problem(431, "head_too_large", detail))

    def send_400_response(self, msg: str) -> None:
        refuse(self.transport, Problem(400, "bad_request", msg))

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._counted = client_of(self.client[0] if self.client is not None else None)
        if self._counted is not None:
            _OPEN[self._counted] += 1
            if _OPEN[self._counted] > CONNECTIONS:
                detail = f"More than {CONNECTIONS} connections of one client are not held."
                more = {"Retry-After": "5"}
                refuse(transport, Problem(429, "too_many_connections", detail, headers=more))
                return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._came()
        if self._counted is not None:
            _OPEN[self._counted] -= 1
            if _OPEN[self._counted] <= 0:
                del _OPEN[self._counted]
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][TRANSPORT] = self.transport
        self._expect_head()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._expect_within(self.body_within_s)
        super().on_headers_complete()

    def on_message_complete(self) -> None:  # also of requests without a body, and of upgrades
        self._came()
        super().on_message_complete()

    def _expect_head(self) -> None:
        self._in_head, self._head_size = True, 0
        self._expect_within(self.head_within_s)

    def _expect_within(self, seconds: float) -> None:
        self._came()
        self._deadline = self.loop.call_later(seconds, self._give_up)

    def _came(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
