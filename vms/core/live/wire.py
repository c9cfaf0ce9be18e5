"""How live messages cross a Unix socket: frames of bytes in, messages out. Pure.

A frame is a 4-byte length of what follows, a type byte, a 4-byte subscription number, and the
payload. Both ends are the same release on the same machine, so there is no versioning; times
of the monotonic clock are comparable because both ends share one boot.
"""

from __future__ import annotations

import enum
import json
import struct
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

from vms.core.clock import Instant, Mono
from vms.core.errors import VmsError
from vms.core.live.messages import FormatChanged, LiveMessage, LiveUnit, StreamDown
from vms.core.media import AccessUnit, AudioFormat, StreamFormat, Track, VideoFormat
from vms.core.model import Cause, StreamKey

FRAME_MAX = 16 << 20  # twice the largest access unit a source lets through

_HEAD = struct.Struct(">IBI")
_UNIT = struct.Struct(">IBIBqqq")  # head, then flags, pts, wall, arrival
_AFTER_LENGTH = _HEAD.size - 4
_AUDIO, _KEY, _CACHED = 1, 2, 4


class WireError(VmsError):
    """The other end sent what is no frame; the connection is of no more use."""


class _Kind(enum.IntEnum):
    SUBSCRIBE = 1
    UNSUBSCRIBE = 2
    ATTEND = 3  # to subscribe without being a viewer
    GLIMPSE = 4  # to be sent the last keyframe, and nothing more
    FORMAT = 16
    UNIT = 17
    DOWN = 18


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Somebody asks for a stream under a number of their choice; `views`: as a viewer."""

    number: int
    stream: StreamKey
    views: bool = True


@dataclass(frozen=True, slots=True)
class AskGlimpse:
    """Somebody wants the last keyframe that is held of a stream."""

    number: int
    stream: StreamKey


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """It has enough of it."""

    number: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A live message for one subscription."""

    number: int
    message: LiveMessage


Frame = Subscribe | AskGlimpse | Unsubscribe | Delivery


def encode_subscribe(number: int, stream: StreamKey, *, views: bool = True) -> bytes:
    kind = _Kind.SUBSCRIBE if views else _Kind.ATTEND
    return _frame(kind, number, str(stream).encode())


def encode_glimpse(number: int, stream: StreamKey) -> bytes:
    return _frame(_Kind.GLIMPSE, number, str(stream).encode())


def encode_unsubscribe(number: int) -> bytes:
    return _frame(_Kind.UNSUBSCRIBE, number, b"")


def encode_message(number: int, message: LiveMessage) -> tuple[bytes, bytes]:
    """A frame as two pieces, so that a picture's bytes are not copied to be framed."""
    if type(message) is LiveUnit:
        unit = message.unit
        flags = _AUDIO if unit.track == Track.AUDIO else 0
        flags |= (_KEY if unit.key else 0) | (_CACHED if message.cached else 0)
        length = _UNIT.size - 4 + len(unit.data)
        head = _UNIT.pack(length, _Kind.UNIT, number, flags, unit.pts, message.wall, unit.arrival)
        return head, unit.data
    if isinstance(message, FormatChanged):
        return _frame(_Kind.FORMAT, number, json.dumps(_format_fields(message)).encode()), b""
    assert isinstance(message, StreamDown)
    fields = {"cause": message.cause, "detail": message.detail}
    return _frame(_Kind.DOWN, number, json.dumps(fields).encode()), b""


class Decoder:
    """Bytes in, frames out. Keeps at most one unfinished frame."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes. Raises WireError."""
        buffer = self._rest
        buffer += data
        frames: list[Frame] = []
        start = 0
        while len(buffer) - start >= _HEAD.size:
            length, kind, number = _HEAD.unpack_from(buffer, start)
            if not _AFTER_LENGTH <= length <= FRAME_MAX:
                raise WireError(f"a frame of {length} bytes on a live socket")
            end = start + 4 + length
            if len(buffer) < end:
                break
            with memoryview(buffer) as view:
                payload = bytes(view[start + _HEAD.size : end])
            frames.append(_decode(kind, number, payload))
            start = end
        del buffer[:start]
        return frames


def _frame(kind: _Kind, number: int, payload: bytes) -> bytes:
    return _HEAD.pack(_AFTER_LENGTH + len(payload), kind, number) + payload


_UNIT_REST = struct.Struct(">Bqqq")


def _decode(kind: int, number: int, payload: bytes) -> Frame:
    try:
        if kind == _Kind.UNIT:
            return Delivery(number, _decode_unit(payload))
        if kind == _Kind.FORMAT:
            return Delivery(number, _decode_format(json.loads(payload)))
        if kind == _Kind.DOWN:
            fields = json.loads(payload)
            cause = Cause(fields["cause"]) if fields["cause"] is not None else None
            return Delivery(number, StreamDown(cause, fields["detail"]))
        if kind in (_Kind.SUBSCRIBE, _Kind.ATTEND):
            stream = StreamKey.parse(payload.decode())
            return Subscribe(number, stream, kind == _Kind.SUBSCRIBE)
        if kind == _Kind.GLIMPSE:
            return AskGlimpse(number, StreamKey.parse(payload.decode()))
        if kind == _Kind.UNSUBSCRIBE:
            return Unsubscribe(number)
    except (ValueError, KeyError, TypeError, RecursionError, struct.error) as error:
        raise WireError(f"a broken frame of kind {kind} on a live socket: {error}") from error
    raise WireError(f"a frame of the unknown kind {kind} on a live socket")


def _decode_unit(payload: bytes) -> LiveUnit:
    flags, pts, wall, arrival = _UNIT_REST.unpack_from(payload)
    track = Track.AUDIO if flags & _AUDIO else Track.VIDEO
    unit = AccessUnit(track, payload[_UNIT_REST.size :], pts, Mono(arrival), bool(flags & _KEY))
    return LiveUnit(unit, Instant(wall), bool(flags & _CACHED))


def _format_fields(message: FormatChanged) -> dict[str, Any]:
    video, audio = message.format.video, message.format.audio
    fields: dict[str, Any] = {
        "stream": str(message.stream),
        "epoch": message.epoch,
        "codec": video.codec,
        "size": [video.width, video.height],
        "clock_rate": video.clock_rate,
        "hint": video.frame_rate_hint,
    }
    for name in ("vps", "sps", "pps"):
        fields[name] = [b64encode(nal).decode() for nal in getattr(video, name)]
    if audio is not None:
        config = b64encode(audio.config).decode()
        fields["audio"] = [audio.codec, audio.clock_rate, audio.channels, config]
    return fields


def _decode_format(fields: dict[str, Any]) -> FormatChanged:
    vps, sps, pps = (
        tuple(b64decode(text) for text in fields[name]) for name in ("vps", "sps", "pps")
    )
    width, height = fields["size"]
    video = VideoFormat(
        fields["codec"], width, height, sps, pps, vps, fields["clock_rate"], fields["hint"]
    )
    audio = None
    if "audio" in fields:
        codec, rate, channels, config = fields["audio"]
        audio = AudioFormat(codec, rate, channels, b64decode(config))
    return FormatChanged(
        StreamKey.parse(fields["stream"]), StreamFormat(video, audio), fields["epoch"]
    )
