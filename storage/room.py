"""Which volume takes the next segment: by the room each has left. Pure.

Room is what may still be written before reserve or quota is reached. Segments are spread so that
each volume gets its share of them by its room: the one with the most room for each segment it
writes already, the new one counted, gets the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vms.core.model import Cause

# The reserve is what the cleaner keeps free. For the seconds it needs, new segments may use a
# half of it, but only when no volume has room above; the same share of a quota is a twentieth.
_DIP_OF_RESERVE = 2
_DIP_OF_QUOTA = 20
# Of volumes whose room differs by less, the first in the settings is taken: what is free is
# measured at different moments.
_AS_GOOD = 0.99


@dataclass(frozen=True, slots=True)
class Room:
    """One volume as a choice. All in bytes, but `segments`: how many are being written there.

    `ahead`: asked of the file system for open segments and not written yet, so that `free` does
    not have it and yet nothing else will use it. `used`: by finished footage, as the index says;
    `writing`: in open segments. `well`: it has not failed lately.
    """

    free: int
    reserve: int
    quota: int | None = None
    used: int = 0
    ahead: int = 0
    writing: int = 0
    segments: int = 0
    well: bool = True

    @property
    def left(self) -> int:
        """What may be written yet; negative below the reserve or above the quota."""
        above = self.free + self.ahead - self.reserve
        return above if self.quota is None else min(above, self._below(self.quota))

    @property
    def dip(self) -> int:
        """The same if it must be: see above."""
        above = self.free + self.ahead - self.reserve // _DIP_OF_RESERVE
        if self.quota is None:
            return above
        return min(above, self._below(self.quota + self.quota // _DIP_OF_QUOTA))

    def _below(self, quota: int) -> int:
        return quota - self.used - self.writing


def choose(rooms: Sequence[Room]) -> int | Cause:
    """The place in `rooms` that takes the next segment, or why none can.

    A volume that is not well is only asked when no other can take it.
    """
    ways = (
        [(room.left, room, n) for n, room in enumerate(rooms) if room.well],
        [(room.dip, room, n) for n, room in enumerate(rooms) if room.well],
        [(room.dip, room, n) for n, room in enumerate(rooms) if not room.well],
    )
    for way in ways:
        shares = {number: left / (room.segments + 1) for left, room, number in way if left > 0}
        if shares:
            enough = max(shares.values()) * _AS_GOOD
            return next(number for number, share in shares.items() if share >= enough)
    return Cause.DISK_FULL if any(room.well for room in rooms) else Cause.DISK_FAILED


def worth_reserving(size: int, left: int) -> bool:
    """Whether a file's expected size may be asked for ahead: not where room gets short.

    What is asked for and not used comes back only when a segment ends; on a small disk it would
    be missing to the others meanwhile.
    """
    return 0 < size * 16 <= left
