"""Who steers a camera now, and who may take it over. Pure.

A lease is taken with the first command and lasts as long as commands come. Somebody of a higher
priority may take it over, and says so: nobody pushes another away by touching a key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from vms.core.clock import Instant, Mono, Span
from vms.core.errors import Refused

PURPOSE_MAX = 200


@dataclass(frozen=True, slots=True)
class Operator:
    """Who steers. Of two, the one with the higher `priority` may take over.

    `states`: must say what for, whatever the site asks of others. `via`, `address`: by what they
    were let in, and from where, for the audit.
    """

    name: str
    priority: int
    states: bool = False
    via: str = "none"
    address: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """`operator` steers. `since`: for people; `used`: when the last command came."""

    operator: Operator
    purpose: str
    since: Instant
    used: Mono


class Steered(Refused):
    """Somebody else steers the camera."""

    def __init__(self, camera: str, lease: Lease, *, may_take_over: bool) -> None:
        self.lease, self.may_take_over = lease, may_take_over
        more = "you may take over" if may_take_over else "wait until it is released"
        super().__init__(f"{lease.operator.name} steers the camera {camera}; {more}")


class PurposeMissing(Refused):
    """The site, or the operator's role, wants it said what a camera is steered for."""

    def __init__(self, camera: str) -> None:
        super().__init__(
            f"steering {camera} needs a purpose or the number of an order; give it with the lease"
        )


@dataclass(frozen=True, slots=True)
class LeaseRules:
    """`idle`: a lease without commands ends after it; `purpose`: whether one must be given."""

    idle: Span
    purpose: bool


def alive(lease: Lease | None, now: Mono, rules: LeaseRules) -> Lease | None:
    """The lease, unless it has run out."""
    return lease if lease is not None and now - lease.used < rules.idle else None


def claimed(
    camera: str,
    lease: Lease | None,
    operator: Operator,
    purpose: str | None,
    rules: LeaseRules,
    *,
    now: Instant,
    mono: Mono,
    take_over: bool = False,
) -> Lease:
    """The lease `operator` has from now on. Raises Steered, PurposeMissing.

    `purpose`: None keeps that of a lease of theirs.
    """
    held = alive(lease, mono, rules)
    if held is not None and held.operator.name != operator.name:
        may = operator.priority > held.operator.priority
        if not (may and take_over):
            raise Steered(camera, held, may_take_over=may)
        held = None
    stated = purpose if purpose is not None else held.purpose if held is not None else ""
    if (rules.purpose or operator.states) and not stated.strip():
        raise PurposeMissing(camera)
    if held is not None:
        return replace(held, operator=operator, purpose=stated, used=mono)
    return Lease(operator, stated, now, mono)
