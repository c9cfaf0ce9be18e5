"""Who did and saw what: the audit, searched and taken away as a table. Reading it is on record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.responses import Response

from vms.core.clock import Instant
from vms.people.audit.entry import Outcome, Phase, Via, What
from vms.people.audit.records import PAGE_MAX
from vms.people.audit.records import Query as Asked
from vms.people.audit.table import csv_lines
from vms.people.permissions import Permission
from web.api import answers
from web.api.times import Moment
from web.parts import parts_of
from web.permit import Permit
from web.problems import Problem

router = APIRouter(
    prefix="/api", tags=["audit"], dependencies=[Depends(Permit(Permission.AUDIT))]
)

CSV = "text/csv"
_LINES_AT_ONCE = 500


class AuditEntry(BaseModel):
    """One thing that was done. `who`: empty for nobody signed in; `start`, `end`: the footage it is
    about; `since`, `until`: from when to when somebody looked; `viewing`: names what was looked
    at in one go, `phase` how far it is; `outcome`: whether it was allowed and succeeded."""

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
    since: str | None
    until: str | None


class AuditPage(BaseModel):
    """The newest first. `next`: the cursor of what follows; null at the end."""

    entries: list[AuditEntry]
    next: int | None


def asked(
    camera: Annotated[list[str] | None, Query(max_length=200, description="of these")] = None,
    person: Annotated[str | None, Query(max_length=256, description="of this account")] = None,
    kind: Annotated[list[What] | None, Query(max_length=50, description="only these")] = None,
    start: Annotated[Moment | None, Query(description="RFC 3339")] = None,
    end: Annotated[Moment | None, Query(description="RFC 3339; after start")] = None,
    footage: Annotated[
        bool, Query(description="start and end are of the footage, not of the doing")
    ] = False,
    every: Annotated[
        bool, Query(description="each entry of a viewing, not only the one that says it whole")
    ] = False,
) -> Asked:
    """What is searched for."""
    if start is not None and end is not None and start >= end:
        raise Problem(422, "bad_span", "start must lie before end.")
    return Asked(
        tuple(camera or ()),
        person,
        tuple(kind or ()),
        None if start is None else Instant(start),
        None if end is None else Instant(end),
        footage,
        not every,
    )


Search = Annotated[Asked, Depends(asked)]


@router.get("/audit")
def audit(
    request: Request,
    search: Search,
    cursor: Annotated[int | None, Query(ge=0, le=(1 << 63) - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> AuditPage:
    """Search the audit, a page at a time."""
    found = parts_of(request).records.page(search, limit + 1, cursor)
    shown = found[:limit]
    return AuditPage(
        entries=[AuditEntry.model_validate(one.as_json()) for one in shown],
        next=shown[-1].id if len(found) > limit else None,
    )


@router.get("/audit.csv", response_class=Response, responses=answers.text(CSV))
def table(request: Request, search: Search) -> Response:
    """All that is found, as CSV (RFC 4180)."""
    found = parts_of(request).records.all(search)
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return StreamingResponse(_pieces(csv_lines(found)), 200, headers, f"{CSV}; charset=utf-8")


def _pieces(lines: Iterator[str]) -> Iterator[bytes]:
    """Some hundred lines at once: each piece costs a change of threads."""
    waiting: list[str] = []
    for line in lines:
        waiting.append(line)
        if len(waiting) >= _LINES_AT_ONCE:
            yield "".join(waiting).encode()
            waiting.clear()
    yield "".join(waiting).encode()
