"""The past, for reading: what covers a time, where its bytes stand, what a timeline shows.

For the web and the command line; works while the recorder runs and while it does not. The last
seconds, still in a `.part`, are part of every answer. Every call blocks for disk or database:
never call it from an event loop. Thread-safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from storage.activity.rows import ActivityRows
from storage.activity.steps import Active, Steps, active, steps
from storage.days import Day, DayBounds, days_of
from storage.facts import FragmentIndex, GapFacts, SegmentFacts
from storage.holds.held import HeldSpans, Hold
from storage.holds.rows import HoldRows
from storage.index import Index
from storage.key_picture import KeyPicture
from storage.layout import path_of
from storage.recent import RecentFile
from storage.rows import SegmentRow
from storage.segment_reader import SegmentReader
from storage.tiers.opened import Tiers, stands_in_bucket
from storage.timeline import Timeline, merge_gaps, merge_spans
from storage.unattended import died, with_silence
from storage.unindexed import Unindexed
from vms.core.clock import Clock, Instant, Span, SystemClock
from vms.core.config_storage import VolumeSettings
from vms.core.errors import NotFound
from vms.core.media import StreamFormat
from vms.core.model import StreamKey

if TYPE_CHECKING:
    from sqlalchemy import Engine


class Archive:
    """The read side of storage. `volumes`: as in the settings; a missing one hides its files.

    `tiers`: the buckets that older segments moved to; without, what stands there can't be read.
    """

    def __init__(
        self,
        engine: Engine,
        volumes: Sequence[VolumeSettings],
        clock: Clock | None = None,
        tiers: Tiers | None = None,
    ) -> None:
        self._index = Index(engine)
        self._holds = HoldRows(engine)
        self._activity = ActivityRows(engine)
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._unindexed = Unindexed(self._index, volumes, self._clock)
        self._reader = SegmentReader(tiers, self._unindexed.part, self._moved)

    # -- what there is --------------------------------------------------------------------

    def streams(self) -> list[StreamKey]:
        """All streams that ever had a segment or a gap."""
        return self._index.streams()

    def segments(self, stream: StreamKey, start: Instant, end: Instant) -> list[SegmentFacts]:
        """Segments with a part in [start, end), in order, with what is still being written."""
        rows, unknown = self._unindexed.at_once(
            stream, end, lambda: self._index.segments(stream, start, end)
        )
        stored = [self._facts(row) for row in rows]
        recent = [
            _recent_facts(stream, file)
            for file in unknown
            if file.head.head.start < end and file.end > start
        ]
        held = HeldSpans(self._holds.active(stream.camera))
        return [
            replace(one, held=True) if held.covers(stream, one.start, one.end) else one
            for one in stored + recent
        ]

    def holds(self, camera: str, start: Instant, end: Instant) -> list[Hold]:
        """The active holds with a part in [start, end), the oldest first."""
        active = self._holds.active(camera)
        return [hold for hold in active if hold.start < end and hold.end > start]

    def segment(self, stream: StreamKey, start: Instant) -> SegmentFacts:
        """The segment that starts exactly then. Raises NotFound."""
        row = self._index.segment(stream, start)
        if row is not None:
            return self._facts(row)
        for file in self._unindexed.files(stream, Instant(start + 1)):
            if file.head.head.start == start:
                return _recent_facts(stream, file)
        row = self._index.segment(stream, start)  # it may have got its row while we looked
        if row is not None:
            return self._facts(row)
        raise NotFound(f"there is no segment {stream.camera}.{stream.name}.{start}")

    def covering(self, stream: StreamKey, at: Instant) -> SegmentFacts | None:
        """The segment that holds an instant; None in a gap."""
        row = self._index.covering(stream, at)
        if row is not None:
            return self._facts(row)
        for file in self._unindexed.files(stream, Instant(at + 1)):
            if file.head.head.start <= at < file.end:
                return _recent_facts(stream, file)
        row = self._index.covering(stream, at)  # it may have got its row while we looked
        return None if row is None else self._facts(row)

    def gaps(self, stream: StreamKey, start: Instant, end: Instant) -> list[GapFacts]:
        """Gaps with a part in [start, end), in order, whole; an open one has no end."""
        now = self._clock.now()
        dead_since = died(self._unindexed.roots.values(), now)
        if dead_since is None:
            return self._written_gaps(stream, start, end)
        known = self._written_gaps(stream, start, Instant(max(end, now)))
        until = self._known_until(stream, known)
        if until is not None:
            known = with_silence(stream, known, until, dead_since, now)
        return [gap for gap in known if gap.start < end and (gap.end is None or gap.end > start)]

    def _known_until(self, stream: StreamKey, gaps: Sequence[GapFacts]) -> Instant | None:
        """Where the last thing known of a stream ends, or the last of its gaps begins, if open."""
        if gaps and gaps[-1].end is None:
            return gaps[-1].start
        last = self._index.last(stream)
        ends = [file.end for file in self._unindexed.files(stream, self._clock.now())]
        ends += [gap.end for gap in gaps if gap.end is not None]
        return max([*ends, last.end] if last is not None else ends, default=None)

    def _written_gaps(self, stream: StreamKey, start: Instant, end: Instant) -> list[GapFacts]:
        gaps = self._index.gaps(stream, start, end)
        if not gaps or gaps[-1].end is not None:
            return gaps  # nobody need look at the files
        gaps, unknown = self._unindexed.at_once(
            stream, end, lambda: self._index.gaps(stream, start, end)
        )
        if not gaps or gaps[-1].end is not None:
            return gaps
        # The index hears up to a second later than the disk that recording goes on.
        lasting = gaps[-1]
        for file in unknown:
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
        recent = self._unindexed.files(stream, self._clock.now())
        return recent[0].head.head.start if recent else None

    def next_start(self, stream: StreamKey, at: Instant) -> Instant | None:
        """Where the next segment at or after an instant begins."""
        found = self._index.next_start(stream, at)
        if found is not None:
            return found
        for file in self._unindexed.files(stream, self._clock.now()):
            if file.head.head.start >= at:
                return file.head.head.start
        return self._index.next_start(stream, at)  # it may have got its row while we looked

    def timeline(
        self, stream: StreamKey, start: Instant, end: Instant, resolution: Span
    ) -> Timeline:
        """Coverage merged for a screen on which `resolution` nanoseconds are one pixel."""
        known, recent = self._unindexed.at_once(
            stream, end, lambda: self._index.spans(stream, start, end)
        )
        spans = known + [(file.head.head.start, file.end) for file in recent]
        now = self._clock.now()
        return Timeline(
            start,
            end,
            self.first_start(stream),
            merge_spans(spans, start, end, resolution),
            merge_gaps(self.gaps(stream, start, end), now, resolution),
        )

    def days(self, stream: StreamKey, bounds: Sequence[DayBounds]) -> list[Day]:
        """What was recorded on each of some days, in order, and what was not."""
        now = self._clock.now()
        spans = [(one.start, one.end) for one in bounds]
        start, end = bounds[0].start, bounds[-1].end
        recorded, unknown = self._unindexed.at_once(
            stream, end, lambda: self._index.recorded(stream, spans)
        )
        recent = [(file.head.head.start, file.end) for file in unknown]
        return days_of(bounds, recorded, recent, self.gaps(stream, start, end), now)

    def activity(self, stream: StreamKey, start: Instant, end: Instant, count: int) -> Steps:
        """How much went on, in `count` equal steps. The segment being written is not measured."""
        return steps(self._activity.measured(stream, start, end), start, end, count)

    def active(
        self, stream: StreamKey, start: Instant, end: Instant, above: int, most: int | None = None
    ) -> list[Active]:
        """The spans in which something happened, in order; of more than `most` the first."""
        return active(self._activity.seconds(stream, start, end, above), start, end, above, most)

    def unmeasured(
        self, stream: StreamKey, start: Instant, end: Instant, resolution: Span
    ) -> tuple[tuple[Instant, Instant], ...]:
        """Footage of which nobody knows whether something happened; closer than `resolution` is
        one. Of the segment being written nothing is known yet."""
        known, recent = self._unindexed.at_once(
            stream, end, lambda: self._activity.unmeasured(stream, start, end)
        )
        spans = known + [(file.head.head.start, file.end) for file in recent]
        return merge_spans(spans, start, end, resolution)

    # -- bytes ----------------------------------------------------------------------------

    def open(self, segment: SegmentFacts) -> int:
        """A file descriptor for reading; the caller closes it. Raises StorageError.

        A segment in a bucket is fetched whole first.
        """
        return self._reader.open(segment)

    def fragments(self, segment: SegmentFacts) -> FragmentIndex:
        """Where the fragments stand. One read of the file's end; of an open file what is new."""
        return self.fragments_of([segment])[0]

    def fragments_of(self, segments: Sequence[SegmentFacts]) -> list[FragmentIndex]:
        """The same of many; those in buckets are asked for side by side."""
        return self._reader.fragments_of(segments)

    def keyframe_at(self, stream: StreamKey, at: Instant) -> KeyPicture | None:
        """The samples for the picture shown at an instant; None where nothing is recorded."""
        segment = self.covering(stream, at)
        return None if segment is None else self._reader.picture_at(segment, at)

    def keyframe_before(self, stream: StreamKey, at: Instant) -> KeyPicture | None:
        """The last keyframe that begins by `at`, alone: the picture that costs least to decode."""
        segment = self.covering(stream, at)
        return None if segment is None else self._reader.keyframe_before(segment, at)

    # -- shapes ---------------------------------------------------------------------------

    def _moved(self, segment: SegmentFacts) -> SegmentFacts | None:
        """A segment that was moved to a bucket since somebody learnt of it."""
        row = self._index.segment(segment.stream, segment.start)
        if row is None or not stands_in_bucket(row.volume_path):
            return None
        return self._facts(row)

    def _facts(self, row: SegmentRow) -> SegmentFacts:
        path = Path(path_of(row.stream, row.start))
        far = stands_in_bucket(row.volume_path)
        return _segment_facts(
            row.stream,
            row.start,
            row.end,
            row.size,
            row.format,
            path if far else self._unindexed.roots.get(row.volume, Path(row.volume_path)) / path,
            row.volume,
            row.run,
            row.volume_path if far else None,
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
    bucket: str | None = None,
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
        form,
        open=True,
        bucket=bucket,
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
