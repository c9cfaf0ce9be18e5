"""Whose footage is handed out, and what an export asks of its archive and its ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from storage.facts import GapFacts, SegmentFacts
from storage.ledger.leaves import Leaf
from storage.ledger.note import Signer
from vms.core.clock import Instant
from vms.core.model import StreamKey
from vms.evidence.local import SiteTime
from vms.evidence.manifest import StampEntry


class Footage(Protocol):
    """What an export reads of the archive."""

    def segments(
        self, stream: StreamKey, start: Instant, end: Instant
    ) -> Sequence[SegmentFacts]: ...
    def gaps(self, stream: StreamKey, start: Instant, end: Instant) -> Sequence[GapFacts]: ...
    def open(self, segment: SegmentFacts) -> int: ...
    def next_start(self, stream: StreamKey, at: Instant) -> Instant | None: ...


class Signers(Protocol):
    def signers(self) -> Sequence[Signer]: ...


class Proves(Protocol):
    """What an export needs of the ledger."""

    @property
    def keys(self) -> Signers: ...
    def append(self, leaves: Sequence[Leaf]) -> int: ...
    def read(self, place: int) -> bytes: ...
    def inclusion(self, place: int, size: int) -> list[bytes]: ...
    def checkpoint(self) -> str: ...


Places = Callable[[StreamKey, Instant, Instant], dict[Instant, int]]
"""Where in the ledger the segments of a stream stand, by their start."""


@dataclass(frozen=True, slots=True)
class House:
    """Whose footage it is, and where everything is found. `camera_name`: raises NotFound.

    `stamp`: the newest stamp of the ledger's first so many leaves.
    """

    system: str
    software: str
    local: SiteTime
    footage: Footage
    ledger: Proves
    places: Places
    camera_name: Callable[[str], str]
    stamp: Callable[[int], StampEntry | None] = lambda _size: None
