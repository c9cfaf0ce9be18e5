"""Signing in and out: POST, GET and DELETE /api/session."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from vms.core.errors import Denied
from vms.people.accounts import Account, Origin
from vms.people.approval import Action
from vms.people.audit.entry import Entry, Outcome, What
from vms.people.duties import duties_of_two, sees_with_a_mark
from vms.people.externals import NameTaken, NoGroup, ProviderDown
from vms.people.permissions import Identity, Permission, permissions_of
from vms.people.sessions import LIFETIME, NewSession, SignedIn
from vms.people.signin import CodeAsked, SignIn, TooManyTries, WrongCode
from web.parts import WebParts, parts_of
from web.permit import Open, Permit, address_of
from web.problems import Problem
from web.recognised import COOKIE

router = APIRouter(prefix="/api/session", tags=["session"])


class Credentials(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    username: Annotated[str, Field(min_length=1, max_length=256)]
    password: Annotated[str, Field(min_length=1, max_length=1_024)]
    otp: Annotated[str, Field(min_length=1, max_length=40)] | None = None


class User(BaseModel):
    """`origin`: who proves this person; passwords are changed there."""

    name: str
    display_name: str
    role: str
    origin: Literal["local", "oidc", "ldap"]


class System(BaseModel):
    name: str
    timezone: str


class SessionBody(BaseModel):
    """Who is signed in. `csrf` goes into X-CSRF-Token of every POST, PUT and DELETE.

    `must_enrol`: nothing is allowed until a second factor is set up; `must_change`: until the
    password is changed. `watermark`: pictures are shown under the person's name and the time.
    `approval`: what takes a second person's yes, on every camera.
    """

    user: User
    csrf: str | None
    system: System
    permissions: list[Permission]
    must_enrol: bool
    must_change: bool
    watermark: bool
    approval: list[Action]


@router.post("", dependencies=[Depends(Open("this is how one signs in"))])
def sign_in(credentials: Credentials, request: Request, response: Response) -> SessionBody:
    """Sign in; the answer sets the cookie."""
    parts = parts_of(request)
    door: SignIn = request.app.state.door
    # People type passwords into the name's field: only a known name is kept.
    origin = parts.accounts.origin_of(credentials.username)
    known = credentials.username if origin is not None else "(unknown)"
    try:
        who, session = door.sign_in(
            credentials.username, credentials.password, address_of(request), credentials.otp
        )
    except Denied as error:
        told(request, known, origin or "", "denied", _WHY.get(type(error), ""))
        raise refusal(error, 401) from None
    except ProviderDown as error:
        told(request, known, "ldap", "failed", "directory down")
        raise Problem(503, "directory_down", DOWN) from error
    return entered(request, response, who, session)


DOWN = "The directory that knows this name does not answer; accounts of this site still sign in."


def told(
    request: Request, name: str, origin: Origin | str, outcome: Outcome, detail: str = ""
) -> None:
    """Tell the audit of a sign-in; its subject is who proved it."""
    parts = parts_of(request)
    entry = Entry(parts.clock.now(), What.SIGN_IN, name, "none", address_of(request))
    parts.trail.tell(replace(entry, subject=origin, outcome=outcome, detail=detail))


def entered(request: Request, response: Response, who: Account, session: NewSession) -> SessionBody:
    """Somebody is signed in: tell it, set the cookie, say who it is."""
    parts = parts_of(request)
    told(request, who.name, who.origin, "done")
    response.set_cookie(
        COOKIE,
        session.token,
        max_age=LIFETIME // 1_000_000_000,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return _body(parts, parts.sessions.identity(who), session.csrf, who.origin)


@router.get("")
def show(
    request: Request, signed_in: Annotated[SignedIn, Depends(Permit(Permission.OWN_SESSION))]
) -> SessionBody:
    """Who is signed in."""
    parts = parts_of(request)
    origin = parts.accounts.origin_of(signed_in.identity.name) or "local"
    return _body(parts, signed_in.identity, signed_in.csrf, origin)


@router.delete("", status_code=204)
def sign_out(
    request: Request,
    response: Response,
    signed_in: Annotated[SignedIn, Depends(Permit(Permission.OWN_SESSION))],
) -> None:
    """Sign out; the cookie is worth nothing afterwards."""
    door: SignIn = request.app.state.door
    token = request.cookies.get(COOKIE)
    if token is not None:
        door.sign_out(token, signed_in.identity.name, address_of(request))
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")


_WHY: dict[type[Denied], str] = {
    TooManyTries: "too many tries",
    CodeAsked: "code asked",
    WrongCode: "wrong code",
    NoGroup: "no group",
    NameTaken: "name taken",
}
"""What the audit says of a refused sign-in."""

CODES: dict[type[Denied], str] = {
    CodeAsked: "code_asked",
    WrongCode: "wrong_code",
    NoGroup: "no_group",
    NameTaken: "name_taken",
}


def refusal(error: Denied, status: int) -> Problem:
    """What the door refuses, as a problem document."""
    if isinstance(error, TooManyTries):
        return Problem(
            429,
            "too_many_tries",
            str(error),
            headers={"Retry-After": str(error.seconds)},
            retry_after=error.seconds,
        )
    return Problem(status, CODES.get(type(error), "wrong_credentials"), str(error))


def _body(parts: WebParts, identity: Identity, csrf: str | None, origin: Origin) -> SessionBody:
    system = parts.settings.system
    return SessionBody(
        user=User(
            name=identity.name,
            display_name=identity.display_name,
            role=identity.role,
            origin=origin,
        ),
        csrf=csrf,
        system=System(name=system.name, timezone=system.timezone),
        permissions=sorted(permissions_of(identity)),
        must_enrol=identity.must_enrol,
        must_change=identity.must_change,
        watermark=sees_with_a_mark(identity),
        approval=sorted(duties_of_two(identity)),
    )
