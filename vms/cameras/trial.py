"""What a trial of a camera found: its streams, its ONVIF side, and what is wrong with them. Pure.

The recorder's own code does the trying (`recorder.trial`); nothing that is secret stands here.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from vms.cameras.onvif.port import CameraFacts, DeviceFacts, Trouble
from vms.cameras.onvif.reading import shown
from vms.core.clock import SECOND, Instant, Span, rfc3339
from vms.core.media import VideoFormat
from vms.core.model import Cause, StreamName


class Flaw(enum.StrEnum):
    """What may be recorded and yet should be put right. `words` has a sentence for each."""

    FPS_DIFFERS = "fps_differs"  # other pictures a second than declared
    KEYFRAMES_FAR = "keyframes_far"  # more than KEYFRAMES_FAR apart
    PACKETS_LOST = "packets_lost"
    CLOCK_OFF = "clock_off"  # by more than CLOCK_OFF
    NO_SENDER_REPORTS = "no_sender_reports"
    KEEP_ALIVE_UNANSWERED = "keep_alive_unanswered"
    NOT_NATIVE = "not_native"  # read through libav, which costs more


NONE = Span(0)
KEYFRAMES_FAR = Span(10 * SECOND)
CLOCK_OFF = Span(2 * SECOND)
REPORTS_WITHIN = Span(7 * SECOND)
"""A camera reports its clock each 5 s (RFC 3550 §6.2); in less time none need have come."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """What came. `fps`: by our clock; `fps_of_camera`: by the times the camera gives; `declared`:
    what its parameter sets say. All 0 if unknown.

    `first_key`: from dialling to the first keyframe. `key_distance`: between keyframes, the
    largest seen in pictures and time; None with a single one. Sizes in bytes.
    """

    count: int
    keys: int
    fps: float
    fps_of_camera: float
    declared: float
    first_key: Span | None
    key_distance: tuple[int, Span] | None
    key_size: int
    size: int
    size_max: int
    bitrate: int


@dataclass(frozen=True, slots=True)
class StreamTrial:
    """One stream, tried. `problem`, `detail`: why it can't be recorded; None when it can.

    `source`: native or libav, and `reason` why not native. `counters`: of the recorder's source.
    `clock_offset`: the camera's clock minus ours, by its sender reports. `keep_alive`: whether it
    was answered, None where we don't see it. `sdp_framerate`: what the SDP declares, empty if
    nothing. `keyframe`: a coded one, NAL units behind their lengths, and its format; for a picture.
    """

    stream: StreamName
    url: str
    problem: Cause | None = None
    detail: str | None = None
    connected: Span | None = None
    watched: Span = NONE
    source: Literal["native", "libav"] | None = None
    reason: str | None = None
    notes: tuple[str, ...] = ()
    format: VideoFormat | None = None
    sound: str | None = None
    sounds: int = 0
    pictures: Pictures | None = None
    counters: Mapping[str, int] = field(default_factory=dict)
    sender_reports: int = 0
    clock_offset: Span | None = None
    keep_alive: bool | None = None
    dialogue: tuple[str, ...] = ()
    sdp: str | None = None
    keyframe: bytes | None = None

    def as_json(self) -> dict[str, object]:
        """For `--json` and the API."""
        video = self.format
        return {
            "stream": self.stream,
            "url": self.url,
            "problem": str(self.problem) if self.problem is not None else None,
            "detail": self.detail,
            "connected_ms": _ms(self.connected),
            "watched_ms": _ms(self.watched),
            "source": self.source,
            "reason": self.reason,
            "notes": list(self.notes),
            "codec": video.codec if video is not None else None,
            "mime": video.mime_codec if video is not None else None,
            "width": video.width if video is not None else None,
            "height": video.height if video is not None else None,
            "sound": self.sound,
            "pictures": _pictures_as_json(self.pictures),
            "counters": dict(self.counters),
            "sender_reports": self.sender_reports,
            "clock_offset_ms": _ms(self.clock_offset),
            "keep_alive_answered": self.keep_alive,
            "warnings": [str(one) for one in warnings_of(self)],
        }


@dataclass(frozen=True, slots=True)
class OnvifTrial:
    """The camera asked over ONVIF at `address`: its facts, or the trouble."""

    address: str
    facts: CameraFacts | None = None
    trouble: Trouble | None = None
    detail: str | None = None

    def as_json(self) -> dict[str, object]:
        """For `--json` and the API."""
        device = self.facts.device if self.facts is not None else None
        names = ("make", "model", "firmware", "serial", "mac")
        return {
            "address": self.address,
            **{name: getattr(device, name, None) for name in names},
            "clock_offset_ms": _ms(_clock_of(device)),
            "main": shown(self.facts.main.uri) if self.facts is not None else None,
            "sub": shown(self.facts.sub.uri) if self.facts is not None and self.facts.sub else None,
            "snapshot": shown(self.facts.snapshot or "") or None if self.facts else None,
            "trouble": str(self.trouble) if self.trouble is not None else None,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class CameraTrial:
    """A camera tried at a time. `camera`: its id, None for an address nobody has recorded yet.

    `onvif`: None where nobody says that it speaks ONVIF.
    """

    at: Instant
    version: str
    camera: str | None
    streams: tuple[StreamTrial, ...]
    onvif: OnvifTrial | None

    @property
    def well(self) -> bool:
        """Whether all its streams can be recorded."""
        return all(one.problem is None for one in self.streams)

    def as_json(self) -> dict[str, object]:
        """For `--json`: with the conversations, which the API leaves out."""
        streams = [
            one.as_json() | {"dialogue": list(one.dialogue), "sdp": one.sdp} for one in self.streams
        ]
        return {
            "at": rfc3339(self.at),
            "version": self.version,
            "camera": self.camera,
            "well": self.well,
            "streams": streams,
            "onvif": self.onvif.as_json() if self.onvif is not None else None,
        }


def warnings_of(trial: StreamTrial) -> tuple[Flaw, ...]:
    """What should be put right about a stream that can be recorded."""
    pictures = trial.pictures
    if pictures is None or trial.problem is not None:
        return ()
    offset, native = trial.clock_offset, trial.source == "native"
    found = {
        Flaw.FPS_DIFFERS: _differ(pictures.fps, pictures.declared or pictures.fps_of_camera),
        Flaw.KEYFRAMES_FAR: _far(pictures, trial.watched),
        Flaw.PACKETS_LOST: trial.counters.get("lost", 0) > 0,
        Flaw.CLOCK_OFF: offset is not None and abs(offset) > CLOCK_OFF,
        Flaw.NO_SENDER_REPORTS: (
            native and not trial.sender_reports and trial.watched > REPORTS_WITHIN
        ),
        Flaw.KEEP_ALIVE_UNANSWERED: trial.keep_alive is False,
        Flaw.NOT_NATIVE: trial.source == "libav",
    }
    return tuple(one for one, holds in found.items() if holds)


def _differ(measured: float, declared: float) -> bool:
    """By a fifth: less is how cameras are."""
    return bool(measured and declared) and abs(measured - declared) > declared / 5


def _far(pictures: Pictures, watched: Span) -> bool:
    if pictures.key_distance is not None:
        return pictures.key_distance[1] > KEYFRAMES_FAR
    return watched > KEYFRAMES_FAR


def _pictures_as_json(pictures: Pictures | None) -> dict[str, object] | None:
    if pictures is None:
        return None
    distance = pictures.key_distance
    return {
        "count": pictures.count,
        "keyframes": pictures.keys,
        "fps": pictures.fps,
        "fps_of_camera": pictures.fps_of_camera,
        "fps_declared": pictures.declared,
        "first_keyframe_ms": _ms(pictures.first_key),
        "keyframe_distance": distance[0] if distance is not None else None,
        "keyframe_distance_ms": _ms(distance[1]) if distance is not None else None,
        "keyframe_bytes": pictures.key_size,
        "picture_bytes": pictures.size,
        "largest_bytes": pictures.size_max,
        "bitrate": pictures.bitrate,
    }


def _clock_of(device: DeviceFacts | None) -> Span | None:
    offset = device.clock_offset if device is not None else None
    return Span(offset) if offset is not None else None


def _ms(span: Span | None) -> float | None:
    return round(span / 1e6, 1) if span is not None else None
