"""manifest.json: the facts of a package, whole and signed (docs/evidence.md). Pure.

Every time stands twice, in UTC to the nanosecond and in the site's zone; every hash is SHA-256 in
hex. Names of members never change their meaning; a reader that does not know `version` says so.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from storage.facts import ClockFacts, GapFacts
from vms.core.clock import SECOND, Instant, rfc3339
from vms.core.media import StreamFormat
from vms.core.model import StreamKey
from vms.evidence.local import SiteTime
from vms.evidence.order import Order
from vms.evidence.packing import Packed

FORMAT, VERSION = "gozcu-evidence", 1
MANIFEST, SIGNATURE, KEY = "manifest.json", "manifest.json.sig", "key.pem"
CHECKPOINT, SUMS = "checkpoint.txt", "SHA256SUMS"
STAMPED, STAMP = "stamp.note", "stamp.tsr"
UNLISTED = frozenset({MANIFEST, SIGNATURE})
"""The only files a package has that its manifest does not list."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A leaf of the ledger and its audit path up to the package's checkpoint."""

    place: int
    line: bytes
    path: tuple[bytes, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "place": self.place,
            "line": self.line.decode(),
            "path": [base64.b64encode(step).decode() for step in self.path],
        }


@dataclass(frozen=True, slots=True)
class StampEntry:
    """An authority's word that an older head of the ledger existed at a time (RFC 3161).

    `note`: that head, of `size` leaves; `answer`: the authority's, over the note; `path`: the
    consistency proof that the package's checkpoint only added to that head.
    """

    size: int
    at: Instant
    note: str
    answer: bytes
    path: tuple[bytes, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "size": self.size,
            "at": rfc3339(self.at),
            "note": self.note,
            "answer": base64.b64encode(self.answer).decode(),
            "path": [base64.b64encode(step).decode() for step in self.path],
        }


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """A segment that a clip was taken from.

    `sha256`: of the whole stored file, None while it was still written; `coded`: where its
    samples stand in the clip's file (offset, bytes). `shell`: where the rest of the file stands
    in the clip's shell (offset, bytes), None if only a part of the segment is handed out; then
    `coded_sha256` is of that part.
    """

    start: Instant
    end: Instant
    size: int
    sha256: bytes | None
    coded: tuple[int, int]
    shell: tuple[int, int] | None
    coded_sha256: bytes | None
    clock: ClockFacts | None
    proof: Proof | None


@dataclass(frozen=True, slots=True)
class ClipEntry:
    """One MP4 of the package: names of its files, the time it shows, where its samples begin."""

    file: str
    subtitles: str
    shell: str
    start: Instant
    end: Instant
    format: StreamFormat
    sound: bool
    pictures: int
    coded: tuple[int, int]
    segments: tuple[SegmentEntry, ...]


@dataclass(frozen=True, slots=True)
class CameraEntry:
    """One camera: what of it is handed out, and what there is not, with the cause."""

    stream: StreamKey
    name: str
    clips: tuple[ClipEntry, ...]
    gaps: tuple[GapFacts, ...]

    @property
    def delivered(self) -> list[tuple[Instant, Instant]]:
        """The time there is footage of, in order, gaps left out."""
        spans: list[tuple[Instant, Instant]] = []
        for clip in self.clips:
            at = clip.start
            for gap in self.gaps:
                ends = gap.end if gap.end is not None else clip.end
                if gap.start >= clip.end or ends <= at:
                    continue
                if at < gap.start:
                    spans.append((at, gap.start))
                at = min(ends, clip.end)
            if at < clip.end:
                spans.append((at, clip.end))
        return spans


