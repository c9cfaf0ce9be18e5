"""Steering a camera: who does, what they command, presets, patrols, and the log of it all."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from vms.cameras.onvif.ptz_facts import TOKEN_MAX, Vector
from vms.cameras.steering import command as commands
from vms.cameras.steering.command import NAME_MAX, Command
from vms.cameras.steering.lease import PURPOSE_MAX, Lease, Operator
from vms.cameras.steering.patrol import STEPS_MAX, Patrol, Step
from vms.core.clock import SECOND, Instant, rfc3339
from vms.core.errors import NotFound
from vms.core.model import CameraId
from vms.people.audit.entry import What
from vms.people.duties import steering_priority, steers_for_a_purpose
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.api import answers
from web.api.known import camera_of, mark_of
from web.api.times import Moment
from web.parts import parts_of
from web.permit import Eyes, Permit
from web.playback.watermark import marked_jpeg
from web.witness import address_of, note, saw

router = APIRouter(prefix="/api/cameras/{camera}/ptz", tags=["ptz"])

Steers = Annotated[SignedIn, Depends(Permit(Permission.PTZ))]
Sees = Annotated[SignedIn, Depends(Permit(Permission.LIVE))]
Token = Annotated[str, Path(min_length=1, max_length=TOKEN_MAX)]
Number = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
LOGGED_MAX = 1_000


class VectorForm(BaseModel):
    """Pan −1 (left) to 1 (right), tilt −1 (down) to 1 (up), zoom −1 to 1; as a place 0 to 1."""

    pan: Number = 0.0
    tilt: Number = 0.0
    zoom: Number = 0.0

    @property
    def vector(self) -> Vector:
        return Vector(self.pan, self.tilt, self.zoom)


class PointForm(BaseModel):
    """A point of the picture: its shares from the left and from the top."""

    x: Share
    y: Share


class PresetForm(BaseModel):
    """The present view, kept under a name; `token`: in place of that preset."""

    name: Annotated[str, Field(min_length=1, max_length=NAME_MAX)]
    token: Annotated[str, Field(min_length=1, max_length=TOKEN_MAX)] | None = None


class LeaseForm(BaseModel):
    """`purpose`: what for, or an order's number. `take_over`: from somebody of lower priority."""

    purpose: Annotated[str, Field(max_length=PURPOSE_MAX)] | None = None
    take_over: bool = False


class LeaseFacts(BaseModel):
    """Who steers. `mine`: whoever asks."""

    operator: str
    mine: bool
    may_take_over: bool
    since: str
    purpose: str


class StepForm(BaseModel):
    """A preset of a patrol, and how long the camera stays there."""

    preset: Annotated[str, Field(min_length=1, max_length=TOKEN_MAX)]
    seconds: Annotated[int, Field(ge=1, le=3_600)]


class PatrolForm(BaseModel):
    """Presets in turn, while nobody steers."""

    steps: Annotated[list[StepForm], Field(max_length=STEPS_MAX)]
    running: bool = True


class Can(BaseModel):
    """What the camera takes."""

    move: bool
    zoom: bool
    absolute: bool
    relative: bool
    centre: bool
    home: bool
    presets: int


class Wheel(BaseModel):
    """A camera that can be steered. `position`, `moving`: null where the camera does not tell."""

    can: Can
    position: VectorForm | None
    moving: bool | None
    lease: LeaseFacts | None
    patrol: PatrolForm | None
    purpose_required: bool


class Preset(BaseModel):
    """A view the camera keeps. `pictured`: of when its picture is, null without one."""

    token: str
    name: str
    pictured: str | None


class LoggedCommand(BaseModel):
    """One command, or one movement of several: `commands` moves from `at` `until`. `result`:
    `done`, or why not; `operator` is empty for the system's own stop."""

    at: str
    operator: str
    command: str
    detail: str
    result: str
    purpose: str
    until: str | None
    commands: int
    number: int


