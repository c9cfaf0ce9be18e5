"""Exports: footage handed out as a package, asked for here, made by the custodian, fetched here."""

from __future__ import annotations

import os
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from vms.core.clock import Instant
from vms.core.errors import NotFound
from vms.core.model import CameraId, StreamKey, is_camera_id
from vms.core.plain import plain
from vms.core.secret import Secret
from vms.evidence.jobs import ExportJob, JobState
from vms.evidence.local import SiteTime
from vms.evidence.order import CAMERAS_MAX, REASON_MAX, Order, Refused, new_id
from vms.people.approval import Action
from vms.people.audit.entry import What
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.api import answers
from web.api.times import Moment
from web.approving import ApprovalId, second_yes, wanted_of_export
from web.parts import WebParts, parts_of
from web.permit import Eyes, Permit
from web.playback.files import FileSpan
from web.playback.ranges import ByteRange, Unsatisfiable, parse_range
from web.problems import Problem
from web.witness import note

_permit = Permit(Permission.EXPORT, each=True)
router = APIRouter(prefix="/api/exports", tags=["exports"], dependencies=[Depends(_permit)])

_NOT_DONE: answers.Answers = {409: {"description": "The export is not done"}}
By = Annotated[SignedIn, Depends(_permit)]
Id = Annotated[str, Path(pattern=r"^[0-9A-Za-z-]{1,80}$")]


class ExportFacts(BaseModel):
    """An export. `done`, `total`: bytes of footage read; `size`: bytes of the package."""

    id: str
    state: JobState
    cameras: list[str]
    start: str
    end: str
    reason: str
    language: Literal["tr", "en"]
    made: str
    made_by: str
    done: int
    total: int
    size: int | None
    error: str | None


class NewExport(BaseModel):
    """What to hand out and why; `password` null: not encrypted. `approval`: of a second person,
    where it takes one."""

    cameras: Annotated[list[str], Field(max_length=CAMERAS_MAX)]
    start: Moment
    end: Moment
    reason: Annotated[str, Field(max_length=REASON_MAX)] = ""
    language: Literal["tr", "en"] = "tr"
    password: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    approval: ApprovalId | None = None


@router.get("")
def exports(request: Request, by: By) -> list[ExportFacts]:
    """One's own exports, to who sees people everybody's, of cameras one may export; the newest
    first."""
    eyes = Eyes(request, by.identity)
    found = parts_of(request).exports.list(_whose(eyes, by))
    return [_facts(job) for job in found if _is_within(eyes, job)]


@router.post("", status_code=201)
def add(request: Request, wanted: NewExport, by: By) -> ExportFacts:
    """Ask for an export."""
    parts = parts_of(request)
    unknown = [camera for camera in wanted.cameras if not is_camera_id(camera)]
    if unknown:
        raise Problem(404, "not_found", f"there is no camera {plain(unknown[0], 80)!r}")
    note(
        request,
        cameras=tuple(wanted.cameras),
        start=wanted.start,
        end=wanted.end,
        detail=wanted.reason,
    )
    now = parts.clock.now()
    order = Order(
        new_id(now),
        tuple(CameraId(camera) for camera in wanted.cameras),
        Instant(wanted.start),
        Instant(wanted.end),
        plain(wanted.reason, REASON_MAX),
        by.identity.name,
        now,
        wanted.language,
    )
    password = None if wanted.password is None else Secret(wanted.password)
    exactly = wanted_of_export(order, encrypted=password is not None)
    with second_yes(request, by, exactly, wanted.approval, order.id) as approved:
        require_export(parts, Eyes(request, by.identity), order, approved=approved)
        try:
            return _facts(parts.exports.add(order, password, account=by.identity.account))
        except Refused as refused:
            raise Problem(422, refused.code, str(refused)) from None


@router.get("/{export}")
def one(request: Request, export: Id, by: By) -> ExportFacts:
    """How far an export is."""
    return _facts(_job(request, export, by))


@router.delete("/{export}", status_code=204)
def remove(request: Request, export: Id, by: By) -> None:
    """Stop an export that waits or runs; remove one that has ended, with its package."""
    parts_of(request).exports.cancel(_job(request, export, by).id)


