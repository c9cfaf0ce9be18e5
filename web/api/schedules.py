"""Schedules over HTTP: hours of a week, the cameras that go by them; made, changed, removed.

What cameras.toml declares (`[[schedules]]`) is read-only here (409 `refused`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from vms.cameras.schedule_change import (
    RegisteredSchedule,
    ScheduleChange,
    entered_schedule,
    use_of,
)
from vms.core.config_camera import SPANS_MAX, CameraSettings, ScheduleSettings
from vms.core.log import get_logger
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.parts import WebParts, parts_of
from web.permit import Permit
from web.witness import note

_log = get_logger(__name__)
router = APIRouter(prefix="/api/schedules", tags=["registry"])

By = Annotated[SignedIn, Depends(Permit(Permission.REGISTRY))]
Spans = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=SPANS_MAX)]


class ScheduleHours(BaseModel):
    """A schedule. `spans`: as in cameras.toml, `mon-fri 08:00-18:00`, by the site's clock."""

    name: str
    spans: list[str]


class ScheduleUse(ScheduleHours):
    """A schedule, the cameras that are `recorded` in its hours and those `hidden` in them.

    `origin` `file`: declared in cameras.toml and read-only here.
    """

    origin: Literal["file", "database"]
    recorded: list[str]
    hidden: list[str]


class OtherHours(BaseModel):
    """What a schedule's spans become."""

    spans: Spans


class NewSchedule(OtherHours):
    """A schedule to be made. Its name can't be changed later: cameras go by it."""

    name: Annotated[str, Field(max_length=100)]


@router.get("")
def show_all(request: Request, by: By) -> list[ScheduleUse]:
    """All schedules by name, with the cameras that go by them."""
    parts = parts_of(request)
    cameras = _cameras(parts)
    return [_used(one, cameras) for one in parts.schedules.list()]


@router.post("", status_code=201)
def add(request: Request, response: Response, new: NewSchedule, by: By) -> ScheduleUse:
    """Make a schedule. 422 names field and remedy, 409 a taken name."""
    wanted = entered_schedule(new.model_dump())
    change = parts_of(request).schedules.add(wanted, by.identity.name)
    _tell(request, change, by)
    response.headers["Location"] = f"/api/schedules/{wanted.name}"
    return _used(RegisteredSchedule(wanted, "database"), ())


@router.put("/{name}")
def put(request: Request, name: str, body: OtherHours, by: By) -> ScheduleUse:
    """Give a schedule other hours; cameras that go by it are recorded and hidden by them within
    2 s."""
    parts = parts_of(request)
    wanted = entered_schedule({"name": name, "spans": body.spans})
    change = parts.schedules.change(wanted, by.identity.name)
    cameras = _cameras(parts)
    if change is not None:
        _tell(request, change, by, use_of(name, cameras).cameras)
    return _used(RegisteredSchedule(wanted, "database"), cameras)


@router.delete("/{name}", status_code=204)
def remove(request: Request, name: str, by: By) -> None:
    """Take a schedule away. 409 `refused` names the cameras that go by it."""
    _tell(request, parts_of(request).schedules.remove(name, by.identity.name), by)


def hours(schedule: ScheduleSettings) -> ScheduleHours:
    """A schedule as the API tells it."""
    return ScheduleHours(name=schedule.name, spans=list(schedule.spans))


def _cameras(parts: WebParts) -> list[CameraSettings]:
    return [one.settings for one in parts.cameras.list()]


def _used(schedule: RegisteredSchedule, cameras: Sequence[CameraSettings]) -> ScheduleUse:
    use = use_of(schedule.name, cameras)
    return ScheduleUse(
        **dict(hours(schedule.settings)),
        origin=schedule.origin,
        recorded=list(use.recorded),
        hidden=list(use.hidden),
    )


def _tell(
    request: Request, change: ScheduleChange, by: SignedIn, cameras: tuple[str, ...] = ()
) -> None:
    """For the audit, of each camera that goes by it, and for the log."""
    note(request, subject=change.schedule, detail=change.detail(), cameras=cameras)
    who = by.identity.name
    _log.info("a schedule was changed", schedule=change.schedule, kind=change.kind, by=who)
