"""Approval by two: what somebody wants to do by a role that asks for a second person's yes. Pure.

A request is for exactly one thing, named by its digest, and ends by itself. Which role asks for it
stands in `vms.people.permissions`; where requests are kept, and what makes a yes count once, in
`vms.people.approvals`.

    waiting ─yes→ approved ─carried out→ used
       ├─no→ refused          └─ time → lapsed
       ├─the asker→ taken_back (an approved one too)
       └─ time → lapsed
"""

from __future__ import annotations

import enum
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from vms.core.clock import HOUR, Instant, Span, rfc3339
from vms.core.model import CameraId
from vms.people.block import Named

LAPSE = Span(24 * HOUR)
"""How long a request waits; and, once there is a yes, how long that waits to be used."""
HEARING = Span(8 * HOUR)
"""How long a yes to hearing holds: a shift."""


class Action(enum.StrEnum):
    """What a role may ask a second person's yes for."""

    EXPORT = "export"
    LIFT = "lift"
    RETENTION = "retention"
    SOUND = "sound"


class State(enum.StrEnum):
    """How far a request is; the drawing above."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    TAKEN_BACK = "taken_back"
    LAPSED = "lapsed"
    USED = "used"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing to do, wholly: whatever of it is another makes another digest.

    `cameras`: none for what is about the site; [start, end): the footage, None without, `end` None
    for hearing: from `start` on. `params`: what else it takes, as `parameters` writes it.
    """

    action: Action
    cameras: tuple[CameraId, ...] = ()
    start: Instant | None = None
    end: Instant | None = None
    params: str = "{}"

    def __post_init__(self) -> None:
        object.__setattr__(self, "cameras", tuple(sorted(set(self.cameras))))

    @property
    def digest(self) -> str:
        """SHA-256 of all of it, in hex."""
        return hashlib.sha256(self.to_json().encode("utf-8", "surrogatepass")).hexdigest()

    def to_json(self) -> str:
        """One canonical line: equal things are equal text."""
        return parameters(
            action=self.action,
            cameras=list(self.cameras),
            start=self.start,
            end=self.end,
            params=self.params,
        )


def parameters(**values: object) -> str:
    """Values as one canonical line of JSON."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def parse_wanted(text: str) -> Wanted:
    """What `to_json` wrote."""
    found = json.loads(text)
    return Wanted(
        Action(found["action"]),
        tuple(CameraId(one) for one in found["cameras"]),
        None if found["start"] is None else Instant(found["start"]),
        None if found["end"] is None else Instant(found["end"]),
        found["params"],
    )


@dataclass(frozen=True, slots=True)
class Approval:
    """A request and what became of it.

    `expires`: until when it waits, or its yes holds; `reason`: why it is wanted. `yes`: what
    `decider` said, None so far; `refusal`: why not. `used_for`: what the yes was used for, such as
    an export's id.
    """

    id: str
    wanted: Wanted
    asker: Named
    asked: Instant
    expires: Instant
    reason: str
    yes: bool | None = None
    decider: Named | None = None
    decided: Instant | None = None
    refusal: str = ""
    taken_back: Instant | None = None
    used: Instant | None = None
    used_for: str = ""

    def state(self, now: Instant) -> State:
        """How far it is."""
        if self.used is not None:
            return State.USED
        if self.taken_back is not None:
            return State.TAKEN_BACK
        if self.yes is False:
            return State.REFUSED
        if self.expires <= now:
            return State.LAPSED
        return State.WAITING if self.yes is None else State.APPROVED

    def as_json(self, now: Instant) -> dict[str, Any]:
        """The contract of `vms approvals list --json` and of the API."""
        wanted = self.wanted
        return {
            "id": self.id,
            "action": str(wanted.action),
            "cameras": list(wanted.cameras),
            "start": _text(wanted.start),
            "end": _text(wanted.end),
            "reason": self.reason,
            "params": json.loads(wanted.params),
            "digest": wanted.digest,
            "state": str(self.state(now)),
            "asked": rfc3339(self.asked),
            "asked_by": self.asker.name,
            "expires": rfc3339(self.expires),
            "decided": _text(self.decided),
            "decided_by": None if self.decider is None else self.decider.name,
            "refusal": self.refusal or None,
            "used": _text(self.used),
            "used_for": self.used_for or None,
        }


def lasts(action: Action) -> Span:
    """How long a yes holds."""
    return HEARING if action is Action.SOUND else LAPSE


def _text(instant: Instant | None) -> str | None:
    return None if instant is None else rfc3339(instant, digits=9)
