"""What an event is, and what may be told of one. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vms.core.clock import DAY, MINUTE, SECOND, Instant, Span, rfc3339
from vms.core.errors import BadRequest
from vms.core.model import CameraId

AHEAD = Span(5 * SECOND)  # a source's clock may be so far ahead of ours
BEHIND = DAY  # what is older was not told when it mattered
LONGEST = DAY
UNTOLD = Span(10 * MINUTE)
"""An event that lasts is over when its source has not told of it for so long: sources die too."""

APART = Span(SECOND)
"""What is told again within this time is the same event: some cameras tell with each picture."""

DETAIL_MAX = 500
SICK, WELL = "sick", "well"
"""Kinds by which our own health checks tell of a change, the check's name in the detail. They tell
of a camera, not of what it sees: no camera that records by events does so for these."""

_KIND = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at a camera. `end`: None while it lasts; `told`: when last heard of.

    `kind`: a word of the source's, such as motion, tamper, digital_input.
    """

    id: int
    camera: CameraId
    kind: str
    start: Instant
    end: Instant | None
    detail: str
    told: Instant

    def until(self, now: Instant) -> Instant:
        """Where it ended, or now while it lasts."""
        if self.end is not None:
            return self.end
        return max(self.start, min(now, Instant(self.told + UNTOLD)))

    def as_json(self) -> dict[str, object]:
        """For `vms events --json`; `end` is null while it lasts."""
        return {
            "id": self.id,
            "camera": str(self.camera),
            "kind": self.kind,
            "start": rfc3339(self.start, digits=9),
            "end": rfc3339(self.end, digits=9) if self.end is not None else None,
            "detail": self.detail,
        }


def check_event(kind: str, start: Instant, end: Instant | None, detail: str, now: Instant) -> None:
    """Raise BadRequest for what can't be taken."""
    if _KIND.fullmatch(kind) is None:
        raise BadRequest(
            f"{kind[:60]!r} is no kind of event; use a word such as motion or digital_input"
        )
    if len(detail) > DETAIL_MAX:
        raise BadRequest(f"the detail has {len(detail)} letters; {DETAIL_MAX} are taken")
    if not now - BEHIND <= start <= now + AHEAD:
        raise BadRequest(
            f"the start {rfc3339(start)} is not of the last day; it is {rfc3339(now)} here"
        )
    if end is not None and not start <= end <= min(start + LONGEST, now + AHEAD):
        raise BadRequest(
            f"the end {rfc3339(end)} must lie from the start on, within a day, and not ahead"
        )


def thinned(events: list[Event], resolution: Span, limit: int) -> list[Event]:
    """Of events in order, those a timeline can show: of each kind one a pixel, at most `limit`.

    The longest of a pixel stays, because the others lie within it or are not seen beside it.
    """
    shown: dict[tuple[str, int], Event] = {}
    for event in events:
        place = event.kind, event.start // max(1, resolution)
        known = shown.get(place)
        if known is None or _length(event) > _length(known):
            shown[place] = event
    return sorted(shown.values(), key=lambda event: (event.start, event.id))[:limit]


def _length(event: Event) -> int:
    return (event.end if event.end is not None else event.told) - event.start
