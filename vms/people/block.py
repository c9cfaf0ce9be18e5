"""A block: a camera and span hidden from everybody but who is named. Pure.

It is part of the one decision (`vms.people.permissions.decide`) and takes from every grant; no
role is above it, not the administrator's. Where blocks are kept is `vms.people.blocks`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vms.core.clock import SECOND, Instant, Span, rfc3339
from vms.core.model import CameraId

# A viewer is sent away within 5 s, and a live stream begins with the last keyframe: so that no
# hidden moment is seen live, it closes a little before and opens a little after.
LIVE_BEFORE, LIVE_AFTER = Span(5 * SECOND), Span(15 * SECOND)


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody, such as who may see what is hidden: an account, by number and name. Both must fit,
    so that nobody inherits it with a name that became free."""

    account: int
    name: str


@dataclass(frozen=True, slots=True)
class Block:
    """Hides [start, end) of all a camera's streams but from `seen_by`. `end` None: until lifted.

    `lifted`: since when it hides no more.
    """

    id: str
    camera: CameraId
    start: Instant
    end: Instant | None
    reason: str
    seen_by: tuple[Named, ...]
    made: Instant
    made_by: str
    lifted: Instant | None = None
    lifted_by: str | None = None
    lift_reason: str | None = None

    @property
    def active(self) -> bool:
        return self.lifted is None

    def hides_from(self, account: int, name: str) -> bool:
        """Whether somebody does not see what it spans."""
        return self.active and Named(account, name) not in self.seen_by

    def meets(self, start: Instant, end: Instant) -> bool:
        """Whether it hides a part of [start, end)."""
        return start < end and self.start < end and (self.end is None or start < self.end)

    def meets_live(self, now: Instant) -> bool:
        """Whether pictures of now could show a hidden moment."""
        return self.meets(Instant(now - LIVE_AFTER), Instant(now + LIVE_BEFORE))

    @property
    def span(self) -> str:
        """For people: `from … to …`, `from … on`."""
        until = "on" if self.end is None else f"to {rfc3339(self.end)}"
        return f"from {rfc3339(self.start)} {until}"

    def as_json(self) -> dict[str, object]:
        """The contract of `vms block list --json` and of the API."""
        return {
            "id": self.id,
            "camera": self.camera,
            "start": rfc3339(self.start, digits=9),
            "end": _text(self.end),
            "reason": self.reason,
            "seen_by": [one.name for one in self.seen_by],
            "made": rfc3339(self.made, digits=9),
            "made_by": self.made_by,
            "lifted": _text(self.lifted),
            "lifted_by": self.lifted_by,
            "lift_reason": self.lift_reason,
        }


def meeting(blocks: Iterable[Block], camera: CameraId, start: Instant, end: Instant) -> list[Block]:
    """Those of a camera that hide a part of [start, end)."""
    return [one for one in blocks if one.camera == camera and one.meets(start, end)]


def _text(instant: Instant | None) -> str | None:
    return None if instant is None else rfc3339(instant, digits=9)