@router.get("")
async def look(camera: str, request: Request, by: Steers) -> Wheel:
    """What can be done with the camera, and who steers. 503 `onvif` says why it can't be asked."""
    wheel = await parts_of(request).steering.look(camera)
    facts, status = wheel.facts, wheel.status
    position = status.position if status is not None else None
    return Wheel(
        can=Can(
            move=facts.continuous.pan_tilt is not None,
            zoom=facts.continuous.zoom is not None,
            absolute=facts.absolute.some,
            relative=facts.relative.some,
            centre=facts.field is not None,
            home=facts.home,
            presets=facts.presets_max,
        ),
        position=VectorForm(**asdict(position)) if position is not None else None,
        moving=status.moving if status is not None else None,
        lease=_lease(request, wheel.lease, by),
        patrol=_patrol(wheel.patrol),
        purpose_required=wheel.purpose_required or _operator(request, by).states,
    )


# -- moves


@router.post("/move", status_code=204)
async def move(camera: str, request: Request, by: Steers, speed: VectorForm) -> None:
    """Turn with a speed. It ends after 2 s: send it again while a key is held, then `stop`."""
    await _do(request, camera, by, commands.move(speed.vector))


@router.post("/stop", status_code=204)
async def stop(camera: str, request: Request, by: Steers) -> None:
    """Stop at once."""
    await _do(request, camera, by, commands.stop())


@router.post("/absolute", status_code=204)
async def absolute(camera: str, request: Request, by: Steers, place: VectorForm) -> None:
    """Turn to a place."""
    await _do(request, camera, by, commands.absolute(place.vector))


@router.post("/relative", status_code=204)
async def relative(camera: str, request: Request, by: Steers, step: VectorForm) -> None:
    """Turn by a step."""
    await _do(request, camera, by, commands.relative(step.vector))


@router.post("/centre", status_code=204)
async def centre(camera: str, request: Request, by: Steers, point: PointForm) -> None:
    """Bring a point of the picture into its middle."""
    await _do(request, camera, by, commands.centre(point.x, point.y))


@router.post("/home", status_code=204)
async def home(camera: str, request: Request, by: Steers) -> None:
    """Turn to the home position."""
    await _do(request, camera, by, commands.goto_home())


@router.put("/home", status_code=204)
async def set_home(camera: str, request: Request, by: Steers) -> None:
    """Make the present view the home position."""
    await _do(request, camera, by, commands.save_home())


# -- presets


@router.get("/presets")
async def presets(camera: str, request: Request, by: Steers) -> list[Preset]:
    """The views the camera keeps."""
    found = await parts_of(request).steering.presets(camera)
    return [
        Preset(
            token=one.token,
            name=one.name,
            pictured=rfc3339(Instant(one.pictured)) if one.pictured is not None else None,
        )
        for one in found
    ]


@router.post("/presets", status_code=201)
async def save_preset(camera: str, request: Request, by: Steers, wanted: PresetForm) -> Preset:
    """Keep the present view. Its picture is taken a moment later."""
    command = commands.save_preset(wanted.name, wanted.token)
    token = await _do(request, camera, by, command)
    return Preset(token=token or "", name=command.detail, pictured=None)


@router.post("/presets/{token}/goto", status_code=204)
async def goto_preset(camera: str, token: Token, request: Request, by: Steers) -> None:
    """Turn to a view it keeps."""
    await _do(request, camera, by, commands.goto_preset(token))


@router.delete("/presets/{token}", status_code=204)
async def remove_preset(camera: str, token: Token, request: Request, by: Steers) -> None:
    """Forget a view."""
    await _do(request, camera, by, commands.remove_preset(token))


@router.get(
    "/presets/{token}/picture.jpg",
    response_class=Response,
    responses=answers.whole("image/jpeg"),
)
def picture(camera: str, token: Token, request: Request, by: Sees) -> Response:
    """What is seen from a preset."""
    taken = parts_of(request).steering.records.pictured(camera).get(token)
    if taken is not None:
        moment = (Permission.LIVE, CameraId(camera), taken, Instant(taken + SECOND))
        Eyes(request, by.identity).require_shown(*moment)
    found = parts_of(request).steering.records.picture(camera, token)
    if found is None:
        raise NotFound(f"there is no picture of the preset {token[:80]!r} of {camera[:80]!r}")
    mark = mark_of(by.identity, parts_of(request))
    if mark is not None:
        found = marked_jpeg(found, mark)
        if found is None:
            raise NotFound(f"the picture of the preset {token[:80]!r} can't be shown; take it anew")
    if taken is not None:  # what is seen is of then
        saw(request, What.SNAPSHOT, camera, "main", (taken, Instant(taken + SECOND)))
    return Response(found, media_type="image/jpeg")


