"""My account: what a person changes about their own signing in."""

from __future__ import annotations

from typing import Annotated

import segno
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from vms.core.clock import MINUTE, Span, rfc3339
from vms.core.errors import Denied
from vms.core.log import get_logger
from vms.people.accounts import Account, FromElsewhere
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from vms.people.signin import SignIn
from web.api.session import refusal
from web.parts import parts_of
from web.permit import Permit, address_of
from web.problems import Problem

_log = get_logger(__name__)
router = APIRouter(prefix="/api/account", tags=["account"])

JUST_NOW = Span(10 * MINUTE)

Me = Annotated[SignedIn, Depends(Permit(Permission.OWN_SESSION))]
Password = Annotated[str, Field(min_length=1, max_length=1_024)]
Code = Annotated[str, Field(min_length=1, max_length=40)]


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class SecondFactor(BaseModel):
    """`since` null: there is none. `required`: a role asks for one."""

    since: str | None
    recovery_left: int
    required: bool


class PasswordForm(Form):
    """`password` null: of who comes from a provider and has none here."""

    password: Password | None = None


class CodeForm(Form):
    code: Code


class BothForm(Form):
    """`password` null: of who comes from a provider and has none here."""

    password: Password | None = None
    code: Code


class NewPassword(Form):
    """`password`: the present one; `code`: with a second factor."""

    password: Password
    new: Password
    code: Code | None = None


class Begun(BaseModel):
    """For the telephone, this once. `picture`: a QR code as a data: address of an SVG."""

    secret: str
    picture: str


class RecoveryCodes(BaseModel):
    """Told this once; each lets its owner in once, in place of a code."""

    recovery_codes: list[str]


@router.post("/password", status_code=204)
def change_password(request: Request, form: NewPassword, me: Me) -> None:
    """Change one's own password; it ends one's other sign-ins and all tokens, this one stays."""
    who = person_of(request, me, changes_password=True)
    door: SignIn = request.app.state.door
    if who.origin != "local":
        raise FromElsewhere(who.name, who.origin)
    if form.new == form.password:
        raise Problem(422, "password_same", "the new password is the present one")
    try:
        door.prove(who.name, form.password, address_of(request), form.code)
    except Denied as error:
        raise refusal(error, 403) from None
    keep = bytes.fromhex(me.permit.partition(":")[2])
    parts_of(request).accounts.set_password(who.name, form.new, keep=keep)
    _log.info("password_changed", account=who.name, address=address_of(request))


@router.get("/second-factor")
def second_factor(request: Request, me: Me) -> SecondFactor:
    """Whether a code is asked at one's own sign-in."""
    state = parts_of(request).second_factors.state(person_of(request, me))
    return SecondFactor(
        since=None if state.since is None else rfc3339(state.since),
        recovery_left=state.recovery_left,
        required=any(grant.role.second_factor for grant in me.identity.grants),
    )


@router.post("/second-factor", status_code=201)
def begin(request: Request, form: PasswordForm, me: Me) -> Begun:
    """Begin to set up a second factor; it counts once its first code was confirmed."""
    who = person_of(request, me)
    factors = parts_of(request).second_factors
    if not factors.is_asked(who):  # else it is refused below, whatever the password
        _prove(request, me, who, form.password)
    begun = factors.begin(who)
    picture = segno.make(begun.address.reveal(), error="m", micro=False)
    return Begun(
        secret=begun.secret.reveal(),
        picture=picture.svg_data_uri(scale=5, border=4, dark="#000", light="#fff"),
    )


@router.post("/second-factor/confirm")
def confirm(request: Request, form: CodeForm, me: Me) -> RecoveryCodes:
    """The first code: from now on one is asked. The answer holds the recovery codes, this once."""
    who = person_of(request, me)
    try:
        keep = bytes.fromhex(me.permit.partition(":")[2])
        codes = parts_of(request).second_factors.confirm(who, form.code, keep)
    except Denied as error:
        raise Problem(403, "wrong_code", str(error)) from None
    _log.info("second_factor_set", account=who.name, address=address_of(request))
    return RecoveryCodes(recovery_codes=list(codes))


@router.post("/second-factor/remove", status_code=204)
def remove(request: Request, form: BothForm, me: Me) -> None:
    """Be asked for no code any more; it ends all of one's sign-ins, this one too."""
    who = person_of(request, me)
    _prove(request, me, who, form.password, form.code)
    parts_of(request).second_factors.remove(who)
    _log.warning("second_factor_removed", account=who.name, address=address_of(request))


def _prove(
    request: Request, me: SignedIn, who: Account, password: str | None, code: str | None = None
) -> None:
    """That it is its owner who sits there: by the password, or, of who has none here, by a sign-in
    that has just been. Raises Problem."""
    door: SignIn = request.app.state.door
    try:
        if who.origin != "oidc":
            if door.prove(who.name, password or "", address_of(request), code).id != who.id:
                raise Denied("The user name or the password is wrong.")
            return
        parts = parts_of(request)
        began = parts.sessions.began(me.permit)
        if began is None or parts.clock.now() - began > JUST_NOW:
            raise Problem(
                403, "sign_in_again", "This takes a new sign-in: sign out, in again, and repeat it."
            )
        if code is not None:
            door.prove_code(who, code, address_of(request))
    except Denied as error:
        raise refusal(error, 403) from None


def person_of(request: Request, me: SignedIn, *, changes_password: bool = False) -> Account:
    """Whose account it is; a program with a token has no business here, and whose password
    somebody else chose changes it first."""
    if me.identity.via == "token":
        raise Problem(403, "denied", "An account is looked after signed in, not with a token.")
    if me.identity.must_change and not changes_password:
        raise Problem(403, "must_change", f"{me.identity.name} must change the password first.")
    return parts_of(request).accounts.get(me.identity.name)
