"""What is written to and read from the index, as values: changes in, rows out. No SQL here."""

from __future__ import annotations

from dataclasses import dataclass

from storage.facts import ClockFacts, GapFacts
from vms.core.clock import Instant
from vms.core.media import StreamFormat
from vms.core.model import StreamKey


@dataclass(frozen=True, slots=True)
class PutSegment:
    """A durable file to be known. `volume`: its uuid; `init`: ftyp and moov, the format."""

    stream: StreamKey
    start: Instant
    end: Instant
    volume: str
    init: bytes
    run: int
    size: int
    sha256: bytes
    clock: ClockFacts | None = None


@dataclass(frozen=True, slots=True)
class PutGap:
    """A gap that begins, ends or says more about itself; keyed by its start."""

    gap: GapFacts


@dataclass(frozen=True, slots=True)
class DropGap:
    """A gap that turned out to have no length."""

    stream: StreamKey
    start: Instant


IndexChange = PutSegment | PutGap | DropGap


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A segment as the index knows it."""

    stream: StreamKey
    start: Instant
    end: Instant
    volume: str
    volume_path: str
    format: StreamFormat
    run: int
    size: int
    sha256: bytes
    clock: ClockFacts | None
