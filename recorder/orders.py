"""What a worker is told to do, by whoever knows: cameras, schedules, events. Each call blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vms.alarms.event import Event
from vms.core.clock import Instant
from vms.core.config_camera import CameraSettings, ScheduleSettings


def _no_schedules() -> Sequence[ScheduleSettings]:
    return ()


def _no_events(since: Instant) -> Sequence[Event]:
    return ()


@dataclass(frozen=True, slots=True)
class Orders:
    """`events(since)`: those that last or ended after `since`, of all cameras."""

    cameras: Callable[[], Sequence[CameraSettings]]
    schedules: Callable[[], Sequence[ScheduleSettings]] = _no_schedules
    events: Callable[[Instant], Sequence[Event]] = _no_events
