"""The registry as a file: cameras taken out and in as CSV or TOML, as `vms cameras` does it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from starlette.responses import Response

from vms.cameras.dump import export_cameras
from vms.cameras.importing import cameras_sent
from vms.cameras.provisioning import Change, RegisteredCamera
from vms.cameras.sheet import write_sheet
from vms.core.errors import BadRequest, ConfigError, Refused
from vms.core.log import get_logger
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.api import answers
from web.api.registry import Difference
from web.parts import WebParts, parts_of
from web.permit import Permit

_log = get_logger(__name__)
router = APIRouter(prefix="/api/registry", tags=["registry"])

By = Annotated[SignedIn, Depends(Permit(Permission.REGISTRY))]
Form = Literal["csv", "toml"]


class Taken(BaseModel):
    """What an import changes of one camera; fields are empty for a new one."""

    camera: str
    kind: str
    fields: list[Difference]


@router.get(
    "/file",
    response_class=Response,
    responses=answers.text("text/csv", "application/toml"),
)
def export(request: Request, by: By, form: Form = "csv", excel: bool = False) -> Response:
    """All cameras as a file; passwords are never in it. `excel`: as a Turkish Excel opens it."""
    parts = parts_of(request)
    found = [RegisteredCamera(o.settings, o.origin) for o in parts.cameras.list()]
    if form == "toml":
        text = export_cameras(found, parts.schedules.list())
    else:
        text = write_sheet((one.settings for one in found), excel=excel)
    kind = "text/csv; charset=utf-8" if form == "csv" else "application/toml; charset=utf-8"
    name = {"Content-Disposition": f'attachment; filename="cameras.{form}"'}
    return Response(text.encode(), media_type=kind, headers=name)


@router.post(
    "/file",
    openapi_extra=answers.sent("text/csv", "application/toml"),
)
async def take(
    request: Request,
    by: By,
    form: Form = "csv",
    dry_run: Annotated[bool, Query(description="Say what would change; change nothing.")] = False,
) -> list[Taken]:
    """Add the cameras of a file, or change them: all or none, and nothing is removed.

    409 `refused` with every mistake, its line, column and remedy.
    """
    try:
        text = (await request.body()).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest("the file is not UTF-8; save it as “CSV UTF-8”") from None
    parts, who = parts_of(request), by.identity.name
    changes = await run_in_threadpool(_take, parts, text, f"cameras.{form}", who, dry_run)
    if changes and not dry_run:
        _log.info("cameras were imported", by=who, cameras=len(changes))
    return [_taken(one) for one in changes]


def _take(parts: WebParts, text: str, name: str, who: str, dry_run: bool) -> list[Change]:
    cameras = parts.cameras
    known = {one.settings.id: RegisteredCamera(one.settings, one.origin) for one in cameras.list()}
    try:
        wanted = cameras_sent(text, name, known, parts.schedules.settings())
    except ConfigError as error:
        raise Refused(f"nothing was imported: {error}") from None
    return list(cameras.additions(wanted) if dry_run else cameras.take(wanted, who))


def _taken(change: Change) -> Taken:
    fields = [Difference(name=name, before=old, after=new) for name, old, new in change.fields]
    return Taken(camera=change.camera, kind=change.kind, fields=fields)
