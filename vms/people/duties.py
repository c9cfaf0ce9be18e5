"""What the roles somebody holds ask of them, taken together. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vms.core.clock import Instant
from vms.core.model import CameraId
from vms.people.approval import Action, Wanted
from vms.people.permissions import TAKES, Grant, Identity, Permission, Role, holds


def steering_priority(identity: Identity) -> int:
    """Of two who steer one camera, the higher one may take over. Patrols have 0."""
    steers = [
        grant.role.priority for grant in identity.grants if Permission.PTZ in grant.role.permissions
    ]
    return max(steers, default=0)


def steers_for_a_purpose(identity: Identity) -> bool:
    """Whether every role by which somebody steers asks what for."""
    return ask_for_a_purpose([one.role for one in identity.grants])


def ask_for_a_purpose(roles: Sequence[Role]) -> bool:
    """The same of the roles somebody holds."""
    steers = [role for role in roles if Permission.PTZ in role.permissions]
    return bool(steers) and all(role.purpose for role in steers)


def sees_with_a_mark(identity: Identity) -> bool:
    """Whether pictures carry the name of who looks. A duty: one role that asks for it suffices."""
    return any(grant.role.watermark for grant in identity.grants)


def duties_of_two(identity: Identity) -> frozenset[Action]:
    """For what every role by which somebody may do it asks a second person's yes."""
    found = set()
    for action, permission in TAKES.items():
        roles = [one.role for one in identity.grants if permission in one.role.permissions]
        if roles and all(action in role.approval for role in roles):
            found.add(action)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Need:
    """One permission an action takes, on a camera, or on the site. `footage`, `until`: on all of
    that span."""

    permission: Permission
    camera: CameraId | None
    footage: Instant | None = None
    until: Instant | None = None


def needs_of(wanted: Wanted) -> tuple[Need, ...]:
    """What who does it must be allowed, and who says yes to it besides `approve`."""
    shown = wanted.action in (Action.EXPORT, Action.SOUND)
    span = (wanted.start, wanted.end) if shown else (None, None)
    cameras: tuple[CameraId | None, ...] = wanted.cameras or (None,)
    return tuple(Need(TAKES[wanted.action], camera, *span) for camera in cameras)


def is_held_still(
    grants: tuple[Grant, ...], wanted: Wanted, groups: Mapping[str, Sequence[str]]
) -> bool:
    """Whether who said yes could say it still, at their hours."""
    for need in needs_of(wanted):
        member = groups.get(need.camera, ()) if need.camera is not None else ()
        for permission in (Permission.APPROVE, need.permission):
            if not holds(grants, permission, need.camera, member):
                return False
    return True
