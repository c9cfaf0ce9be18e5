"""Who may use a route: the one dependency every route declares.

`Permit(Permission.X)` proves the request (cookie or API token), refuses forged ones (CSRF, foreign
origins) and asks `vms.people.permissions.decide`. `Open(why)` marks the few routes for everybody.
A test walks all routes and fails on one that declares neither.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from vms.core.model import CameraId
from vms.people.permissions import Identity, Permission, Role, decide
from vms.people.sessions import SignedIn
from web.parts import parts_of
from web.problems import Problem

COOKIE = "vms_session"
CSRF_HEADER = "X-CSRF-Token"

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_MONITOR = Identity(0, "monitor", "monitor", Role.OPERATOR, "token")


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

    `loopback`: programs on this machine may, unsigned (a local Prometheus); a request that came
    through a proxy is never taken for local.
    """

    permission: Permission
    loopback: bool = False

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
        if _method(connection) not in _SAFE:
            _check_csrf(connection, signed_in)
        elif connection.scope["type"] == "websocket" and signed_in.csrf is not None:
            # A browser lets every page open a WebSocket anywhere and sends our cookie with it.
            _refuse_foreign_origin(connection)
        camera = connection.path_params.get("camera")
        about = CameraId(camera) if camera is not None else None
        decision = decide(signed_in.identity, self.permission, about)
        if not decision.allowed:
            raise Problem(403, "denied", decision.reason, permission=str(self.permission))
        return signed_in


def signed_in_of(connection: HTTPConnection) -> SignedIn | None:
    """Who sends this request; an API token goes before the cookie."""
    sessions = parts_of(connection).sessions
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return sessions.find_token(token.strip())
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
