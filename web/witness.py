"""Tells the audit what people do here: every request that changes something or is refused.

The one layer around all routes: what a route is called says what was done (`what_of`), and a test
fails on one that has no word. A route adds what only it knows by `note`. What goes out in pictures
is told where bytes are opened: `saw`.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vms.core.clock import SECOND, Instant
from vms.people.audit.entry import Entry, Outcome, What
from vms.people.audit.viewing import Eye
from vms.people.permissions import Asked, Permission
from vms.people.sessions import SignedIn
from web.parts import WebParts

_KEY = "witness"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_TELL_THEMSELVES = {("POST", "/api/session"), ("POST", "/api/session/oidc/code")}

# The first that fits. Signing in tells for itself: only it knows who tried.
_DEEDS: tuple[tuple[str, str, What], ...] = (
    ("DELETE", r"/api/session", What.SIGN_OUT),
    ("*", r"/api/(session|account|tokens?|me)\b.*", What.ACCOUNT),
    ("*", r"/api/people/.*/sessions/.*", What.PEOPLE),
    ("*", r"/api/(people|roles|groups)\b.*", What.PEOPLE),
    ("*", r"/api/blocks.*", What.BLOCK),
    ("*", r"/api/approvals\b.*", What.APPROVAL),
    ("POST", r"/api/holds/\{hold\}/lift", What.LIFT),
    ("*", r"/api/holds.*", What.HOLD),
    ("*", r"/api/exports.*", What.EXPORT),
    ("*", r"/api/retention.*", What.RETENTION),
    ("*", r"/api/discovery.*", What.DISCOVERY),
    ("*", r"/api/audit/pack", What.AUDIT_PACK),
    ("*", r"/api/audit.*", What.READ_AUDIT),
    ("*", r"/api/cameras/\{camera\}/live/.*", What.LIVE),
    ("*", r"/api/cameras/\{camera\}/ptz/.*", What.STEER),
    ("*", r"/api/cameras/\{camera\}/device/.*", What.DEVICE),
    ("*", r"/api/cameras/\{camera\}/health/view", What.DEVICE),
    ("*", r"/api/cameras/\{camera\}/events.*", What.EVENT),
    ("*", r"/api/(cameras|registry|schedules)\b.*", What.CAMERAS),
    ("*", r"/api/(storage|system|settings)\b.*", What.SETTINGS),
)
_REFUSED = {
    Permission.LIVE: What.LIVE,
    Permission.ARCHIVE: What.LOOK_BACK,
    Permission.PTZ: What.STEER,
    Permission.EVENTS: What.EVENT,
    Permission.EXPORT: What.EXPORT,
    Permission.HOLD: What.HOLD,
    Permission.BLOCK: What.BLOCK,
    Permission.APPROVE: What.APPROVAL,
    Permission.RETENTION: What.RETENTION,
    Permission.REGISTRY: What.CAMERAS,
    Permission.CAMERAS: What.CAMERAS,
    Permission.PEOPLE: What.PEOPLE,
    Permission.AUDIT: What.READ_AUDIT,
    Permission.OWN_SESSION: What.ACCOUNT,
}


def what_of(method: str, path: str) -> What | None:
    """What a request that changes something is called; None: this layer does not tell it."""
    if method in _SAFE or (method, path) in _TELL_THEMSELVES:
        return None
    for verb, pattern, what in _DEEDS:
        if verb in ("*", method) and re.fullmatch(pattern, path):
            return what
    raise LookupError(f"{method} {path} has no word in the audit; add one to web.witness")


@dataclass(slots=True)
class _Seen:
    """What is known of one request, filled while it is answered."""

    by: SignedIn | None = None
    asked: list[Asked] = field(default_factory=list)
    permission: Permission | None = None
    path: str = ""
    what: What | None = None
    subject: str = ""
    detail: str = ""
    purpose: str = ""
    start: Instant | None = None
    end: Instant | None = None
    told: bool = False
    cameras: list[str] = field(default_factory=list)
    pictures_told: bool = False


def remember(connection: HTTPConnection, by: SignedIn, permission: Permission) -> None:
    """Who it is that asks, before it is decided."""
    seen = _seen_of(connection.scope)
    seen.by, seen.permission = by, permission
    seen.path = getattr(connection.scope.get("route"), "path", "")
    camera = connection.path_params.get("camera")
    if camera is not None:
        seen.cameras = [str(camera)]
    places = [str(value) for name, value in connection.path_params.items() if name != "camera"]
    seen.subject = " ".join(places)


def relied_on(connection: HTTPConnection, asked: Asked) -> None:
    """What was allowed before the answer, and must stay so while it is sent."""
    _seen_of(connection.scope).asked.append(asked)


def asker_of(scope: Scope) -> tuple[str, list[Asked]]:
    """By which permit a request came, and all that it was allowed."""
    seen = _seen_of(scope)
    return (seen.by.permit if seen.by is not None else ""), seen.asked


def note(
    connection: HTTPConnection,
    *,
    what: What | None = None,
    subject: str = "",
    detail: str = "",
    purpose: str = "",
    told: bool = False,
    cameras: tuple[str, ...] = (),
    start: int | None = None,
    end: int | None = None,
) -> None:
    """What only the route knows of what is done. `what`: tell it although it changes nothing;
    `purpose`: what for, beside what it is called; `told`: once it is done the audit has it already,
    as a part of something larger."""
    seen = _seen_of(connection.scope)
    seen.what = what or seen.what
    seen.subject, seen.detail = subject or seen.subject, detail or seen.detail
    seen.purpose = purpose or seen.purpose
    seen.told = told or seen.told
    seen.cameras = list(cameras) or seen.cameras
    seen.start = Instant(start) if start is not None else seen.start
    seen.end = Instant(end) if end is not None else seen.end


def saw(
    connection: HTTPConnection,
    what: What,
    camera: str,
    stream: str,
    span: tuple[Instant, Instant],
) -> None:
    """Footage of a span goes out to who asked. Never blocks."""
    seen = _seen_of(connection.scope)
    seen.pictures_told = True
    if seen.by is not None and seen.by.permit:
        who = seen.by.identity
        eye = Eye(who.name, who.via, address_of(connection.scope), camera, stream, what)
        _parts(connection.scope).trail.saw(eye, *span)


class Witness:
    """The layer around the routes (ASGI)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_told(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                _tell(scope, int(message["status"]), Headers(raw=message.get("headers", [])))
            await send(message)

        await self._app(scope, receive, send_told)


def _tell(scope: Scope, status: int, headers: Headers) -> None:
    seen = _seen_of(scope)
    if seen.by is None or not seen.by.permit:
        return
    outcome: Outcome = "denied" if status in (401, 403) else "failed" if status >= 500 else "done"
    if outcome == "done" and status >= 400:
        return  # nothing was done: a slip of the keyboard
    if outcome == "done" and headers.get("content-type", "").startswith("image/"):
        _tell_picture(scope, seen)
    what = seen.what or _done(scope, seen)
    if what is None and outcome == "denied":
        what = _REFUSED.get(seen.permission, What.SETTINGS) if seen.permission else None
    if what is None or (outcome == "done" and (what is What.LIVE or seen.told)):
        return  # who watches is told as a viewing, a camera's movement as one
    trail, who = _parts(scope).trail, seen.by.identity
    now = _parts(scope).clock.now()
    detail = seen.detail or _called(scope, seen)
    if seen.purpose:
        detail = f"{detail}; purpose: {seen.purpose}"
    for camera in seen.cameras or [""]:
        trail.tell(
            Entry(
                *(now, what, who.name, who.via, address_of(scope), camera, seen.subject),
                *(detail, outcome, seen.start, seen.end),
            )
        )


def _done(scope: Scope, seen: _Seen) -> What | None:
    if scope["type"] == "websocket":
        return None
    return what_of(str(scope["method"]), seen.path)


def _tell_picture(scope: Scope, seen: _Seen) -> None:
    """A picture that no route told of: a preset's, a check's."""
    if seen.cameras and not seen.pictures_told and seen.by is not None:
        now, who = _parts(scope).clock.now(), seen.by.identity
        eye = Eye(who.name, who.via, address_of(scope), seen.cameras[0], "main", What.SNAPSHOT)
        _parts(scope).trail.saw(eye, now, Instant(now + SECOND))


def _called(scope: Scope, seen: _Seen) -> str:
    """`PUT presets/{token}`: what of it, where the route says no more."""
    method = "WATCH" if scope["type"] == "websocket" else str(scope["method"])
    return f"{method} {seen.path.removeprefix('/api/').removeprefix('cameras/{camera}/')}"


def _seen_of(scope: MutableMapping[str, Any]) -> _Seen:
    seen = scope.setdefault("state", {}).setdefault(_KEY, _Seen())
    assert isinstance(seen, _Seen)
    return seen


def _parts(scope: MutableMapping[str, Any]) -> WebParts:
    parts = scope["app"].state.parts
    assert isinstance(parts, WebParts)
    return parts


def address_of(scope: MutableMapping[str, Any]) -> str:
    """From where a request comes."""
    client = scope.get("client")
    return str(client[0]) if client else "local"
