"""A camera that falls ill or is well again becomes an event, for those who look back."""

from __future__ import annotations

from collections.abc import Iterable

from vms.alarms.event import BEHIND, SICK, WELL
from vms.alarms.events import Events
from vms.cameras.health.checks import Change, Check
from vms.core.clock import MINUTE, Clock, Instant
from vms.core.model import CameraId

_OF_FOOTAGE = frozenset({Check.GAPS, Check.KEPT})
"""They tell of what is kept, not of what a camera does: the timeline shows that itself."""


class HealthEvents:
    """Events `sick` and `well` of cameras' streams and pictures: moments, with the check's name as
    their detail; how long an ailment lasts is in its own table. Calls block for a database access.
    """

    def __init__(self, events: Events, clock: Clock) -> None:
        self._events, self._clock = events, clock

    def tell(self, camera: CameraId, changes: Iterable[Change]) -> None:
        """Raises StorageError. What is told again is the same event."""
        for change in changes:
            if change.check not in _OF_FOOTAGE:
                kind = SICK if change.sick else WELL
                self._events.add(camera, kind, self._when(change), detail=change.check.value)

    def _when(self, change: Change) -> Instant:
        """Its first sign; where the clock was set or nobody told for a day, what can be told."""
        now = self._clock.now()
        return max(min(change.since, now), Instant(now - BEHIND + MINUTE))
