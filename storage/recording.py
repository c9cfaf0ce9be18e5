"""The recorder's side of storage: segments and gaps go in here, and nothing here waits.

One `Store` per recorder worker. Its methods are called from the worker's event loop alone; the
volumes' and the index's threads do what can block. What is between the loop and the disk is
bounded, and when it is full the session is told so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from storage.coverage import BY_CHOICE, Coverage
from storage.database import migrate, open_database
from storage.disk import Disk, RealDisk
from storage.facts import RunFacts
from storage.fmp4 import Head, head_box, init_section
from storage.index import Index
from storage.indexer import Indexer
from storage.recovery import Recovered, Recovery
from storage.rows import IndexChange
from storage.segment import OpenSegment
from storage.volume import prepare_volume
from storage.writer import VolumeWriter
from vms.core.clock import Clock, Instant
from vms.core.config import Settings, VolumeSettings
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.media import StreamFormat
from vms.core.model import Cause, StreamKey

log = get_logger(__name__)

_FIRST_EXPECTED = 8 * 1024 * 1024
_MARGIN = 20  # a twentieth more than the last segment is reserved
_RECOVERY_THREADS = 4
_STOP_DEADLINE = 2.5  # seconds each thread has to end


class Store:
    """Where a recorder worker keeps footage. A context manager."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        worker: int = 0,
        workers: int = 1,
        disk: Disk | None = None,
        threads: bool = True,
    ) -> None:
        self._settings, self._clock = settings, clock
        self._worker, self._workers = worker, workers
        self._disk: Disk = disk if disk is not None else RealDisk()
        self._threaded = threads
        self._recovered = False
        self._writers: list[VolumeWriter] = []
        self._coverage: dict[StreamKey, Coverage] = {}
        self._open: dict[StreamKey, OpenSegment] = {}
        self._sizes: dict[StreamKey, int] = {}
        self._inits: dict[StreamFormat, bytes] = {}

    def __enter__(self) -> Self:
        self._engine = open_database(self._settings.database_url)
        migrate(self._engine)
        self._index = Index(self._engine)
        self._indexer = Indexer(self._index)
        try:
            for volume in self._settings.volumes:
                self._add_volume(volume)
            if not self._writers:
                raise StorageError(Cause.DISK_FAILED, "no volume can be used")
            if self._threaded:
                self._indexer.start()
                for writer in self._writers:
                    writer.start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _add_volume(self, settings: VolumeSettings) -> None:
        """Take up a volume; one that can't be used is reported and done without."""
        try:
            volume = prepare_volume(settings, self._disk, self._clock)
            writer = VolumeWriter(volume, self._disk, self._clock, self._indexer.put)
            writer.open()
        except StorageError as error:
            log.error("volume left out", path=str(settings.path), error=str(error))
            return
        self._index.know_volume(volume.uuid, str(volume.root))
        self._writers.append(writer)

    # -- recovery -------------------------------------------------------------------------

    def recover(self, streams: Iterable[StreamKey]) -> Recovered:
        """Bring files and index of this worker's streams into line; blocks. Call it first.

        The first call also takes care of streams that are no longer in the settings; a later one,
        for cameras that were added, only of those given that this store does not know yet.
        """
        recovery = Recovery(
            [writer.volume for writer in self._writers],
            self._disk,
            self._index,
            self._clock,
            threads=_RECOVERY_THREADS if self._threaded else 1,
        )
        fresh = [stream for stream in streams if stream not in self._coverage]
        share = None if self._recovered else (self._worker, self._workers)
        recovered = recovery.run(fresh, share=share)
        self._recovered = True
        for stream, (until, gap) in recovered.coverage.items():
            self._coverage[stream] = Coverage(stream, until, gap)
        return recovered

    def covered_until(self, stream: StreamKey) -> Instant | None:
        """Up to where a stream is accounted for; no segment may start before."""
        coverage = self._coverage.get(stream)
        return coverage.until if coverage is not None else None

    # -- recording ------------------------------------------------------------------------

    def open_segment(
        self,
        stream: StreamKey,
        start: Instant,
        format: StreamFormat,  # noqa: A002 - the project's word
        run: RunFacts,
    ) -> OpenSegment:
        """Begin a file; an open gap of the stream ends at `start`.

        Raises StorageError when no volume can take it (the gap stays open), ValueError when the
        span before `start` is already kept.
        """
        writer = self._choose()
        previous = self._open.get(stream)
        if previous is not None:  # its session ended without a word
            previous.close(min(previous.end, start))
        changes, gaps = self._covered(stream).open_segment(start)
        self._indexer.put(changes)
        init = self._inits.get(format)
        if init is None:
            if len(self._inits) > 4_096:  # a camera whose parameter sets flap must not grow us
                self._inits.clear()
            init = self._inits[format] = init_section(format)
        writer.open_segments += 1
        segment = OpenSegment(
            writer,
            stream,
            start,
            format,
            run,
            init,
            init + head_box(Head(stream, start, run, gaps)),
            self._sizes.get(stream, _FIRST_EXPECTED),
            self._closed,
        )
        self._open[stream] = segment
        return segment

    def open_gap(self, stream: StreamKey, start: Instant, cause: Cause, detail: str = "") -> None:
        """From `start` on there is no footage."""
        self._change(stream, lambda coverage: coverage.open_gap(start, cause, detail))

    def change_gap(self, stream: StreamKey, at: Instant, cause: Cause, detail: str = "") -> None:
        """From `at` on the gap has another cause."""
        self._change(stream, lambda coverage: coverage.change_gap(at, cause, detail))

    def close_gap(self, stream: StreamKey, end: Instant) -> None:
        """The gap ends; `open_segment` does this by itself."""
        self._change(stream, lambda coverage: coverage.close_gap(end))

    @property
    def waiting_bytes(self) -> int:
        """What waits for the volumes, for metrics."""
        return sum(writer.waiting for writer in self._writers)

    def _change(self, stream: StreamKey, change: Callable[[Coverage], list[IndexChange]]) -> None:
        changes = change(self._covered(stream))
        if changes:
            self._indexer.put(changes)

    def _covered(self, stream: StreamKey) -> Coverage:
        known = self._coverage.get(stream)
        if known is None:
            known = self._coverage[stream] = Coverage(stream)
        return known

    def _closed(self, segment: OpenSegment, end: Instant) -> None:
        if self._open.get(segment.stream) is segment:
            del self._open[segment.stream]
        self._covered(segment.stream).close_segment(end)
        if segment.taken:
            self._sizes[segment.stream] = segment.taken + segment.taken // _MARGIN

    def _choose(self) -> VolumeWriter:
        """The first volume with room."""
        now = self._clock.monotonic()
        causes: list[Cause] = []
        for writer in self._writers:
            cause = writer.usable(now)
            if cause is None:
                return writer
            causes.append(cause)
        cause = Cause.DISK_FULL if Cause.DISK_FULL in causes else Cause.DISK_FAILED
        places = ", ".join(str(writer.volume.root) for writer in self._writers)
        what = "is full" if cause is Cause.DISK_FULL else "does not work"
        raise StorageError(cause, f"no volume has room for a new segment: {places} {what}")

    # -- ending ---------------------------------------------------------------------------

    def pump(self) -> None:
        """Without threads: do all that waits, in the order the threads would."""
        for writer in self._writers:
            writer.work()
        for writer in self._writers:
            writer.settle(self._clock.monotonic())
        self._indexer.flush()

    def close(self) -> None:
        """A clean stop: segments closed and durable, each stream's gap says why."""
        for segment in list(self._open.values()):
            segment.close(segment.end)
        now = self._clock.now()
        for stream, coverage in self._coverage.items():
            if coverage.until is None and coverage.gap is None:
                continue
            if coverage.gap is not None and coverage.gap.cause in BY_CHOICE:
                continue  # nobody wanted this footage: the stop is not why it is missing
            at = now if coverage.until is None else max(now, coverage.until)
            self.change_gap(stream, at, Cause.RECORDER_STOPPED)
        self._stop()

    def _stop(self) -> None:
        for writer in self._writers:
            writer.finish_writing()
        for writer in self._writers:
            writer.stop(_STOP_DEADLINE)
        self._writers.clear()
        self._indexer.stop(_STOP_DEADLINE)
        self._engine.dispose()
