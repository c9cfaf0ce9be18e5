"""The description of the API: at /api/openapi.json for who is signed in, and for `vms openapi`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse, Response

from vms.people.permissions import Permission
from web.permit import CSRF_HEADER, Permit
from web.recognised import COOKIE

router = APIRouter(prefix="/api", tags=["system"])

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
    },
}
_PROBLEM_CONTENT = {
    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
}
_OPEN = frozenset({"/healthz", "/readyz"})
_TO_SIGN_IN = frozenset(
    {
        ("post", "/api/session"),
        ("get", "/api/session/ways"),
        ("get", "/api/session/oidc"),
        ("get", "/api/session/oidc/callback"),
        ("post", "/api/session/oidc/code"),
    }
)
_SCHEMES = {
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    "csrf": {"type": "apiKey", "in": "header", "name": CSRF_HEADER},
    "token": {"type": "http", "scheme": "bearer"},
}
_WAYS_IN: list[dict[str, list[str]]] = [{"cookie": [], "csrf": []}, {"token": []}]


# What an operation may refuse with, by what it takes; a route names what is its own besides.
_ALWAYS = {"429": "More requests than one client may send; Retry-After says when to go on"}
_SIGNED_IN = {
    "401": "Nobody is signed in",
    "403": "Not allowed to this person, or forged by another page",
}
_OF_A_PATH = {"404": "There is no such thing"}
_OF_PARAMETERS = {"422": "Something that was sent can't be taken; `errors` says which and why"}
_OF_A_BODY = {
    "400": "The body can't be read",
    "413": "The body is larger than is taken",
    "415": "The body is of a media type that is not taken",
}
_DEVICES = {"ptz", "device"}  # asking one that is not known to speak ONVIF is no way to begin
_OF_A_CHANGE = {"409": "Well said, but not as things are"}
_OF_THE_SITE = {"503": "A camera, a volume, the database or a process does not answer; `cause`"}


@router.get("/openapi.json", response_class=JSONResponse)
def openapi_json(
    request: Request, signed_in: Annotated[object, Depends(Permit(Permission.OWN_SESSION))]
) -> Response:
    """This description."""
    state = request.app.state
    if not hasattr(state, "description"):  # a second of work, and always the same
        state.description = JSONResponse(describe(request.app)).body
    return Response(state.description, media_type="application/json")


def describe(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1, with problem documents as every operation's errors."""
    document: dict[str, Any] = get_openapi(
        title=app.title,
        version=app.version,
        routes=app.routes,
        description="Errors are RFC 9457 problem documents; times are RFC 3339 in UTC.",
    )
    components = document.setdefault("components", {})
    components["securitySchemes"] = _SCHEMES
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _complete(path, method, operation)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return document


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    """Say of one operation how one signs in for it, and what it refuses with."""
    is_open = path in _OPEN or (method, path) in _TO_SIGN_IN
    operation["security"] = [] if is_open else _WAYS_IN
    answers = operation["responses"]
    answers.pop("422", None)  # FastAPI's own shape; ours is a problem document
    for status, why in _refusals(path, method, operation, is_open=is_open).items():
        answers.setdefault(status, {"description": why})
    for status, answer in answers.items():
        if status >= "400":
            answer.setdefault("content", _PROBLEM_CONTENT)


def _refusals(
    path: str, method: str, operation: dict[str, Any], *, is_open: bool
) -> dict[str, str]:
    found = dict(_ALWAYS)
    if path not in _OPEN:
        found |= _SIGNED_IN
    if "{" in path or "requestBody" in operation:
        found |= _OF_A_PATH
    if "parameters" in operation or "requestBody" in operation:
        found |= _OF_PARAMETERS
    if "requestBody" in operation:
        found |= _OF_A_BODY
    if method != "get" or _DEVICES & set(operation.get("tags", ())):
        found |= _OF_A_CHANGE
    if path.startswith("/api"):
        found |= _OF_THE_SITE
    return found
