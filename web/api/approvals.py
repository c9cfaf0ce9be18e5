"""Approvals: what waits for a second person's yes, and who says it.

What is asked for is built by the same words as the action's own request (`web.approving`), which is
then sent again with the request's id; who may not do a thing can't ask for it either.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi import Path as InPath
from pydantic import BaseModel, Field, StringConstraints

from vms.core.clock import MINUTE, Instant
from vms.core.errors import NotFound
from vms.core.model import CameraId, StreamKey, StreamName
from vms.evidence.order import CAMERAS_MAX, Order
from vms.people.approval import Action, Approval, State, Wanted
from vms.people.approvals import REASON_MAX
from vms.people.duties import needs_of
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.api.exports import require_export
from web.api.holds import keeps
from web.api.known import camera_of, footage_of, named_camera
from web.api.retention import NamedRule, read_rule
from web.api.times import Moment
from web.approving import (
    wanted_of_clock,
    wanted_of_export,
    wanted_of_lift,
    wanted_of_removal,
    wanted_of_rule,
)
from web.parts import WebParts, parts_of
from web.permit import Eyes, Permit
from web.problems import Problem
from web.witness import note

router = APIRouter(prefix="/api/approvals", tags=["approvals"])

Asks = Annotated[SignedIn, Depends(Permit(Permission.OWN_SESSION))]
Decides = Annotated[SignedIn, Depends(Permit(Permission.APPROVE, each=True))]
Id = Annotated[str, InPath(max_length=100)]
Reason = Annotated[str, StringConstraints(max_length=REASON_MAX)]
Camera = Annotated[str, StringConstraints(max_length=100)]


class AskExport(BaseModel):
    """To hand out footage: as POST /api/exports takes it. `encrypted`: it will have a password."""

    action: Literal["export"]
    cameras: Annotated[list[Camera], Field(min_length=1, max_length=CAMERAS_MAX)]
    start: Moment
    end: Moment
    reason: Reason
    language: Literal["tr", "en"] = "tr"
    encrypted: bool = False


class AskLift(BaseModel):
    """To lift a hold, for this reason."""

    action: Literal["lift"]
    hold: Annotated[str, StringConstraints(max_length=100)]
    reason: Reason


class AskRetention(BaseModel):
    """To change how long footage stays. `put` takes `rule`, `delete` takes `name`."""

    action: Literal["retention"]
    change: Literal["put", "delete", "confirm_clock"]
    rule: NamedRule | None = None
    name: Annotated[str, StringConstraints(max_length=100)] | None = None
    meant: bool = False
    reason: Reason


class AskSound(BaseModel):
    """To hear a camera from `start` (null: now) to `end` (null: while the yes holds)."""

    action: Literal["sound"]
    camera: Camera
    start: Moment | None = None
    end: Moment | None = None
    reason: Reason


Ask = Annotated[AskExport | AskLift | AskRetention | AskSound, Field(discriminator="action")]


class ApprovalFacts(BaseModel):
    """A request. `expires`: until when it waits, or its yes holds; `params`: what else the action
    takes; `digest`: of all that it is for; `refusal`: why not; `mine`: this person asked for it;
    `may_decide`: and this person may say yes or no to it."""

    id: str
    action: Action
    cameras: list[str]
    start: str | None
    end: str | None
    reason: str
    params: dict[str, Any]
    digest: str
    state: State
    asked: str
    asked_by: str
    expires: str
    decided: str | None
    decided_by: str | None
    refusal: str | None
    used: str | None
    used_for: str | None
    mine: bool
    may_decide: bool


class Refusal(BaseModel):
    """Why not."""

    reason: Reason


@router.get("")
def approvals(request: Request, by: Asks) -> list[ApprovalFacts]:
    """One's own requests and those one may decide or has decided, of the last 30 days, the newest
    first; to who reads the audit everybody's."""
    eyes = Eyes(request, by.identity)
    reads = eyes.may(Permission.AUDIT, None)
    found = []
    for one in parts_of(request).approvals.all():
        concerned = by.identity.named in (one.asker, one.decider)
        if concerned or reads or _may_decide(eyes, one.wanted):
            found.append(_facts(request, one, by, eyes))
    return found


