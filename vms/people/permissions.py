"""What a person may do: one decision, pure.

A person holds grants: a role on some cameras. A role allows permissions, within limits of footage
age, time of day and address. Every route of the API names the permission it needs (`web.permit`),
and every answer comes from `decide`. What no grant allows is denied.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from storage.patterns import GROUP, means
from vms.core.clock import DAY, HOUR, Instant, Span
from vms.core.model import CameraId
from vms.core.schedule import Weekly
from vms.people.approval import Action
from vms.people.block import Block, Named, meeting


class Permission(enum.StrEnum):
    """What can be allowed; a route names exactly one."""

    OWN_SESSION = "own_session"  # look at one's own sign-in and end it
    CAMERAS = "cameras"  # the list of cameras and their state
    REGISTRY = "registry"  # add, change, replace and remove cameras
    LIVE = "live"  # pictures of now
    ARCHIVE = "archive"  # pictures of the past: timeline, media, frames
    SNAPSHOT = "snapshot"  # a single picture of the past as a file
    SOUND = "sound"  # what microphones hear: with pictures of now, of the past, and handed out
    EVENTS = "events"  # tell of what happens at a camera; it may make it record
    PTZ = "ptz"  # steer cameras
    EXPORT = "export"  # hand out footage
    APPROVE = "approve"  # say yes to what somebody else may do only with a second person
    BLOCK = "block"  # hide a camera and span from all but named people, and end that
    HOLD = "hold"  # keep footage from deletion, and end that
    RETENTION = "retention"  # the rules by which footage goes
    SYSTEM = "system"  # the machine's state: volumes, recorders
    METRICS = "metrics"  # figures for monitoring
    STORAGE = "storage"  # what is stored and how it is: volumes, findings, the ledger's head
    AUDIT = "audit"  # read who did and saw what
    PEOPLE = "people"  # who may sign in and what they may: see and change it


@dataclass(frozen=True, slots=True)
class Limits:
    """Within what a role holds. None: without a limit.

    `footage_age`: how far back, ns; `hours`: when; `networks`: from where, each as 10.0.0.0/8.
    """

    footage_age: Span | None = None
    hours: Weekly | None = None
    networks: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """Permissions under a name. `priority`: of two who steer one camera, the higher takes over.

    `purpose`: its holders say what for, or an order's number, before they steer: following a
    person without an order spoils evidence. `second_factor`: its holders must have one.
    `watermark`: pictures carry the name of who looks, and when. `approval`: what takes a second
    person's yes. These four are the role's duties.
    """

    name: str
    permissions: frozenset[Permission]
    limits: Limits = Limits()
    priority: int = 1
    purpose: bool = False
    second_factor: bool = False
    watermark: bool = False
    approval: frozenset[Action] = frozenset()


TAKES = {
    Action.EXPORT: Permission.EXPORT,
    Action.LIFT: Permission.HOLD,
    Action.RETENTION: Permission.RETENTION,
    Action.SOUND: Permission.SOUND,
}
"""The permission each action takes, of who does it and of who says yes."""

ADMIN, OPERATOR, INVESTIGATOR, AUDITOR = "admin", "operator", "investigator", "auditor"

_EVERYBODY = frozenset({Permission.OWN_SESSION, Permission.CAMERAS, Permission.SYSTEM})
_LOOKING = _EVERYBODY | {Permission.LIVE, Permission.ARCHIVE, Permission.METRICS}
_LOOKING |= {Permission.SNAPSHOT, Permission.SOUND}
BUILT_IN = {
    role.name: role
    for role in (
        Role(ADMIN, frozenset(Permission), priority=2),
        Role(OPERATOR, _LOOKING | {Permission.EVENTS, Permission.PTZ}),
        Role(INVESTIGATOR, _LOOKING | {Permission.EXPORT, Permission.HOLD, Permission.APPROVE}),
        Role(AUDITOR, _EVERYBODY | {Permission.METRICS, Permission.STORAGE, Permission.AUDIT}),
    )
}
"""Roles every site has. What they permit can't be changed, so that everybody knows what they mean;
a site may ask duties of them."""

# About no camera, and harmless without one: whoever has it for any camera has it.
_PERSONAL = _EVERYBODY | {Permission.METRICS}
WHOLE_SITE = "*"


@dataclass(frozen=True, slots=True)
class Grant:
    """A role on cameras. `scope`: ids, globs or group:NAME; `*` is the whole site."""

    role: Role
    scope: tuple[str, ...] = (WHOLE_SITE,)


@dataclass(frozen=True, slots=True)
class Heard:
    """A second person's yes to hearing the moments [start, end) of a camera; `end` None: from
    `start` on. It counts in [since, until), as long as `by`, what that person holds now, would
    let them say it."""

    camera: CameraId
    start: Instant
    end: Instant | None
    since: Instant
    until: Instant
    by: tuple[Grant, ...]

    def opens(self, asked: Asked) -> bool:
        """Whether all that is asked for lies within. Footage whose end is not told may go on."""
        if asked.camera != self.camera or not self.since <= asked.now < self.until:
            return False
        first = asked.now if asked.footage is None else asked.footage
        last = asked.until if asked.footage is not None else Instant(asked.now + 1)
        if first < self.start or (self.end is not None and (last is None or last > self.end)):
            return False
        needed = (Permission.APPROVE, TAKES[Action.SOUND])
        return all(holds(self.by, one, asked.camera, asked.groups) for one in needed)


@dataclass(frozen=True, slots=True)
class Narrowed:
    """To what an API token is narrowed: of what its person may, only this, and only there.

    `cameras`: as a grant's scope; what is about the site itself takes `*`.
    """

    permissions: frozenset[Permission]
    cameras: tuple[str, ...] = (WHOLE_SITE,)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, proven by a sign-in or an API token.

    `must_enrol`: a role asks for a second factor and there is none; until then nothing is allowed
    but to set it up. `must_change`: nor with a password somebody else chose, but to change it.
    `narrowed`: None: the token may all that its person may. `blocks`: what is hidden from them,
    whatever they hold. `heard`: what a second person let them hear.
    """

    account: int
    name: str
    display_name: str
    grants: tuple[Grant, ...]
    via: Literal["session", "token"]
    must_enrol: bool = False
    must_change: bool = False
    narrowed: Narrowed | None = None
    blocks: tuple[Block, ...] = ()
    heard: tuple[Heard, ...] = ()

    @property
    def named(self) -> Named:
        """As others point at this person."""
        return Named(self.account, self.name)

    @property
    def role(self) -> str:
        """The name of the first role; empty for who has none."""
        return self.grants[0].role.name if self.grants else ""

    @property
    def is_held(self) -> bool:
        """Whether something about the own account comes before all else."""
        return self.must_enrol or self.must_change

    @property
    def asks_groups(self) -> bool:
        """Whether the groups of a camera matter for what is allowed."""
        scopes = [grant.scope for grant in self.grants]
        scopes += [grant.scope for one in self.heard for grant in one.by]
        if self.narrowed is not None:
            scopes.append(self.narrowed.cameras)
        return any(one.startswith(GROUP) for scope in scopes for one in scope)

    @property
    def asks_age(self) -> bool:
        """Whether the age of footage matters for what is allowed."""
        return any(grant.role.limits.footage_age is not None for grant in self.grants)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question. `camera`: which it is about, with its `groups`; None: the site.

    `each`: the route asks again for each camera it tells of. `footage`: the earliest moment of the
    past that is asked for; `until`: where it ends, if all of it shall be shown. `address`: where
    the question comes from. `doing`: what is to be done by it, if a role may ask a second person's
    yes for that; `approved`: there is one.
    """

    permission: Permission
    now: Instant
    address: str
    camera: CameraId | None = None
    groups: Collection[str] = ()
    footage: Instant | None = None
    each: bool = False
    until: Instant | None = None
    doing: Action | None = None
    approved: bool = False

    @property
    def action(self) -> Action | None:
        """Hearing needs no word: the permission says it."""
        return Action.SOUND if self.permission is Permission.SOUND else self.doing


@dataclass(frozen=True, slots=True)
class Decision:
    """`allowed`, or why not in one plain English sentence. `hidden`: only a block is in the way;
    `needs`: only a second person's yes is missing, to this; `grant`: by which it is allowed, or
    would be."""

    allowed: bool
    reason: str = ""
    hidden: bool = False
    grant: Grant | None = None
    needs: Action | None = None


# What shows or tells what is seen and heard now; that of the past asks with its span.
_OF_NOW = frozenset({Permission.LIVE, Permission.SOUND, Permission.PTZ})
_OF_PICTURES = _OF_NOW | {Permission.ARCHIVE, Permission.SNAPSHOT, Permission.EXPORT}
_SHOWN = Decision(True)


def decide(identity: Identity, asked: Asked) -> Decision:
    """May `identity` do it? Any one grant suffices, and no block may be in the way."""
    granted = _granted(identity, asked)
    if not granted.allowed or asked.camera is None or not identity.blocks:
        return granted
    shown = _SHOWN
    if asked.footage is not None and asked.until is not None:
        if asked.permission in _OF_PICTURES:
            shown = unhidden(identity, asked.camera, asked.footage, asked.until, asked.now)
    elif asked.footage is None and asked.permission in _OF_NOW:
        shown = unhidden(identity, asked.camera, None, None, asked.now)
    return granted if shown.allowed else shown


def unhidden(
    identity: Identity, camera: CameraId, start: Instant | None, end: Instant | None, now: Instant
) -> Decision:
    """Whether no block hides [start, end) of a camera; without, what it shows now."""
    for block in identity.blocks:
        if block.camera != camera:
            continue
        if block.meets_live(now) if start is None or end is None else block.meets(start, end):
            about = f"{camera} is hidden from {identity.name} {block.span}"
            return Decision(False, f"{about} by the block {block.id}.", hidden=True)
    return _SHOWN


def hidden_spans(
    identity: Identity, camera: CameraId, start: Instant, end: Instant
) -> list[tuple[Instant, Instant]]:
    """The parts of [start, end) of a camera that are hidden from somebody, in order, each by one
    block; they may overlap."""
    found = meeting(identity.blocks, camera, start, end)
    ends = [end if one.end is None else min(one.end, end) for one in found]
    return sorted((max(one.start, start), until) for one, until in zip(found, ends, strict=True))


def _granted(identity: Identity, asked: Asked) -> Decision:
    if identity.is_held and asked.permission is not Permission.OWN_SESSION:
        first = "change the password" if identity.must_change else "set up a second factor"
        return Decision(False, f"{identity.name} must {first} first.")
    token = identity.narrowed
    if token is not None and not (
        asked.permission in token.permissions and _reaches(token.cameras, asked)
    ):
        return Decision(False, f"This token of {_may_not(identity, asked)}")
    only, unapproved = None, None
    for grant in identity.grants:
        if asked.permission not in grant.role.permissions or not _reaches(grant.scope, asked):
            continue
        refusal = _refusal(grant.role, asked)
        if refusal is None and (
            not grant.role.approval or _is_approved(identity, grant.role, asked)
        ):
            return Decision(True, grant=grant)
        only, unapproved = refusal or only, unapproved if refusal else grant
    if unapproved is not None:
        return _unapproved(identity, asked, unapproved)
    if only is None:
        return Decision(False, _may_not(identity, asked))
    return Decision(False, f"{identity.name} may use {_what(asked)} only {only}.")


def _is_approved(identity: Identity, role: Role, asked: Asked) -> bool:
    """Whether the role asks for no second person, or there is one."""
    if asked.approved or asked.action not in role.approval:
        return True
    if asked.action is not Action.SOUND or asked.doing is not None:
        return False  # a yes to hearing is none to handing out what can be heard
    return any(one.opens(asked) for one in identity.heard)


def _unapproved(identity: Identity, asked: Asked, grant: Grant) -> Decision:
    reason = f"{identity.name} may use {_what(asked)} only with a second person's yes, which the"
    reason += f" role {grant.role.name} asks for."
    return Decision(False, reason, grant=grant, needs=asked.doing or asked.action)


def holds(
    grants: Iterable[Grant],
    permission: Permission,
    camera: CameraId | None,
    groups: Collection[str] = (),
) -> bool:
    """Whether grants hold a permission on a camera, or on the site, at any hour and from anywhere:
    what somebody said within their hours counts after them too."""

    def reaches(scope: Collection[str]) -> bool:
        if camera is None:
            return WHOLE_SITE in scope
        return any(means(pattern, camera, groups) for pattern in scope)

    return any(permission in one.role.permissions and reaches(one.scope) for one in grants)


def _may_not(identity: Identity, asked: Asked) -> str:
    return f"{identity.name} may not use {_what(asked)}."


def _what(asked: Asked) -> str:
    about = f" on camera {asked.camera}" if asked.camera is not None else ""
    return f"{asked.permission}{about}"


def _reaches(scope: Collection[str], asked: Asked) -> bool:
    if asked.camera is None:
        return WHOLE_SITE in scope or asked.each or asked.permission in _PERSONAL
    return any(means(pattern, asked.camera, asked.groups) for pattern in scope)


def _refusal(role: Role, asked: Asked) -> str | None:
    """Within what the role holds and the question does not lie; None if it does."""
    limits = role.limits
    if limits.hours is not None and not limits.hours.covers(asked.now):
        return f"at the hours of the role {role.name}"
    if limits.networks is not None and not _within(asked.address, limits.networks):
        return f"from the networks of the role {role.name}"
    age = limits.footage_age
    if age is not None and asked.footage is not None and asked.footage < asked.now - age:
        return f"for footage of the last {_ago(age)}"
    return None


def _within(address: str, networks: Iterable[str]) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in ipaddress.ip_network(one) for one in networks)


def _ago(age: Span) -> str:
    return f"{age // DAY} days" if age % DAY == 0 else f"{age // HOUR} hours"


def permissions_of(identity: Identity) -> frozenset[Permission]:
    """All that is allowed somewhere; the screens show only what their reader may use."""
    held = frozenset[Permission]().union(*(grant.role.permissions for grant in identity.grants))
    if identity.narrowed is not None:
        held &= identity.narrowed.permissions
    return held & {Permission.OWN_SESSION} if identity.is_held else held
