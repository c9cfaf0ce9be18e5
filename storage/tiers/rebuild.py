"""The rows of what stands in buckets, made anew from the buckets and the ledger.

The part of `storage.rebuild` for tiers, done before the volumes, so that what moved is not taken
for lost. A bucket that does not answer ends it before anything was changed there: a rebuild that
can't see all footage would tell the rest as lost.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from storage.check import Level, Progress
from storage.findings import Finding, Kind
from storage.fmp4 import BadFile
from storage.hashing import Digest, in_threads
from storage.index import Index
from storage.layout import Place, path_of
from storage.leaves_by_stream import LeavesByStream
from storage.ledger.leaves import SegmentLeaf
from storage.listing import Listed, Listing, segment_id
from storage.rebuild import Held, Ledger, Rebuilt
from storage.rows import DropSegment, PutSegment
from storage.segment_file import head_by, tail_by
from storage.stored_file import row_of
from storage.tiers.bucket import Listed as Object
from storage.tiers.bucket import digest_of, read_all
from storage.tiers.check import objects_in, side_by_side
from storage.tiers.opened import Tier
from vms.core.model import StreamKey

if TYPE_CHECKING:
    from sqlalchemy import Engine

_BATCH = 200  # objects between two transactions


class _Found(NamedTuple):
    """An object to take up, with what the ledger says of it. `gone`: that it is deleted, too;
    then it is held, and gets another leaf."""

    place: Place
    object: Object
    leaf: tuple[int, SegmentLeaf] | None
    gone: bool


class _Taken(NamedTuple):
    """An object taken up, or why it could not be."""

    row: PutSegment | None
    finding: Finding | None = None


class TierRebuild:
    """See above. `level`: HASH reads every byte, SIZE believes the ledger where lengths agree."""

    def __init__(
        self,
        engine: Engine,
        ledger: Ledger,
        held: Held,
        scratch: Path,
        *,
        level: Level = Level.HASH,
        threads: int = 1,
        progress: Progress | None = None,
    ) -> None:
        self._index, self._listing = Index(engine), Listing(engine)
        self._ledger, self._held, self._scratch = ledger, held, scratch
        self._level, self._threads, self._progress = level, threads, progress
        self._done = Rebuilt()

    def run(self, tiers: Iterable[Tier]) -> Rebuilt:
        """All tiers. Raises StorageError, for instance when a bucket does not answer."""
        there = [(tier, volume) for tier in tiers if (volume := tier.identity()) is not None]
        if not there:
            return self._done
        self._ledger.replicate(())  # a ledger that is gone comes from a replica now
        with LeavesByStream(self._scratch) as told:
            told.read(self._ledger.leaves())
            for tier, volume in there:
                self._index.know_volume(volume, tier.url)
                self._tier(tier, volume, told)
        return self._done

    def _tier(self, tier: Tier, volume: str, told: LeavesByStream) -> None:
        pairs = self._pairs(tier, volume)
        look = partial(self._taken, tier, volume)
        for batch in _batches(self._wanted(pairs, tier, told)):
            taken = list(in_threads(look, batch, self._threads))
            self._done.findings += [one.finding for one in taken if one.finding is not None]
            self._keep([one.row for one in taken if one.row is not None])

    def _pairs(
        self, tier: Tier, volume: str
    ) -> Iterator[tuple[StreamKey, Listed | None, tuple[Place, Object] | None]]:
        """Rows of this bucket beside its objects, stream by stream."""
        seen: set[StreamKey] = set()
        groups = itertools.groupby(objects_in(tier), key=lambda one: one[0].stream)
        for stream, objects in groups:
            seen.add(stream)
            for row, found in side_by_side(self._rows(stream, volume), objects):
                yield stream, row, found
        for stream in self._listing.streams():
            if stream not in seen:
                for row in self._rows(stream, volume):
                    yield stream, row, None

    def _rows(self, stream: StreamKey, volume: str) -> Iterator[Listed]:
        return (row for row in self._listing.rows(stream) if row.volume == volume)

    def _wanted(
        self,
        pairs: Iterable[tuple[StreamKey, Listed | None, tuple[Place, Object] | None]],
        tier: Tier,
        told: LeavesByStream,
    ) -> Iterator[_Found]:
        """Objects to take up; rows without an object go, objects that were deleted too."""
        for stream, row, found in pairs:
            if found is None:
                assert row is not None
                if tier.bucket.size(str(path_of(stream, row.start))) is None:
                    self._index.apply([DropSegment(stream, row.start)])
                    self._done.dropped += 1
                continue
            place, one = found
            leaf = told.segment(stream, place.start)
            sha256, end = (leaf[1].sha256, leaf[1].end) if leaf else (None, place.start)
            gone = told.is_deleted(stream, place.start, sha256)
            if gone and not self._held.covers(stream, place.start, end):
                if row is not None:
                    self._index.apply([DropSegment(stream, place.start)])
                tier.bucket.delete(one.key)
                self._done.deleted += 1
                continue
            yield _Found(place, one, leaf, gone)

    def _taken(self, tier: Tier, volume: str, found: _Found) -> _Taken:
        place, one, leaf, gone = found
        name, where = segment_id(place.stream, place.start), f"{tier.url}/{one.key}"
        digest = None if leaf is None else Digest(leaf[1].sha256, leaf[1].size)
        if self._level is Level.HASH or gone or digest is None or digest.size != one.size:
            digest = Digest(digest_of(tier.bucket, one.key, one.size), one.size)
        try:
            row = self._row(tier, volume, found, digest)
        except BadFile as error:
            return _Taken(None, Finding(Kind.FOOTAGE_DAMAGED, name, f"{where}: {error}"))
        if self._progress is not None:
            self._progress(1, one.size)
        if leaf is None:
            return _Taken(row)
        known, finding = leaf[1], None
        if (digest.sha256, digest.size) != (known.sha256, known.size):
            detail = f"{where} is not what was written: the ledger has another SHA-256"
            finding = Finding(Kind.FOOTAGE_DAMAGED, name, detail)
        row = replace(row, sha256=known.sha256, size=known.size, end=known.end, clock=known.clock)
        at = None if gone and finding is None else leaf[0]
        return _Taken(replace(row, frames=known.frames, leaf=at), finding)

    def _row(self, tier: Tier, volume: str, found: _Found, digest: Digest) -> PutSegment:
        place, one = found.place, found.object

        def read(length: int, offset: int) -> bytes:
            return read_all(tier.bucket, one.key, offset, length)

        head = head_by(read)
        if (head.head.stream, head.head.start) != (place.stream, place.start):
            raise BadFile(f"its head says {head.head.stream} at {head.head.start}")
        tail = tail_by(read, one.size)
        if tail is None:
            raise BadFile("it has no tail: it is cut, or was never complete")
        return row_of(volume, head, tail, digest, None)

    def _keep(self, rows: list[PutSegment]) -> None:
        new = [row for row in rows if row.leaf is None]
        placed = {}
        if new:
            first = self._ledger.append([SegmentLeaf.of(row) for row in new])
            placed = {(row.stream, row.start): first + n for n, row in enumerate(new)}
            self._done.leaves += len(new)
        self._index.apply(
            [replace(row, leaf=placed.get((row.stream, row.start), row.leaf)) for row in rows]
        )
        self._done.segments += len(rows)
        self._done.bytes += sum(row.size for row in rows)


def _batches(found: Iterator[_Found]) -> Iterator[list[_Found]]:
    while batch := list(itertools.islice(found, _BATCH)):
        yield batch
