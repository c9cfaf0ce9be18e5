"""The index made anew from the volumes alone (invariant 7): rows, gaps, what was deleted, usage.

Each file is read once; what the ledger says of it (its replica stands on every volume) is held
against it and goes before what is found: a damaged file keeps the row that shows it is damaged.
Deletions whose leaf stands are finished, unless the span is held. Streams are done one by one and
every step may be done twice, so a crash in the middle is mended by doing it again. Only while no
recorder runs; who calls sees to that. Holds are `Holds.repair`.
"""

from __future__ import annotations

import bisect
import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from storage.activity.streams import Activities
from storage.check import Level, Progress, by_hour, mounted, on
from storage.coverage import settle
from storage.disk import Disk
from storage.facts import GapFacts
from storage.findings import Finding, Kind
from storage.fmp4 import BadFile
from storage.folders import files_of
from storage.group_sync import last_alive
from storage.hashing import Digest, hash_fd, in_threads
from storage.index import Index
from storage.layout import Place, Stage
from storage.leaves_by_stream import LeavesByStream
from storage.ledger.leaves import SegmentLeaf
from storage.listing import Listed, Listing, segment_id
from storage.rows import DropGap, DropSegment, IndexChange, PutGap, PutSegment
from storage.salvage import salvage_all
from storage.stored_file import pictures_in, read_stored, row_of
from storage.usage import recount
from storage.volume import Volume
from vms.core.clock import Clock, Instant
from vms.core.config_storage import VolumeSettings
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.model import Cause, StreamKey

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = get_logger(__name__)

_FOREVER = Instant(2**62)
_BATCH = 500  # files between two transactions


class Held(Protocol):
    """What may not be deleted."""

    def covers(self, stream: StreamKey, start: Instant, end: Instant) -> bool: ...


class Ledger(Protocol):
    """Where every segment stands. Raises StorageError."""

    def size(self) -> int: ...
    def leaves(self, start: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]: ...
    def append(self, leaves: Sequence[SegmentLeaf]) -> int: ...
    def replicate(self, roots: Iterable[Path]) -> None: ...


@dataclass(slots=True)
class Rebuilt:
    """What was done. `lost`: segments the ledger or the index knows and no volume has."""

    segments: int = 0
    bytes: int = 0
    gaps: int = 0
    dropped: int = 0
    lost: int = 0
    deleted: int = 0
    leaves: int = 0
    findings: list[Finding] = field(default_factory=list)


class _File(NamedTuple):
    """A file to be taken up, with what the ledger says of it. `gone`: that it is deleted, too;
    then it is held, and gets another leaf."""

    uuid: str
    place: Place
    path: Path
    told: tuple[int, SegmentLeaf] | None
    gone: bool


class _Read(NamedTuple):
    """A file taken up. `row` None: it could not be read."""

    file: _File
    row: PutSegment | None
    gaps: tuple[GapFacts, ...]
    finding: Finding | None


