"""What the last end of the recorder left behind, put in order at start.

`.part` files are cut after their last whole fragment, made durable and named final; files without
a row get their row; what can't be kept is named, never silently dropped. Then each stream's time
is tiled again (invariant 5) and its last gap left open until recording goes on. Doing it twice
changes nothing. Each worker works on its own cameras' files alone, so workers don't meet.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from storage.activity.streams import Activities
from storage.copies import Copies, Copy, forget_pages, let_go, sound, whole_bytes
from storage.coverage import cut_out, settle
from storage.disk import Disk
from storage.facts import GapFacts
from storage.findings import Finding, Kind
from storage.fmp4 import BadFile, Tail, tail_box
from storage.folders import files_of, hours_on, streams_on
from storage.group_sync import last_alive
from storage.hashing import hash_fd
from storage.index import Index
from storage.layout import Place, Stage
from storage.ledger.bookkeeper import Bookkeeper
from storage.let_go import LetGo
from storage.rows import DropGap, IndexChange, PutGap, PutSegment
from storage.segment_file import FileHead, Placed, read_file_tail, walk
from storage.stored_file import pictures_in, read_head_of, read_stored, row_of, tail_for
from storage.volume import Volume
from vms.core.clock import HOUR, Clock, Instant
from vms.core.log import get_logger
from vms.core.model import Cause, StreamKey, shard_of

log = get_logger(__name__)

# How far before the newest row files without a row are looked for: more than a row can be late.
LOOK_BACK = 2 * HOUR
_READ = 1 << 20
_FOREVER = Instant(2**62)


@dataclass(slots=True)
class Recovered:
    """What was done. `coverage`: for each stream up to where it is accounted for, and its gap.
    `unlisted`: from where on a folder that can't be listed may hide files of a stream.
    """

    coverage: dict[StreamKey, tuple[Instant, GapFacts | None]] = field(default_factory=dict)
    salvaged: list[StreamKey] = field(default_factory=list)
    adopted: int = 0
    findings: list[Finding] = field(default_factory=list)
    unlisted: dict[StreamKey, Instant] = field(default_factory=dict)


@dataclass(slots=True)
class _Found:
    """What one stream's folders gave."""

    stream: StreamKey
    since: Instant
    rows: list[PutSegment] = field(default_factory=list)
    remembered: list[GapFacts] = field(default_factory=list)
    lost: list[GapFacts] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    salvaged: int = 0
    unlisted: bool = False


