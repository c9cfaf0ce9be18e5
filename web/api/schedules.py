"""GET /api/schedules: the hours of a week that cameras can go by, and which do.

They are declared in cameras.toml (`[[schedules]]`) and changed only there.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from vms.core.config_camera import ScheduleSettings
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.parts import parts_of
from web.permit import Permit

router = APIRouter(prefix="/api/schedules", tags=["registry"])

By = Annotated[SignedIn, Depends(Permit(Permission.REGISTRY))]


class ScheduleHours(BaseModel):
    """A schedule. `spans`: as in cameras.toml, `mon-fri 08:00-18:00`, by the site's clock."""

    name: str
    spans: list[str]


class ScheduleUse(ScheduleHours):
    """A schedule, the cameras that are `recorded` in its hours and those `hidden` in them."""

    recorded: list[str]
    hidden: list[str]


@router.get("")
def show_all(request: Request, by: By) -> list[ScheduleUse]:
    """All schedules by name, with the cameras that go by them."""
    parts = parts_of(request)
    cameras = [one.settings for one in parts.cameras.list()]
    return [
        ScheduleUse(
            name=one.name,
            spans=list(one.spans),
            recorded=[camera.id for camera in cameras if camera.schedule == one.name],
            hidden=[camera.id for camera in cameras if camera.privacy == one.name],
        )
        for one in parts.schedules.list()
    ]


def hours(schedule: ScheduleSettings) -> ScheduleHours:
    """A schedule as the API tells it."""
    return ScheduleHours(name=schedule.name, spans=list(schedule.spans))
