"""When people and patrols last moved cameras: what the health checks must know of steering."""

from __future__ import annotations

from collections.abc import Mapping

from vms.cameras.steering.records import Records
from vms.core.clock import Clock, Instant


class Moves:
    """Read again and again; each time only what is new in the log. Calls block for the database."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records, self._clock = records, clock
        self._seen = 0  # number of the last command that was read
        self._last: dict[str, Instant] = {}

    def last(self) -> Mapping[str, Instant]:
        """Camera → its last move; of one on patrol that is now."""
        self._seen, fresh = self._records.moves_after(self._seen)
        self._last |= fresh
        now = self._clock.now()
        patrols = {name for name, patrol in self._records.patrols().items() if patrol.running}
        return self._last | dict.fromkeys(patrols, now)
