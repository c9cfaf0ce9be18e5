"""What the index does not know yet: the segment being written, and what was closed just now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from storage.facts import FragmentIndex, SegmentFacts
from storage.index import Index
from storage.recent import RecentFile, RecentFiles
from storage.volume import find_volume
from vms.core.clock import Clock, Instant
from vms.core.config_storage import VolumeSettings
from vms.core.model import StreamKey

T = TypeVar("T")

_LOOKS = 3  # at most, until no segment gets its row meanwhile: they do it every minute


class Unindexed:
    """Files newer than a stream's newest row. Thread-safe; every call blocks for disk and database.

    `roots`: where each volume stands, by its identity.
    """

    def __init__(self, index: Index, volumes: Sequence[VolumeSettings], clock: Clock) -> None:
        self._index, self._clock = index, clock
        self._paths = tuple(volume.path for volume in volumes)
        self.roots: dict[str, Path] = {}
        self._find_volumes()
        self._recent = RecentFiles(self.roots)

    def files(self, stream: StreamKey, end: Instant) -> list[RecentFile]:
        """Those of a stream, in order, if [.., end) can reach them."""
        last = self._index.last(stream)
        if last is not None and end <= last.end:
            return []
        self._find_volumes()
        after = last.start if last is not None else None
        files = self._recent.after(stream, after, self._clock.now())
        return [file for file in files if not self._is_given_up(file)]

    def at_once(
        self, stream: StreamKey, end: Instant, read: Callable[[], T]
    ) -> tuple[T, list[RecentFile]]:
        """What `read` finds in the index, and the files the index does not know: of one moment. A
        segment that got its row in between would be in neither."""
        for _ in range(_LOOKS):
            newest = self._index.last_start(stream)
            found, unknown = read(), self.files(stream, end)
            if self._index.last_start(stream) == newest:
                break
        return found, unknown

    def part(self, segment: SegmentFacts) -> FragmentIndex | None:
        """The fragments so far of a segment that is being written."""
        after = Instant(segment.start - 1)
        files = self._recent.after(segment.stream, after, self._clock.now())
        return next((one.index for one in files if one.head.head.start == segment.start), None)

    def _is_given_up(self, file: RecentFile) -> bool:
        """Whether the index says this very span is lost: the disk refused to make it durable."""
        start = file.head.head.start
        gaps = self._index.gaps(file.head.head.stream, start, Instant(start + 1))
        return any(gap.start == start and gap.end is not None for gap in gaps)

    def _find_volumes(self) -> None:
        """A volume that had no identity yet when we started may have got one since."""
        if len(self.roots) == len(self._paths):
            return
        for path in self._paths:
            if path not in self.roots.values():
                uuid = find_volume(path)
                if uuid is not None:
                    self.roots[uuid] = path
