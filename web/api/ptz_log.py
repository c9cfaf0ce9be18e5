"""Steering's log over all cameras: who steered which, when, and what for.

For who may steer a camera, and for who may read the audit; each sees the cameras for which they
hold one of the two. Reading it is on record, as reading the audit is.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from vms.cameras.steering.lease import PURPOSE_MAX
from vms.cameras.steering.logbook import PAGE_MAX, Logged
from vms.cameras.steering.logbook import Query as Asked
from vms.cameras.steering.sheet import rows
from vms.core.clock import Instant, rfc3339
from vms.core.errors import NotFound
from vms.core.model import CameraId
from vms.people.audit.entry import What
from vms.people.duties import ask_for_a_purpose
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.api import answers
from web.api.times import LAST, Moment
from web.parts import WebParts, parts_of
from web.permit import Eyes, Permit
from web.witness import note

router = APIRouter(prefix="/api/ptz", tags=["ptz"])

Listing = Annotated[SignedIn, Depends(Permit(Permission.CAMERAS, each=True))]
CSV_MAX = 1_000_000
"""Lines of one sheet; a spreadsheet takes no more."""


class LogEntry(BaseModel):
    """One command, or one movement of several: `commands` moves from `at` `until`; `detail`: of a
    movement its first speed (pan tilt zoom), and between which speeds it was; `result`: `done`, or
    why not; `operator`: empty for the system's own stop; `purpose_missing`: it had to be said what
    for, and was not."""

    number: int
    camera: str
    at: str
    until: str | None
    operator: str
    command: str
    detail: str
    commands: int
    result: str
    purpose: str
    purpose_missing: bool


class LogPage(BaseModel):
    """The newest first. `next`: `before` of the following page, or null. `cameras`: of how many
    cameras this person may read the log, null: of all there are and were."""

    entries: list[LogEntry]
    next: int | None
    cameras: int | None


def _asked(
    camera: Annotated[list[str], Query(max_length=100, description="any of these")] = [],  # noqa: B006
    who: Annotated[str, Query(max_length=256, description="the account's name")] = "",
    purpose: Annotated[str, Query(max_length=PURPOSE_MAX, description="a part of its text")] = "",
    start: Annotated[Moment | None, Query(description="RFC 3339")] = None,
    end: Annotated[Moment | None, Query(description="RFC 3339")] = None,
) -> Asked:
    return Asked(
        tuple(camera) or None,
        who.strip(),
        purpose.strip(),
        None if start is None else Instant(start),
        None if end is None else Instant(end),
    )


@router.get("/log", response_model=LogPage, responses=answers.text("text/csv"))
def log(
    request: Request,
    by: Listing,
    asked: Annotated[Asked, Depends(_asked)],
    before: Annotated[int | None, Query(ge=0, le=LAST)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
    format: Annotated[Literal["json", "csv"] | None, Query()] = None,  # noqa: A002
) -> LogPage | Response:
    """Who steered what, by camera, person, purpose and time; of cameras that were removed too.

    As CSV with `format=csv` or `Accept: text/csv`: all pages, of more than a million lines the
    newest, and with each movement its single moves.
    """
    readable = _readable(request, by)
    shown = replace(asked, cameras=_cameras(request, by, asked, readable))
    logbook = parts_of(request).steering.records.logbook
    if format == "csv" or (format is None and _wants_csv(request)):
        note(request, what=What.READ_AUDIT, detail=f"steering, CSV: {_told(asked)}")
        return _sheet(request, rows(itertools.islice(logbook.all(shown, moves=True), CSV_MAX)))
    if before is None:  # the pages behind the first are the same reading
        note(request, what=What.READ_AUDIT, detail=f"steering: {_told(asked)}")
    found = logbook.page(shown, limit, before)
    return LogPage(
        entries=_entries(parts_of(request), found),
        next=found[-1].number if len(found) == limit else None,
        cameras=None if readable is None else len(readable),
    )


def _readable(request: Request, by: SignedIn) -> tuple[str, ...] | None:
    """The registered cameras whose log this person may read; None: all, and removed ones."""
    eyes = Eyes(request, by.identity)
    if eyes.may(Permission.AUDIT, None) or eyes.has_everywhere(Permission.PTZ):
        return None
    cameras = (one.settings.camera_id for one in parts_of(request).cameras.list())
    return tuple(camera for camera in cameras if _may_read(eyes, camera))


def _cameras(
    request: Request, by: SignedIn, asked: Asked, readable: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    if asked.cameras is None or readable is None:
        return asked.cameras if readable is None else readable
    eyes = Eyes(request, by.identity)  # asked by name: one that was removed has its log still
    return tuple(one for one in asked.cameras if _may_read(eyes, CameraId(one)))


def _may_read(eyes: Eyes, camera: CameraId) -> bool:
    return eyes.may(Permission.PTZ, camera) or eyes.may(Permission.AUDIT, camera)


def _entries(parts: WebParts, found: Sequence[Logged]) -> list[LogEntry]:
    asked: dict[str, bool] = {}  # whoever is in it, looked up once

    def missing(one: Logged) -> bool:
        if one.purpose.strip() or one.operator == "":
            return False
        if one.purpose_due is None and one.operator not in asked:
            asked[one.operator] = _asks_now(parts, one.operator)
        return asked[one.operator] if one.purpose_due is None else one.purpose_due

    return [
        LogEntry.model_validate({**one.as_json(), "purpose_missing": missing(one)}) for one in found
    ]


def _asks_now(parts: WebParts, operator: str) -> bool:
    """Of a line that does not say whether its operator had to give a purpose: whether they must
    now."""
    if parts.settings.ptz.purpose == "required":
        return True
    try:
        held = {one.role for one in parts.accounts.get(operator).grants}
    except NotFound:
        return False
    return ask_for_a_purpose([role for role in parts.roles.all() if role.name in held])


def _wants_csv(request: Request) -> bool:
    kinds = [one.split(";")[0].strip() for one in request.headers.get("accept", "").split(",")]
    return "text/csv" in kinds and "application/json" not in kinds


def _sheet(request: Request, lines: Iterator[str]) -> Response:
    name = f"steering-{rfc3339(parts_of(request).clock.now())[:10]}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


def _told(asked: Asked) -> str:
    """What was asked for, for the entry of the reading."""
    parts = [f"camera {camera}" for camera in asked.cameras or ()]
    parts += [f"person {asked.who}"] if asked.who else []
    parts += [f"purpose {asked.purpose}"] if asked.purpose else []
    parts += [f"from {rfc3339(asked.start)}"] if asked.start is not None else []
    parts += [f"to {rfc3339(asked.end)}"] if asked.end is not None else []
    return ", ".join(parts) or "all"
