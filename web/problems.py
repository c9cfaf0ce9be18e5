"""Errors as RFC 9457 problem documents: for what we raise, what FastAPI finds wrong, and bugs.

A reader gets type, title, status, detail and a code that programs can compare; never a traceback.
A bug's document carries an id that stands in the log beside the traceback.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NoReturn

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from vms.cameras.onvif.port import OnvifError
from vms.cameras.onvif.sentences import SENTENCES
from vms.cameras.steering.lease import PurposeMissing, Steered
from vms.core import errors
from vms.core.findings import Finding
from vms.core.log import get_logger
from vms.people.accounts import FromElsewhere
from vms.people.approvals import NotUsable
from vms.people.externals import ProviderDown
from vms.people.passwords import WeakPassword

LOGGED = "error id"
"""How the note on an error begins that has been logged here."""

_log = get_logger(__name__)

# The first class that fits wins, so children stand before their parents.
_STATUS_OF: tuple[tuple[type[errors.VmsError], int, str], ...] = (
    (PurposeMissing, 409, "purpose_required"),
    (FromElsewhere, 409, "external"),
    (ProviderDown, 503, "directory_down"),
    (errors.NotFound, 404, "not_found"),
    (errors.BadRequest, 422, "bad_request"),
    (errors.AlreadyExists, 409, "already_exists"),
    (errors.Refused, 409, "refused"),
    (errors.Denied, 403, "denied"),
    (errors.Harmful, 422, "harmful"),
    (errors.StorageError, 503, "storage"),
    (errors.CameraError, 503, "camera"),
)


class Problem(errors.VmsError):
    """An error that already knows its HTTP answer. `extra` are further members (RFC 9457 §3.2)."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        self.status, self.code, self.detail = status, code, detail
        self.headers, self.extra = dict(headers or {}), extra
        super().__init__(detail)

    @property
    def document(self) -> dict[str, Any]:
        return {
            "type": f"urn:vms:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **self.extra,
        }

    def response(self) -> Response:
        headers = {"Cache-Control": "no-store", **self.headers}
        body = json.dumps(self.document, ensure_ascii=False).encode()
        return Response(body, self.status, headers, "application/problem+json")


def problem_of(error: Exception) -> Problem:
    """The answer to an error raised on purpose, by us or by the framework."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return _of_http(error)
    if isinstance(error, RequestValidationError | WebSocketRequestValidationError):
        return _of_validation(error)
    if isinstance(error, errors.BadFields):
        found = [_of_finding(finding) for finding in error.findings]
        return Problem(422, "validation", str(error), errors=found)
    if isinstance(error, OnvifError):
        words = SENTENCES[error.trouble]
        told = {"en": words.en, "tr": words.tr}
        return Problem(503, "onvif", error.detail, trouble=str(error.trouble), sentence=told)
    if isinstance(error, Steered):
        by = error.lease.operator.name
        return Problem(409, "steered", str(error), by=by, may_take_over=error.may_take_over)
    if isinstance(error, NotUsable):
        return Problem(409, f"approval_{error.why}", str(error))
    if isinstance(error, WeakPassword):
        return Problem(422, f"password_{error.why}", str(error))
    for kind, status, code in _STATUS_OF:
        if isinstance(error, kind):
            # Why footage can't be had, for programs: unreachable, refused, disk_failed, …
            if isinstance(error, errors.StorageError | errors.CameraError):
                return Problem(status, code, str(error), cause=error.cause.value)
            return Problem(status, code, str(error))
    return _of_bug(error)


def _of_http(error: HTTPException) -> Problem:
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_").replace("-", "_")
    detail = str(error.detail)
    if error.status_code == 404:
        detail = "There is nothing at this address; /api/openapi.json lists what there is."
    elif error.status_code == 405:
        detail = "This address does not take this method; the Allow header says which it takes."
    return Problem(error.status_code, code, detail, headers=error.headers)


def _of_validation(error: RequestValidationError | WebSocketRequestValidationError) -> Problem:
    found = [_field(item) for item in error.errors()]
    detail = "; ".join(f"{item['field']}: {item['message']}" for item in found)
    return Problem(422, "validation", detail, errors=found)


def _field(item: Mapping[str, Any]) -> dict[str, str]:
    # The place is ("query", "start") or ("body", "username"); values are left out: they may be
    # passwords.
    place = [str(part) for part in item["loc"]]
    message = str(item["msg"]).removeprefix("Value error, ")
    return {"in": place[0], "field": ".".join(place[1:]) or place[0], "message": message}


def _of_finding(finding: Finding) -> dict[str, str | None]:
    field = ".".join(map(str, finding.path))
    said = {"in": "body", "field": field, "message": finding.message}
    return {**said, "remedy": finding.remedy}


def _of_bug(error: Exception) -> Problem:
    error_id = secrets.token_hex(6)
    _log.error("bug", error_id=error_id, exc_info=error)
    error.add_note(f"{LOGGED} {error_id}")
    return Problem(
        500,
        "internal",
        f"Something is broken here; the log says what, under the error id {error_id}.",
        error_id=error_id,
    )


async def _answer(request: Request | WebSocket, error: Exception) -> Response | None:
    response = problem_of(error).response()
    if isinstance(request, WebSocket):  # refused before the handshake: an HTTP answer
        await request.send_denial_response(response)
        return None  # Starlette would send what is returned a second time
    return response


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem document."""
    handler: Any = _answer  # Starlette's types know handlers of requests or of WebSockets only
    for kind in (
        errors.VmsError,
        HTTPException,
        RequestValidationError,
        WebSocketRequestValidationError,
        Exception,
    ):
        app.add_exception_handler(kind, handler)


def not_found(what: str) -> NoReturn:
    raise Problem(404, "not_found", what)
