"""Events of a camera: the way in for programs, and a list of what happened."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, Field

from vms.alarms.event import DETAIL_MAX, Event
from vms.core.clock import Instant, rfc3339
from vms.core.model import StreamKey
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.api.known import camera_of, footage_of
from web.api.times import AskedSpan, Moment, asked_span
from web.parts import WebParts, parts_of
from web.permit import Permit
from web.playback.shown import Shown, meets

router = APIRouter(prefix="/api/cameras/{camera}/events", tags=["events"])

LISTED = 1_000
_tells = Depends(Permit(Permission.EVENTS))
Looks = Annotated[SignedIn, Depends(Permit(Permission.ARCHIVE))]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


class EventFacts(BaseModel):
    """Something that happened. `end` of one that lasts is now; `lasts` says so."""

    id: int
    kind: str
    start: str
    end: str
    detail: str
    lasts: bool


class NewEvent(BaseModel):
    """What happened: `kind` is a word such as motion, tamper, digital_input.

    `start`: now without; `end`: a moment without, or it `lasts` until it is ended, or for ten
    minutes after it was last told.
    """

    kind: Annotated[str, Field(max_length=100)]
    start: Moment | None = None
    end: Moment | None = None
    detail: Annotated[str, Field(max_length=DETAIL_MAX)] = ""
    lasts: bool = False


class Ended(BaseModel):
    """Which event it was; what else is known of it is for who may look back."""

    id: int


class Ending(BaseModel):
    """When it ended; now without."""

    end: Moment | None = None


@router.post("", status_code=201, dependencies=[_tells])
def add(camera: str, request: Request, told: NewEvent) -> EventFacts:
    """Tell of an event: it is shown on the timeline, and recorded where events are recorded."""
    parts = parts_of(request)
    known = camera_of(parts, camera).settings.camera_id
    start, end = _instant(told.start), _instant(told.end)
    lasts = told.lasts
    event = parts.events.add(known, told.kind, start, end, told.detail, lasts=lasts)
    return facts_of(event, parts.clock.now())


@router.post("/{event}/end", dependencies=[_tells])
def end(camera: str, event: Number, request: Request, ending: Ending) -> Ended:
    """An event that lasted is over."""
    parts = parts_of(request)
    known = camera_of(parts, camera).settings.camera_id
    return Ended(id=parts.events.end_of(known, event, _instant(ending.end)).id)


@router.get("")
def events(
    camera: str, request: Request, asked: Annotated[AskedSpan, Depends(asked_span)], by: Looks
) -> list[EventFacts]:
    """What happened in a span, in order; of more than 1,000 the newest."""
    parts = parts_of(request)
    key = footage_of(parts, camera, "main")
    now = parts.clock.now()
    shown = Shown(parts.archive, by.identity)
    found = shown_events(parts, key, asked, shown, LISTED)
    return [facts_of(event, now) for event in found]


def shown_events(
    parts: WebParts, key: StreamKey, asked: AskedSpan, shown: Shown, most: int = 10_000
) -> list[Event]:
    """What happened in a span, but for what is hidden in any of its moments, asked for or not; of
    more than `most` the newest."""
    now = parts.clock.now()
    found = parts.events.between(key.camera, asked.start, asked.end, most)
    if not found:
        return []
    since = min(one.start for one in found)
    behind = max(one.until(now) for one in found)
    hidden = shown.hidden(key, since, Instant(behind + 1))
    return [one for one in found if not meets(hidden, one.start, one.until(now) + 1)]


def facts_of(event: Event, now: Instant) -> EventFacts:
    """An event as the API shows it."""
    until = event.until(now)
    return EventFacts(
        id=event.id,
        kind=event.kind,
        start=rfc3339(event.start),
        end=rfc3339(until),
        detail=event.detail,
        lasts=event.end is None and until == now,
    )


def _instant(moment: int | None) -> Instant | None:
    return Instant(moment) if moment is not None else None
