"""The description of the API: at /api/openapi.json for who is signed in, and for `vms openapi`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse, Response

from vms.people.permissions import Permission
from web.permit import COOKIE, CSRF_HEADER, Permit

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
_SCHEMES = {
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    "csrf": {"type": "apiKey", "in": "header", "name": CSRF_HEADER},
    "token": {"type": "http", "scheme": "bearer"},
}
_WAYS_IN: list[dict[str, list[str]]] = [{"cookie": [], "csrf": []}, {"token": []}]


@router.get("/openapi.json", response_class=JSONResponse)
def openapi_json(
    request: Request, signed_in: Annotated[object, Depends(Permit(Permission.OWN_SESSION))]
) -> Response:
    """This description."""
    return JSONResponse(describe(request.app))


def describe(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1, with problem documents as every operation's error."""
    document: dict[str, Any] = get_openapi(
        title=app.title,
        version=app.version,
        routes=app.routes,
        description="Errors are RFC 9457 problem documents; times are RFC 3339 in UTC.",
    )
    components = document.setdefault("components", {})
    components["securitySchemes"] = _SCHEMES
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    error = {
        "description": "A problem document",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = error
            operation["security"] = _WAYS_IN
    for path in ("/healthz", "/readyz"):
        for operation in document["paths"].get(path, {}).values():
            operation["security"] = []
    document["paths"]["/api/session"]["post"]["security"] = []
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    return document