@router.post("", status_code=201)
def ask(request: Request, wanted: Ask, by: Asks) -> ApprovalFacts:
    """Ask a second person's yes. Asked twice for the same, it is the request that waits."""
    parts, eyes = parts_of(request), Eyes(request, by.identity)
    exactly = _wanted(parts, eyes, wanted, by)
    _note(request, exactly)
    if not isinstance(wanted, AskExport):  # which is asked more of
        for need in needs_of(exactly):
            eyes.require(
                *(need.permission, need.camera, need.footage), until=need.until, approved=True
            )
    made = parts.approvals.ask(exactly, by.identity, wanted.reason)
    _note(request, exactly, made, f"asked: {wanted.reason}")
    return _facts(request, made, by, eyes)


@router.post("/{approval}/approve")
def approve(request: Request, approval: Id, by: Decides) -> ApprovalFacts:
    """Say yes: who asked may do exactly that, once, within a day; hear for 8 hours."""
    parts, eyes = parts_of(request), Eyes(request, by.identity)
    one = _decided(request, approval, by, eyes)
    _note(request, one.wanted, one, f"approved for {one.asker.name}")
    _require_all(parts, eyes, one)
    return _facts(request, parts.approvals.approve(approval, by.identity), by, eyes)


@router.post("/{approval}/refuse")
def refuse(request: Request, approval: Id, why: Refusal, by: Decides) -> ApprovalFacts:
    """Say no, and why."""
    parts, eyes = parts_of(request), Eyes(request, by.identity)
    one = _decided(request, approval, by, eyes)
    _note(request, one.wanted, one, f"refused to {one.asker.name}: {why.reason}")
    return _facts(request, parts.approvals.refuse(approval, by.identity, why.reason), by, eyes)


@router.delete("/{approval}", status_code=204)
def take_back(request: Request, approval: Id, by: Asks) -> None:
    """Want it no more; an approved one counts no more either."""
    one = parts_of(request).approvals.take_back(approval, by.identity)
    _note(request, one.wanted, one, "taken back")


def _wanted(parts: WebParts, eyes: Eyes, asked: Ask, by: SignedIn) -> Wanted:
    """What exactly is asked for; raises what the action itself would."""
    if isinstance(asked, AskExport):
        cameras = tuple(named_camera(one) for one in asked.cameras)
        now, span = parts.clock.now(), (Instant(asked.start), Instant(asked.end))
        order = Order("", cameras, *span, asked.reason, by.identity.name, now, asked.language)
        require_export(parts, eyes, order, approved=True)
        for camera in cameras:
            footage_of(parts, camera, "main")
        order.check(now)
        return wanted_of_export(order, encrypted=asked.encrypted)
    if isinstance(asked, AskLift):
        hold = next((one for one in parts.holds.active() if one.id == asked.hold), None)
        if hold is None or not keeps(eyes, hold):
            raise NotFound(f"there is no hold {asked.hold!r} that could be lifted")
        return wanted_of_lift(hold, asked.reason)
    if isinstance(asked, AskRetention):
        eyes.require(Permission.RETENTION, None, approved=True)
        return _wanted_change(parts, asked)
    return _wanted_sound(parts, eyes, asked)


def _wanted_change(parts: WebParts, asked: AskRetention) -> Wanted:
    if asked.change == "confirm_clock":
        return wanted_of_clock()
    if asked.change == "put" and asked.rule is not None:
        rule = read_rule(asked.rule.name, asked.rule)
        parts.keeping.check_put(rule, meant=asked.meant)
        return wanted_of_rule(rule, meant=asked.meant)
    if asked.change == "delete" and asked.name is not None:
        parts.keeping.check_delete(asked.name, meant=asked.meant)
        return wanted_of_removal(asked.name, meant=asked.meant)
    missing = "rule" if asked.change == "put" else "name"
    raise Problem(422, "bad_request", f"{asked.change} takes `{missing}`: which rule it is about.")


