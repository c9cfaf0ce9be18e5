"""The past, for reading: what covers a time, where its bytes stand, what a timeline shows.

For the web and the command line; works while the recorder runs and while it does not. The last
seconds, still in a `.part`, are part of every answer. Every call blocks for disk or database:
never call it from an event loop. Thread-safe.
"""

from __future__ import annotations

import bisect
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from storage.facts import FragmentEntry, FragmentIndex, GapFacts, Sample, SegmentFacts
from storage.fmp4 import BadFile, FragmentFacts, read_moof, samples_of
from storage.index import Index
from storage.layout import path_of
from storage.recent import RecentFile, RecentFiles, open_named
from storage.rows import SegmentRow
from storage.segment_file import (
    index_of_tail,
    read_file_head,
    read_file_tail,
    start_of,
    ticks_to_span,
    walk,
)
from storage.timeline import Timeline, merge_gaps, merge_spans
from storage.volume import find_volume
from vms.core.clock import SECOND, Clock, Instant, Span, SystemClock
from vms.core.config import VolumeSettings
from vms.core.errors import NotFound, StorageError
from vms.core.media import StreamFormat
from vms.core.model import Cause, StreamKey

if TYPE_CHECKING:
    from sqlalchemy import Engine

# Fragment indexes of closed files kept in memory: about 6 KB each.
_INDEXES_KEPT = 2_048


@dataclass(frozen=True, slots=True)
class KeyPicture:
    """What a decoder needs to show one picture: samples from its keyframe on, in decode order.

    `pts`: presentation time of each sample in ticks; `target`: that of the picture shown;
    `time`: the same as an instant.
    """

    format: StreamFormat
    samples: list[Sample]
    pts: list[int]
    target: int
    time: Instant


class Archive:
    """The read side of storage. `volumes`: as in the settings; a missing one hides its files."""

    def __init__(
        self, engine: Engine, volumes: Sequence[VolumeSettings], clock: Clock | None = None
    ) -> None:
        self._index = Index(engine)
        self._clock: Clock = clock if clock is not None else SystemClock()
        roots = ((find_volume(volume.path), volume.path) for volume in volumes)
        self._settings = tuple(volumes)
        self._roots: dict[str, Path] = {uuid: path for uuid, path in roots if uuid is not None}
        self._recent = RecentFiles(self._roots)
        self._indexes: OrderedDict[Path, FragmentIndex] = OrderedDict()
        self._lock = threading.Lock()

    # -- what there is --------------------------------------------------------------------

    def streams(self) -> list[StreamKey]:
        """All streams that ever had a segment or a gap."""
        return self._index.streams()

    def segments(self, stream: StreamKey, start: Instant, end: Instant) -> list[SegmentFacts]:
        """Segments with a part in [start, end), in order, with what is still being written."""
        stored = [self._facts(row) for row in self._index.segments(stream, start, end)]
        recent = [
            _recent_facts(stream, file)
            for file in self._unknown(stream, end)
            if file.head.head.start < end and file.end > start
        ]
        return stored + recent

    def segment(self, stream: StreamKey, start: Instant) -> SegmentFacts:
        """The segment that starts exactly then. Raises NotFound."""
        row = self._index.segment(stream, start)
        if row is not None:
            return self._facts(row)
        for file in self._unknown(stream, Instant(start + 1)):
            if file.head.head.start == start:
                return _recent_facts(stream, file)
        raise NotFound(f"there is no segment {stream.camera}.{stream.name}.{start}")

    def covering(self, stream: StreamKey, at: Instant) -> SegmentFacts | None:
        """The segment that holds an instant; None in a gap."""
        row = self._index.covering(stream, at)
        if row is not None:
            return self._facts(row)
        for file in self._unknown(stream, Instant(at + 1)):
            if file.head.head.start <= at < file.end:
                return _recent_facts(stream, file)
        return None

    def gaps(self, stream: StreamKey, start: Instant, end: Instant) -> list[GapFacts]:
        """Gaps with a part in [start, end), in order, whole; an open one has no end."""
        gaps = self._index.gaps(stream, start, end)
        if not gaps or gaps[-1].end is not None:
            return gaps
        # The index hears up to a second later than the disk that recording goes on.
        lasting = gaps[-1]
        for file in self._unknown(stream, end):
            if file.head.head.start >= lasting.start:
                until = file.head.head.start
                ended = [replace(lasting, end=until)] if lasting.start < until else []
                return gaps[:-1] + [gap for gap in ended if gap.end is None or gap.end > start]
        return gaps

    def first_start(self, stream: StreamKey) -> Instant | None:
        """Where the stream's footage begins."""
        first = self._index.first_start(stream)
        if first is not None:
            return first
        recent = self._unknown(stream, self._clock.now())
        return recent[0].head.head.start if recent else None

    def next_start(self, stream: StreamKey, at: Instant) -> Instant | None:
        """Where the next segment at or after an instant begins."""
        found = self._index.next_start(stream, at)
        if found is not None:
            return found
        for file in self._unknown(stream, self._clock.now()):
            if file.head.head.start >= at:
                return file.head.head.start
        return None

    def timeline(
        self, stream: StreamKey, start: Instant, end: Instant, resolution: Span
    ) -> Timeline:
        """Coverage merged for a screen on which `resolution` nanoseconds are one pixel."""
        spans: list[tuple[int, int]] = list(self._index.spans(stream, start, end))
        recent = self._unknown(stream, end)
        spans += [(file.head.head.start, file.end) for file in recent]
        now = self._clock.now()
        return Timeline(
            start,
            end,
            self.first_start(stream),
            merge_spans(spans, start, end, resolution),
            merge_gaps(self.gaps(stream, start, end), now, resolution),
        )

    # -- bytes ----------------------------------------------------------------------------

    def open(self, segment: SegmentFacts) -> int:
        """A file descriptor for reading; the caller closes it. Raises StorageError."""
        try:
            return open_named(segment.path)
        except OSError as error:
            raise _damaged(segment, error) from error

    def fragments(self, segment: SegmentFacts) -> FragmentIndex:
        """Where the fragments stand. One read of the file's end; of an open file what is new."""
        if segment.open:
            for file in self._recent.after(
                segment.stream, Instant(segment.start - 1), self._clock.now()
            ):
                if file.head.head.start == segment.start:
                    return file.index
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

    def keyframe_at(self, stream: StreamKey, at: Instant) -> KeyPicture | None:
        """The samples for the picture shown at an instant; None where nothing is recorded."""
        segment = self.covering(stream, at)
        if segment is None:
            return None
        fragments = self.fragments(segment).fragments
        last = bisect.bisect_right(fragments, at, key=lambda entry: entry.start) - 1
        first = last
        while first > 0 and not fragments[first].key:
            first -= 1
        if first < 0:
            return None
        # A picture can be shown before the fragment it is coded in begins (B-frames).
        chosen = fragments[first : last + 2]
        fd = self.open(segment)
        try:
            head = read_file_head(fd)
            picture = _picture(fd, head.format, segment.start, chosen, at)
        except (BadFile, OSError) as error:
            raise _damaged(segment, error) from error
        finally:
            os.close(fd)
        return picture

    def _read_index(self, segment: SegmentFacts) -> FragmentIndex:
        fd = self.open(segment)
        try:
            size = os.fstat(fd).st_size
            tail = read_file_tail(fd, size)
            head = read_file_head(fd)
            if tail is not None:
                return index_of_tail(tail, segment.start, head.format)
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

    # -- shapes ---------------------------------------------------------------------------

    def _unknown(self, stream: StreamKey, end: Instant) -> list[RecentFile]:
        """Files newer than the newest row, if [.., end) can reach them."""
        last = self._index.last(stream)
        if last is not None and end <= last.end:
            return []
        if len(self._roots) < len(self._settings):
            self._find_volumes()
        after = last.start if last is not None else None
        files = self._recent.after(stream, after, self._clock.now())
        return [file for file in files if not self._given_up(file)]

    def _given_up(self, file: RecentFile) -> bool:
        """Whether the index says this very span is lost: the disk refused to make it durable."""
        start = file.head.head.start
        gaps = self._index.gaps(file.head.head.stream, start, Instant(start + 1))
        return any(gap.start == start and gap.end is not None for gap in gaps)

    def _find_volumes(self) -> None:
        """A volume that had no identity yet when we started may have got one since."""
        for settings in self._settings:
            if settings.path not in self._roots.values():
                uuid = find_volume(settings.path)
                if uuid is not None:
                    self._roots[uuid] = settings.path

    def _facts(self, row: SegmentRow) -> SegmentFacts:
        root = self._roots.get(row.volume, Path(row.volume_path))
        return _segment_facts(
            row.stream,
            row.start,
            row.end,
            row.size,
            row.format,
            root / path_of(row.stream, row.start),
            row.volume,
            row.run,
        ).with_proof(row.sha256, row.clock)


