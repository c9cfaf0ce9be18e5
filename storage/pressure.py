"""How much of a volume must become free, before recording feels that it is full. Pure.

Invariant 8: a full disk never stops recording. Room is made while there is still a minute's worth
of it, so that neither the cleaner's look each second nor a burst of new segments meets the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from vms.core.clock import MINUTE, SECOND

FLOOR = 64_000_000
"""Room kept at least: what other programs write within a second counts too."""
_SHARE = 4  # headroom takes at most a quarter of a volume, or a small one would hold nothing
_AHEAD = 20  # a recorder asks for a twentieth more than the last segment took
_SEEN = 10 * MINUTE  # a stream whose newest segment is older than others' by this is not recorded


class Written(Protocol):
    """A stream's newest closed segment."""

    @property
    def volume(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def bytes(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Fill:
    """How full a volume is, in bytes. `used`: by finished footage, as the index says."""

    uuid: str
    free: int
    reserve: int
    quota: int | None
    used: int
    headroom: int

    @property
    def left(self) -> int:
        """What may be written yet; negative below the reserve or above the quota."""
        above = self.free - self.reserve
        return above if self.quota is None else min(above, self.quota - self.used)

    @property
    def full(self) -> bool:
        return self.left < self.headroom


def headroom(newest: Iterable[Written], uuid: str, capacity: int) -> int:
    """What must be left: a minute of what is written there, and what open segments may ask for.

    `capacity`: all that footage may take there. Asks no clock: rates come from the segments.
    """
    known = list(newest)
    latest = max((one.end for one in known), default=0)
    wanted = 0
    for one in known:
        if one.volume == uuid and one.end > latest - _SEEN:
            span = max(one.end - one.start, SECOND)
            wanted += one.bytes * MINUTE // span + one.bytes + one.bytes // _AHEAD
    return max(0, min(max(wanted, FLOOR), capacity // _SHARE))


def needs(fills: Sequence[Fill]) -> Mapping[str, int]:
    """Bytes to free on each volume that is short of room.

    Where another has plenty, the recorder goes there, and here only a small part of the headroom is
    kept, for the case that the other one fails. What is freed reaches half a headroom further, so
    that the next look finds nothing to do.
    """
    found = {}
    for fill in fills:
        plenty = any(other is not fill and other.left > 2 * other.headroom for other in fills)
        wanted = fill.headroom // _SHARE if plenty else fill.headroom
        if fill.left < wanted:
            found[fill.uuid] = wanted + wanted // 2 - fill.left
    return found
