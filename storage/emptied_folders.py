"""Hours whose footage went: their folders, once nothing is left in them and nobody writes there.

What was put away in such an hour (invariant 9) has no row of its own, so it goes with the last
footage of its hour, unless it is held. Kept in memory alone: an empty folder that outlives a
restart does no harm. A volume that refuses is asked again, and keeps no other from being tidied.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from storage.layout import Stage
from vms.core.clock import HOUR, Clock, Instant, rfc3339
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.model import StreamKey

if TYPE_CHECKING:
    from storage.cleaner import Holds, Shelf

log = get_logger(__name__)

_MAX = 100_000


class EmptiedFolders:
    """At most 100,000; the folders of others stay."""

    def __init__(self, holds: Holds, clock: Clock) -> None:
        self._holds, self._clock = holds, clock
        self._hours: dict[tuple[str, StreamKey, Instant], None] = {}

    def add(self, volume: str, stream: StreamKey, start: Instant) -> None:
        """A file went from the hour of `start`."""
        if len(self._hours) < _MAX:
            self._hours[volume, stream, Instant(start // HOUR * HOUR)] = None

    def tidy(self, shelves: Mapping[str, Shelf]) -> None:
        """Take empty folders away; those of the present hours later."""
        now = self._clock.now()
        for volume, stream, hour in list(self._hours):
            shelf = shelves.get(volume)
            if shelf is None:
                continue
            try:
                done = self._empty(shelf, stream, hour, now) and shelf.tidy(stream, hour, now)
            except (OSError, StorageError) as error:
                log.warning("a folder stays for now", stream=str(stream), error=str(error))
                continue
            if done:
                del self._hours[volume, stream, hour]

    def _empty(self, shelf: Shelf, stream: StreamKey, hour: Instant, now: Instant) -> bool:
        """Remove what was put away in an hour; False while some of it is held."""
        starts = shelf.put_away(stream, hour, now)
        if not starts:
            return True
        with self._holds.deleting() as held:
            # How long one lasts, nobody knows.
            free = [start for start in starts if not held.covers(stream, start, start + HOUR)]
            for start in free:
                log.info("a file that was put away goes", stream=str(stream), start=rfc3339(start))
                with contextlib.suppress(OSError):
                    shelf.remove(stream, start, Stage.ABANDONED)
        return len(free) == len(starts)
