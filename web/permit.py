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
from vms.people.approval import Action
from vms.people.permissions import (
    BUILT_IN,
    OPERATOR,
    Asked,
    Decision,
    Grant,
    Identity,
    Permission,
    decide,
    unhidden,
)
from vms.people.sessions import SignedIn
from web.api.times import LAST, moment
from web.parts import parts_of
from web.problems import Problem
from web.recognised import Groups, recognised_of
from web.witness import relied_on, remember

CSRF_HEADER = "X-CSRF-Token"
_BROWSERS = ("origin", "referer", "sec-fetch-site", "sec-fetch-mode", CSRF_HEADER.lower())

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_MONITOR = Identity(0, "monitor", "monitor", (Grant(BUILT_IN[OPERATOR]),), "token")
_MOMENTS = ("start", "at", "from")
"""Query parameters that name the earliest moment a route tells of; in a path it is `start_ns`."""


@dataclass(frozen=True)
class Open:
    """Everybody may use this route, for the reason given."""

    why: str

    async def __call__(self, connection: HTTPConnection) -> None:
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

    async def __call__(self, connection: HTTPConnection) -> SignedIn:
        if self.loopback and _is_local(connection):
            return SignedIn(_MONITOR, None)
        recognised = recognised_of(connection)
        signed_in = await recognised.signed_in(connection)
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
        groups = await recognised.groups_soon() if signed_in.identity.asks_groups else {}
        eyes = Eyes(connection, signed_in.identity, groups)
        camera = connection.path_params.get("camera")
        about = CameraId(camera) if camera is not None else None
        footage = _footage(connection) if signed_in.identity.asks_age else None
        eyes.require(self.permission, about, footage, each=self.each)
        return signed_in


class Eyes:
    """What one person may see, asked camera by camera within one request. `groups`: of all cameras;
    without, it may block for a database access where they matter."""

    def __init__(
        self, connection: HTTPConnection, identity: Identity, groups: Groups | None = None
    ) -> None:
        parts = parts_of(connection)
        self._connection, self._identity, self._now = connection, identity, parts.clock.now()
        self._address = address_of(connection)
        if groups is None:
            groups = recognised_of(connection).groups() if identity.asks_groups else {}
        self._groups = groups

    def may(
        self,
        permission: Permission,
        camera: CameraId | None,
        footage: Instant | None = None,
        *,
        until: Instant | None = None,
        approved: bool = False,
    ) -> bool:
        """Whether it is allowed; `footage`: the earliest moment of the past it is about, `until`:
        the last; `approved`: whether a second person says yes is asked elsewhere."""
        asked = self._asked(permission, camera, footage, until=until, approved=approved)
        return decide(self._identity, asked).allowed

    def require(
        self,
        permission: Permission,
        camera: CameraId | None,
        footage: Instant | None = None,
        *,
        each: bool = False,
        until: Instant | None = None,
        doing: Action | None = None,
        approved: bool = False,
    ) -> None:
        """Raise Problem unless it is allowed; it is asked again while bytes go out.

        `until`: all of the footage up to there shall be seen, so none of it may be hidden.
        `doing`: what may take a second person's yes; `approved`: there is one.
        """
        asked = self._asked(
            permission, camera, footage, each=each, until=until, doing=doing, approved=approved
        )
        decision = decide(self._identity, asked)
        if decision.needs is not None:
            raise approval_needed(decision, permission)
        if not decision.allowed:
            code = "blocked" if decision.hidden else "denied"
            raise Problem(403, code, decision.reason, permission=str(permission))
        relied_on(self._connection, asked)

    def has_everywhere(self, permission: Permission) -> bool:
        """Whether they have it on every camera, and no block hides anything from them."""
        return not self._identity.blocks and self.may(permission, None)

    def require_shown(
        self,
        permission: Permission,
        camera: CameraId,
        start: Instant | None = None,
        end: Instant | None = None,
    ) -> None:
        """Raise Problem where a block hides [start, end) of a camera, or, without, what it sees
        now. Whether `permission` is held is asked elsewhere."""
        decision = unhidden(self._identity, camera, start, end, self._now)
        if not decision.allowed:
            raise Problem(403, "blocked", decision.reason, permission=str(permission))

    def _asked(
        self,
        permission: Permission,
        camera: CameraId | None,
        footage: Instant | None,
        *,
        each: bool = False,
        until: Instant | None = None,
        doing: Action | None = None,
        approved: bool = False,
    ) -> Asked:
        groups = self._groups.get(camera, ()) if camera is not None else ()
        about = (permission, self._now, self._address, camera, groups, footage, each, until)
        return Asked(*about, doing, approved)


def approval_needed(decision: Decision, permission: Permission) -> Problem:
    """It is allowed, with a second person's yes."""
    how = "Ask for it by POST /api/approvals"
    if decision.needs is not Action.SOUND:
        how += "; when it is approved, send this again with its id as `approval`"
    return Problem(
        *(403, "approval_needed", f"{decision.reason} {how}."),
        permission=str(permission),
        action=str(decision.needs),
    )


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


def address_of(connection: HTTPConnection) -> str:
    """The peer's address, for the log and the throttle."""
    return connection.client.host if connection.client is not None else "local"


def _method(connection: HTTPConnection) -> str:
    return str(connection.scope.get("method", "GET"))


def _check_csrf(connection: HTTPConnection, signed_in: SignedIn) -> None:
    if signed_in.csrf is None or not _of_a_browser(connection):
        return
    _refuse_foreign_origin(connection)
    shown = connection.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(shown.encode(), signed_in.csrf.encode()):
        raise Problem(
            403, "csrf", f"The header {CSRF_HEADER} must carry the csrf value of GET /api/session."
        )


def _of_a_browser(connection: HTTPConnection) -> bool:
    """Whether a browser may have sent this, or what speaks like our console: a foreign page may
    have made it do so.

    Browsers send an Origin with everything that changes something (Fetch standard, "append a
    request Origin header"), and no page can take it away. A program that holds the cookie itself
    forges nothing.
    """
    return any(name in connection.headers for name in _BROWSERS)


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
