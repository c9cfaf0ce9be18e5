"""Is everything in the buckets as the index says? The part of `storage.check` for tiers.

One listing of each bucket is held against the rows of its segments, stream by stream; both come
in the order of time. What looks wrong is asked for again, alone, before it is told, because rows
and objects change while this reads. Reads only.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from storage.check import Level, Progress
from storage.findings import Finding, Kind
from storage.layout import HOUSE, Place, Stage, path_of, place_of
from storage.listing import KnownVolume, Listed, Listing, segment_id
from storage.tiers.bucket import Listed as Object
from storage.tiers.bucket import digest_of
from storage.tiers.moves import Moves
from storage.tiers.opened import Tier, Tiers, stands_in_bucket
from vms.core.errors import StorageError
from vms.core.model import StreamKey

if TYPE_CHECKING:
    from sqlalchemy import Engine

_STRANGE_MAX = 1_000  # objects told that are none of ours: the bucket may be somebody else's too

Placed = tuple[Place, Object]
_LAST = 2**63


def verify_tiers(
    engine: Engine, tiers: Tiers, level: Level = Level.HASH, *, progress: Progress | None = None
) -> Iterator[Finding]:
    """Check every segment in a bucket and look for objects nobody knows."""
    listing = Listing(engine)
    for volume in listing.volumes():
        if not stands_in_bucket(volume.path) or not volume.segments:
            continue
        try:
            tier = tiers.tier(volume.uuid, volume.path)
            yield from _Check(engine, listing, tier, volume, level, progress).run()
        except StorageError as error:
            detail = f"{volume.segments} segments can't be checked: {error.detail}"
            yield Finding(Kind.TIER_UNREACHABLE, volume.path, detail)


class _Check:
    def __init__(
        self,
        engine: Engine,
        listing: Listing,
        tier: Tier,
        volume: KnownVolume,
        level: Level,
        progress: Progress | None,
    ) -> None:
        self._listing, self._tier, self._volume, self._level = listing, tier, volume, level
        self._moves, self._progress = Moves(engine), progress
        self._strange: list[Finding] = []  # at most _STRANGE_MAX

    def run(self) -> Iterator[Finding]:
        """What is wrong in one bucket."""
        seen: set[StreamKey] = set()
        objects = objects_in(self._tier, self._stranger)
        for stream, found in itertools.groupby(objects, key=lambda one: one[0].stream):
            seen.add(stream)
            yield from self._stream(stream, found)
        for stream in self._listing.streams():
            if stream not in seen:
                yield from self._stream(stream, ())
        yield from self._strange

    def _stranger(self, found: Object) -> None:
        if len(self._strange) < _STRANGE_MAX:
            name = f"{self._tier.url}/{found.key}"
            self._strange.append(Finding(Kind.FOOTAGE_UNKNOWN, name, "not a file of ours"))

    def _stream(self, stream: StreamKey, objects: Iterable[Placed]) -> Iterator[Finding]:
        rows = (one for one in self._listing.rows(stream) if one.volume == self._volume.uuid)
        for row, found in side_by_side(rows, objects):
            finding = self._pair(row, found)
            if row is not None and self._progress is not None:
                self._progress(1, row.size)
            if finding is not None:
                yield finding

    def _pair(self, row: Listed | None, found: Placed | None) -> Finding | None:
        if row is None:
            assert found is not None
            return self._stray(*found)
        size = self._tier.bucket.size(_key(row)) if found is None else found[1].size
        wrong = _wrong(self._tier, row, size, self._level)
        if wrong is None:
            return None
        again = self._listing.row(row.stream, row.start)  # deleted or moved while this read?
        return wrong if again is not None and again.volume == row.volume else None

    def _stray(self, place: Place, found: Object) -> Finding | None:
        """An object without a row, unless it is on its way, or came or went while this read."""
        row = self._listing.row(place.stream, place.start)
        if row is not None and row.volume == self._volume.uuid:
            return None
        _, moving = self._moves.noted(self._tier.name)
        if (place.stream, place.start) in {(one.stream, one.start) for one in moving}:
            return None
        if self._tier.bucket.size(found.key) is None:
            return None
        row = self._listing.row(place.stream, place.start)  # it may have arrived in between
        if row is not None and row.volume == self._volume.uuid:
            return None
        where = "no row in the index" if row is None else f"a row that says {row.volume_path}"
        detail = f"{self._tier.url}/{found.key} has {where}"
        return Finding(Kind.FOOTAGE_UNKNOWN, segment_id(place.stream, place.start), detail)


def check_object(tier: Tier, row: Listed, level: Level = Level.HASH) -> Finding | None:
    """One segment in a bucket, held against its row. Raises BucketError."""
    return _wrong(tier, row, tier.bucket.size(_key(row)), level)


def _wrong(tier: Tier, row: Listed, size: int | None, level: Level) -> Finding | None:
    name = f"{tier.url}/{_key(row)}"
    if size is None:
        return Finding(Kind.FOOTAGE_MISSING, row.id, f"{name} is gone")
    if level >= Level.SIZE and size != row.size:
        detail = f"{name} has {size} bytes instead of {row.size}"
        return Finding(Kind.FOOTAGE_DAMAGED, row.id, detail)
    if level >= Level.HASH and digest_of(tier.bucket, _key(row), row.size) != row.sha256:
        return Finding(Kind.FOOTAGE_DAMAGED, row.id, f"{name} is not what was written: SHA-256")
    return None


def objects_in(
    tier: Tier, strange: Callable[[Object], None] = lambda found: None
) -> Iterator[Placed]:
    """The segments in a bucket with their place, in the order of their keys; `strange`: told of
    each object that is none of ours."""
    for found in tier.bucket.listed():
        place = place_of(PurePosixPath(found.key))
        if place is not None and place.stage is Stage.FINAL:
            yield place, found
        elif not found.key.startswith(f"{HOUSE}/"):
            strange(found)


def side_by_side(
    rows: Iterable[Listed], objects: Iterable[Placed]
) -> Iterator[tuple[Listed | None, Placed | None]]:
    """Rows and objects of one stream, paired by their start; both in the order of it."""
    left, right = iter(rows), iter(objects)
    row, found = next(left, None), next(right, None)
    while row is not None or found is not None:
        at = _LAST if row is None else row.start
        there = _LAST if found is None else found[0].start
        yield (row if at <= there else None), (found if there <= at else None)
        row = next(left, None) if at <= there else row
        found = next(right, None) if there <= at else found


def _key(row: Listed) -> str:
    return str(path_of(row.stream, row.start))
