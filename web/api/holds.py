"""Holds: which spans are kept from every deletion, why, and by whom."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, StringConstraints

from storage.holds.held import EVERY_CAMERA, Hold
from storage.holds.order import HoldOrder, check_order
from vms.core.clock import Instant
from vms.core.errors import NotFound
from vms.core.model import CameraId
from vms.people.approval import Action
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.api.known import footage_of, named_camera
from web.api.times import Moment
from web.approving import ApprovalId, second_yes, wanted_of_lift
from web.parts import parts_of
from web.permit import Eyes, Permit
from web.witness import note

_permit = Permit(Permission.HOLD, each=True)
router = APIRouter(prefix="/api/holds", tags=["holds"], dependencies=[Depends(_permit)])

By = Annotated[SignedIn, Depends(_permit)]
Reason = Annotated[str, StringConstraints(max_length=1_000)]


class HoldFacts(BaseModel):
    """A hold. `until`: when it ends by itself, or null; `lifted…`: null while it holds."""

    id: str
    camera: str
    start: str
    end: str
    reason: str
    until: str | None
    made: str
    made_by: str
    lifted: str | None
    lifted_by: str | None
    lift_reason: str | None


class NewHold(BaseModel):
    """What to hold and why; `until` null: until a person lifts it."""

    camera: str
    start: Moment
    end: Moment
    reason: Reason
    until: Moment | None = None


class Lifting(BaseModel):
    """Why it is held no more. `approval`: of a second person, where it takes one."""

    reason: Reason
    approval: ApprovalId | None = None


@router.get("")
def holds(
    request: Request,
    by: By,
    camera: Annotated[str | None, Query(description="only this camera's")] = None,
    lifted: Annotated[bool, Query(description="those that were lifted too")] = False,
) -> list[HoldFacts]:
    """What is held of the cameras this person keeps, the oldest first."""
    kept, eyes = parts_of(request).holds, Eyes(request, by.identity)
    found = kept.all() if lifted else kept.active()
    return [
        _facts(hold)
        for hold in found
        if (camera is None or hold.concerns(camera)) and keeps(eyes, hold)
    ]


@router.post("", status_code=201)
def add(request: Request, order: NewHold, by: By) -> HoldFacts:
    """Keep a span of a camera, all its streams, from every deletion."""
    parts = parts_of(request)
    camera = named_camera(order.camera)
    Eyes(request, by.identity).require(Permission.HOLD, camera, Instant(order.start))
    key = footage_of(parts, camera, "main")
    until = None if order.until is None else Instant(order.until)
    span = Instant(order.start), Instant(order.end)
    note(
        request,
        cameras=(key.camera,),
        start=order.start,
        end=order.end,
        detail=order.reason,
    )
    wanted = HoldOrder(key.camera, *span, order.reason, until)
    check_order(wanted, parts.archive, parts.clock.now())
    return _facts(parts.holds.add(wanted, by.identity.name))


@router.post("/{hold}/lift")
def lift(
    request: Request, hold: Annotated[str, Path(max_length=100)], why: Lifting, by: By
) -> HoldFacts:
    """End a hold: its footage goes again when its rule says so."""
    kept, eyes = parts_of(request).holds, Eyes(request, by.identity)
    known = next((one for one in kept.active() if one.id == hold), None)
    if known is not None and not keeps(eyes, known):
        raise NotFound(f"there is no hold {hold!r}")  # as if it were not: whose it is, is told not
    if known is None:
        return _facts(kept.lift(hold, by.identity.name, why.reason))  # says what is wrong
    note(
        request,
        cameras=(known.camera,),
        start=known.start,
        end=known.end,
        detail=why.reason,
    )
    exactly = wanted_of_lift(known, why.reason)
    with second_yes(request, by, exactly, why.approval, known.id) as approved:
        eyes.require(Permission.HOLD, _about(known), doing=Action.LIFT, approved=approved)
        return _facts(kept.lift(hold, by.identity.name, why.reason))


def keeps(eyes: Eyes, hold: Hold) -> bool:
    """Whether this person keeps the camera a hold is about."""
    return eyes.may(Permission.HOLD, _about(hold))


def _about(hold: Hold) -> CameraId | None:
    return None if hold.camera == EVERY_CAMERA else CameraId(hold.camera)


def _facts(hold: Hold) -> HoldFacts:
    return HoldFacts.model_validate(hold.as_json())
