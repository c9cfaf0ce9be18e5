"""My doors: one's own sign-ins and API tokens, to be seen, made and ended."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import Field

from vms.core.clock import DAY, Span, rfc3339
from vms.core.errors import Denied
from vms.core.log import get_logger
from vms.people.accounts import FromElsewhere
from vms.people.permissions import Permission
from vms.people.roles import SCOPE_MAX
from vms.people.signin import SignIn
from vms.people.tokens import LABEL_MAX, LIFETIME, LIFETIME_MAX, TokenOrder, narrowing
from web.api.account import Code, Form, Me, Password, person_of
from web.api.people import Door, doors_of
from web.api.session import refusal
from web.parts import parts_of
from web.permit import address_of
from web.problems import Problem
from web.witness import note

_log = get_logger(__name__)
router = APIRouter(prefix="/api/account", tags=["account"])

DAYS, DAYS_MAX = LIFETIME // DAY, LIFETIME_MAX // DAY


class TokenForm(Form):
    """A token that is wished for. It never may more than its person, whatever stands here.

    `permissions`, `cameras` null: all of them. `password` (and `code`, with a second factor): a
    browser left open must not make a way in that stays.
    """

    label: Annotated[str, Field(min_length=1, max_length=LABEL_MAX)]
    days: Annotated[int, Field(ge=1, le=DAYS_MAX)] = DAYS
    permissions: Annotated[list[Permission], Field(min_length=1)] | None = None
    cameras: (
        Annotated[
            list[Annotated[str, Field(max_length=200)]], Field(min_length=1, max_length=SCOPE_MAX)
        ]
        | None
    ) = None
    password: Password
    code: Code | None = None


class MadeToken(Form):
    """`token`: told this once."""

    token: str
    expires: str


@router.get("/sessions")
def sessions(request: Request, me: Me) -> list[Door]:
    """By what one is let in now: sign-ins, then API tokens; the newest first."""
    return doors_of(parts_of(request), person_of(request, me))


@router.delete("/sessions/{door}", status_code=204)
def shut(request: Request, door: Annotated[str, Path(pattern="^[0-9a-f]{16}$")], me: Me) -> None:
    """End one's own sign-in or token; what is watched by it ends within 5 s."""
    parts_of(request).sessions.shut(person_of(request, me), door)
    _log.info("sign_in_ended", account=me.identity.name, by=me.identity.name)


@router.post("/tokens", status_code=201)
def make(request: Request, form: TokenForm, me: Me) -> MadeToken:
    """Make an API token for a program; it stands in this answer only."""
    parts, who = parts_of(request), person_of(request, me)
    if me.identity.is_held:
        raise Problem(
            403, "denied", f"{who.name} must set up the account first: second factor, password."
        )
    if who.origin != "local":  # a token would outlive their groups there
        raise FromElsewhere(who.name, who.origin)
    order = TokenOrder(form.label, Span(form.days * DAY), narrowing(form.permissions, form.cameras))
    door: SignIn = request.app.state.door
    try:
        door.prove(who.name, form.password, address_of(request), form.code)
    except Denied as error:
        raise refusal(error, 403) from None
    token = parts.sessions.make_token(who, order)
    note(request, subject=who.name, detail=f"make a token: {order}")
    _log.info("token_made", account=who.name, address=address_of(request))
    return MadeToken(token=token, expires=rfc3339(parts.clock.now() + order.lifetime))
