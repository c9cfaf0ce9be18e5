"""The values that travel between storage and its users: samples in, facts of segments and gaps out.

Only frozen values. How they are laid out in a file is `storage.fmp4`, where the file stands
is `storage.layout`, how they are kept in SQL is `storage.index`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from vms.core.clock import SECOND, Instant, rfc3339
from vms.core.media import StreamFormat
from vms.core.model import Cause, StreamKey


class Sample(NamedTuple):
    """One coded picture or audio frame as it goes into a file.

    `data`: exactly as the camera sent it (video: NAL units behind 4-byte lengths).
    `duration` and `composition` (presentation minus decode time) in the track's ticks.
    A NamedTuple, not a dataclass: it is made 25 times a second per camera and unpacked once.
    """

    data: bytes
    duration: int
    composition: int = 0
    key: bool = False


@dataclass(frozen=True, slots=True)
class Fragment:
    """What is written at once: samples in decode order, at most 1 s.

    `video_time`, `audio_time`: decode time of the first sample of each track, in the track's
    ticks since the segment's start (the `tfdt` of ISO/IEC 14496-12 §8.8.12).
    """

    video: list[Sample]
    audio: list[Sample]
    video_time: int
    audio_time: int = 0


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The unbroken connection a segment belongs to: a number and when it began."""

    run_id: int
    started: Instant


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """What was known of the clocks when a segment ended, in nanoseconds.

    `offset_ns`: the camera's clock minus ours, uncertain by `error_ns`; `ntp_error_ns`: the
    bound NTP gives for our own clock, None when it is not synchronised.
    """

    offset_ns: int | None
    error_ns: int | None
    ntp_error_ns: int | None = None


@dataclass(frozen=True, slots=True)
class GapFacts:
    """A span of a stream with no footage, and why. `end` is None while it lasts."""

    stream: StreamKey
    start: Instant
    end: Instant | None
    cause: Cause
    detail: str = ""

    def as_json(self, now: Instant) -> dict[str, object]:
        """The contract of `vms gaps --json` (design §8).

        A gap that lasts is `open`: its `end` is `now` and moves on, so that every `end` is a time.
        """
        end = self.end if self.end is not None else max(now, self.start)
        return {
            "start": rfc3339(self.start, digits=9),
            "end": rfc3339(end, digits=9),
            "seconds": (end - self.start) / SECOND,
            "cause": self.cause.value,
            "detail": self.detail,
            "open": self.end is None,
        }


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """One stored file: a span of one run, beginning with a keyframe.

    `open`: still being written (`.part`) or not yet in the index; then `sha256` is None and
    `end` and `size` (bytes) are those of the last whole fragment. `held`: a hold keeps a part of
    it, as far as who made this value looked (`Archive.segments` does). `bucket`: the URL of the
    tier it stands in, `path` its key there; None: it stands at `path` on a disk.
    """

    stream: StreamKey
    start: Instant
    end: Instant
    size: int
    video_codec: str
    audio_codec: str | None
    width: int
    height: int
    mime_codecs: str
    path: Path
    volume: str
    sha256: bytes | None
    run: int
    clock: ClockFacts | None
    format: StreamFormat
    open: bool = False
    held: bool = False
    bucket: str | None = None

    @property
    def where(self) -> str:
        """Where its bytes are, for people."""
        return f"{self.bucket}/{self.path}" if self.bucket is not None else str(self.path)

    @property
    def id(self) -> str:
        """`gate-north.main.1763800000000000000`: names the segment in URLs and findings."""
        return f"{self.stream.camera}.{self.stream.name}.{self.start}"

    @property
    def mime(self) -> str:
        """What MediaSource.isTypeSupported is asked."""
        return f'video/mp4; codecs="{self.mime_codecs}"'

    def with_proof(self, sha256: bytes, clock: ClockFacts | None) -> SegmentFacts:
        """The same segment, known to the index."""
        return replace(self, sha256=sha256, clock=clock, open=False)

    def as_json(self) -> dict[str, object]:
        """The contract of `vms segments --json` (design §8)."""
        return {
            "id": self.id,
            "camera": str(self.stream.camera),
            "stream": self.stream.name,
            "start": rfc3339(self.start, digits=9),
            "end": rfc3339(self.end, digits=9),
            "bytes": self.size,
            "codec": self.video_codec,
            "width": self.width,
            "height": self.height,
            "path": self.where,
            "sha256": None if self.sha256 is None else self.sha256.hex(),
            "volume": self.volume,
            "held": self.held,
        }


class FragmentEntry(NamedTuple):
    """Where one fragment stands in its file; `key`: it begins with a keyframe."""

    start: Instant
    offset: int
    size: int
    key: bool


@dataclass(frozen=True, slots=True)
class FragmentIndex:
    """A file's parts by byte range: the init section, then the fragments in order."""

    init_length: int
    fragments: tuple[FragmentEntry, ...]
