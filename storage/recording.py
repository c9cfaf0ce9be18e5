"""The recorder's side of storage: segments and gaps go in here, and nothing here waits.

One `Store` per recorder worker. Its methods are called from the worker's event loop alone; the
volumes' and the index's threads do what can block. What is between the loop and the disk is
bounded, and when it is full the session is told so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from storage.coverage import BY_CHOICE, Coverage
from storage.database import migrate, open_database
from storage.disk import Disk, RealDisk
from storage.draft import Draft
from storage.facts import RunFacts
from storage.findings import Finding, Findings
from storage.fmp4 import Head, head_box, init_section
from storage.index import Index
from storage.indexer import Indexer
from storage.known_volumes import KnownVolumes
from storage.ledger import Ledger
from storage.ledger.bookkeeper import Bookkeeper
from storage.let_go import LetGo
from storage.mount import Condition
from storage.recovery import Recovered, Recovery
from storage.rows import IndexChange
from storage.segment import OpenSegment, Taker
from storage.volume import Volume
from storage.volumes import Volumes
from vms.core.clock import Clock, Instant
from vms.core.config import Settings
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.media import StreamFormat
from vms.core.model import Cause, StreamKey

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = get_logger(__name__)

_FIRST_EXPECTED = 8 * 1024 * 1024
_MARGIN = 20  # a twentieth more than the last segment is reserved
_RECOVERY_THREADS = 4
_STOP_WITHIN = 2.5  # seconds the volumes have to end, and then the index


class Store:
    """Where a recorder worker keeps footage. A context manager.

    `database`: opens the index by its URL; what it gives is disposed of at the end.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        worker: int = 0,
        workers: int = 1,
        disk: Disk | None = None,
        threads: bool = True,
        database: Callable[[str], Engine] = open_database,
    ) -> None:
        self._settings, self._clock = settings, clock
        self._worker, self._workers = worker, workers
        self._disk: Disk = disk if disk is not None else RealDisk()
        self._threaded, self._open_database = threads, database
        self._recovered = False
        self._coverage: dict[StreamKey, Coverage] = {}
        self._open: dict[StreamKey, OpenSegment] = {}
        self._sizes: dict[StreamKey, int] = {}
        self._inits: dict[StreamFormat, bytes] = {}

    def __enter__(self) -> Self:
        self._engine = self._open_database(self._settings.database_url)
        migrate(self._engine)
        self._index = Index(self._engine)
        self._books = Bookkeeper(Ledger.of(self._settings, self._clock, self._disk))
        self._let_go = LetGo(self._engine, self._clock)
        self._indexer = Indexer(self._index, self._books, self._let_go)
        self._volumes = Volumes(
            self._settings.volumes,
            self._disk,
            self._clock,
            KnownVolumes(self._engine),
            self._indexer.put,
            self._index.know_volume,
            self._take_back,
            threads=self._threaded,
        )
        try:
            self._volumes.open()
            if self._threaded:
                self._indexer.start()
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
        self.close(Cause.RECORDER_STOPPED if kind is None else Cause.RECORDER_CRASHED)

    # -- recovery -------------------------------------------------------------------------

    def recover(self, streams: Iterable[StreamKey]) -> Recovered:
        """Bring files and index of this worker's streams into line; blocks. Call it first.

        The first call also takes care of streams that are no longer in the settings; a later one,
        for cameras that were added, only of those given that this store does not know yet.
        """
        volumes = [writer.volume for writer in self._volumes.writers]
        recovery = Recovery(
            volumes,
            self._disk,
            self._index,
            self._clock,
            books=self._books,
            let_go=self._let_go,
            threads=_RECOVERY_THREADS if self._threaded else 1,
        )
        fresh = [stream for stream in streams if stream not in self._coverage]
        share = None if self._recovered else (self._worker, self._workers)
        recovered = recovery.run(fresh, share=share)
        self._recovered = True
        if recovered.unlisted:  # the next start looks as far back again, however much comes since
            self._let_go.note(recovered.unlisted)
        if len(volumes) == len(self._settings.volumes):  # on one that is away rows may be missing
            self._let_go.forget(recovered.coverage.keys() - recovered.unlisted.keys())
        self._tell(recovered.findings)
        for stream, (until, gap) in recovered.coverage.items():
            self._coverage[stream] = Coverage(stream, until, gap)
        return recovered

    def _take_back(self, volume: Volume) -> None:
        """Recover what lies on a volume that came back while we record; in its mount's thread."""
        recovery = Recovery(
            [volume],
            self._disk,
            self._index,
            self._clock,
            books=self._books,
            let_go=self._let_go,
        )
        share = (self._worker, self._workers)
        self._tell(recovery.take_back(list(self._coverage), share=share))

    def _tell(self, found: Iterable[Finding]) -> None:
        """A person hears of what was found; nothing is recorded later for want of a database."""
        kept = Findings(self._engine, self._clock)
        try:
            for finding in found:
                kept.report(finding.kind, finding.subject, finding.detail)
        except StorageError as error:
            log.error("findings are not kept", error=str(error))

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
        return self._volumes.place(
            lambda writer: self._begin(
                writer, Draft(writer.volume.root, stream, start), format, run
            )
        )

    def _begin(
        self,
        writer: Taker,
        draft: Draft,
        format: StreamFormat,  # noqa: A002 - the project's word
        run: RunFacts,
    ) -> OpenSegment:
        stream, start = draft.stream, draft.start
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
        head = init + head_box(Head(stream, start, run, gaps))
        expected = self._sizes.get(stream, _FIRST_EXPECTED)
        segment = OpenSegment(writer, draft, format, run, init, head, expected, self._closed)
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
        return sum(writer.waiting for writer in self._volumes.writers)

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

    # -- ending ---------------------------------------------------------------------------

    def pump(self) -> None:
        """Without threads: do all that waits, in the order the threads would."""
        self._volumes.pump()
        self._indexer.flush()

    def tend(self) -> None:
        """Without threads: look after the volumes, as theirs do each second."""
        self._volumes.tend()

    @property
    def volumes(self) -> list[Condition]:
        """How each volume of the settings is."""
        return self._volumes.conditions

    def close(self, cause: Cause = Cause.RECORDER_STOPPED) -> None:
        """Segments closed and durable; each stream's gap says why: stopped on purpose, or not."""
        for segment in list(self._open.values()):
            segment.close(segment.end)
        now = self._clock.now()
        for stream, coverage in self._coverage.items():
            if coverage.until is None and coverage.gap is None:
                continue
            if coverage.gap is not None and coverage.gap.cause in BY_CHOICE:
                continue  # nobody wanted this footage: the stop is not why it is missing
            at = now if coverage.until is None else max(now, coverage.until)
            self.change_gap(stream, at, cause)
        self._stop()

    def _stop(self) -> None:
        self._volumes.stop(_STOP_WITHIN)
        self._indexer.stop(_STOP_WITHIN)
        self._engine.dispose()
