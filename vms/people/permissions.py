"""What a person may do: one decision, pure.

Every route of the API names the permission it needs (`web.permit`), and every answer comes from
`decide`. Roles are two for now; rights per camera and group extend `decide` and nothing else.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

from vms.core.model import CameraId


class Role(enum.StrEnum):
    """What a person is in the house. The words stand in SQL and JSON."""

    ADMIN = "admin"
    OPERATOR = "operator"


class Permission(enum.StrEnum):
    """What can be allowed; a route names exactly one."""

    OWN_SESSION = "own_session"  # look at one's own sign-in and end it
    CAMERAS = "cameras"  # the list of cameras and their state
    LIVE = "live"  # pictures of now
    ARCHIVE = "archive"  # pictures of the past: timeline, media, frames
    SYSTEM = "system"  # the machine's state: volumes, recorders
    METRICS = "metrics"  # figures for monitoring


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, proven by a sign-in or an API token."""

    account: int
    name: str
    display_name: str
    role: Role
    via: Literal["session", "token"]


@dataclass(frozen=True, slots=True)
class Decision:
    """`allowed`, or why not in one plain English sentence."""

    allowed: bool
    reason: str = ""


_OPERATOR = frozenset(Permission)
_BY_ROLE = {Role.ADMIN: frozenset(Permission), Role.OPERATOR: _OPERATOR}


def decide(identity: Identity, permission: Permission, camera: CameraId | None = None) -> Decision:
    """May `identity` use `permission`, on `camera` if the request is about one?"""
    if permission in _BY_ROLE[identity.role]:
        return Decision(True)
    about = f" on camera {camera}" if camera is not None else ""
    return Decision(False, f"{identity.name} ({identity.role}) may not use {permission}{about}.")
