"""The registry over HTTP: cameras added, changed, replaced and removed, and what was changed.

Passwords go in and never come out. What cameras.toml declares is read-only here (409 `refused`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Request, Response
from pydantic import BaseModel

from vms.cameras import entry
from vms.cameras.history import PastChange
from vms.cameras.provisioning import Change, Field
from vms.core.clock import rfc3339
from vms.core.config_camera import CameraSettings
from vms.core.log import get_logger
from vms.core.model import CameraId, StreamKey
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.api.known import camera_of
from web.parts import RegisteredCamera, parts_of
from web.permit import Eyes, Permit

_log = get_logger(__name__)
router = APIRouter(prefix="/api", tags=["registry"])

By = Annotated[SignedIn, Depends(Permit(Permission.REGISTRY))]
Looking = Annotated[SignedIn, Depends(Permit(Permission.CAMERAS))]
Entry = Annotated[dict[str, Any], Body()]

# Where a camera stands in the network is for those who may change it.
_ADDRESSES = frozenset({"source", "sub", "onvif", "username"})
_NEVER_SHOWN = {"password", "secret"}
_STAYS = (
    "Its footage stays, can be watched, and goes when its retention rule lets it go, as before; "
    "a camera added again with this id carries it on."
)


class CameraForm(CameraSettings):
    """A camera's settings as people enter and see them; see docs/guide/admin.md.

    `origin` `file`: declared in cameras.toml and read-only here.
    """

    has_password: bool
    origin: Literal["file", "database"]


class Difference(BaseModel):
    """One field that changed; before and after are null where only admins may read them."""

    name: str
    before: str | None
    after: str | None


class Changed(BaseModel):
    """What was done to a camera's settings, when and by whom; `replaced`: another device."""

    at: str
    by: str
    kind: Literal["added", "changed", "removed", "taken over", "replaced"]
    fields: list[Difference]


class Removed(BaseModel):
    """A camera that was taken out. `first`: where its footage begins, null if there is none."""

    camera: str
    first: str | None
    detail: str


def _takes(what: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/CameraForm"}
    return {
        "requestBody": {"description": what, "content": {"application/json": {"schema": schema}}}
    }


@router.get("/registry", response_model_exclude={"__all__": _NEVER_SHOWN})
def show_all(request: Request, by: By) -> list[CameraForm]:
    """The settings of every camera; passwords are not among them."""
    return [_form(one) for one in parts_of(request).cameras.list()]


@router.get("/cameras/{camera}/settings", response_model_exclude=_NEVER_SHOWN)
def show(request: Request, camera: str, by: By) -> CameraForm:
    """The settings of a camera; its password is not among them."""
    return _form(camera_of(parts_of(request), camera))


@router.post(
    "/cameras",
    status_code=201,
    response_model_exclude=_NEVER_SHOWN,
    openapi_extra=_takes("The keys of [[cameras]]; id and source are needed."),
)
def add(request: Request, response: Response, values: Entry, by: By) -> CameraForm:
    """Add a camera; it is recorded within 2 s. 422 names field and remedy, 409 a taken id."""
    cameras = parts_of(request).cameras
    wanted = entry.entered(values)
    cameras.add(wanted, by.identity.name)
    _tell(Change("added", wanted.id), by)
    response.headers["Location"] = f"/api/cameras/{wanted.id}"
    return _form(cameras.get(wanted.id))


@router.patch(
    "/cameras/{camera}",
    response_model_exclude=_NEVER_SHOWN,
    openapi_extra=_takes("A merge patch (RFC 7396): null takes away, what is left out stays."),
)
def patch(request: Request, camera: str, values: Entry, by: By) -> CameraForm:
    """Change a camera. A stored password is not handed on to another host, nor, by who may not
    change every camera or not see all of one, to another address of it: 422 asks for it."""

    whole = Eyes(request, by.identity).has_everywhere(Permission.REGISTRY)

    def edit(before: CameraSettings) -> CameraSettings:
        return _guarded(before, entry.patched(before, values), values, whole=whole)

    after, change = parts_of(request).cameras.change(camera, edit, by.identity.name)
    _tell(change, by)
    return _form(after)


@router.post(
    "/cameras/{camera}/replace",
    response_model_exclude=_NEVER_SHOWN,
    openapi_extra=_takes("The new device: source is needed; sub, username, password, inventory."),
)
def replace(request: Request, camera: str, device: Entry, by: By) -> CameraForm:
    """Put another device in a camera's place: id, name, place and footage stay."""

    whole = Eyes(request, by.identity).has_everywhere(Permission.REGISTRY)

    def edit(before: CameraSettings) -> CameraSettings:
        return _guarded(before, entry.replaced(before, device), device, whole=whole)

    cameras = parts_of(request).cameras
    after, change = cameras.change(camera, edit, by.identity.name, "replaced")
    _tell(change, by)
    return _form(after)


@router.delete("/cameras/{camera}")
def remove(request: Request, camera: str, by: By) -> Removed:
    """Take a camera out. Its footage stays, and retention goes on to count for it."""
    parts = parts_of(request)
    parts.cameras.remove(camera, by.identity.name)
    _tell(Change("removed", camera), by)
    first = parts.archive.first_start(StreamKey(CameraId(camera)))
    detail = _STAYS if first is not None else "It has no footage."
    return Removed(camera=camera, first=rfc3339(first) if first else None, detail=detail)


@router.get("/cameras/{camera}/history")
def history(request: Request, camera: str, signed_in: Looking) -> list[Changed]:
    """What was changed of a camera, the newest first; of one that was removed too."""
    cameras = parts_of(request).cameras
    found = cameras.history(camera)
    if not found:
        camera_of(parts_of(request), camera)  # unknown, or from before there was a history
    whole = Eyes(request, signed_in.identity).may(Permission.REGISTRY, CameraId(camera))
    return [_changed(one, whole=whole) for one in found]


def _tell(change: Change, by: SignedIn) -> None:
    """For the log: who did what to which camera. Names of fields, never what stands in them."""
    fields = [name for name, _, _ in change.fields]
    who = by.identity.name
    _log.info("a camera was changed", camera=change.camera, kind=change.kind, by=who, fields=fields)


def _guarded(
    before: CameraSettings, after: CameraSettings, said: Mapping[str, Any], *, whole: bool
) -> CameraSettings:
    entry.refuse_to_tell(before, after, said, whole=whole)
    return after


def _form(camera: RegisteredCamera) -> CameraForm:
    settings = camera.settings
    return CameraForm.model_construct(
        **dict(settings), has_password=settings.password is not None, origin=camera.origin
    )


def _changed(one: PastChange, *, whole: bool) -> Changed:
    fields = [_difference(field, shown=whole or field[0] not in _ADDRESSES) for field in one.fields]
    return Changed(at=rfc3339(one.at), by=one.by, kind=one.kind, fields=fields)


def _difference(field: Field, *, shown: bool) -> Difference:
    name, before, after = field
    return Difference(name=name, before=before if shown else None, after=after if shown else None)
