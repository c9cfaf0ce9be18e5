"""The tiers of a site, opened: which bucket a segment stands in, and its bytes for readers.

Readers get file descriptors of whole, proven copies in the cache, or small spans straight from
the bucket. What a bucket fails to do costs its own readers a bounded wait and nobody else: few
may wait at once, and for a moment after a failure nobody asks again. Moving segments there is
`storage.tiers.mover`.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from storage.facts import SegmentFacts
from storage.layout import HOUSE, Stage, path_of
from storage.segment_file import Read
from storage.tiers.bucket import SCHEME, Bucket, BucketError, Listed, pieces_of, read_all
from storage.tiers.cache import Cache
from vms.core.clock import SECOND, Clock, Instant, rfc3339
from vms.core.config import Settings
from vms.core.config_storage import TierSettings
from vms.core.errors import StorageError
from vms.core.model import Cause, StreamKey

IDENTITY = f"{HOUSE}/volume.json"

_FETCH = 90 * SECOND  # a whole segment, however slow the way
_REST = 5 * SECOND  # after a failure nobody asks for so long
_READERS = 12  # at once; of the web's 40 threads, so that others always find one
_FETCHES = 4  # whole segments at once

T = TypeVar("T")


def stands_in_bucket(volume_path: str) -> bool:
    """Whether a volume of the index is a bucket, not a folder."""
    return volume_path.startswith(SCHEME)


def open_bucket(settings: TierSettings) -> Bucket:
    """The bucket of a tier; asks nothing of it yet."""
    from storage.tiers.s3 import S3Bucket  # a site without tiers needs no client

    return S3Bucket(settings)


class Tier:
    """One `[[tiers]]`: its settings and its bucket."""

    def __init__(self, settings: TierSettings, bucket: Bucket) -> None:
        self.settings, self.bucket = settings, bucket
        self.name, self.url = settings.name, bucket.url
        self._known: str | None = None

    def identity(self) -> str | None:
        """Who the bucket is, by the object it carries; None if it has none yet."""
        try:
            data = self.bucket.read(IDENTITY, 0, 4_096)
        except BucketError as error:
            if error.cause is Cause.NOT_FOUND and not error.passing:
                return None
            raise
        try:
            return str(uuid.UUID(json.loads(data)["uuid"]))
        except (ValueError, KeyError, TypeError):
            raise BucketError(
                Cause.DISK_FAILED, f"{self.url}: its {IDENTITY} is damaged; restore or remove it"
            ) from None

    def prepare(self, clock: Clock) -> str:
        """Its identity; made the first time. For the mover alone."""
        known = self.identity()
        if known is None:
            made = str(uuid.uuid4())
            text = json.dumps({"uuid": made, "made": rfc3339(clock.now())}) + "\n"
            self.bucket.put(IDENTITY, iter([text.encode()]))
            known = self.identity()
            if known != made:
                detail = f"{self.url} did not keep its {IDENTITY}; is somebody else writing there?"
                raise BucketError(Cause.DISK_FAILED, detail)
        self._known = known
        return known

    def require(self, volume: str, *, anew: bool = False) -> None:
        """Raise unless the bucket is the one the index speaks of. Asks it once, or `anew`."""
        if self._known is None or anew:
            self._known = self.identity()
        if self._known != volume:
            found, self._known = self._known or "no identity", None
            raise BucketError(
                Cause.NOT_FOUND,
                f"{self.url} is not the bucket that was written to: it has {found}, the index "
                f"says {volume}; correct the tier's url and endpoint",
                passing=True,
            )


class Resting:
    """A bucket that is left alone for a moment after it failed: a Bucket around a Bucket."""

    def __init__(self, bucket: Bucket, clock: Clock) -> None:
        self._bucket, self._clock = bucket, clock
        self._failed: tuple[int, BucketError] | None = None

    @property
    def url(self) -> str:
        return self._bucket.url

    def put(self, key: str, pieces: Iterator[bytes]) -> None:
        self._ask(lambda: self._bucket.put(key, pieces))

    def read(self, key: str, offset: int, length: int) -> bytes:
        return self._ask(lambda: self._bucket.read(key, offset, length))

    def size(self, key: str) -> int | None:
        return self._ask(lambda: self._bucket.size(key))

    def listed(self, folder: str = "") -> Iterator[Listed]:
        return self._bucket.listed(folder)

    def delete(self, key: str) -> None:
        self._ask(lambda: self._bucket.delete(key))

    def _ask(self, call: Callable[[], T]) -> T:
        failed = self._failed
        if failed is not None and self._clock.monotonic() - failed[0] < _REST:
            raise BucketError(failed[1].cause, failed[1].detail, passing=True)
        try:
            answer = call()
        except BucketError as error:
            if error.passing:
                self._failed = (self._clock.monotonic(), error)
            raise
        self._failed = None
        return answer


class BucketShelf:
    """A bucket as the cleaner sees it (`storage.cleaner.Shelf`). Raises StorageError."""

    root = None

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def remove(self, stream: StreamKey, start: Instant, stage: Stage = Stage.FINAL) -> None:
        """Delete a segment's object; one that is gone is well gone."""
        self._bucket.delete(str(path_of(stream, start, stage)))

    def has(self, stream: StreamKey, start: Instant) -> bool:
        return self._bucket.size(str(path_of(stream, start))) is not None

    def put_away(self, stream: StreamKey, hour: Instant, now: Instant) -> list[Instant]:
        """Only what is whole ever comes here."""
        del stream, hour, now
        return []

    def tidy(self, stream: StreamKey, hour: Instant, now: Instant) -> bool:
        """A bucket has no folders."""
        del stream, hour, now
        return True

    def sync(self) -> None:
        """What a bucket has taken is durable."""


