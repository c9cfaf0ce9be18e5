"""Blocks: which cameras and spans are hidden from all but named people, why, and by whom."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field, StringConstraints

from vms.core.clock import Instant
from vms.core.errors import NotFound
from vms.people.block import Block
from vms.people.blocks import REASON_MAX, SEEN_BY_MAX, BlockOrder
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.api.known import footage_of, named_camera
from web.api.times import Moment
from web.parts import parts_of
from web.permit import Eyes, Permit
from web.witness import note

_permit = Permit(Permission.BLOCK, each=True)
router = APIRouter(prefix="/api/blocks", tags=["blocks"], dependencies=[Depends(_permit)])

By = Annotated[SignedIn, Depends(_permit)]
Reason = Annotated[str, StringConstraints(max_length=REASON_MAX)]
Name = Annotated[str, StringConstraints(max_length=200)]


class BlockFacts(BaseModel):
    """A block. `end` null: until it is lifted; `lifted…`: null while it hides."""

    id: str
    camera: str
    start: str
    end: str | None
    reason: str
    seen_by: list[str]
    made: str
    made_by: str
    lifted: str | None
    lifted_by: str | None
    lift_reason: str | None


class NewBlock(BaseModel):
    """What to hide, why, and who still sees it; `start` null: from now on, `end` null: until it
    is lifted."""

    camera: str
    start: Moment | None = None
    end: Moment | None = None
    reason: Reason
    seen_by: Annotated[list[Name], Field(max_length=SEEN_BY_MAX)] = []


class Lifting(BaseModel):
    """Why it is hidden no more."""

    reason: Reason


@router.get("")
def blocks(
    request: Request,
    by: By,
    camera: Annotated[str | None, Query(description="only this camera's")] = None,
    lifted: Annotated[bool, Query(description="those that were lifted too")] = False,
) -> list[BlockFacts]:
    """What is hidden of the cameras this person may hide, the oldest first."""
    kept, eyes = parts_of(request).blocks, Eyes(request, by.identity)
    return [
        _facts(one)
        for one in (kept.all() if lifted else kept.active())
        if camera in (None, one.camera) and eyes.may(Permission.BLOCK, one.camera)
    ]


@router.post("", status_code=201)
def add(request: Request, order: NewBlock, by: By) -> BlockFacts:
    """Hide a span of a camera, all its streams, from everybody but who is named."""
    parts = parts_of(request)
    camera = named_camera(order.camera)
    Eyes(request, by.identity).require(Permission.BLOCK, camera)
    key = footage_of(parts, camera, "main")
    start = parts.clock.now() if order.start is None else Instant(order.start)
    end = None if order.end is None else Instant(order.end)
    names = ", ".join(order.seen_by) or "nobody"
    detail = f"{order.reason} (seen by {names})"
    note(request, cameras=(key.camera,), start=start, end=end, detail=detail)
    wanted = BlockOrder(key.camera, start, end, order.reason, tuple(order.seen_by))
    return _facts(parts.blocks.add(wanted, by.identity.name))


@router.post("/{block}/lift")
def lift(
    request: Request, block: Annotated[str, Path(max_length=100)], why: Lifting, by: By
) -> BlockFacts:
    """Hide a span no more."""
    kept, eyes = parts_of(request).blocks, Eyes(request, by.identity)
    known = next((one for one in kept.active() if one.id == block), None)
    if known is None or not eyes.may(Permission.BLOCK, known.camera):
        raise NotFound(f"there is no block {block[:80]!r} that still hides")
    detail = f"lifted: {why.reason}"
    note(request, cameras=(known.camera,), start=known.start, end=known.end, detail=detail)
    return _facts(kept.lift(block, by.identity.name, why.reason))


def _facts(block: Block) -> BlockFacts:
    return BlockFacts.model_validate(block.as_json())
