"""See as: what a person, or somebody with a role, may and sees, and which grant decides it.

An explanation by the same decision that every route asks, never a sign-in in another's name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel

from vms.core.clock import rfc3339
from vms.core.errors import NotFound
from vms.core.model import CameraId
from vms.people.audit.entry import What
from vms.people.block import Block
from vms.people.permissions import (
    TAKES,
    Asked,
    Grant,
    Identity,
    Permission,
    decide,
    permissions_of,
)
from web.parts import WebParts, parts_of
from web.permit import Permit, address_of
from web.witness import note

router = APIRouter(
    prefix="/api", tags=["people"], dependencies=[Depends(Permit(Permission.PEOPLE))]
)
Name = Annotated[str, Path(max_length=80)]


class Why(BaseModel):
    """One permission. `role`, `cameras`: of the grant by which it is allowed, null if it is not;
    `reason`: why not, an English sentence; `hidden`: a block is in the way; `by_two`: it
    takes a second person's yes, or some of it does (of `hold` the lifting)."""

    permission: Permission
    allowed: bool
    role: str | None
    cameras: list[str] | None
    reason: str
    hidden: bool
    by_two: bool


class Hidden(BaseModel):
    """A span that is hidden from them. `end` null: until it is lifted."""

    block: str
    start: str
    end: str | None


class SeenCamera(BaseModel):
    """What they may on a camera: each permission that they hold anywhere."""

    camera: str
    permissions: list[Why]
    hidden: list[Hidden]


class Sees(BaseModel):
    """Now, and from the address that asks. `site`: what is about no camera."""

    at: str
    site: list[Why]
    cameras: list[SeenCamera]


@router.get("/people/{name}/sees")
def person(request: Request, name: Name) -> Sees:
    """What a person may and sees on each camera, and why."""
    parts = parts_of(request)
    who = parts.accounts.get(name)
    note(request, what=What.PEOPLE, subject=who.name, detail="looked at what they see")
    return _sees(request, parts, parts.sessions.identity(who))


@router.get("/roles/{name}/sees")
def role(request: Request, name: Name) -> Sees:
    """What somebody may and sees who holds this role on all cameras and is named nowhere."""
    parts = parts_of(request)
    found = next((one for one in parts.roles.all() if one.name == name), None)
    if found is None:
        raise NotFound(f"there is no role {name!r}")
    note(request, what=What.PEOPLE, subject=name, detail="looked at what the role sees")
    nobody = Identity(
        0, name, name, (Grant(found),), "session", blocks=tuple(parts.blocks.active())
    )
    return _sees(request, parts, nobody)


def _sees(request: Request, parts: WebParts, identity: Identity) -> Sees:
    now, address, groups = parts.clock.now(), address_of(request), parts.cameras.groups()
    wanted = sorted(permissions_of(identity))

    def why(camera: CameraId | None, member: Iterable[str] = ()) -> list[Why]:
        asked = (Asked(one, now, address, camera, tuple(member)) for one in wanted)
        return [_why(identity, one) for one in asked]

    cameras = [one.settings.camera_id for one in parts.cameras.list()]
    return Sees(
        at=rfc3339(now),
        site=why(None),
        cameras=[
            SeenCamera(
                camera=camera,
                permissions=why(camera, groups.get(camera, ())),
                hidden=[_hidden(one) for one in identity.blocks if one.camera == camera],
            )
            for camera in cameras
        ],
    )


def _why(identity: Identity, asked: Asked) -> Why:
    decision = decide(identity, asked)
    grant = decision.grant if decision.allowed else None
    return Why(
        permission=asked.permission,
        allowed=decision.allowed,
        role=None if grant is None else grant.role.name,
        cameras=None if grant is None else list(grant.scope),
        reason=decision.reason,
        hidden=decision.hidden,
        by_two=_takes_two(identity, asked),
    )


def _takes_two(identity: Identity, asked: Asked) -> bool:
    actions = (action for action, takes in TAKES.items() if takes is asked.permission)
    return any(decide(identity, replace(asked, doing=one)).needs for one in actions)


def _hidden(block: Block) -> Hidden:
    end = None if block.end is None else rfc3339(block.end)
    return Hidden(block=block.id, start=rfc3339(block.start), end=end)
