"""Signing in at a provider of OpenID Connect, and which ways in there are besides a password.

Browsers come here by links and redirects, so every answer of the flow is a redirect: to the
provider, or back to the console with a word for what went wrong.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from vms.core.clock import SECOND
from vms.core.errors import Denied, NotFound
from vms.core.log import get_logger
from vms.people.audit.entry import Outcome
from vms.people.externals import External, ProviderDown
from vms.people.oidc import (
    FLOW_LASTS,
    BadFlow,
    NotAsked,
    OidcProvider,
    ProviderRefused,
    Returned,
)
from vms.people.signin import CodeAsked, SignIn, TooManyTries
from web.api.session import CODES, SessionBody, entered, refusal, told
from web.parts import parts_of
from web.permit import Open, address_of
from web.problems import Problem

FLOW_COOKIE = "vms_oidc"
PATH = "/api/session/oidc"

_log = get_logger(__name__)
router = APIRouter(prefix="/api/session", tags=["session"])

_REDIRECTS: dict[int | str, dict[str, Any]] = {
    303: {"description": "To the provider, or back to the console"},
    404: {"description": "No provider is set up here"},
}


class Provider(BaseModel):
    """`name`: for the button."""

    name: str


class Ways(BaseModel):
    """How one signs in here. `oidc`: at a provider; null: at none. `directory`: names and
    passwords of a directory are taken too."""

    oidc: Provider | None
    directory: bool


class Code(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    otp: Annotated[str, Field(min_length=1, max_length=40)]


@router.get("/ways", dependencies=[Depends(Open("the sign-in page offers what there is"))])
def ways(request: Request) -> Ways:
    """How one signs in here."""
    parts = parts_of(request)
    oidc = None if parts.oidc is None else Provider(name=parts.oidc.settings.name)
    return Ways(oidc=oidc, directory=parts.directory is not None)


@router.get(
    "/oidc",
    status_code=303,
    response_class=Response,
    responses=_REDIRECTS,
    dependencies=[Depends(Open("this is how one signs in"))],
)
def begin(request: Request) -> Response:
    """To the provider, to sign in there."""
    provider = _provider(request)
    try:
        place, cookie = provider.begin()
    except ProviderDown as error:
        _log.error("oidc_down", error=str(error))
        return _to("/?signin=oidc_down")
    response = _to(place)
    _keep(request, response, cookie)
    return response


@router.get(
    "/oidc/callback",
    status_code=303,
    response_class=Response,
    responses=_REDIRECTS,
    dependencies=[Depends(Open("the provider sends people back here; a sealed cookie binds them"))],
)
def callback(
    request: Request,
    state: Annotated[str, Query(max_length=2_000)] = "",
    code: Annotated[str, Query(max_length=8_000)] = "",
    error: Annotated[str, Query(max_length=200)] = "",
    iss: Annotated[str, Query(max_length=2_000)] = "",
) -> Response:
    """Back from the provider: signed in, or with a word for why not."""
    provider = _provider(request)
    door: SignIn = request.app.state.door
    external: External | None = None
    try:
        door.knock(address_of(request))
        cookie = request.cookies.get(FLOW_COOKIE, "")
        external = provider.finish(Returned(state, code, error, iss), cookie)
        who, session = door.sign_in_proved(external, address_of(request))
    except CodeAsked:
        assert external is not None
        name = parts_of(request).externals.name_of(external)
        told(request, name, "oidc", "denied", "code asked")
        response = _to("/?signin=code_asked")
        _keep(request, response, provider.owes_code(name))
        return response
    except (Denied, ProviderDown) as why:
        return _refused(request, why, external)
    response = _to("/")
    _forget(response)
    entered(request, response, who, session)
    return response


@router.post(
    "/oidc/code",
    responses={404: {"description": "No provider is set up here"}},
    dependencies=[Depends(Open("this is how one signs in"))],
)
def give_code(form: Code, request: Request, response: Response) -> SessionBody:
    """The second factor of who was proved by the provider; the answer sets the cookie."""
    provider = _provider(request)
    door: SignIn = request.app.state.door
    name = "(unknown)"
    try:
        name, flow = provider.who_owes_code(request.cookies.get(FLOW_COOKIE, ""))
        who, session = door.sign_in_by_code(name, form.otp, address_of(request))
        provider.use_up(flow)
    except BadFlow as error:
        told(request, name, "oidc", "denied", "no flow of this browser")
        raise Problem(401, "oidc_flow", str(error)) from None
    except NotFound:
        raise Problem(401, "oidc_flow", str(BadFlow())) from None
    except Denied as error:
        told(request, name, "oidc", "denied", word_of(error).replace("_", " "))
        raise refusal(error, 401) from None
    _forget(response)
    return entered(request, response, who, session)


def word_of(error: Exception) -> str:
    """What went wrong, in one word that the sign-in page knows."""
    for kind, word in (
        (TooManyTries, "too_many_tries"),
        (BadFlow, "oidc_flow"),
        (ProviderRefused, "oidc_refused"),
        (ProviderDown, "oidc_down"),
        (NotAsked, "oidc_not_asked"),
    ):
        if isinstance(error, kind):
            return word
    return CODES.get(type(error), "oidc_token")  # type: ignore[arg-type]


def _refused(request: Request, why: Exception, external: External | None) -> Response:
    word, parts = word_of(why), parts_of(request)
    name = "(unknown)"
    if external is not None and parts.accounts.knows(external.name):
        name = external.name
    outcome: Outcome = "failed" if isinstance(why, ProviderDown) else "denied"
    told(request, name, "oidc", outcome, word.replace("_", " "))
    log = _log.error if isinstance(why, ProviderDown) else _log.warning
    log("sign_in_refused", account=name, origin="oidc", address=address_of(request), why=str(why))
    response = _to(f"/?signin={word}")
    _forget(response)
    return response


def _provider(request: Request) -> OidcProvider:
    provider = parts_of(request).oidc
    if provider is None:
        raise Problem(404, "not_found", "No OpenID provider is set up here.")
    return provider


def _to(place: str) -> Response:
    return Response(status_code=303, headers={"Location": place})


def _keep(request: Request, response: Response, cookie: str) -> None:
    """Lax, for the way back begins on the provider's pages."""
    response.set_cookie(
        FLOW_COOKIE,
        cookie,
        max_age=FLOW_LASTS // SECOND,
        path=PATH,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def _forget(response: Response) -> None:
    response.delete_cookie(FLOW_COOKIE, path=PATH, httponly=True, samesite="lax")
