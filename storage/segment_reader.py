"""The bytes of segments, for reading: files, fragments, pictures; on a volume or in a bucket.

Every call blocks for a disk or a bucket. Thread-safe.
"""

from __future__ import annotations

import bisect
import contextlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from storage.facts import FragmentEntry, FragmentIndex, SegmentFacts
from storage.fmp4 import BadFile
from storage.key_picture import KeyPicture, keyframe_of, picture_at, spacing
from storage.recent import open_named
from storage.segment_file import (
    Read,
    index_of_tail,
    read_file_head,
    read_file_tail,
    start_of,
    tail_by,
    walk,
)
from storage.tiers.opened import Tiers
from vms.core.clock import Instant
from vms.core.errors import StorageError
from vms.core.model import Cause

# Fragment indexes of closed files kept in memory: about 6 KB each.
_INDEXES_KEPT = 2_048
_SIDE_BY_SIDE = 8  # questions to a bucket for one list

Part = Callable[[SegmentFacts], FragmentIndex | None]
Moved = Callable[[SegmentFacts], SegmentFacts | None]


class SegmentReader:
    """Opens segments and knows where their fragments stand.

    `part`: the fragments so far of a segment that is being written. `moved`: where a segment stands
    in a bucket whose file is gone from its volume. Without `tiers` no bucket can be read.
    """

    def __init__(self, tiers: Tiers | None, part: Part, moved: Moved) -> None:
        self._tiers, self._part, self._moved = tiers, part, moved
        self._indexes: OrderedDict[Path, FragmentIndex] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, segment: SegmentFacts) -> int:
        """A file descriptor for reading; the caller closes it. Raises StorageError.

        A segment in a bucket is fetched whole first.
        """
        if segment.bucket is not None:
            return self._buckets(segment).open(segment)
        try:
            return open_named(segment.path)
        except FileNotFoundError as error:
            moved = self._moved(segment)
            if moved is None:
                raise _damaged(segment, error) from error
            return self.open(moved)
        except OSError as error:
            raise _damaged(segment, error) from error

    def fragments_of(self, segments: Sequence[SegmentFacts]) -> list[FragmentIndex]:
        """Where the fragments stand: one read of each file's end, of an open one what is new.
        Those in buckets are asked for side by side."""
        far = [one for one in segments if one.bucket is not None and not self._is_known(one)]
        if far:
            with (
                self._buckets(far[0]).reader(),
                ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="bucket index") as threads,
            ):
                list(threads.map(self._fragments, far))
        return [self._fragments(segment) for segment in segments]

    def picture_at(self, segment: SegmentFacts, at: Instant) -> KeyPicture | None:
        """The samples for the picture shown at an instant."""
        fragments = self._fragments(segment).fragments
        last = bisect.bisect_right(fragments, at, key=lambda entry: entry.start) - 1
        first = last
        while first > 0 and not fragments[first].key:
            first -= 1
        if first < 0:
            return None
        # A picture can be shown before the fragment it is coded in begins (B-frames).
        chosen = fragments[first : last + 2]
        with self._spans(segment) as read:
            return picture_at(read, segment.format, segment.start, chosen, at)

    def keyframe_before(self, segment: SegmentFacts, at: Instant) -> KeyPicture | None:
        """The last keyframe that begins by `at`, alone."""
        entries = self._fragments(segment).fragments
        entry = next((one for one in reversed(entries) if one.key and one.start <= at), None)
        if entry is None:
            return None
        with self._spans(segment) as read:
            return keyframe_of(read, segment.format, segment.start, entry, spacing(entries))

    def _fragments(self, segment: SegmentFacts) -> FragmentIndex:
        if segment.open:
            part = self._part(segment)
            if part is not None:
                return part
        with self._lock:
            known = self._indexes.get(segment.path)
            if known is not None:
                self._indexes.move_to_end(segment.path)
                return known
        read = self._read_index(segment)
        if not segment.open:
            with self._lock:
                self._indexes[segment.path] = read
                while len(self._indexes) > _INDEXES_KEPT:
                    self._indexes.popitem(last=False)
        return read

    def _is_known(self, segment: SegmentFacts) -> bool:
        with self._lock:
            return segment.path in self._indexes

    def _read_index(self, segment: SegmentFacts) -> FragmentIndex:
        if segment.bucket is not None:
            with self._reading(segment) as read:
                far = tail_by(read, segment.size)
            if far is not None:
                return index_of_tail(far, segment.start, segment.format)
        fd = self.open(segment)
        try:
            size = os.fstat(fd).st_size
            tail = read_file_tail(fd, size)
            if tail is not None:
                return index_of_tail(tail, segment.start, segment.format)
            head = read_file_head(fd)
            entries = tuple(
                FragmentEntry(
                    start_of(placed, segment.start, head.format),
                    placed.offset,
                    placed.size,
                    placed.facts.key,
                )
                for placed in walk(fd, size, head.length)
            )
            return FragmentIndex(head.length, entries)
        except (BadFile, OSError) as error:
            raise _damaged(segment, error) from error
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def _spans(self, segment: SegmentFacts) -> Iterator[Read]:
        """As `_reading`, as one of the few who may wait for a bucket."""
        if segment.bucket is None:
            with self._reading(segment) as read:
                yield read
            return
        with self._buckets(segment).reader(), self._reading(segment) as read:
            yield read

    @contextlib.contextmanager
    def _reading(self, segment: SegmentFacts) -> Iterator[Read]:
        """Reads of small spans; what is damaged or can't be read there is a StorageError."""
        try:
            if segment.bucket is not None:
                with self._buckets(segment).reading(segment) as read:
                    yield read
                return
            fd = self.open(segment)
            try:
                yield partial(os.pread, fd)
            finally:
                os.close(fd)
        except (BadFile, OSError) as error:
            raise _damaged(segment, error) from error

    def _buckets(self, segment: SegmentFacts) -> Tiers:
        if self._tiers is None:
            raise StorageError(
                Cause.NOT_FOUND, f"{segment.where} is in a bucket, and no [[tiers]] is in use"
            )
        return self._tiers


def _damaged(segment: SegmentFacts, error: Exception) -> StorageError:
    return StorageError(
        Cause.FOOTAGE_DAMAGED, f"segment {segment.id} ({segment.where}) can't be read: {error}"
    )