def _segment_facts(
    stream: StreamKey,
    start: Instant,
    end: Instant,
    size: int,
    form: StreamFormat,
    path: Path,
    volume: str,
    run: int,
) -> SegmentFacts:
    audio = form.audio
    codecs = [form.video.mime_codec]
    if audio is not None and audio.mime_codec is not None:
        codecs.append(audio.mime_codec)
    return SegmentFacts(
        stream,
        start,
        end,
        size,
        form.video.codec,
        audio.codec if audio is not None else None,
        form.video.width,
        form.video.height,
        ",".join(codecs),
        path,
        volume,
        None,
        run,
        None,
        open=True,
    )


def _recent_facts(stream: StreamKey, file: RecentFile) -> SegmentFacts:
    head = file.head.head
    return _segment_facts(
        stream,
        head.start,
        file.end,
        file.size,
        file.head.format,
        file.path,
        file.volume,
        head.run.run_id,
    )


def _picture(
    fd: int,
    form: StreamFormat,
    start: Instant,
    entries: Sequence[FragmentEntry],
    at: Instant,
) -> KeyPicture | None:
    """Decode-order samples from the last keyframe shown by `at` to the picture shown at `at`."""
    samples: list[Sample] = []
    pts: list[int] = []
    for entry in entries:
        data = os.pread(fd, entry.size, entry.offset)
        facts: FragmentFacts = read_moof(data)
        if facts.video is None:
            continue
        time = facts.video.time
        for sample in samples_of(data, facts.video):
            samples.append(sample)
            pts.append(time + sample.composition)
            time += sample.duration
    rate = form.video.clock_rate
    # Round up: a picture's instant was rounded down when it was told.
    limit = -(-(at - start) * rate // SECOND)
    shown = [number for number, time in enumerate(pts) if time <= limit]
    if not shown:
        return None
    target = max(shown, key=lambda number: pts[number])
    first = max((n for n in range(target + 1) if samples[n].key), default=0)
    return KeyPicture(
        form,
        samples[first : target + 1],
        pts[first : target + 1],
        pts[target],
        Instant(start + ticks_to_span(pts[target], rate)),
    )


def _damaged(segment: SegmentFacts, error: Exception) -> StorageError:
    return StorageError(
        Cause.FOOTAGE_DAMAGED, f"segment {segment.id} ({segment.path}) can't be read: {error}"
    )
