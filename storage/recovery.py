"""What the last end of the recorder left behind, put in order at start.

Files without a row are taken up (`storage.salvage`) and get their row. Then each stream's time is
tiled again (invariant 5) and its last gap left open until recording goes on. Doing it twice changes
nothing. Each worker works on its own cameras' files alone, so workers don't meet.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from storage.activity.streams import Activities
from storage.copies import Copies, let_go
from storage.coverage import cut_out, settle
from storage.disk import Disk
from storage.facts import GapFacts
from storage.findings import Finding, Kind
from storage.folders import streams_on
from storage.group_sync import last_alive
from storage.index import Index
from storage.ledger.bookkeeper import Bookkeeper
from storage.let_go import LetGo
from storage.listing import segment_id
from storage.rows import DropGap, IndexChange, PutGap, PutSegment
from storage.salvage import Salvage
from storage.volume import Volume
from vms.core.clock import HOUR, Clock, Instant
from vms.core.log import get_logger
from vms.core.model import Cause, StreamKey, shard_of

log = get_logger(__name__)

# How far before the newest row files without a row are looked for: more than a row can be late.
LOOK_BACK = 2 * HOUR
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
    """What one stream's folders gave. `since`: from where on all of them were looked at."""

    stream: StreamKey
    since: Instant
    salvage: Salvage
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

    def take_back(self, streams: Iterable[StreamKey], *, share: tuple[int, int]) -> list[Finding]:
        """Take up what lies on volumes that come back while recording goes on; what is not well.

        Only what the index has a closed gap for, and nothing that is being written: the newest is
        the business of who writes it. What is left on disk of a span that was given up is read
        anew from the disk itself.
        """
        ours: set[StreamKey] = set(streams)
        findings: list[Finding] = []
        on_disk = self._streams_on_disk(findings)
        ours.update(key for key in on_disk if shard_of(key.camera, share[1]) == share[0])
        for stream in sorted(ours):
            found = self._files(stream, everything=False, late=True)
            changes = self._filled_in(found)
            if changes:
                self._index.apply(self._books.booked(self._activities.measured(changes)))
            findings += found.salvage.findings
        for finding in findings:
            log.error("finding", subject=finding.subject, detail=finding.detail)
        return findings

    # -- files ----------------------------------------------------------------------------

    def _streams_on_disk(self, refused: list[Finding]) -> Iterator[StreamKey]:
        for volume in self._volumes:
            yield from streams_on(
                volume.root, lambda path, error: refused.append(_unlisted(path, error))
            )

    def _files(self, stream: StreamKey, everything: bool, *, late: bool = False) -> _Found:
        """Put the files of one stream in order; what the index must learn is in the result."""
        copies = self._copies(stream, everything, late=late)
        salvage = Salvage(self._disk)
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
                    salvage.put_away(copy, "its sync failed when it was written")
            else:
                salvage.take_best(ones, anew=start in copies.given_up)
        refused = list(itertools.chain.from_iterable(copies.refused.values()))
        salvage.findings += [_unlisted(path, error) for path, error in refused]
        salvage.findings += self._gone(copies)
        return _Found(stream, copies.since, salvage, bool(refused))

    def _gone(self, copies: Copies) -> Iterator[Finding]:
        """Rows whose files are not on the volume that should have them."""
        uuids = {volume.uuid for volume in self._volumes} - copies.refused.keys()
        for row in copies.known.values():
            if row.start < copies.since or row.volume not in uuids:
                continue
            ones = copies.by_start.get(row.start, [])
            if not any(one.final and one.volume.uuid == row.volume for one in ones):
                name = segment_id(row.stream, row.start)
                detail = f"its file is gone from {row.volume_path}"
                yield Finding(Kind.FOOTAGE_MISSING, name, detail)

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

    # -- time -----------------------------------------------------------------------------

    def _filled_in(self, found: _Found) -> list[IndexChange]:
        """Rows of files from before `found.since`, in the place of gaps."""
        stream, since = found.stream, found.since
        changes: list[IndexChange] = []
        rows = [row for row in found.salvage.rows if row.start < since]
        for row in _clamped(rows, self._index, stream):
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
        stream, salvage = found.stream, found.salvage
        rows = [row for row in salvage.rows if row.start >= found.since]
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
        damaged = [gap for gap in salvage.lost if not _claimed(gap.start, gaps)]
        now = self._clock.now()
        claims, lacking = [*salvage.remembered, *damaged], self._incomplete.get(stream)
        settlement = settle(stream, segments, gaps, claims, now, alive, lacking)
        if settlement.open is not None:
            recovered.coverage[stream] = (settlement.open.start, settlement.open)
        recovered.findings += salvage.findings
        recovered.salvaged += [stream] * salvage.cut
        recovered.adopted += len(salvage.rows) - salvage.cut
        changes = [*self._filled_in(found), *rows]
        changes += [_dropped(gap) for gap in settlement.drop]
        changes += [PutGap(gap) for gap in settlement.put]
        return changes


def _dropped(gap: GapFacts) -> DropGap:
    return DropGap(gap.stream, gap.start, gap if gap.end is not None else None)


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