@router.head("/{export}/file", response_class=Response, include_in_schema=False)
@router.get(
    "/{export}/file",
    response_class=Response,
    responses=answers.ranges("application/zip") | _NOT_DONE,
)
def file(request: Request, export: Id, by: By) -> Response:
    """The package, or one byte range of it."""
    parts = parts_of(request)
    job = _job(request, export, by)
    order = job.order
    note(
        request,
        what=What.DOWNLOAD,
        cameras=order.cameras,
        start=order.start,
        end=order.end,
        detail=order.reason,
    )
    # What was allowed when it was asked for may be so no more. A yes was to who asked.
    yes = parts.approvals.used_for(job.id)
    approved = yes is not None and yes.asker == by.identity.named
    require_export(parts, Eyes(request, by.identity), order, approved=approved)
    if job.state != "done":
        raise Problem(409, "not_done", f"The export is not done; it is {job.state}.")
    path = parts.settings.system.data / "exports" / f"{job.id}.zip"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Problem(404, "not_found", "The package is gone; ask for it anew.") from None
    try:
        return _answer(request, descriptor, parts, job)
    except BaseException:
        os.close(descriptor)
        raise


def require_export(parts: WebParts, eyes: Eyes, order: Order, *, approved: bool) -> None:
    """Raise Problem unless it may be handed out, every file of it: a package proves what was
    stored, so it is whole or not made. `approved`: a second person says yes."""
    for camera in order.cameras:
        until = max(order.end, Instant(order.start + 1))
        eyes.require(
            *(Permission.EXPORT, camera, order.start),
            until=until,
            doing=Action.EXPORT,
            approved=approved,
        )
        found = parts.archive.segments(StreamKey(camera), order.start, order.end)
        for segment in found:
            eyes.require_shown(Permission.EXPORT, camera, segment.start, segment.end)
        # Only footage that is known to have no sound is free of the question: what is gone may
        # have had. A yes to handing it out is one to hearing it.
        if not found or any(one.audio_codec is not None for one in found):
            eyes.require(
                *(Permission.SOUND, camera, order.start),
                until=until,
                doing=Action.EXPORT,
                approved=approved,
            )


def _answer(request: Request, descriptor: int, parts: WebParts, job: ExportJob) -> Response:
    """The answer; it closes the descriptor."""
    size = os.fstat(descriptor).st_size
    etag = f'"{job.id}-{size}"'
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-store",
        "ETag": etag,
        "Content-Disposition": _disposition(_file_name(parts, job)),
    }
    wanted = request.headers.get("range")
    if request.headers.get("if-range", etag) != etag:
        wanted = None
    try:
        span = parse_range(wanted, size)
    except Unsatisfiable:
        more = {"Content-Range": f"bytes */{size}"}
        raise Problem(416, "range", f"The file has {size} bytes.", headers=more) from None
    status = 200
    if span is None:
        span = ByteRange(0, size)
    else:
        status, headers["Content-Range"] = 206, span.content_range(size)
    return FileSpan(descriptor, span, status, headers, "application/zip")


def _file_name(parts: WebParts, job: ExportJob) -> str:
    """`Örnek Belediyesi 2026-11-22_14-32-07 gate-north.zip`."""
    order, system = job.order, parts.settings.system
    when = SiteTime(system.timezone).name(order.start)
    more = f" +{len(order.cameras) - 1}" if len(order.cameras) > 1 else ""
    name = f"{system.name} {when} {order.cameras[0]}{more}.zip"
    return "".join("_" if sign in '\\/:*?"<>|' else sign for sign in plain(name, 200))


def _disposition(name: str) -> str:
    """RFC 6266: an ASCII name for old programs, the true one in UTF-8."""
    plain_ascii = name.encode("ascii", "replace").decode().replace("?", "_")
    return f"attachment; filename=\"{plain_ascii}\"; filename*=UTF-8''{quote(name, safe='')}"


def _job(request: Request, export: str, by: SignedIn) -> ExportJob:
    """One that this person may see; raises NotFound, also for another's."""
    eyes = Eyes(request, by.identity)
    job = parts_of(request).exports.get(export, _whose(eyes, by))
    if not _is_within(eyes, job):
        raise NotFound(f"there is no export {export!r}")
    return job


def _whose(eyes: Eyes, by: SignedIn) -> int | None:
    """The account whose exports this person may see: their own; None: everybody's."""
    return None if eyes.may(Permission.PEOPLE, None) else by.identity.account


def _is_within(eyes: Eyes, job: ExportJob) -> bool:
    """Whether somebody, or the token they use, may export its cameras at all."""
    return all(eyes.may(Permission.EXPORT, camera) for camera in job.order.cameras)


def _facts(job: ExportJob) -> ExportFacts:
    return ExportFacts.model_validate(job.as_json())
