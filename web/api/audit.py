"""The audit: who did and saw what. Reading it is itself on record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from vms.core.clock import Instant, rfc3339
from vms.people.audit.entry import Outcome, Phase, Via, What
from vms.people.audit.records import PAGE_MAX
from vms.people.audit.records import Query as Asked
from vms.people.audit.sheet import rows
from vms.people.permissions import Permission
from web.api import answers
from web.api.times import LAST, Moment
from web.parts import parts_of
from web.permit import Permit
from web.witness import note

router = APIRouter(
    prefix="/api/audit", tags=["audit"], dependencies=[Depends(Permit(Permission.AUDIT))]
)

CSV_MAX = 1_000_000
"""Entries of one sheet; a spreadsheet takes no more lines."""


class AuditEntry(BaseModel):
    """One thing that was done. `start`, `end`: the footage it is about; entries of one `viewing`
    follow each other, and the last one (here the only one) says all of it; `since`: when the
    viewing began."""

    id: int
    at: str
    what: What
    who: str
    via: Via
    address: str
    camera: str
    subject: str
    detail: str
    outcome: Outcome
    start: str | None
    end: str | None
    viewing: str
    phase: Phase | None
    since: str


class AuditPage(BaseModel):
    """The newest first. `next`: `before` of the following page, or null."""

    entries: list[AuditEntry]
    next: int | None


def _asked(
    camera: Annotated[list[str], Query(max_length=100, description="any of these")] = [],  # noqa: B006
    person: Annotated[str | None, Query(max_length=256)] = None,
    what: Annotated[list[What], Query(max_length=50, description="any of these")] = [],  # noqa: B006
    since: Annotated[Moment | None, Query(alias="from", description="RFC 3339")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="RFC 3339")] = None,
    footage: Annotated[
        bool, Query(description="from and to are of the footage seen, not of the seeing")
    ] = False,
) -> Asked:
    return Asked(
        tuple(camera),
        person or None,
        tuple(what),
        None if since is None else Instant(since),
        None if until is None else Instant(until),
        footage,
    )


Search = Annotated[Asked, Depends(_asked)]


@router.get("")
def entries(
    request: Request,
    asked: Search,
    before: Annotated[int | None, Query(ge=0, le=LAST)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> AuditPage:
    """Who did what: by camera, person, kind and time."""
    if before is None:  # the pages behind the first are the same reading
        note(request, what=What.READ_AUDIT, detail=_told(asked))
    found = parts_of(request).audit.page(asked, limit, before)
    return AuditPage(
        entries=[AuditEntry.model_validate(one.as_json()) for one in found],
        next=found[-1].id if len(found) == limit else None,
    )


@router.get("/sheet.csv", response_class=Response, responses=answers.text("text/csv"))
def sheet(request: Request, asked: Search) -> Response:
    """The same as CSV (RFC 4180), all pages; of more than a million entries the newest."""
    note(request, what=What.READ_AUDIT, detail=f"CSV {_told(asked)}")
    audit = parts_of(request).audit

    def lines() -> Iterator[str]:
        numbered = ((one.id, one.entry) for one in audit.all(asked))
        for place, line in enumerate(rows(numbered)):
            if place > CSV_MAX:
                return
            yield line

    name = f"audit-{rfc3339(parts_of(request).clock.now())[:10]}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)


def _told(asked: Asked) -> str:
    """What was asked for, for the entry of the reading."""
    parts = [f"camera {camera}" for camera in asked.cameras]
    parts += [f"person {asked.person}"] if asked.person else []
    parts += [str(what) for what in asked.what]
    parts += [f"from {rfc3339(asked.start)}"] if asked.start is not None else []
    parts += [f"to {rfc3339(asked.end)}"] if asked.end is not None else []
    return ", ".join(parts) or "all"
