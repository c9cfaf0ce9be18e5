"""Whether a camera can be reached, lets us in, sends and is heard: read off its stream's state and
what the listener says. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from vms.cameras.health.checks import Check, Reading
from vms.cameras.reception import Heard
from vms.core.config_camera import CameraSettings
from vms.core.model import Cause, State
from vms.core.status import StreamStatus

_DELIVERS = frozenset({State.RECORDING, State.STREAMING, State.WAITING})
# In this order: what stands before one that is bad is well, what stands behind can't be told.
_STEPS = (Check.REACHABLE, Check.AUTHENTICATED, Check.STREAMING)
_BAD_AT: dict[Cause, Check] = {
    Cause.UNREACHABLE: Check.REACHABLE,
    Cause.REFUSED: Check.AUTHENTICATED,
    Cause.NOT_FOUND: Check.STREAMING,
    Cause.SILENT: Check.STREAMING,
    Cause.BROKEN_STREAM: Check.STREAMING,
    Cause.NO_VIDEO: Check.STREAMING,
    Cause.UNSUPPORTED_CODEC: Check.STREAMING,
}


def connection(status: StreamStatus) -> Iterator[Reading]:
    """A disk's or the recorder's own trouble says nothing of the camera, nor does connecting."""
    if status.state in _DELIVERS:
        yield from (Reading(check, False) for check in _STEPS)
        return
    failing = status.state in (State.FAILED, State.CONNECTING)
    bad = _BAD_AT.get(status.cause) if failing and status.cause is not None else None
    if bad is None:
        return
    for check in _STEPS[: _STEPS.index(bad)]:
        yield Reading(check, False)
    yield Reading(bad, True, detail=status.detail or "")


def hearing(camera: CameraSettings, status: StreamStatus, heard: Heard | None) -> Iterator[Reading]:
    """Whether its events are heard. Of a camera that does not even send, that is no trouble of its
    own; one that has no events is in trouble only where they decide what is recorded."""
    if heard is None or status.state not in _DELIVERS:
        return
    if heard.well or heard.offered or camera.record == "events":
        yield Reading(Check.HEARD, not heard.well, detail=heard.detail, trouble=heard.trouble)
