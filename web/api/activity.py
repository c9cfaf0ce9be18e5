"""When something happened before a camera: spans of activity, with events beside them if asked.

An answer is bounded; what it tells all of stands in it (`start`, `end`), and from there on the rest
is asked for. So two kinds of things in one list never hide each other's remainder.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from storage.activity.meter import ABOVE
from storage.activity.steps import Active
from vms.alarms.event import LONGEST, SICK, WELL, Event
from vms.core.clock import DAY, SECOND, Instant, rfc3339
from vms.core.clock import Span as Nanoseconds
from vms.core.model import StreamKey
from vms.people.permissions import Permission
from web.api.events import EventFacts, facts_of
from web.api.known import footage_of
from web.api.past import Asked, Looks, Stream, shown_to
from web.api.timeline import Span
from web.api.times import LAST, AskedSpan
from web.parts import WebParts, parts_of
from web.permit import Permit
from web.playback.shown import Shown, meets
from web.problems import Problem

router = APIRouter(
    prefix="/api/cameras/{camera}",
    tags=["archive"],
    dependencies=[Depends(Permit(Permission.ARCHIVE))],
)

LONGEST_SEARCH = 31 * DAY
SPANS_PER_LIST = 1_000
_PARTS = 1_000
"""Footage without levels is told as fine as so many parts of the span."""

Teller = Literal["camera", "zones", "other"]
"""Who tells of an event: the camera of motion, our own search for motion in drawn zones, or anybody
of anything else."""


class ActiveSpan(BaseModel):
    """A span in which something happened. `peak`: its highest level, up to 255; `at`: the second
    that had it."""

    start: str
    end: str
    peak: int
    at: str


class ActiveSpans(BaseModel):
    """In order. `start`, `end`: what of the asked span this tells all of; `more`: not the whole.
    `unknown`: footage whose activity nobody knows, null unless asked for."""

    spans: list[ActiveSpan]
    more: bool
    start: str
    end: str
    events: list[EventFacts]
    unknown: list[Span] | None


@router.get("/activity")
def activity(
    camera: str,
    request: Request,
    asked: Asked,
    by: Looks,
    stream: Stream = "main",
    above: Annotated[int, Query(ge=1, le=255, description="the level that counts")] = ABOVE,
    latest: Annotated[bool, Query(description="where there are many: the last ones")] = False,
    limit: Annotated[
        int, Query(ge=10, le=SPANS_PER_LIST, description="spans and events together")
    ] = SPANS_PER_LIST,
    events: Annotated[
        list[Teller] | None,
        Query(max_length=3, description="motion told by the camera, found in zones, other events"),
    ] = None,
    unknown: Annotated[bool, Query(description="also where nothing is known")] = False,
) -> ActiveSpans:
    """When something happened: spans above a level, and events beside them."""
    if asked.end - asked.start > LONGEST_SEARCH:
        raise Problem(422, "bad_span", "Activity is searched over 31 days at most.")
    parts = parts_of(request)
    key, shown = footage_of(parts, camera, stream), shown_to(request, by)
    hidden = shown.hidden(key, asked.start, asked.end)
    wanted = frozenset[str](events or ())
    most = None if latest else limit + 1
    found = shown.active(key, asked.start, asked.end, above, hidden, most)
    seen = _some(_told(parts, shown, key, asked, wanted), limit + 1, latest=latest)
    begun = [one.start for one in (found[-limit - 1 :] if latest else found)]
    begun += [one.start for one in seen]
    part = told_part(begun, asked, limit, latest=latest)
    now = parts.clock.now()
    return ActiveSpans(
        spans=[_facts(one, part) for one in found if part.start < one.end and one.start < part.end],
        more=part != asked,
        start=rfc3339(part.start),
        end=rfc3339(part.end),
        events=[facts_of(event, now) for event in _told(parts, shown, key, part, wanted)],
        unknown=_unknown(shown, key, part) if unknown else None,
    )


def told_part(
    starts: Iterable[Instant], asked: AskedSpan, limit: int, *, latest: bool
) -> AskedSpan:
    """What of a span one answer tells all of, when what happened began at `starts`: as much as
    holds `limit` of them; `latest`: of the span's end. Pure."""
    order = sorted(max(one, asked.start) for one in starts)
    if len(order) <= limit:
        return asked
    if latest:
        return AskedSpan(order[-limit], asked.end)
    # Where more than fit begin at once, an answer is longer rather than never done.
    border = max(order[limit], asked.start + SECOND)
    return AskedSpan(asked.start, Instant(min(border, asked.end)))


def _told(
    parts: WebParts, shown: Shown, key: StreamKey, asked: AskedSpan, wanted: frozenset[str]
) -> Iterator[Event]:
    """Events of a span in order, but for those with a hidden moment, asked for or not."""
    if not wanted:
        return
    now = parts.clock.now()
    around = Instant(max(0, asked.start - LONGEST)), Instant(min(LAST, asked.end + LONGEST))
    hidden = shown.hidden(key, *around)
    for event in parts.events.each(key.camera, asked.start, asked.end):
        if teller_of(event) in wanted and not meets(hidden, event.start, event.until(now) + 1):
            yield event


def teller_of(event: Event) -> Teller | None:
    """Whose word an event is; None where it tells of the camera itself. Cameras' own motion has no
    detail, ours the zone's name (docs/motion.md). Pure."""
    if event.kind == "motion":
        return "zones" if event.detail else "camera"
    return None if event.kind in (SICK, WELL) else "other"


def _some(events: Iterator[Event], count: int, *, latest: bool) -> Iterable[Event]:
    return deque(events, maxlen=count) if latest else islice(events, count)


def _facts(one: Active, part: AskedSpan) -> ActiveSpan:
    """Cut to what is told: the rest of it stands in the next answer."""
    begin, until = max(one.start, part.start), min(one.end, part.end)
    at = min(max(one.at, begin), until - 1)
    return ActiveSpan(
        start=rfc3339(begin), end=rfc3339(until), peak=one.peak, at=rfc3339(Instant(at))
    )


def _unknown(shown: Shown, key: StreamKey, part: AskedSpan) -> list[Span]:
    fine = Nanoseconds((part.end - part.start) // _PARTS)
    hidden = shown.hidden(key, part.start, part.end)
    found = shown.unmeasured(key, part.start, part.end, fine, hidden)
    return [Span(start=rfc3339(begin), end=rfc3339(until)) for begin, until in found]
