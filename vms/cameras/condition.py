"""How a camera's stream is right now, from its settings and what the recorder says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from vms.core.clock import Instant
from vms.core.config_camera import CameraSettings
from vms.core.model import NOT_KEPT_BY_CHOICE, CameraId, Cause, State, StreamKey, StreamName
from vms.core.status import StreamStatus


class Registered(Protocol):
    """A camera as the registry has it."""

    @property
    def settings(self) -> CameraSettings: ...


# What a person reads where there is no better sentence; the screens have their own, in both
# languages, by the cause.
SENTENCES: dict[Cause, str] = {
    Cause.UNREACHABLE: "The camera can't be reached.",
    Cause.REFUSED: "The camera refuses the user or the password.",
    Cause.NOT_FOUND: "The camera has no such stream.",
    Cause.SILENT: "The camera is connected but sends no pictures.",
    Cause.BROKEN_STREAM: "The camera ended the connection or sent what can't be read.",
    Cause.NO_VIDEO: "The stream has no video.",
    Cause.UNSUPPORTED_CODEC: "The camera sends video that can't be stored.",
    Cause.CONNECTING: "The camera is being connected.",
    Cause.RECORDER_STOPPED: "The recorder does not run.",
    Cause.RECORDER_CRASHED: "The recorder ended without a goodbye.",
    Cause.RECORDER_OVERLOADED: "The recorder's machine can't keep up.",
    Cause.DISK_SLOW: "The volume is too slow.",
    Cause.DISK_FULL: "The volume is full.",
    Cause.DISK_FAILED: "The volume does not take what is written.",
    Cause.FOOTAGE_DAMAGED: "Footage is damaged.",
    Cause.CLOCK_STEP: "The machine's clock was set forward; these seconds never were.",
    Cause.RECORDING_OFF: "Recording is switched off.",
    Cause.NOT_SCHEDULED: "It is not recorded at this hour, by its schedule.",
    Cause.NO_EVENT: "It is recorded when something happens.",
    Cause.PRIVACY: "These hours are never recorded and never shown.",
    Cause.REMOVED: "The camera was taken out of the settings.",
    Cause.DELETED: "There was footage; a retention rule or a full disk let it go.",
}

_NEVER = Instant(0)
_WELL = (State.RECORDING, State.STREAMING, State.WAITING, State.OFF)
_CHOSEN = (None, Cause.RECORDING_OFF, *NOT_KEPT_BY_CHOICE)


def state_of_camera(
    camera: Registered, streams: Mapping[StreamKey, StreamStatus], name: StreamName
) -> StreamStatus:
    """The stream's status; without a word from its worker, the recorder does not run."""
    found = streams.get(StreamKey(CameraId(camera.settings.id), name))
    if found is not None:
        return found
    if camera.settings.record == "off" and name == "main":
        return StreamStatus(State.OFF, _NEVER, Cause.RECORDING_OFF)
    return StreamStatus(State.STOPPED, _NEVER, Cause.RECORDER_STOPPED)


def problem_of(status: StreamStatus) -> str | None:
    """What is wrong, in one plain English sentence; None when nothing is."""
    if status.state in _WELL and status.cause in _CHOSEN:
        return None
    return SENTENCES[status.cause] if status.cause is not None else None
