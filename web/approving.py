"""Carries out what takes a second person's yes: what exactly it is, and that the yes is for that.

Each `wanted_of_…` says wholly what a route is about to do; a request for a yes is made by the same
(`web.api.approvals`), so a yes to one thing never lets another be done.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated

from fastapi import Request
from pydantic import StringConstraints

from storage.holds.held import EVERY_CAMERA, Hold
from vms.core.clock import SECOND, Instant
from vms.core.config_storage import RetentionRule
from vms.core.model import CameraId
from vms.core.plain import plain
from vms.evidence.order import Order
from vms.people.approval import Action, Approval, Wanted, parameters
from vms.people.approvals import REASON_MAX
from vms.people.audit.entry import Entry, What
from vms.people.sessions import SignedIn
from web.parts import parts_of
from web.permit import address_of
from web.recognised import recognised_of

ApprovalId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]


def wanted_of_export(order: Order, *, encrypted: bool) -> Wanted:
    """Handing out a package. Its password is nobody's business, whether it has one is."""
    why = plain(order.reason, REASON_MAX)
    params = parameters(language=order.language, encrypted=encrypted, reason=why)
    return Wanted(Action.EXPORT, order.cameras, order.start, order.end, params)


def wanted_of_lift(hold: Hold, reason: str) -> Wanted:
    """Ending a hold."""
    cameras = () if hold.camera == EVERY_CAMERA else (CameraId(hold.camera),)
    why = plain(reason, REASON_MAX)
    params = parameters(hold=hold.id, held_for=hold.reason, reason=why)
    return Wanted(Action.LIFT, cameras, hold.start, hold.end, params)


def wanted_of_rule(rule: RetentionRule, *, meant: bool) -> Wanted:
    """Adding or changing a rule; `rule` as PUT /api/retention/rules takes it."""
    says = {
        "name": rule.name,
        "keep": None if rule.keep is None else rule.keep / SECOND,
        "quota": rule.quota,
        "quota_all": rule.quota_all,
        "minimum": rule.minimum / SECOND,
        "cameras": list(rule.cameras),
        "reason": rule.reason,
    }
    params = parameters(change="put", name=rule.name, rule=says, meant=meant)
    return Wanted(Action.RETENTION, params=params)


def wanted_of_removal(name: str, *, meant: bool) -> Wanted:
    """Taking a rule away."""
    return Wanted(Action.RETENTION, params=parameters(change="delete", name=name, meant=meant))


def wanted_of_clock() -> Wanted:
    """Saying that the clock is right."""
    return Wanted(Action.RETENTION, params=parameters(change="confirm_clock"))


@contextlib.contextmanager
def second_yes(
    request: Request,
    by: SignedIn,
    wanted: Wanted,
    approval: str | None,
    used_for: str = "",
) -> Iterator[bool]:
    """While something is done; whether a second person said yes to exactly that. One that was
    given must count, also where none is needed. Blocks. Raises NotUsable."""
    if approval is None:
        yield False
        return
    approvals, groups = parts_of(request).approvals, recognised_of(request).groups()
    with approvals.using(approval, by.identity, wanted, groups, used_for) as used:
        yield True
    _tell(request, by, used)


def _tell(request: Request, by: SignedIn, used: Approval) -> None:
    """The audit, beside what was done by it."""
    parts, who, wanted = parts_of(request), by.identity, used.wanted
    yes = used.decider.name if used.decider is not None else ""
    detail = f"carried out: {wanted.action}, approved by {yes}, {wanted.digest[:16]}"
    for camera in wanted.cameras or ("",):
        parts.trail.tell(
            Entry(
                *(parts.clock.now(), What.APPROVAL, who.name, who.via, address_of(request)),
                *(camera, used.id, detail),
                start=wanted.start,
                end=None if wanted.end is None else Instant(wanted.end),
            )
        )