class Recovery:
    """The files of some volumes against the index. `let_go`: what the index never heard of."""

    def __init__(
        self,
        volumes: Sequence[Volume],
        disk: Disk,
        index: Index,
        clock: Clock,
        *,
        books: Bookkeeper | None = None,
        let_go: LetGo | None = None,
        threads: int = 1,
    ) -> None:
        self._volumes, self._disk, self._index, self._clock = volumes, disk, index, clock
        self._books = books if books is not None else Bookkeeper(None)
        self._threads = threads
        self._activities = Activities()
        self._incomplete = {} if let_go is None else let_go.all()

    def run(
        self,
        streams: Iterable[StreamKey],
        *,
        share: tuple[int, int] | None = (0, 1),
        everything: bool = False,
    ) -> Recovered:
        """Recover the given streams and all others of a worker's `share` (its number, of how many).

        `everything`: look at all files, not only the newest hours; for rebuilding a lost index,
        because it reads every byte that has no row.
        """
        ours: set[StreamKey] = set(streams)
        refused: list[Finding] = []
        if share is not None:
            worker, workers = share
            ours.update(
                key
                for key in {*self._streams_on_disk(refused), *self._index.streams()}
                if shard_of(key.camera, workers) == worker
            )
        order = sorted(ours)
        if self._threads > 1:  # hashing lets go of the GIL
            with ThreadPoolExecutor(self._threads, "recover") as pool:
                found = list(pool.map(lambda key: self._files(key, everything), order))
        else:
            found = [self._files(key, everything) for key in order]
        recovered = Recovered(findings=refused)
        changes: list[IndexChange] = []
        for one in found:
            changes += self._account(one, recovered)
            if one.unlisted:
                recovered.unlisted[one.stream] = one.since
        if changes:
            self._index.apply(self._books.booked(self._activities.measured(changes)))
        for finding in recovered.findings:
            log.error("finding", subject=finding.subject, detail=finding.detail)
        return recovered

    def take_back(self, streams: Iterable[StreamKey], *, share: tuple[int, int]) -> int:
        """Take up what lies on volumes that come back while recording goes on; how many segments.

        Only what the index has a closed gap for, and nothing that is being written: the newest is
        the business of who writes it. What is left on disk of a span that was given up is read
        anew from the disk itself.
        """
        ours: set[StreamKey] = set(streams)
        refused: list[Finding] = []
        on_disk = self._streams_on_disk(refused)
        ours.update(key for key in on_disk if shard_of(key.camera, share[1]) == share[0])
        for finding in refused:
            log.error("finding", subject=finding.subject, detail=finding.detail)
        taken = 0
        for stream in sorted(ours):
            found = self._files(stream, everything=False, late=True)
            changes = self._filled_in(found)
            if changes:
                self._index.apply(self._books.booked(self._activities.measured(changes)))
            taken += sum(isinstance(change, PutSegment) for change in changes)
            for finding in found.findings:
                log.error("finding", subject=finding.subject, detail=finding.detail)
        return taken

    def salvage_all(self) -> tuple[list[Finding], list[GapFacts]]:
        """Every `.part` made a final file as far as it is whole, wherever it lies.

        Writes no rows: whoever rebuilds the index reads the files again. Gives what was found, and
        the gaps of what could not be kept. Only while no recorder runs.
        """
        findings: list[Finding] = []
        lost: list[GapFacts] = []
        for volume in self._volumes:
            for stream in streams_on(volume.root):
                found = _Found(stream, Instant(0))
                for hour, folder in hours_on(volume.root, stream):
                    for place, path in files_of(stream, hour, folder)[0]:
                        if place.stage is Stage.PART:
                            self._salvage(volume, place, path, found)
                findings += found.findings
                lost += found.lost
        return findings, lost

    # -- files ----------------------------------------------------------------------------

    def _streams_on_disk(self, refused: list[Finding]) -> Iterator[StreamKey]:
        for volume in self._volumes:
            yield from streams_on(
                volume.root, lambda path, error: refused.append(_unlisted(path, error))
            )

    def _files(self, stream: StreamKey, everything: bool, *, late: bool = False) -> _Found:
        """Put the files of one stream in order; what the index must learn is in the result."""
        copies = self._copies(stream, everything, late=late)
        found = _Found(stream, copies.since)
        first = min(copies.by_start, default=_FOREVER)
        gaps = self._index.gaps(stream, first, _FOREVER)
        deleted = [gap for gap in gaps if gap.cause is Cause.DELETED]
        for start, ones in sorted(copies.by_start.items()):
            row = copies.known.get(start)
            if row is not None:
                let_go(row, ones, self._disk)
            elif _claimed(start, deleted):
                continue  # its deletion was cut off before the unlink; the cleaner ends it
            elif start in copies.given_up and not late:
                for copy in ones:
                    self._put_away(
                        copy.place, copy.path, "its sync failed when it was written", found
                    )
            else:
                self._take_best(ones, found, anew=start in copies.given_up)
        for path, error in itertools.chain.from_iterable(copies.refused.values()):
            found.findings.append(_unlisted(path, error))
            found.unlisted = True
        uuids = {volume.uuid for volume in self._volumes} - copies.refused.keys()
        for row in copies.known.values():
            if row.start < copies.since or row.volume not in uuids:
                continue
            ones = copies.by_start.get(row.start, [])
            if not any(one.final and one.volume.uuid == row.volume for one in ones):
                name = f"{stream.camera}.{stream.name}.{row.start}"
                detail = f"its file is gone from {row.volume_path}"
                found.findings.append(Finding(Kind.FOOTAGE_MISSING, name, detail))
        return found

    def _copies(self, stream: StreamKey, everything: bool, *, late: bool) -> Copies:
        """The newest files of a stream on each volume, and what the index says of them.

        A volume that was away has its newest files from before it went.
        """
        copies = Copies(stream, Instant(0))
        hours = {volume.uuid: copies.hours(volume) for volume in self._volumes}
        last = self._index.last(stream)
        on_disk = [listed[-1][0] for listed in hours.values() if listed]
        newest = last.start if last is not None else max(on_disk, default=Instant(0))
        back = Instant(newest - LOOK_BACK)
        lacking = self._incomplete.get(stream)
        if lacking is not None:
            back = Instant(min(back, lacking - LOOK_BACK))
        since = _FOREVER if late else Instant(0 if everything else back)
        copies.since = since
        for volume in self._volumes:
            listed = hours[volume.uuid]
            if not listed:
                continue
            begin = Instant(min(since, listed[-1][0] - LOOK_BACK, lacking or _FOREVER))
            # Between the two there may be a year of files, and each of them has its row.
            end = _FOREVER if begin == since else Instant(listed[-1][0] + HOUR)
            self._note_known(stream, begin, end, copies)
            for hour, folder in listed:
                if hour + HOUR > begin:
                    copies.add(volume, hour, folder)
        self._note_known(stream, since, _FOREVER, copies)
        return copies

    def _note_known(self, stream: StreamKey, begin: Instant, end: Instant, into: Copies) -> None:
        into.known.update((row.start, row) for row in self._index.segments(stream, begin, end))
        # Spans given up when their sync failed: what is left of them is not trusted (invariant 9).
        into.given_up.update(
            gap.start
            for gap in self._index.gaps(stream, begin, end)
            if gap.end is not None and gap.cause is Cause.DISK_FAILED
        )

    def _take_best(self, copies: Sequence[Copy], found: _Found, *, anew: bool) -> None:
        """Of one segment's files the fullest becomes the segment; then the others are removed.

        `anew`: read from the disk itself. After a failed write-back the page cache may show what
        the disk never got.
        """
        order = copies
        if len(copies) > 1:
            order = sorted(copies, key=lambda one: (one.final, whole_bytes(one.path)))[::-1]
        for number, copy in enumerate(order):
            before = len(found.rows)
            if anew:
                forget_pages(copy.path)
            if copy.final:
                self._adopt(copy.volume, copy.place, copy.path, found)
            else:
                self._salvage(copy.volume, copy.place, copy.path, found)
            if len(found.rows) > before:
                for other in order[number + 1 :]:
                    with contextlib.suppress(OSError):
                        self._disk.unlink(other.path)
                return

    def _salvage(self, volume: Volume, place: Place, path: Path, found: _Found) -> None:
        """Make a `.part` a segment as far as it is whole; away with it if nothing is."""
        try:
            fd = self._disk.open_for_repair(path)
        except OSError as error:
            found.findings.append(Finding(Kind.FOOTAGE_DAMAGED, str(path), str(error)))
            return
        try:
            row = self._repair(volume, place, path, fd, found)
            final = path.with_suffix(f".{Stage.FINAL}")
            if row is None:
                self._disk.unlink(path)
                self._disk.sync_folder(path.parent)
                return
            self._disk.sync_file(fd)
            self._disk.rename(path, final)
            self._disk.sync_folder(path.parent)
        except BadFile as error:
            self._put_away(place, path, str(error), found)
        except OSError as error:  # invariant 9: what could not be synced is not tried again
            self._put_away(place, path, str(error), found)
        else:
            found.rows.append(row)
            found.salvaged += 1
        finally:
            self._disk.close(fd)

    def _repair(
        self, volume: Volume, place: Place, path: Path, fd: int, found: _Found
    ) -> PutSegment | None:
        """Cut a file after its last whole fragment and close it properly; None: nothing in it."""
        size = os.fstat(fd).st_size
        try:
            head = read_head_of(fd, place)
        except BadFile:
            if b"moof" in os.pread(fd, _READ, 0):
                raise  # footage under a damaged head: a person should see it
            return None
        whole = list(sound(fd, walk(fd, size, head.length)))
        if not whole or not whole[0].facts.key:
            return None
        found.remembered += head.head.gaps
        end = whole[-1].offset + whole[-1].size
        tail = _tail_of(fd, size, whole)
        if tail is None:
            tail = tail_for(head, whole)
            data = tail_box(tail)
            self._disk.truncate(fd, end)
            try:
                self._disk.write(fd, data, end)
            except OSError as error:  # a full disk: the file is as good without its tail
                log.warning("salvaged without a tail", path=str(path), error=str(error))
                self._disk.truncate(fd, end)
        return _row(volume, head, tail, fd)

    def _adopt(self, volume: Volume, place: Place, path: Path, found: _Found) -> None:
        """A durable file (invariant 1) whose row was never written."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            found.findings.append(Finding(Kind.FOOTAGE_DAMAGED, str(path), str(error)))
            return
        try:
            head, tail = read_stored(fd, place)
            found.rows.append(_row(volume, head, tail, fd))
            found.remembered += head.head.gaps
        except (BadFile, OSError) as error:
            found.findings.append(Finding(Kind.FOOTAGE_DAMAGED, str(path), str(error)))
        finally:
            os.close(fd)

    def _put_away(self, place: Place, path: Path, detail: str, found: _Found) -> None:
        name = f"{place.stream.camera}.{place.stream.name}.{place.start}"
        found.findings.append(Finding(Kind.FOOTAGE_ABANDONED, name, f"{path}: {detail}"))
        for stage in (Stage.PART, Stage.FINAL):
            try:
                self._disk.rename(
                    path.with_suffix(f".{stage}"), path.with_suffix(f".{Stage.ABANDONED}")
                )
            except FileNotFoundError:
                continue
            except OSError as error:
                log.error("can't put away", path=str(path), error=str(error))
        gap = GapFacts(place.stream, place.start, None, Cause.FOOTAGE_DAMAGED, detail)
        found.lost.append(gap)

    # -- time -----------------------------------------------------------------------------

    def _filled_in(self, found: _Found) -> list[IndexChange]:
        """Rows of files from before `found.since`, in the place of gaps."""
        stream, since = found.stream, found.since
        changes: list[IndexChange] = []
        for row in _clamped([row for row in found.rows if row.start < since], self._index, stream):
            taken = self._index.segments(stream, row.start, row.end)
            gaps = self._index.gaps(stream, row.start, row.end)
            cut = cut_out(row.start, row.end, gaps)
            if taken or cut is None or row.end <= row.start:
                log.warning("left for the next start", stream=str(stream), start=row.start)
                continue
            drop, put = cut
            changes += [_dropped(gap) for gap in drop]
            changes += [PutGap(gap) for gap in put]
            changes.append(row)
        return changes

    def _account(self, found: _Found, recovered: Recovered) -> list[IndexChange]:
        """Rows for the files, gaps for the rest of the stream's time."""
        stream = found.stream
        rows = [row for row in found.rows if row.start >= found.since]
        rows = _clamped(rows, self._index, stream)
        spans = {row.start: row.end for row in rows}
        old = self._index.segments(stream, found.since, _FOREVER)
        spans.update({row.start: row.end for row in old})
        segments = sorted(spans.items())
        begin = min([found.since, *(start for start, _ in segments)])
        gaps = self._index.gaps(stream, begin, _FOREVER)
        alive = max(
            (at for volume in self._volumes if (at := last_alive(volume.root)) is not None),
            default=None,
        )
        # A file put away explains its own span, up to whatever comes next.
        damaged = [gap for gap in found.lost if not _claimed(gap.start, gaps)]
        now = self._clock.now()
        claims, lacking = [*found.remembered, *damaged], self._incomplete.get(stream)
        settlement = settle(stream, segments, gaps, claims, now, alive, lacking)
        if settlement.open is not None:
            recovered.coverage[stream] = (settlement.open.start, settlement.open)
        recovered.findings += found.findings
        recovered.salvaged += [stream] * found.salvaged
        recovered.adopted += len(found.rows) - found.salvaged
        changes = [*self._filled_in(found), *rows]
        changes += [_dropped(gap) for gap in settlement.drop]
        changes += [PutGap(gap) for gap in settlement.put]
        return changes