# -- who steers


@router.post("/lease")
async def take(camera: str, request: Request, by: Steers, wanted: LeaseForm) -> LeaseFacts:
    """Steer the camera from now on; 409 `steered` tells who does. A command takes it as well."""
    lease = await parts_of(request).steering.take(
        camera, _operator(request, by), wanted.purpose, take_over=wanted.take_over
    )
    _tell_purpose(request, camera, by)
    shown = _lease(request, lease, by)
    assert shown is not None, "what was taken is there"
    return shown


@router.delete("/lease", status_code=204)
async def release(camera: str, request: Request, by: Steers) -> None:
    """Steer it no longer; a camera that still turns is stopped."""
    _tell_purpose(request, camera, by)
    await parts_of(request).steering.release(camera, _operator(request, by))


@router.get("/lease")
def leased(camera: str, request: Request, by: Steers) -> LeaseFacts | None:
    """Who steers now; asks the camera nothing."""
    camera_of(parts_of(request), camera)
    return _lease(request, parts_of(request).steering.lease(camera), by)


# -- patrol


@router.put("/patrol", status_code=204)
async def set_patrol(camera: str, request: Request, by: Steers, wanted: PatrolForm) -> None:
    """Go from preset to preset while nobody steers."""
    steps = tuple(Step(one.preset, one.seconds) for one in wanted.steps)
    patrol = Patrol(steps, wanted.running)
    _tell_purpose(request, camera, by)
    await parts_of(request).steering.set_patrol(camera, _operator(request, by), patrol)


@router.delete("/patrol", status_code=204)
async def remove_patrol(camera: str, request: Request, by: Steers) -> None:
    """Patrol no longer."""
    _tell_purpose(request, camera, by)
    await parts_of(request).steering.set_patrol(camera, _operator(request, by), None)


# -- log


@router.get("/log")
def log(
    camera: str,
    request: Request,
    by: Steers,
    limit: Annotated[int, Query(ge=1, le=LOGGED_MAX)] = 100,
    before: Annotated[Moment | None, Query()] = None,
) -> list[LoggedCommand]:
    """What was commanded, the newest first; of a camera that was removed too."""
    older = Instant(before) if before is not None else None
    found = parts_of(request).steering.records.commands(camera, limit, older)
    if not found:
        camera_of(parts_of(request), camera)
    return [LoggedCommand.model_validate(one.as_json()) for one in found]


async def _do(request: Request, camera: str, by: SignedIn, command: Command) -> str | None:
    steering, operator = parts_of(request).steering, _operator(request, by)
    try:
        given = await steering.do(camera, operator, command)
    finally:
        _tell_purpose(request, camera, by)
    note(request, told=steering.is_of_a_movement(camera, operator, command))
    return given


def _tell_purpose(request: Request, camera: str, by: SignedIn) -> None:
    """What they steer the camera for, for the audit."""
    lease = parts_of(request).steering.lease(camera)
    if lease is not None and lease.operator.name == by.identity.name:
        note(request, purpose=lease.purpose)


def _operator(request: Request, by: SignedIn) -> Operator:
    identity = by.identity
    return Operator(
        identity.name, steering_priority(identity), steers_for_a_purpose(identity),
        via=identity.via, address=address_of(request.scope),
    )  # fmt: skip


def _lease(request: Request, lease: Lease | None, by: SignedIn) -> LeaseFacts | None:
    if lease is None:
        return None
    asking = _operator(request, by)
    mine = lease.operator.name == asking.name
    return LeaseFacts(
        operator=lease.operator.name,
        mine=mine,
        may_take_over=not mine and asking.priority > lease.operator.priority,
        since=rfc3339(lease.since),
        purpose=lease.purpose,
    )


def _patrol(patrol: Patrol | None) -> PatrolForm | None:
    if patrol is None:
        return None
    steps = [StepForm(preset=one.preset, seconds=one.seconds) for one in patrol.steps]
    return PatrolForm(steps=steps, running=patrol.running)
