"""What a picture is between the rooms: access units and the formats that describe them.

Both sources (native RTSP and libav) yield these; session, files and live read them.
Parsing of coded bytes does not belong here, with one exception: the MIME codec string,
which is derived from the parameter sets (RFC 6381).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

from vms.core.clock import Instant, Mono


class Track(enum.IntEnum):
    """Which track of a stream; the value is the track id in files."""

    VIDEO = 1
    AUDIO = 2


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """One unchanging description of coded pictures; a change of it ends the segment.

    `vps`, `sps`, `pps`: whole NAL units with their header, without start code or length; `vps`
    is empty for H.264. `width`, `height`: luma samples after cropping. `clock_rate`: ticks a
    second of `AccessUnit.pts`. `frame_rate_hint`: from the SPS's timing, frames a second
    times 1000, 0 if it states none; never trusted for durations (cameras lie).
    """

    codec: Literal["h264", "h265"]
    width: int
    height: int
    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    vps: tuple[bytes, ...] = ()
    clock_rate: int = 90_000
    frame_rate_hint: int = 0

    @property
    def mime_codec(self) -> str:
        """`avc1.64001F` or `hvc1.1.6.L93.B0` (RFC 6381, ISO/IEC 14496-15 annex E)."""
        sps = self.sps[0]
        if self.codec == "h264":
            return f"avc1.{sps[1:4].hex().upper()}"
        return hevc_mime_codec(sps)


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Sound as the camera codes it. `config`: the AudioSpecificConfig of AAC, else empty.

    `clock_rate`: ticks a second of `AccessUnit.pts`, equal to the sample rate.
    """

    codec: Literal["aac", "pcma", "pcmu"]
    clock_rate: int
    channels: int = 1
    config: bytes = b""

    @property
    def mime_codec(self) -> str | None:
        """`mp4a.40.2` for AAC; None for G.711, which browsers can't play from MP4."""
        if self.codec != "aac" or not self.config:
            return None
        object_type = self.config[0] >> 3
        if object_type == 31:
            object_type = 32 + ((self.config[0] & 7) << 3 | self.config[1] >> 5)
        return f"mp4a.40.{object_type}"


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """The tracks of a stream at one time."""

    video: VideoFormat
    audio: AudioFormat | None = None


@dataclass(slots=True)
class AccessUnit:
    """One coded picture, or one audio frame (AAC) or packet (G.711).

    `data`: video as NAL units, each behind its 4-byte big-endian length, exactly as the camera
    sent them (parameter sets, SEI and delimiters included); audio as raw coded bytes.
    `pts`: presentation time in the track's clock ticks since the run's start, unwrapped; may be
    negative. Not frozen only because a frozen one costs 1 µs more on the hot path; nobody
    changes it.
    """

    track: Track
    data: bytes
    pts: int
    arrival: Mono
    key: bool = False


@dataclass(frozen=True, slots=True)
class SenderReport:
    """An RTCP sender report: the camera's own clock at one RTP time (RFC 3550 §6.4.1).

    `camera_time`: what the camera's clock says, UTC as it claims; `pts`: the same instant in
    the track's ticks since the run's start.
    """

    track: Track
    camera_time: Instant
    pts: int
    arrival: Mono


def hevc_mime_codec(sps: bytes) -> str:
    """The `hvc1.…` string of an H.265 SPS NAL unit (ISO/IEC 14496-15 §E.3)."""
    # Profile-tier-level starts after the 2-byte NAL header and one byte (4+3+1 bits) of ids.
    # Emulation prevention can fall into the constraint flags, hence the unescape.
    body = sps[2:].replace(b"\x00\x00\x03", b"\x00\x00")
    general = body[1]
    space = ("", "A", "B", "C")[general >> 6]
    tier = "H" if general & 0x20 else "L"
    compatibility = int.from_bytes(body[2:6], "big")
    reversed_flags = int(f"{compatibility:032b}"[::-1], 2)
    constraints = body[6:12].rstrip(b"\x00")
    parts = [f"hvc1.{space}{general & 0x1F}", f"{reversed_flags:X}", f"{tier}{body[12]}"]
    parts.extend(f"{byte:X}" for byte in constraints)
    return ".".join(parts)