class Rebuild:
    """Rebuilds the index of a site. `scratch`: where leaves are sorted, beside the data.

    `level`: HASH reads every byte; SIZE believes the ledger's hashes where a file is as long as
    the ledger says.
    """

    def __init__(
        self,
        engine: Engine,
        volumes: Sequence[VolumeSettings],
        ledger: Ledger,
        held: Callable[[], Held],
        disk: Disk,
        clock: Clock,
        scratch: Path,
        *,
        level: Level = Level.HASH,
        threads: int = 1,
        progress: Progress | None = None,
    ) -> None:
        self._engine, self._settings, self._ledger = engine, tuple(volumes), ledger
        self._held, self._disk, self._clock, self._scratch = held, disk, clock, scratch
        self._level, self._threads, self._progress = level, threads, progress
        self._index, self._listing = Index(engine), Listing(engine)
        self._activities = Activities()
        self._done = Rebuilt()
        self._cut_off: list[GapFacts] = []  # of files that were being written, and can't be kept

    def run(self) -> Rebuilt:
        """Do it. Raises StorageError when ledger, holds or database can't be used."""
        roots, missing = mounted(self._listing, self._settings)
        self._done.findings += missing
        for uuid, root in roots.items():
            self._index.know_volume(uuid, str(root))
        self._take_up_ledger(roots.values())
        self._salvage(roots)
        with LeavesByStream(self._scratch) as told:
            told.read(self._ledger.leaves())
            streams = {*self._listing.streams(), *told.streams()}
            streams.update(stream for root in roots.values() for stream in on(root))
            for stream in sorted(streams):
                self._stream(stream, roots, told)
        recount(self._engine)
        return self._done

    def _take_up_ledger(self, roots: Iterable[Path]) -> None:
        """A ledger that is gone or behind comes from its replica, which this looks at first."""
        try:
            self._ledger.replicate(roots)
        except StorageError as error:
            self._done.findings.append(Finding(Kind.LEDGER_DAMAGED, "ledger", str(error)))

    def _salvage(self, roots: dict[str, Path]) -> None:
        """Files that were being written when the recorder died, wherever they lie."""
        volumes = [Volume(uuid, root, 0) for uuid, root in roots.items()]
        found, self._cut_off = salvage_all(volumes, self._disk)
        self._done.findings += found

    # -- one stream -----------------------------------------------------------------------

    def _stream(self, stream: StreamKey, roots: dict[str, Path], told: LeavesByStream) -> None:
        heads: list[GapFacts] = []
        doomed: list[Path] = []
        rows: list[PutSegment] = []
        files = self._files(stream, roots, told, doomed)
        for read in in_threads(self._read, files, self._threads):
            if self._progress is not None:
                self._progress(1, read.row.size if read.row is not None else 0)
            if read.finding is not None:
                self._done.findings.append(read.finding)
            if read.row is not None:
                rows.append(read.row)
                heads += read.gaps
            if len(rows) >= _BATCH:
                self._keep(rows)
                rows = []
        self._keep(rows)
        self._settle(stream, roots, told, heads)
        for path in doomed:  # after the row: invariant 3
            self._unlink(path)

    def _files(
        self,
        stream: StreamKey,
        roots: dict[str, Path],
        told: LeavesByStream,
        doomed: list[Path],
    ) -> Iterator[_File]:
        """The files to take up, hour by hour; rows whose file is nowhere go on the way."""
        held = self._held()
        for hour, rows, folders in by_hour(self._listing, stream, roots):
            found: dict[Instant, list[tuple[str, Place, Path]]] = {}
            for uuid, folder in folders:
                for place, path in files_of(stream, hour, folder)[0]:
                    if place.stage is Stage.FINAL:
                        found.setdefault(place.start, []).append((uuid, place, path))
            for start, copies in found.items():
                leaf = told.segment(stream, start)
                sha256, end = (leaf[1].sha256, leaf[1].end) if leaf else (None, start)
                gone = told.is_deleted(stream, start, sha256)
                if gone and not held.covers(stream, start, end):
                    doomed += [path for _, _, path in copies]
                    found[start] = []
                    continue
                uuid, place, path = self._choose(copies, told)
                yield _File(uuid, place, path, leaf, gone)
            self._drop([row for row in rows if row.volume in roots and not found.get(row.start)])

    def _choose(
        self, copies: Sequence[tuple[str, Place, Path]], told: LeavesByStream
    ) -> tuple[str, Place, Path]:
        """Where the segment stands: where it moved to last, else the first copy."""
        if len(copies) == 1:
            return copies[0]
        place = copies[0][1]
        target = told.moved_to(place.stream, place.start)
        chosen = next((copy for copy in copies if copy[0] == target), copies[0])
        for uuid, _, path in copies:
            if uuid != chosen[0]:
                detail = f"{path} is a copy left behind: the segment stands at {chosen[2]}"
                name = segment_id(place.stream, place.start)
                self._done.findings.append(Finding(Kind.FOOTAGE_UNKNOWN, name, detail))
        return chosen

    def _read(self, file: _File) -> _Read:
        """A file's row: as the ledger says where it knows the file, else as it is found."""
        name = segment_id(file.place.stream, file.place.start)
        try:
            fd = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            return _Read(file, None, (), Finding(Kind.FOOTAGE_DAMAGED, name, str(error)))
        try:
            return self._taken_up(file, fd, name)
        except (BadFile, OSError) as error:
            detail = f"{file.path} can't be read: {error}"
            return _Read(file, None, (), Finding(Kind.FOOTAGE_DAMAGED, name, detail))
        finally:
            os.close(fd)

    def _taken_up(self, file: _File, fd: int, name: str) -> _Read:
        size = os.fstat(fd).st_size
        leaf = file.told[1] if file.told is not None else None
        if self._level is Level.HASH or file.gone or leaf is None or leaf.size != size:
            digest = hash_fd(fd)
        else:
            digest = Digest(leaf.sha256, size)
        head, tail = read_stored(fd, file.place)
        pictures = pictures_in(fd, size, head)
        if leaf is None or file.told is None:
            row = row_of(file.uuid, head, tail, digest, pictures)
            return _Read(file, row, head.head.gaps, None)
        finding = None
        if (digest.sha256, digest.size) != (leaf.sha256, leaf.size):
            detail = f"{file.path} is not what was written: the ledger has another SHA-256"
            finding = Finding(Kind.FOOTAGE_DAMAGED, name, detail)
        row = row_of(file.uuid, head, tail, Digest(leaf.sha256, leaf.size), pictures)
        at = None if file.gone and finding is None else file.told[0]
        row = replace(row, end=leaf.end, clock=leaf.clock, leaf=at, frames=leaf.frames)
        return _Read(file, row, head.head.gaps, finding)

    # -- changing -------------------------------------------------------------------------

    def _keep(self, rows: Sequence[PutSegment]) -> None:
        """Rows into the index; those the ledger never heard of get their leaf first."""
        if not rows:
            return
        new = [row for row in rows if row.leaf is None]
        placed: dict[Instant, int] = {}
        if new:
            try:
                first = self._ledger.append([SegmentLeaf.of(row) for row in new])
                placed = {row.start: first + number for number, row in enumerate(new)}
                self._done.leaves += len(new)
            except StorageError as error:  # they get it later, as while recording
                log.error("rebuilt rows are not yet in the ledger", error=str(error))
        placed_rows = [replace(row, leaf=placed.get(row.start, row.leaf)) for row in rows]
        self._index.apply(self._activities.measured(placed_rows))
        self._done.segments += len(rows)
        self._done.bytes += sum(row.size for row in rows)

    def _drop(self, rows: Sequence[Listed]) -> None:
        if rows:
            self._index.apply([DropSegment(row.stream, row.start) for row in rows])
            self._done.dropped += len(rows)

    def _settle(
        self,
        stream: StreamKey,
        roots: dict[str, Path],
        told: LeavesByStream,
        heads: Sequence[GapFacts],
    ) -> None:
        """Tile the stream's time: what the ledger says, then the index, then the files' heads."""
        with self._listing.time(stream) as known:
            spans, old = list(known.spans), known.gaps
        present = {start for start, _ in spans}
        lost = self._lost(stream, told, present)
        leaves = {gap: place for place, gap in told.gaps(stream)}
        alive = max((at for root in roots.values() if (at := last_alive(root))), default=None)
        claims = [*told.deleted(stream), *lost, *leaves]
        claims += [gap for gap in self._cut_off if gap.stream == stream]
        claims += _beside(old, claims)
        settled = settle(stream, spans, claims, heads, self._clock.now(), alive)
        wanted = {gap.start: gap for gap in settled.all}
        changes: list[IndexChange] = [
            DropGap(stream, gap.start) for gap in old if gap.start not in wanted
        ]
        changes += [PutGap(gap, leaves.get(gap)) for gap in wanted.values()]
        if changes:
            self._index.apply(changes)
        self._done.gaps += len(wanted)

    def _lost(
        self, stream: StreamKey, told: LeavesByStream, present: set[Instant]
    ) -> list[GapFacts]:
        """Spans of segments that were kept, that nobody deleted, and that no volume has."""
        found = []
        for _, leaf in told.segments(stream):
            if leaf.start in present or told.is_deleted(stream, leaf.start, leaf.sha256):
                continue
            name = segment_id(stream, leaf.start)
            target = told.moved_to(stream, leaf.start)
            where = f"the volume {target} it moved to" if target else "any volume"
            detail = f"its file was not on {where} when the index was rebuilt"
            self._done.findings.append(Finding(Kind.FOOTAGE_MISSING, name, detail))
            found.append(GapFacts(stream, leaf.start, leaf.end, Cause.FOOTAGE_DAMAGED, detail))
        self._done.lost += len(found)
        return found

    def _unlink(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            try:
                self._disk.unlink(path)
                self._done.deleted += 1
            except FileNotFoundError:
                raise
            except OSError as error:  # the cleaner tries again
                log.error("a deleted segment's file stays for now", error=str(error))


def _beside(old: Sequence[GapFacts], told: Sequence[GapFacts]) -> list[GapFacts]:
    """Gaps of the index that the ledger says nothing about, and the one that lasts."""
    spans = sorted((gap.start, gap.end) for gap in told if gap.end is not None)
    starts = [start for start, _ in spans]
    beside = []
    for gap in old:
        before = bisect.bisect_left(starts, gap.end if gap.end is not None else gap.start) - 1
        if gap.end is None or before < 0 or spans[before][1] <= gap.start:
            beside.append(gap)
    return beside
