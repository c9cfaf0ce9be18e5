"""What a viewer's side is told about a stream."""

from __future__ import annotations

from dataclasses import dataclass

from vms.core.clock import Instant
from vms.core.media import AccessUnit, StreamFormat
from vms.core.model import Cause, StreamKey


@dataclass(frozen=True, slots=True)
class FormatChanged:
    """The stream delivers, in this format, from the next unit on.

    `epoch` rises with each new run and each new format, over restarts of the recorder too;
    ticks of two epochs are not comparable.
    """

    stream: StreamKey
    format: StreamFormat
    epoch: int


@dataclass(slots=True)
class LiveUnit:
    """One access unit, in decode order. `wall`: when it was taken, as far as the recorder can
    tell. `cached`: from before the subscription; the first of them is a keyframe.

    Within an epoch `unit.pts` rises, except where pictures are reordered (B-frames).
    """

    unit: AccessUnit
    wall: Instant
    cached: bool = False


@dataclass(frozen=True, slots=True)
class StreamDown:
    """The stream does not deliver; None where the cause is not known yet."""

    cause: Cause | None
    detail: str | None


LiveMessage = FormatChanged | LiveUnit | StreamDown
