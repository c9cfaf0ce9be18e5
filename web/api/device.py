"""A camera's own device, for administrators: what it is, its picture, its clock, its start."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from vms.cameras.onvif.imaging import Imaging
from vms.cameras.upkeep import completed
from vms.core.clock import MILLISECOND
from vms.core.config_camera import CameraSettings
from vms.core.inventory import Inventory
from vms.core.log import get_logger
from vms.people.audit.entry import What
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.api import answers
from web.parts import parts_of
from web.permit import Permit
from web.witness import note

_log = get_logger(__name__)
router = APIRouter(prefix="/api/cameras/{camera}/device", tags=["device"])

By = Annotated[SignedIn, Depends(Permit(Permission.REGISTRY))]
_SERVER = r"^[0-9A-Za-z]([0-9A-Za-z.:-]{0,251}[0-9A-Za-z])?$"


class LevelFacts(BaseModel):
    """A number of the picture, from `low` to `high`."""

    value: float
    low: float
    high: float


class ImagingFacts(BaseModel):
    """What of the picture can be set here; `ir_cut` is one of `ir_cuts`."""

    levels: dict[str, LevelFacts]
    ir_cut: str | None
    ir_cuts: list[str]
    focus: bool


class DeviceForm(BaseModel):
    """What the device says of itself. `imaging`: null where it has no picture settings;
    `clock_offset_ms`: null where it tells no time that can be read."""

    make: str
    model: str
    firmware: str
    serial: str
    mac: str | None
    clock_offset_ms: int | None
    imaging: ImagingFacts | None


class ImagingForm(BaseModel):
    """What is to change; what is left out stays."""

    brightness: float | None = None
    contrast: float | None = None
    saturation: float | None = None
    sharpness: float | None = None
    ir_cut: Literal["on", "off", "auto"] | None = None


class FocusForm(BaseModel):
    """How fast the lens moves: −1 (near) to 1 (far), 0 stops it."""

    speed: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]


class ClockForm(BaseModel):
    """`ntp`: a server the clock follows from now on; without, it is set to the site's time."""

    ntp: Annotated[str, Field(pattern=_SERVER)] | None = None


class ClockFacts(BaseModel):
    """The device's clock minus ours, afterwards."""

    clock_offset_ms: int


@router.get("")
async def look(camera: str, request: Request, by: By) -> DeviceForm:
    """Ask the device. 503 `onvif` with a `trouble` says why it can't be asked."""
    sheet = await parts_of(request).upkeep.look(camera)
    facts = sheet.facts
    return DeviceForm(
        make=facts.make,
        model=facts.model,
        firmware=facts.firmware,
        serial=facts.serial,
        mac=facts.mac,
        clock_offset_ms=_ms(facts.clock_offset),
        imaging=_imaging(sheet.imaging) if sheet.imaging is not None else None,
    )


@router.patch("/imaging")
async def set_imaging(camera: str, request: Request, by: By, wanted: ImagingForm) -> ImagingFacts:
    """Set the picture, for good."""
    levels = wanted.model_dump(exclude={"ir_cut"}, exclude_none=True)
    after = await parts_of(request).upkeep.set_imaging(camera, levels, wanted.ir_cut)
    _tell(camera, "imaging", by)
    return _imaging(after)


@router.post("/focus", status_code=204)
async def focus(camera: str, request: Request, by: By, wanted: FocusForm) -> None:
    """Move the lens until speed 0 is sent."""
    await parts_of(request).upkeep.focus(camera, wanted.speed)


@router.post("/clock")
async def set_clock(camera: str, request: Request, by: By, wanted: ClockForm) -> ClockFacts:
    """Set the device's clock, or whom it follows."""
    offset = await parts_of(request).upkeep.set_clock(camera, wanted.ntp)
    _tell(camera, "clock", by)
    return ClockFacts(clock_offset_ms=round(offset / MILLISECOND))


@router.post("/reboot", status_code=204)
async def reboot(camera: str, request: Request, by: By) -> None:
    """Start the device again: no picture for a minute or two."""
    await parts_of(request).upkeep.reboot(camera)
    _tell(camera, "reboot", by)


@router.get("/backup", response_class=Response, responses=answers.whole("application/octet-stream"))
async def backup(camera: str, request: Request, by: By) -> Response:
    """The device's configuration as a file, in its own format."""
    note(request, what=What.DEVICE)
    found = await parts_of(request).upkeep.backup(camera)
    _tell(camera, "backup", by)
    name = re.sub(r"[^a-z0-9-]", "", camera)
    headers = {"Content-Disposition": f'attachment; filename="{name}.backup"'}
    return Response(found, media_type="application/octet-stream", headers=headers)


@router.post("/inventory")
async def complete(camera: str, request: Request, by: By) -> Inventory:
    """Write what the device says of itself into the inventory: its firmware as it is now, all
    else where nothing stands yet. What changed stands in the camera's history."""
    parts = parts_of(request)
    facts = (await parts.upkeep.look(camera)).facts

    def edit(before: CameraSettings) -> CameraSettings:
        return before.model_copy(update={"inventory": completed(before.inventory, facts)})

    after, _ = await run_in_threadpool(parts.cameras.change, camera, edit, by.identity.name)
    return after.settings.inventory or Inventory()


def _ms(offset: int | None) -> int | None:
    return round(offset / MILLISECOND) if offset is not None else None


def _imaging(imaging: Imaging) -> ImagingFacts:
    levels = {
        name: LevelFacts(value=one.value, low=one.low, high=one.high)
        for name, one in imaging.levels.items()
    }
    return ImagingFacts(
        levels=levels, ir_cut=imaging.ir_cut, ir_cuts=list(imaging.ir_cuts), focus=imaging.focus
    )


def _tell(camera: str, what: str, by: SignedIn) -> None:
    """For the log: who did what to which device."""
    _log.info("a device was changed", camera=camera, what=what, by=by.identity.name)
