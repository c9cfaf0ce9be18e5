"""What a camera's past holds: its timeline."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from storage.activity.steps import Steps
from storage.facts import GapFacts
from vms.alarms.event import thinned
from vms.core.clock import SECOND, Instant, rfc3339
from vms.core.clock import Span as Nanoseconds
from vms.core.model import Cause
from vms.people.permissions import Permission
from web.api.events import EventFacts, facts_of, shown_events
from web.api.known import footage_of
from web.api.past import Asked, Looks, Stream, shown_to, time_or_none
from web.parts import parts_of
from web.permit import Permit

router = APIRouter(
    prefix="/api/cameras/{camera}",
    tags=["archive"],
    dependencies=[Depends(Permit(Permission.ARCHIVE))],
)

EVENTS_SHOWN = 2_000

Wide = Annotated[int, Query(ge=1, le=16_384, description="pixels; the answer is merged to them")]


class Span(BaseModel):
    start: str
    end: str


class Gap(BaseModel):
    """A span without footage. `end` of a gap that lasts is now; `lasts` says so."""

    start: str
    end: str
    seconds: float
    cause: Cause
    detail: str
    lasts: bool


class TimelineHold(BaseModel):
    """A span that nothing deletes, whole, also where it goes on outside what was asked for."""

    id: str
    start: str
    end: str
    reason: str
    until: str | None


class Activity(BaseModel):
    """How much went on, in equal steps over the asked span: the highest and the mean level of each,
    0 to 255, null where nothing is known. Empty where nothing is known at all."""

    peak: list[int | None]
    mean: list[int | None]


class Timeline(BaseModel):
    """`first`: the oldest footage. `events`: of each kind one for a pixel. `blocks`: what is hidden
    from who asks, whole files; nothing of it is in the rest."""

    start: str
    end: str
    first: str | None
    spans: list[Span]
    gaps: list[Gap]
    activity: Activity
    holds: list[TimelineHold]
    events: list[EventFacts]
    blocks: list[Span]


@router.get("/timeline")
def timeline(
    camera: str,
    request: Request,
    asked: Asked,
    by: Looks,
    stream: Stream = "main",
    width: Wide = 1_200,
) -> Timeline:
    """Footage and gaps, merged to the pixel."""
    parts = parts_of(request)
    key = footage_of(parts, camera, stream)
    now = parts.clock.now()
    resolution = Nanoseconds(max(1, (asked.end - asked.start) // width))
    shown = shown_to(request, by)
    hidden = shown.hidden(key, asked.start, asked.end)
    found = shown.timeline(key, asked.start, asked.end, resolution, hidden)
    count = min(width, asked.end - asked.start)
    return Timeline(
        start=rfc3339(asked.start),
        end=rfc3339(asked.end),
        first=time_or_none(found.first),
        spans=[Span(start=rfc3339(begin), end=rfc3339(until)) for begin, until in found.spans],
        gaps=[_gap(gap, now) for gap in found.gaps],
        activity=_activity(shown.activity(key, asked.start, asked.end, count, hidden)),
        holds=[
            TimelineHold.model_validate(hold.as_json())
            for hold in parts.archive.holds(key.camera, asked.start, asked.end)
        ],
        events=[
            facts_of(event, now)
            for event in thinned(shown_events(parts, key, asked, shown), resolution, EVENTS_SHOWN)
        ],
        blocks=[Span(start=rfc3339(begin), end=rfc3339(until)) for begin, until in hidden],
    )


def _activity(found: Steps) -> Activity:
    return Activity(
        peak=[None if step is None else step[0] for step in found.values],
        mean=[None if step is None else step[1] for step in found.values],
    )


def _gap(gap: GapFacts, now: Instant) -> Gap:
    end = gap.end if gap.end is not None else max(now, gap.start)
    return Gap(
        start=rfc3339(gap.start),
        end=rfc3339(end),
        seconds=(end - gap.start) / SECOND,
        cause=gap.cause,
        detail=gap.detail,
        lasts=gap.end is None,
    )
