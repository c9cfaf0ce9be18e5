"""Whom a cookie or token stands for, and which camera is in which group, kept for two seconds.

A player asks for a piece of footage every second, and a wall of them does so all day: to ask the
database the same each time would cost more than to decide. What this process writes itself (a
sign-out, another role) counts from the next request on: each of its writes begins the memory anew.
What another process writes (`vms users`, the settings file) counts within `FRESH`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from vms.core.clock import SECOND, Mono, Span
from vms.people.sessions import SignedIn
from web.parts import WebParts

FRESH = Span(2 * SECOND)
KEPT_MAX = 2_000  # full: all is forgotten, and asked again
COOKIE = "vms_session"

_T = TypeVar("_T")
Groups = Mapping[str, Sequence[str]]


class _Kept(Generic[_T]):
    """Answers of the database by key, each with when and after how many writes it was asked for."""

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts
        self._found: dict[str, tuple[int, Mono, _T]] = {}

    def get(self, key: str) -> _T | None:
        """What is known still; None: it must be asked for."""
        found = self._found.get(key)
        if found is None:
            return None
        writes, asked, value = found
        fresh = self._parts.clock.monotonic() - asked < FRESH
        return value if fresh and writes == self._parts.sessions.writes() else None

    def ask(self, key: str, question: Callable[[], _T | None]) -> _T | None:
        """Ask, and keep the answer if there is one. Blocks."""
        writes, asked = self._parts.sessions.writes(), self._parts.clock.monotonic()
        value = question()
        if value is not None:
            if len(self._found) >= KEPT_MAX:
                self._found.clear()
            self._found[key] = writes, asked, value
        return value


class Recognised:
    """The memory of one web process; its methods may be called from any thread."""

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts
        self._people = _Kept[SignedIn](parts)
        self._groups = _Kept[Groups](parts)

    async def signed_in(self, connection: HTTPConnection) -> SignedIn | None:
        """Who sends this request; an API token goes before the cookie."""
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            kind, secret = "token", token.strip()
        else:
            kind, secret = "cookie", connection.cookies.get(COOKIE, "")
        if not secret:
            return None
        key = hashlib.sha256(f"{kind}:{secret}".encode("utf-8", "surrogateescape")).hexdigest()
        return self._people.get(key) or await run_in_threadpool(
            self._people.ask, key, lambda: self._find(kind, secret, connection)
        )

    def _find(self, kind: str, secret: str, connection: HTTPConnection) -> SignedIn | None:
        sessions = self._parts.sessions
        if kind == "cookie":
            return sessions.find(secret)
        address = connection.client.host if connection.client is not None else "local"
        return sessions.find_token(secret, address)

    def groups(self) -> Groups:
        """The groups of each camera. May block for a question to the database."""
        kept = self._groups.get("")
        return kept if kept is not None else self._groups.ask("", self._parts.cameras.groups) or {}

    async def groups_soon(self) -> Groups:
        """The same, from the event loop."""
        kept = self._groups.get("")
        return kept if kept is not None else await run_in_threadpool(self.groups)


def recognised_of(connection: HTTPConnection) -> Recognised:
    """That of the application that got this request."""
    recognised = connection.app.state.recognised
    assert isinstance(recognised, Recognised)
    return recognised
