"""Which streams a worker has, from the cameras' settings; and what a reload changes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from recorder.choice import Choice, choice_of
from recorder.source import Target
from vms.core.config_camera import CameraSettings, ScheduleSettings
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
    """What a reload asks for. A stream whose plan changed is in `stop` and in `start`; one of which
    only what is kept and shown is another is in `choose`: it stays connected."""

    stop: tuple[StreamKey, ...]
    start: tuple[StreamKey, ...]
    removed: tuple[StreamKey, ...]
    choose: tuple[StreamKey, ...] = ()


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
    choose = tuple(key for key in before if _only_chooses(before[key], after.get(key)))
    touched = {key for key in (*before, *after) if before.get(key) != after.get(key)} - set(choose)
    stop = tuple(key for key in before if key in touched)
    start = tuple(key for key in after if key in touched)
    return Changes(stop, start, tuple(key for key in stop if key not in after), choose)


def _only_chooses(before: StreamPlan, after: StreamPlan | None) -> bool:
    """Whether nothing but the choice is another."""
    if after is None or before == after:
        return False
    return replace(before, choice=after.choice) == after


def _target(camera: CameraSettings, name: StreamName, url: str, reach: Networks) -> Target:
    stream = StreamKey(camera.camera_id, name)
    return Target(stream, url, camera.username, camera.password, camera.transport, reach)
