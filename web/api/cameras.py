"""GET /api/cameras and /api/cameras/{id}: what they are and how they are right now."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from vms.cameras.condition import problem_of, state_of_camera
from vms.core.clock import Instant, rfc3339
from vms.core.config_camera import Location
from vms.core.inventory import Inventory
from vms.core.model import Cause, State, StreamKey
from vms.core.notes import note_of
from vms.core.status import StreamStatus, read_statuses
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.api.known import camera_of
from web.api.schedules import ScheduleHours, hours
from web.parts import RegisteredCamera, WebParts, parts_of
from web.permit import Eyes, Permit

router = APIRouter(prefix="/api/cameras", tags=["cameras"])

Looking = Annotated[SignedIn, Depends(Permit(Permission.CAMERAS))]
Listing = Annotated[SignedIn, Depends(Permit(Permission.CAMERAS, each=True))]


class Noted(BaseModel):
    """Worth knowing of a stream that is recorded all the same. `code`: for those that are known,
    with what it is `about`; `text`: the sentence in English."""

    code: str | None
    about: str
    text: str


class Stream(BaseModel):
    """One stream now. `until`: how long it waits by choice, as far as known. `detail`: the
    sentence with peer and numbers; `source`: native or libav, and why not native. `bitrate`: bits
    a second. Counters run since the worker's start."""

    state: State
    since: str | None
    problem: str | None
    problem_code: Cause | None
    cause: Cause | None
    detail: str | None
    retry_at: str | None
    until: str | None
    source: str | None
    source_reason: str | None
    notes: list[str]
    noted: list[Noted]
    codec: str | None
    width: int | None
    height: int | None
    audio: str | None
    fps: float
    bitrate: int
    last_frame: str | None
    clock_offset_ms: float | None
    clock_error_ms: float | None
    units: int
    bytes: int
    lost: int
    damaged: int
    resyncs: int
    dropped: int
    viewers: int


class Camera(BaseModel):
    """A camera; what stands beside `streams` is of the main stream. `steerable`: it can be asked
    whether it turns."""

    id: str
    name: str
    groups: list[str]
    location: Location | None
    record: str
    privacy: str | None
    steerable: bool
    origin: Literal["file", "database"]
    state: State
    since: str | None
    source: str | None
    fps: float
    bitrate: int
    last_frame: str | None
    clock_offset_ms: float | None
    problem: str | None
    problem_code: Cause | None
    detail: str | None
    retry_at: str | None
    until: str | None
    streams: dict[str, Stream]


class CameraWhole(Camera):
    """A camera with what a list would carry in vain: its device's inventory, and the hours of
    the `schedules` that `record` and `privacy` name."""

    inventory: Inventory | None
    schedules: list[ScheduleHours]


@router.get("")
def show_all(request: Request, signed_in: Listing) -> list[Camera]:
    """Every camera this person may see, in the order of the settings."""
    parts, eyes = parts_of(request), Eyes(request, signed_in.identity)
    streams = _statuses(parts)
    return [
        _camera(registered, streams)
        for registered in parts.cameras.list()
        if eyes.may(Permission.CAMERAS, registered.settings.camera_id)
    ]


@router.get("/{camera}")
def show(camera: str, request: Request, signed_in: Looking) -> CameraWhole:
    """One camera."""
    parts = parts_of(request)
    registered = camera_of(parts, camera)
    shown = _camera(registered, _statuses(parts))
    settings = registered.settings
    known = parts.schedules.settings() if settings.schedules else ()
    named = [one for one in known if one.name in settings.schedules]
    return CameraWhole(
        **dict(shown), inventory=settings.inventory, schedules=[hours(one) for one in named]
    )


def _statuses(parts: WebParts) -> dict[StreamKey, StreamStatus]:
    return read_statuses(parts.settings.run_dir, parts.clock.now())


def _camera(registered: RegisteredCamera, streams: dict[StreamKey, StreamStatus]) -> Camera:
    settings = registered.settings
    main = _stream(state_of_camera(registered, streams, "main"))
    shown = {"main": main}
    if settings.sub is not None:
        shown["sub"] = _stream(state_of_camera(registered, streams, "sub"))
    return Camera(
        id=settings.id,
        name=settings.name,
        groups=list(settings.groups),
        location=settings.location,
        record=settings.record,
        privacy=settings.privacy,
        steerable=settings.onvif is not None,
        origin=registered.origin,
        state=main.state,
        since=main.since,
        source=main.source,
        fps=main.fps,
        bitrate=main.bitrate,
        last_frame=main.last_frame,
        clock_offset_ms=main.clock_offset_ms,
        problem=main.problem,
        problem_code=main.problem_code,
        detail=main.detail,
        retry_at=main.retry_at,
        until=main.until,
        streams=shown,
    )


def _stream(status: StreamStatus) -> Stream:
    problem = problem_of(status)
    return Stream(
        state=status.state,
        since=_time(status.since),
        problem=problem,
        problem_code=status.cause if problem is not None else None,
        cause=status.cause,
        detail=status.detail,
        retry_at=_time(status.retry_at),
        until=_time(status.until),
        source=status.source,
        source_reason=status.source_reason,
        notes=list(status.notes),
        noted=[_noted(text) for text in status.notes],
        codec=status.codec,
        width=status.width,
        height=status.height,
        audio=status.audio,
        fps=status.fps,
        bitrate=status.bitrate,
        last_frame=_time(status.last_frame),
        clock_offset_ms=status.clock_offset_ms,
        clock_error_ms=status.clock_error_ms,
        units=status.units,
        bytes=status.bytes,
        lost=status.lost,
        damaged=status.damaged,
        resyncs=status.resyncs,
        dropped=status.dropped,
        viewers=status.viewers,
    )


def _noted(text: str) -> Noted:
    note = note_of(text)
    if note is None:
        return Noted(code=None, about="", text=text)
    return Noted(code=note.code, about=note.about, text=text)


def _time(instant: Instant | None) -> str | None:
    return rfc3339(instant) if instant else None
