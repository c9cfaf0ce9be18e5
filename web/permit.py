"""Who may use a route: the one dependency every route declares.

`Permit(Permission.X)` proves the request (cookie or API token), refuses forged ones (CSRF, foreign
origins) and asks `vms.people.permissions.decide`, on the camera of the path and on the moment of
the past that is asked for. A route that tells of several cameras asks for each (`Eyes`).
`Open(why)` marks the few routes for everybody. A test walks all routes and fails on one that
declares neither.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from vms.core.clock import Instant
from vms.core.model import CameraId
from vms.people.permissions import BUILT_IN, OPERATOR, Asked, Grant, Identity, Permission, decide
from vms.people.sessions import SignedIn
from web.api.times import LAST, moment
from web.parts import parts_of
from web.problems import Problem
from web.witness import relied_on, remember

COOKIE = "vms_session"
CSRF_HEADER = "X-CSRF-Token"

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_MONITOR = Identity(0, "monitor", "monitor", (Grant(BUILT_IN[OPERATOR]),), "token")
_MOMENTS = ("start", "at", "from")
"""Query parameters that name the earliest moment a route tells of; in a path it is `start_ns`."""


@dataclass(frozen=True)
class Open:
    """Everybody may use this route, for the reason given."""

    why: str

    def __call__(self, connection: HTTPConnection) -> None:
        if _method(connection) not in _SAFE:
            _refuse_foreign_origin(connection)


@dataclass(frozen=True)
class Permit:
    """Only who has `permission` may use this route, on the camera of its path if it has one.

    `each`: it tells of several cameras and asks for each of them itself. `loopback`: programs on
    this machine may, unsigned (a local Prometheus); a request that came through a proxy is never
    taken for local.
    """

    permission: Permission
    loopback: bool = False
    each: bool = False

    def __call__(self, connection: HTTPConnection) -> SignedIn:
        if self.loopback and _is_local(connection):
            return SignedIn(_MONITOR, None)
        signed_in = signed_in_of(connection)
        if signed_in is None:
            raise Problem(
                401,
                "sign_in",
                "Sign in first, by POST /api/session or with an API token.",
                headers={"WWW-Authenticate": 'Bearer realm="vms"'},
            )
        remember(connection, signed_in, self.permission)
        if _method(connection) not in _SAFE:
            _check_csrf(connection, signed_in)
        elif connection.scope["type"] == "websocket" and signed_in.csrf is not None:
            # A browser lets every page open a WebSocket anywhere and sends our cookie with it.
            _refuse_foreign_origin(connection)
        eyes = Eyes(connection, signed_in.identity)
        camera = connection.path_params.get("camera")
        about = CameraId(camera) if camera is not None else None
        footage = _footage(connection) if signed_in.identity.asks_age else None
        eyes.require(self.permission, about, footage, each=self.each)
        return signed_in


class Eyes:
    """What one person may see, asked camera by camera within one request. Blocks for a database
    access where groups matter."""

    def __init__(self, connection: HTTPConnection, identity: Identity) -> None:
        parts = parts_of(connection)
        self._connection, self._identity, self._now = connection, identity, parts.clock.now()
        self._address = address_of(connection)
        self._groups = parts.cameras.groups() if identity.asks_groups else {}

    def may(
        self,
        permission: Permission,
        camera: CameraId | None,
        footage: Instant | None = None,
    ) -> bool:
        """Whether it is allowed; `footage`: the earliest moment of the past it is about."""
        return decide(self._identity, self._asked(permission, camera, footage)).allowed

    def require(
        self,
        permission: Permission,
        camera: CameraId | None,
        footage: Instant | None = None,
        *,
        each: bool = False,
    ) -> None:
        """Raise Problem unless it is allowed; it is asked again while bytes go out."""
        asked = self._asked(permission, camera, footage, each=each)
        decision = decide(self._identity, asked)
        if not decision.allowed:
            raise Problem(403, "denied", decision.reason, permission=str(permission))
        relied_on(self._connection, asked)

    def _asked(
        self,
        permission: Permission,
        camera: CameraId | None,
        footage: Instant | None,
        *,
        each: bool = False,
    ) -> Asked:
        groups = self._groups.get(camera, ()) if camera is not None else ()
        return Asked(permission, self._now, self._address, camera, groups, footage, each)


def _footage(connection: HTTPConnection) -> Instant | None:
    """The earliest moment a request asks for. One that can't be read is refused by the route."""
    place = str(connection.path_params.get("start_ns", ""))
    # What no instant can be is refused by the route, and must not reach the record of access.
    found = [int(place)] if place.isdecimal() and len(place) <= len(str(LAST)) else []
    for name in _MOMENTS:
        for value in connection.query_params.getlist(name):
            try:
                found.append(moment(value))
            except ValueError:
                continue
    found = [one for one in found if 0 <= one <= LAST]
    return Instant(min(found)) if found else None


def signed_in_of(connection: HTTPConnection) -> SignedIn | None:
    """Who sends this request; an API token goes before the cookie."""
    sessions = parts_of(connection).sessions
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return sessions.find_token(token.strip(), address_of(connection))
    cookie = connection.cookies.get(COOKIE)
    return sessions.find(cookie) if cookie else None


def address_of(connection: HTTPConnection) -> str:
    """The peer's address, for the log and the throttle."""
    return connection.client.host if connection.client is not None else "local"


def _method(connection: HTTPConnection) -> str:
    return str(connection.scope.get("method", "GET"))


def _check_csrf(connection: HTTPConnection, signed_in: SignedIn) -> None:
    if signed_in.csrf is None:
        return
    _refuse_foreign_origin(connection)
    shown = connection.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(shown.encode(), signed_in.csrf.encode()):
        raise Problem(
            403, "csrf", f"The header {CSRF_HEADER} must carry the csrf value of GET /api/session."
        )


def _refuse_foreign_origin(connection: HTTPConnection) -> None:
    origin = connection.headers.get("origin")
    if origin is None:  # not a browser, or an old one without it: CSRF and SameSite remain
        return
    if not same_origin(origin, connection.headers.get("host", "")):
        raise Problem(403, "origin", f"Requests from pages of {origin} are refused.")


def same_origin(origin: str, host: str) -> bool:
    """Whether a page of `origin` and this `Host` are one site.

    The scheme is left out: a proxy that ends TLS hides ours, and the ports differ where it counts.
    """
    try:
        parts = urlsplit(origin)
        default = {"http": 80, "https": 443}.get(parts.scheme)
        theirs = (parts.hostname, parts.port or default)
        ours = urlsplit(f"//{host}")
        return default is not None and theirs == (ours.hostname, ours.port or default)
    except ValueError:
        return False


def _is_local(connection: HTTPConnection) -> bool:
    if {"x-forwarded-for", "forwarded", "x-real-ip"} & set(connection.headers.keys()):
        return False
    try:
        return ipaddress.ip_address(address_of(connection)).is_loopback
    except ValueError:
        return False
