"""What is written to and read from the index, as values: changes in, rows out. No SQL here."""

from __future__ import annotations

from dataclasses import dataclass

from storage.activity.meter import Levels, Pictures
from storage.facts import ClockFacts, GapFacts
from vms.core.clock import Instant
from vms.core.media import StreamFormat
from vms.core.model import StreamKey


@dataclass(frozen=True, slots=True)
class PutSegment:
    """A durable file to be known. `volume`: its uuid; `init`: ftyp and moov, the format.

    `frames`: pictures in it; `leaf`: its place in the ledger, None until it has one. `pictures`:
    what its activity is yet to be measured from; `activity`: None leaves what is known.
    """

    stream: StreamKey
    start: Instant
    end: Instant
    volume: str
    init: bytes
    run: int
    size: int
    sha256: bytes
    clock: ClockFacts | None = None
    frames: int | None = None
    leaf: int | None = None
    pictures: Pictures | None = None
    activity: Levels | None = None


@dataclass(frozen=True, slots=True)
class PutGap:
    """A gap that begins, ends or says more about itself; keyed by its start.

    `leaf`: its place in the ledger, once it has ended and has one.
    """

    gap: GapFacts
    leaf: int | None = None


@dataclass(frozen=True, slots=True)
class DropGap:
    """A gap that turned out to have no length. `was`: as the index had it, if it had ended."""

    stream: StreamKey
    start: Instant
    was: GapFacts | None = None
    leaf: int | None = None


@dataclass(frozen=True, slots=True)
class DropSegment:
    """A row without a file. What becomes of its span is another change's to say."""

    stream: StreamKey
    start: Instant


IndexChange = PutSegment | PutGap | DropGap | DropSegment


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
    frames: int | None = None
    leaf: int | None = None
