"""Which streams a worker has, from the cameras' settings; and what a reload changes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from recorder.choice import Choice, choice_of
from recorder.source import Target
from vms.core.config import CameraSettings, ScheduleSettings
from vms.core.model import StreamKey, StreamName, shard_of
from vms.core.networks import ANYWHERE, Networks


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """One stream to connect to. `stored`: its pictures are kept, else only shown.

    `switched_off`: it would be kept, were recording not off by the settings. `choice`: when it is
    kept and shown; None: always.
    """

    target: Target
    stored: bool
    switched_off: bool = False
    choice: Choice | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a reload asks for. A stream whose plan changed is in `stop` and in `start`."""

    stop: tuple[StreamKey, ...]
    start: tuple[StreamKey, ...]
    removed: tuple[StreamKey, ...]


def plans(
    cameras: Iterable[CameraSettings],
    worker: int,
    workers: int,
    schedules: Iterable[ScheduleSettings] = (),
    zone: str = "UTC",
    reach: Networks = ANYWHERE,
) -> dict[StreamKey, StreamPlan]:
    """The streams of worker `worker`. Sub streams are never stored. `zone`: of the schedules;
    `reach`: what may be dialled."""
    weeks = {one.name: one.weekly(zone) for one in schedules}
    found: dict[StreamKey, StreamPlan] = {}
    for camera in cameras:
        if shard_of(camera.camera_id, workers) != worker:
            continue
        off = camera.record == "off"
        found[StreamKey(camera.camera_id)] = StreamPlan(
            _target(camera, "main", camera.source, reach),
            stored=not off,
            switched_off=off,
            choice=choice_of(camera, weeks, zone),
        )
        if camera.sub is not None:
            found[StreamKey(camera.camera_id, "sub")] = StreamPlan(
                _target(camera, "sub", camera.sub, reach),
                stored=False,
                choice=choice_of(camera.model_copy(update={"record": "off"}), weeks, zone),
            )
    return found


def changes(
    before: Mapping[StreamKey, StreamPlan], after: Mapping[StreamKey, StreamPlan]
) -> Changes:
    """What to stop and to start; a stream whose plan is equal is not touched."""
    stop = tuple(key for key, plan in before.items() if after.get(key) != plan)
    start = tuple(key for key, plan in after.items() if before.get(key) != plan)
    return Changes(stop, start, tuple(key for key in stop if key not in after))


def _target(camera: CameraSettings, name: StreamName, url: str, reach: Networks) -> Target:
    stream = StreamKey(camera.camera_id, name)
    return Target(stream, url, camera.username, camera.password, camera.transport, reach)