@dataclass(frozen=True, slots=True)
class Manifest:
    """All of it. `checkpoint`: the signed note; `key`: the verifier key (C2SP) that signs."""

    order: Order
    made: Instant
    system: str
    software: str
    local: SiteTime
    cameras: tuple[CameraEntry, ...]
    files: tuple[Packed, ...]
    checkpoint: str
    key: str
    stamp: StampEntry | None

    @property
    def segments(self) -> list[SegmentEntry]:
        return [
            entry for camera in self.cameras for clip in camera.clips for entry in clip.segments
        ]

    def encoded(self) -> bytes:
        """The bytes of manifest.json."""
        return json.dumps(self.as_json(), ensure_ascii=False, indent=1).encode() + b"\n"

    def as_json(self) -> dict[str, Any]:
        order, time = self.order, self._time
        return {
            "format": FORMAT,
            "version": VERSION,
            "id": order.id,
            "system": {
                "name": self.system,
                "software": self.software,
                "timezone": self.local.zone,
            },
            "made": time(self.made),
            "asked": time(order.made),
            "by": order.by,
            "reason": order.reason,
            "requested": self._span(order.start, order.end),
            "stream": order.stream,
            "cameras": [self._camera(camera) for camera in self.cameras],
            "files": [
                {"name": file.name, "bytes": file.size, "sha256": file.sha256}
                for file in self.files
            ],
            "ledger": {
                "checkpoint": self.checkpoint,
                "stamp": None if self.stamp is None else self.stamp.as_json(),
                "key": self.key,
            },
            "verify": "vms verify FILE.zip, or by hand as README.txt says",
        }

    def _camera(self, camera: CameraEntry) -> dict[str, Any]:
        return {
            "id": camera.stream.camera,
            "name": camera.name,
            "delivered": [self._span(*span) for span in camera.delivered],
            "gaps": [self._gap(gap) for gap in camera.gaps],
            "clips": [self._clip(clip) for clip in camera.clips],
        }

    def _gap(self, gap: GapFacts) -> dict[str, Any]:
        ends = gap.end if gap.end is not None else self.order.end
        return {
            **self._span(gap.start, ends),
            "seconds": (ends - gap.start) / SECOND,
            "cause": gap.cause.value,
            "detail": gap.detail,
        }

    def _clip(self, clip: ClipEntry) -> dict[str, Any]:
        video, audio = clip.format.video, clip.format.audio if clip.sound else None
        return {
            "file": clip.file,
            "subtitles": clip.subtitles,
            "shell": clip.shell,
            **self._span(clip.start, clip.end),
            "video": {
                "codec": video.codec,
                "width": video.width,
                "height": video.height,
                "pictures": clip.pictures,
            },
            "audio": None
            if audio is None
            else {"codec": audio.codec, "rate": audio.clock_rate, "channels": audio.channels},
            "coded": list(clip.coded),
            "segments": [self._segment(entry) for entry in clip.segments],
        }

    def _segment(self, entry: SegmentEntry) -> dict[str, Any]:
        clock = entry.clock
        return {
            **self._span(entry.start, entry.end),
            "bytes": entry.size,
            "sha256": _hex(entry.sha256),
            "coded": list(entry.coded),
            "shell": None if entry.shell is None else list(entry.shell),
            "coded_sha256": _hex(entry.coded_sha256),
            "clock": None
            if clock is None
            else {
                "offset_ns": clock.offset_ns,
                "error_ns": clock.error_ns,
                "ntp_error_ns": clock.ntp_error_ns,
            },
            "ledger": None if entry.proof is None else entry.proof.as_json(),
        }

    def _span(self, start: Instant, end: Instant) -> dict[str, str]:
        return {
            "start": rfc3339(start, digits=9),
            "end": rfc3339(end, digits=9),
            "start_local": self.local.rfc3339(start),
            "end_local": self.local.rfc3339(end),
        }

    def _time(self, instant: Instant) -> dict[str, str]:
        return {"utc": rfc3339(instant), "local": self.local.rfc3339(instant)}


def _hex(digest: bytes | None) -> str | None:
    return None if digest is None else digest.hex()


def sums(files: Sequence[Packed]) -> str:
    """What `sha256sum -c` reads."""
    return "".join(f"{file.sha256}  {file.name}\n" for file in files)
