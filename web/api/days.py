"""A camera's last days: how much of each was recorded, and why the rest was not."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from storage.days import NOT_LOST, Day, last_days
from vms.core.clock import SECOND, rfc3339
from vms.core.model import Cause
from vms.people.permissions import Permission
from web.api.known import footage_of
from web.api.past import Stream
from web.parts import parts_of
from web.permit import Permit

router = APIRouter(
    prefix="/api/cameras/{camera}",
    tags=["archive"],
    dependencies=[Depends(Permit(Permission.ARCHIVE))],
)

DAYS_MAX = 92


class DayGap(BaseModel):
    """What was not recorded for one cause. `lost`: it should have been."""

    cause: Cause
    seconds: float
    lost: bool


class DayFacts(BaseModel):
    """A day on the site's calendar; today up to now. What lies before the first footage is in no
    figure. `chosen`: seconds not recorded because somebody wanted it so."""

    date: str
    start: str
    end: str
    recorded: float
    lost: float
    chosen: float
    gaps: list[DayGap]


class Days(BaseModel):
    """In order; the last one is today."""

    timezone: str
    days: list[DayFacts]


@router.get("/days")
def show(
    camera: str,
    request: Request,
    stream: Stream = "main",
    days: Annotated[int, Query(ge=1, le=DAYS_MAX, description="how many, with today")] = 30,
) -> Days:
    """Recorded seconds and gaps by cause for each of the last days."""
    parts = parts_of(request)
    key = footage_of(parts, camera, stream)
    zone = parts.settings.system.timezone
    found = parts.archive.days(key, last_days(zone, parts.clock.now(), days))
    return Days(timezone=zone, days=[_facts(day) for day in found])


def _facts(day: Day) -> DayFacts:
    longest = sorted(day.gaps.items(), key=lambda item: -item[1])
    return DayFacts(
        date=day.bounds.date,
        start=rfc3339(day.bounds.start),
        end=rfc3339(day.bounds.end),
        recorded=day.recorded / SECOND,
        lost=day.lost / SECOND,
        chosen=day.chosen / SECOND,
        gaps=[
            DayGap(cause=cause, seconds=span / SECOND, lost=cause not in NOT_LOST)
            for cause, span in longest
        ],
    )
