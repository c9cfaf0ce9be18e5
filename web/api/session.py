"""Signing in and out: POST, GET and DELETE /api/session."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from vms.core.errors import Denied
from vms.people.approval import Action
from vms.people.audit.entry import Entry, Outcome, What
from vms.people.duties import duties_of_two, sees_with_a_mark
from vms.people.permissions import Identity, Permission, permissions_of
from vms.people.sessions import LIFETIME, SignedIn
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
    name: str
    display_name: str
    role: str


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

    def told(name: str, outcome: Outcome, detail: str = "") -> None:
        address = address_of(request)
        entry = Entry(parts.clock.now(), What.SIGN_IN, name, "none", address, detail=detail)
        parts.trail.tell(replace(entry, outcome=outcome))

    def known() -> str:
        # People type passwords into the name's field: only a known name is kept.
        return credentials.username if parts.accounts.knows(credentials.username) else "(unknown)"

    try:
        who, session = door.sign_in(
            credentials.username, credentials.password, address_of(request), credentials.otp
        )
    except Denied as error:
        told(known(), "denied", _WHY.get(type(error), ""))
        raise refusal(error, 401) from None
    told(who.name, "done")
    response.set_cookie(
        COOKIE,
        session.token,
        max_age=LIFETIME // 1_000_000_000,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return _body(parts, parts.sessions.identity(who), session.csrf)


@router.get("")
def show(
    request: Request, signed_in: Annotated[SignedIn, Depends(Permit(Permission.OWN_SESSION))]
) -> SessionBody:
    """Who is signed in."""
    return _body(parts_of(request), signed_in.identity, signed_in.csrf)


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
}
"""What the audit says of a refused sign-in."""

_CODES: dict[type[Denied], str] = {CodeAsked: "code_asked", WrongCode: "wrong_code"}


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
    return Problem(status, _CODES.get(type(error), "wrong_credentials"), str(error))


def _body(parts: WebParts, identity: Identity, csrf: str | None) -> SessionBody:
    system = parts.settings.system
    return SessionBody(
        user=User(name=identity.name, display_name=identity.display_name, role=identity.role),
        csrf=csrf,
        system=System(name=system.name, timezone=system.timezone),
        permissions=sorted(permissions_of(identity)),
        must_enrol=identity.must_enrol,
        must_change=identity.must_change,
        watermark=sees_with_a_mark(identity),
        approval=sorted(duties_of_two(identity)),
    )