def _wanted_sound(parts: WebParts, eyes: Eyes, asked: AskSound) -> Wanted:
    """Widened to whole files: they are sent with sound or without."""
    camera = named_camera(asked.camera)
    eyes.require(Permission.SOUND, camera, approved=True)
    camera_of(parts, camera)
    start = parts.clock.now() if asked.start is None else Instant(asked.start)
    end = None if asked.end is None else Instant(asked.end)
    if end is not None and end <= start:
        raise Problem(422, "bad_span", "The end must lie after the start.")
    if end is not None:
        start, end = _whole_files(parts, camera, start, end)
    return Wanted(Action.SOUND, (camera,), start, end)


def _whole_files(
    parts: WebParts, camera: CameraId, start: Instant, end: Instant
) -> tuple[Instant, Instant]:
    streams: tuple[StreamName, ...] = ("main", "sub")
    found = [
        one
        for stream in streams
        for one in parts.archive.segments(StreamKey(camera, stream), start, end)
    ]
    # One that is still written will end later than now.
    ends = [Instant(max(one.end, one.start + MINUTE)) if one.open else one.end for one in found]
    return min([start, *(one.start for one in found)]), max([end, *ends])


def _decided(request: Request, id_: str, by: SignedIn, eyes: Eyes) -> Approval:
    """The request to be decided. Whose cameras are not one's own is told nothing of it."""
    one = parts_of(request).approvals.get(id_)
    if not _is_mine(one, by) and not _may_decide(eyes, one.wanted):
        raise NotFound(f"there is no request {id_[:80]!r} that you could decide")
    return one


def _may_decide(eyes: Eyes, wanted: Wanted) -> bool:
    """Whether somebody may say yes to it, and do it themselves (with a second person's yes)."""
    return all(
        eyes.may(Permission.APPROVE, need.camera)
        and eyes.may(need.permission, need.camera, need.footage, until=need.until, approved=True)
        for need in needs_of(wanted)
    )


def _require_all(parts: WebParts, eyes: Eyes, one: Approval) -> None:
    """Raise Problem unless who says yes may do all of it; of a package also hear it."""
    wanted = one.wanted
    for need in needs_of(wanted):
        eyes.require(Permission.APPROVE, need.camera)
        eyes.require(need.permission, need.camera, need.footage, until=need.until, approved=True)
    if wanted.action is Action.EXPORT and wanted.start is not None and wanted.end is not None:
        span = (wanted.start, wanted.end)
        order = Order("", wanted.cameras, *span, "", one.asker.name, one.asked)
        require_export(parts, eyes, order, approved=True)


def _note(request: Request, wanted: Wanted, one: Approval | None = None, detail: str = "") -> None:
    """What it is about, for the audit; with a digest nothing else has."""
    note(
        request,
        subject="" if one is None else one.id,
        cameras=tuple(wanted.cameras),
        start=wanted.start,
        end=wanted.end,
        detail=f"{wanted.action} {wanted.digest[:16]} {detail}",
    )


def _is_mine(one: Approval, by: SignedIn) -> bool:
    return one.asker == by.identity.named


def _facts(request: Request, one: Approval, by: SignedIn, eyes: Eyes) -> ApprovalFacts:
    now, mine = parts_of(request).clock.now(), _is_mine(one, by)
    waits = one.state(now) is State.WAITING
    may = waits and not mine and by.identity.via == "session" and _may_decide(eyes, one.wanted)
    return ApprovalFacts.model_validate({**one.as_json(now), "mine": mine, "may_decide": may})
