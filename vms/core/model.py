"""The words of docs/glossary.md as types: camera and stream names, states, causes.

Only names and small values. What a camera's settings are stands in `vms.core.config_camera`,
what a picture is in `vms.core.media`.
"""

from __future__ import annotations

import enum
import re
import zlib
from dataclasses import dataclass
from typing import Literal, NewType

CameraId = NewType("CameraId", str)
"""A slug: lower-case letters, digits and single hyphens, at most 63 characters (`gate-north`)."""

StreamName = Literal["main", "sub"]

_CAMERA_ID = re.compile(r"[a-z0-9](?:-?[a-z0-9])*")
CAMERA_ID_MAX = 63


def is_camera_id(text: str) -> bool:
    """Whether `text` can name a camera: safe as a folder, in a URL and in a log."""
    return len(text) <= CAMERA_ID_MAX and _CAMERA_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, order=True)
class StreamKey:
    """One video of a camera; as text `gate-north/main`."""

    camera: CameraId
    name: StreamName = "main"

    def __str__(self) -> str:
        return f"{self.camera}/{self.name}"

    def __hash__(self) -> int:
        """Plans of retention look streams up a million times; the camera tells nearly all apart."""
        return hash(self.camera)

    @classmethod
    def parse(cls, text: str) -> StreamKey:
        """Read `camera/stream`; raises ValueError for anything else."""
        camera, slash, name = text.partition("/")
        if not slash or not is_camera_id(camera) or name not in ("main", "sub"):
            raise ValueError(f"{text!r} is not camera/main or camera/sub")
        return cls(CameraId(camera), "main" if name == "main" else "sub")


def shard_of(camera: CameraId, shards: int) -> int:
    """Which of `shards` recorder workers has this camera: stable over restarts and machines."""
    return zlib.crc32(camera.encode()) % shards


class Cause(enum.StrEnum):
    """Why there is no footage, or why a camera is not well. The words stand in SQL and JSON."""

    UNREACHABLE = "unreachable"  # no TCP connection: host down, route, port closed
    REFUSED = "refused"  # wrong user or password, or the camera forbids it
    NOT_FOUND = "not_found"  # the camera answers, but has no such stream
    SILENT = "silent"  # connected, but no media for too long
    BROKEN_STREAM = "broken_stream"  # the camera ended the connection or sent what can't be read
    NO_VIDEO = "no_video"  # the stream offers no video
    UNSUPPORTED_CODEC = "unsupported_codec"  # video we can't store
    CONNECTING = "connecting"  # between connect and first keyframe
    RECORDER_STOPPED = "recorder_stopped"  # stopped on purpose
    RECORDER_CRASHED = "recorder_crashed"  # ended without a goodbye: kill, power, bug
    RECORDER_OVERLOADED = "recorder_overloaded"  # the machine could not keep up
    DISK_SLOW = "disk_slow"  # a volume's bounded buffer was full
    DISK_FULL = "disk_full"
    DISK_FAILED = "disk_failed"  # a write or a sync failed
    CLOCK_STEP = "clock_step"  # the machine's clock was set forward: these seconds never were
    FOOTAGE_DAMAGED = "footage_damaged"  # recovery or a check found bytes it could not keep
    RECORDING_OFF = "recording_off"  # switched off by the settings
    NOT_SCHEDULED = "not_scheduled"  # outside the hours that its schedule records
    NO_EVENT = "no_event"  # recorded by events, and none took place
    PRIVACY = "privacy"  # hours that must never be recorded
    REMOVED = "removed"  # the camera was taken out of the settings
    DELETED = "deleted"  # there was footage; a retention rule or a full disk let it go


NOT_KEPT_BY_CHOICE = frozenset({Cause.NOT_SCHEDULED, Cause.NO_EVENT, Cause.PRIVACY})
"""Gaps of a camera that is well: nothing was to be recorded just then."""


class State(enum.StrEnum):
    """How a stream is right now, on screens and in `vms cameras`."""

    RECORDING = "recording"  # pictures arrive and are kept
    STREAMING = "streaming"  # pictures arrive; not kept, by choice
    WAITING = "waiting"  # pictures arrive; not kept just now: by schedule, privacy, or no event
    CONNECTING = "connecting"
    FAILED = "failed"  # not delivering; the cause says why; being retried
    OFF = "off"  # switched off by choice
    STOPPED = "stopped"  # the recorder does not run