class Tiers:
    """All tiers of a site, for reading. Thread-safe; asks no bucket before it must."""

    def __init__(self, tiers: Sequence[Tier], cache: Cache, clock: Clock) -> None:
        self._tiers = {tier.url: tier for tier in tiers}
        self._cache, self._clock = cache, clock
        self._answering: dict[str, Tier] = {}  # by volume
        self._readers = threading.BoundedSemaphore(_READERS)  # full: refused at once
        self._fetches = threading.BoundedSemaphore(_FETCHES)  # full: the next waits its turn

    @classmethod
    def of(cls, settings: Settings, clock: Clock) -> Tiers:
        """Those of the settings."""
        tiers = [Tier(tier, Resting(open_bucket(tier), clock)) for tier in settings.tiers]
        folder = settings.system.data / "cache" / "segments"
        return cls(tiers, Cache(folder, settings.custody.cache), clock)

    def __iter__(self) -> Iterator[Tier]:
        return iter(self._tiers.values())

    def __len__(self) -> int:
        return len(self._tiers)

    def heard(self, tier: Tier, volume: str | None) -> None:
        """Who asks the buckets anyway says which of them answers: as this volume, or not at all."""
        others = {known: one for known, one in self._answering.items() if one is not tier}
        self._answering = others if volume is None else {**others, volume: tier}

    def shelves(self) -> dict[str, BucketShelf]:
        """The buckets that answered when they were last asked, for the cleaner; asks none."""
        return {volume: BucketShelf(tier.bucket) for volume, tier in self._answering.items()}

    def tier(self, volume: str, url: str) -> Tier:
        """The tier whose bucket is the volume of the index with this uuid. Raises StorageError."""
        tier = self._tiers.get(url)
        if tier is None:
            raise BucketError(
                Cause.NOT_FOUND,
                f"footage stands in {url}, which no [[tiers]] of the settings names; "
                "put that tier back to reach it",
            )
        tier.require(volume)
        return tier

    def open(self, segment: SegmentFacts) -> int:
        """A descriptor of a whole, proven copy; the caller closes it. Raises StorageError."""
        assert segment.sha256 is not None
        with self._cache.alone(segment.sha256):
            fd = self._cache.open(segment.sha256)
            if fd is not None:
                return fd
            with self.reader(), self._fetches:
                key = str(path_of(segment.stream, segment.start))
                pieces = pieces_of(self._bucket_of(segment), key, segment.size)
                kept = self._in_time(segment, pieces)
                return self._cache.keep(segment.sha256, segment.size, kept)

    @contextlib.contextmanager
    def reading(self, segment: SegmentFacts) -> Iterator[Read]:
        """Small spans of a segment: of its copy in the cache, or straight from the bucket."""
        fd = self._cache.open(segment.sha256) if segment.sha256 is not None else None
        if fd is None:
            key, bucket = str(path_of(segment.stream, segment.start)), self._bucket_of(segment)
            yield lambda length, offset: read_all(bucket, key, offset, length)
            return
        try:
            yield lambda length, offset: os.pread(fd, length, offset)
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def reader(self) -> Iterator[None]:
        """The right to wait for a bucket; refused at once when too many already do."""
        if not self._readers.acquire(blocking=False):
            raise BucketError(
                Cause.DISK_SLOW,
                f"{_READERS} readers already wait for footage from a bucket; try again in a moment",
                passing=True,
            )
        try:
            yield
        finally:
            self._readers.release()

    def _bucket_of(self, segment: SegmentFacts) -> Bucket:
        assert segment.bucket is not None
        return self.tier(segment.volume, segment.bucket).bucket

    def _in_time(self, segment: SegmentFacts, pieces: Iterator[bytes]) -> Iterator[bytes]:
        until = self._clock.monotonic() + _FETCH
        for piece in pieces:
            yield piece
            if self._clock.monotonic() > until:
                raise StorageError(
                    Cause.DISK_SLOW,
                    f"{segment.where} did not come within {_FETCH // SECOND} s; "
                    "the way to the bucket is too slow for look-back",
                )
