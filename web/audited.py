"""Puts on record who did and saw what over HTTP: one place around all routes.

`Audited` looks at each answered request: what it was is told by `web.acts` from its route, who sent
it by `web.permit`. Two things only a route knows: which footage goes out (`saw`), and which cameras
and span an order is about (`about`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vms.core.clock import Instant
from vms.core.model import StreamKey
from vms.people.audit.entry import Entry, Outcome, Via, What
from vms.people.audit.viewing import Eye
from web.acts import Act, act_of
from web.parts import parts_of
from web.permit import address_of, signed_in_here

_WHO = "vms.audit.who"
_ABOUT = "vms.audit.about"
_REFUSED_WS = 1008


class Audited:
    """The middleware; never in the way of what it records."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        status = 0

        async def send_seen(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
            elif message["type"] == "websocket.close" and message.get("code") == _REFUSED_WS:
                status = 403
            await send(message)

        try:
            await self._app(scope, receive, send_seen)
        except BaseException:
            status = status or 500
            raise
        finally:
            _record(HTTPConnection(scope), status)


def saw(connection: HTTPConnection, what: What, key: StreamKey, start: int, end: int) -> None:
    """Footage [start, end) of a stream goes out to who sent the request."""
    eye = _eye(connection, what, key.camera, key.name)
    parts_of(connection).audit.saw(eye, Instant(start), Instant(end))


def began(connection: HTTPConnection, camera: str, stream: str) -> None:
    """Somebody watches live from now on; how long is asked of the live process."""
    now = parts_of(connection).clock.now()
    parts_of(connection).audit.saw(_eye(connection, What.LIVE, camera, stream), now, now)


def about(
    connection: HTTPConnection,
    cameras: Iterable[str],
    start: int | None = None,
    end: int | None = None,
    subject: str = "",
    detail: str = "",
) -> None:
    """What the request under way is about, where its path does not say it."""
    connection.scope[_ABOUT] = (tuple(cameras), start, end, subject, detail)


def known_as(connection: HTTPConnection, name: str) -> None:
    """Who tries to sign in; a name that people may read."""
    connection.scope[_WHO] = name


def via_of(permit: str) -> Via:
    """By what a permit lets somebody in."""
    return "token" if permit.startswith("token:") else "session"


def _record(connection: HTTPConnection, status: int) -> None:
    scope = connection.scope
    method = "WS" if scope["type"] == "websocket" else scope["method"]
    path = getattr(scope.get("route"), "path", "")
    signed_in = signed_in_here(connection)
    act = act_of(method, path)
    if act is None:
        if status != 403 or signed_in is None:
            return
        act = Act(What.SETTINGS)  # refused: told whatever it was
    if signed_in is None and act.what is not What.SIGN_IN:
        return  # nobody: turned away at the door
    outcome = _outcome(status)
    audit = parts_of(connection).audit
    camera = str(connection.path_params.get("camera", ""))
    if outcome == "done" and act.manner == "told":
        return
    if outcome == "done" and act.manner == "merged":
        now = parts_of(connection).clock.now()
        audit.saw(_eye(connection, act.what, camera, ""), now, now)
        return
    for entry in _entries(connection, act, outcome, camera, _detail(connection, method, path)):
        audit.tell(entry)


def _entries(
    connection: HTTPConnection, act: Act, outcome: Outcome, camera: str, detail: str
) -> Iterable[Entry]:
    """One for each camera it is about."""
    cameras, start, end, subject, more = connection.scope.get(_ABOUT, ((), None, None, "", ""))
    named = ", ".join(
        str(value) for name, value in connection.path_params.items() if name != "camera"
    )
    signed_in = signed_in_here(connection)
    for one in cameras or (camera,):
        yield Entry(
            at=parts_of(connection).clock.now(),
            what=act.what,
            who=_who(connection),
            via="none" if signed_in is None else signed_in.identity.via,
            address=address_of(connection),
            camera=one,
            subject=subject or named,
            detail=" · ".join(text for text in (more, detail) if text),
            outcome=outcome,
            start=start,
            end=end,
        )


def _outcome(status: int) -> Outcome:
    if status < 400:
        return "done"
    return "denied" if status in (401, 403, 429) else "failed"


def _detail(connection: HTTPConnection, method: str, path: str) -> str:
    """The request as it is known to who reads docs/api.md."""
    query: Any = connection.scope.get("query_string", b"")
    asked = f"?{query.decode('latin-1')}" if query and method in ("GET", "DELETE") else ""
    return f"{method} {path}{asked}"


def _who(connection: HTTPConnection) -> str:
    signed_in = signed_in_here(connection)
    return str(connection.scope.get(_WHO, "")) if signed_in is None else signed_in.identity.name


def _eye(connection: HTTPConnection, what: What, camera: str, stream: str) -> Eye:
    signed_in = signed_in_here(connection)
    via: Via = "none" if signed_in is None else signed_in.identity.via
    return Eye(_who(connection), via, address_of(connection), camera, stream, what)