def _dropped(gap: GapFacts) -> DropGap:
    return DropGap(gap.stream, gap.start, gap if gap.end is not None else None)


def _tail_of(fd: int, size: int, whole: Sequence[Placed]) -> Tail | None:
    """The tail of a `.part`, if it is the one of these fragments; a power cut may have torn it."""
    try:
        tail = read_file_tail(fd, size)
    except BadFile:
        return None
    there = [(placed.offset, placed.size) for placed in whole]
    said = [] if tail is None else [(entry.offset, entry.size) for entry in tail.entries]
    return tail if said == there else None


def _unlisted(path: Path, error: OSError) -> Finding:
    detail = f"the folder can't be listed, and what it holds is not known: {error}"
    return Finding(Kind.FOOTAGE_DAMAGED, str(path), detail)


def _claimed(at: Instant, gaps: Iterable[GapFacts]) -> bool:
    return any(gap.start <= at and (gap.end is None or at < gap.end) for gap in gaps)


def _clamped(rows: list[PutSegment], index: Index, stream: StreamKey) -> list[PutSegment]:
    """No salvaged segment reaches into the next: its last duration was an estimate."""
    rows.sort(key=lambda row: row.start)
    starts = sorted({row.start for row in rows})
    clamped = []
    for row in rows:
        later = [start for start in starts if start > row.start]
        following = index.next_start(stream, row.start + 1)
        nexts = later[:1] + ([following] if following is not None else [])
        limit = min(nexts, default=_FOREVER)
        end = Instant(min(row.end, limit))
        clamped.append(row if end == row.end else replace(row, end=end))
    return clamped


def _row(volume: Volume, head: FileHead, tail: Tail, fd: int) -> PutSegment:
    digest = hash_fd(fd)
    return row_of(volume.uuid, head, tail, digest, pictures_in(fd, digest.size, head))
