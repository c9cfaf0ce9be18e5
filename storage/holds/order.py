"""What somebody wants to be held, and whether it makes sense: refused with a sentence if not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, get_args

from storage.facts import SegmentFacts
from vms.core.clock import INSTANT_MAX, MINUTE, Instant, rfc3339
from vms.core.errors import Refused
from vms.core.model import CameraId, StreamKey, StreamName
from vms.core.plain import plain

# Clocks of browsers run a little ahead of ours; "until now" is not the future.
_AHEAD = MINUTE


@dataclass(frozen=True, slots=True)
class HoldOrder:
    """Hold [start, end) of a camera for a reason, `until` a time or until a person lifts it."""

    camera: CameraId
    start: Instant
    end: Instant
    reason: str
    until: Instant | None = None


class Footage(Protocol):
    """What is known of footage; `storage.archive.Archive` is one."""

    def next_start(self, stream: StreamKey, at: Instant) -> Instant | None: ...
    def covering(self, stream: StreamKey, at: Instant) -> SegmentFacts | None: ...


def check_order(order: HoldOrder, footage: Footage, now: Instant) -> None:
    """Raise Refused, with what is wrong, unless the order can be carried out."""
    wrong = next(_wrong(order, now), None)
    if wrong is None and not _has_footage(order, footage):
        wrong = (
            f"{order.camera} has no footage from {rfc3339(order.start)} to {rfc3339(order.end)}; "
            f"`vms gaps {order.camera}` says why"
        )
    if wrong is not None:
        raise Refused(f"nothing was held: {wrong}")


def _wrong(order: HoldOrder, now: Instant) -> Iterator[str]:
    if not plain(order.reason):
        yield "a hold needs a reason: the request, the case, who asked for it"
    for name, at in (("start", order.start), ("end", order.end), ("until", order.until or 0)):
        if not 0 <= at <= INSTANT_MAX:
            yield f"its {name} lies outside 1970 to 2262"
    if order.end <= order.start:
        yield f"its end ({rfc3339(order.end)}) must lie after its start ({rfc3339(order.start)})"
    if order.end > now + _AHEAD:
        yield (
            f"its end ({rfc3339(order.end)}) lies in the future; now it is {rfc3339(now)}, and "
            f"only what has been recorded can be held"
        )
    if order.until is not None and order.until <= now:
        yield f"it would end by itself at {rfc3339(order.until)}, which is past"


def _has_footage(order: HoldOrder, footage: Footage) -> bool:
    for name in get_args(StreamName):
        stream = StreamKey(order.camera, name)
        following = footage.next_start(stream, order.start)
        if following is not None and following < order.end:
            return True
        if footage.covering(stream, order.start) is not None:
            return True
    return False
