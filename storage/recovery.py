"""What the last end of the recorder left behind, put in order at start.

`.part` files are cut after their last whole fragment, made durable and named final; files without
a row get their row; what can't be kept is named, never silently dropped. Then each stream's time
is tiled again (invariant 5) and its last gap left open until recording goes on. Doing it twice
changes nothing. Each worker works on its own cameras' files alone, so workers don't meet.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from storage.coverage import settle
from storage.disk import Disk
from storage.facts import GapFacts
from storage.fmp4 import BadFile, Tail, TailEntry, tail_box
from storage.group_sync import last_alive
from storage.index import Index
from storage.layout import Place, Stage, hour_of, place_of, stream_folder
from storage.rows import DropGap, IndexChange, PutGap, PutSegment
from storage.segment_file import (
    FileHead,
    Placed,
    end_of,
    read_file_head,
    read_file_tail,
    time_of,
    walk,
)
from storage.volume import Volume
from vms.core.clock import HOUR, Clock, Instant
from vms.core.log import get_logger
from vms.core.model import Cause, StreamKey, shard_of

log = get_logger(__name__)

# How far before the newest row files without a row are looked for: more than a row can be late.
LOOK_BACK = 2 * HOUR
# H.264 and H.265 never have three zero bytes in a row within a NAL unit; a power cut leaves whole
# zero pages where data had not reached the disk.
_LOST_PAGE = bytes(512)
_READ = 1 << 20
_FOREVER = Instant(2**62)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be. `segment`: the id, or the path if it has none."""

    segment: str
    cause: Cause
    detail: str


@dataclass(slots=True)
class Recovered:
    """What was done. `coverage`: for each stream up to where it is accounted for, and its gap."""

    coverage: dict[StreamKey, tuple[Instant, GapFacts | None]] = field(default_factory=dict)
    salvaged: list[StreamKey] = field(default_factory=list)
    adopted: int = 0
    findings: list[Finding] = field(default_factory=list)


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


class Recovery:
    """The files of some volumes against the index."""

    def __init__(
        self, volumes: Sequence[Volume], disk: Disk, index: Index, clock: Clock, *, threads: int = 1
    ) -> None:
        self._volumes, self._disk, self._index, self._clock = volumes, disk, index, clock
        self._threads = threads

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
        ours = set(streams)
        if share is not None:
            worker, workers = share
            ours.update(
                key
                for key in {*self._streams_on_disk(), *self._index.streams()}
                if shard_of(key.camera, workers) == worker
            )
        order = sorted(ours)
        if self._threads > 1:  # hashing lets go of the GIL
            with ThreadPoolExecutor(self._threads, "recover") as pool:
                found = list(pool.map(lambda key: self._files(key, everything), order))
        else:
            found = [self._files(key, everything) for key in order]
        recovered = Recovered()
        changes: list[IndexChange] = []
        for one in found:
            changes += self._account(one, recovered)
        if changes:
            self._index.apply(changes)
        for finding in recovered.findings:
            log.error("finding", segment=finding.segment, detail=finding.detail)
        return recovered

    # -- files ----------------------------------------------------------------------------

    def _streams_on_disk(self) -> Iterator[StreamKey]:
        for volume in self._volumes:
            for camera in _folders(volume.root):
                for name in _folders(volume.root / camera):
                    try:
                        yield StreamKey.parse(f"{camera}/{name}")
                    except ValueError:
                        continue

    def _files(self, stream: StreamKey, everything: bool) -> _Found:
        """Put the files of one stream in order; what the index must learn is in the result."""
        hours = [
            (hour, volume, folder)
            for volume in self._volumes
            for hour, folder in _hours(volume.root / stream_folder(stream))
        ]
        hours.sort(key=lambda item: item[0])
        last = self._index.last(stream)
        newest = last.start if last is not None else (hours[-1][0] if hours else Instant(0))
        since = Instant(0 if everything else newest - LOOK_BACK)
        found = _Found(stream, since)
        known = {row.start for row in self._index.segments(stream, since, _FOREVER)}
        # Spans given up when their sync failed: what is left of them is not trusted (invariant 9).
        given_up = {
            gap.start
            for gap in self._index.gaps(stream, since, _FOREVER)
            if gap.end is not None and gap.cause is Cause.DISK_FAILED
        }
        seen: set[Instant] = set()
        for hour, volume, folder in hours:
            if hour + HOUR <= since:
                continue
            for place, path in _places(volume.root, folder):
                if place.stage is Stage.FINAL:
                    seen.add(place.start)
                if place.stage is Stage.ABANDONED or place.start in known:
                    continue
                if place.start in given_up:
                    self._put_away(place, path, "its sync failed when it was written", found)
                elif place.stage is Stage.PART:
                    self._salvage(volume, place, path, found)
                else:
                    self._adopt(volume, place, path, found)
        uuids = {volume.uuid for volume in self._volumes}
        for row in self._index.segments(stream, since, _FOREVER):
            if row.start not in seen and row.volume in uuids:
                name = f"{stream.camera}.{stream.name}.{row.start}"
                detail = f"its file is gone from {row.volume_path}"
                found.findings.append(Finding(name, Cause.FOOTAGE_DAMAGED, detail))
        return found

    def _salvage(self, volume: Volume, place: Place, path: Path, found: _Found) -> None:
        """Make a `.part` a segment as far as it is whole; away with it if nothing is."""
        try:
            fd = self._disk.open_for_repair(path)
        except OSError as error:
            found.findings.append(Finding(str(path), Cause.FOOTAGE_DAMAGED, str(error)))
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
            head = read_file_head(fd)
        except BadFile:
            if b"moof" in os.pread(fd, _READ, 0):
                raise  # footage under a damaged head: a person should see it
            return None
        if (head.head.stream, head.head.start) != (place.stream, place.start):
            raise BadFile(f"its head says {head.head.stream} at {head.head.start}")
        whole = list(_sound(fd, walk(fd, size, head.length)))
        if not whole or not whole[0].facts.key:
            return None
        found.remembered += head.head.gaps
        end = whole[-1].offset + whole[-1].size
        tail = read_file_tail(fd, size)
        if tail is None or len(tail.entries) != len(whole):
            tail = _tail_for(head, whole)
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
            found.findings.append(Finding(str(path), Cause.FOOTAGE_DAMAGED, str(error)))
            return
        try:
            head = read_file_head(fd)
            if (head.head.stream, head.head.start) != (place.stream, place.start):
                raise BadFile(f"its head says {head.head.stream} at {head.head.start}")
            size = os.fstat(fd).st_size
            tail = read_file_tail(fd, size)
            if tail is None:
                whole = list(walk(fd, size, head.length))
                if not whole:
                    raise BadFile("a file under its final name without a whole fragment")
                tail = _tail_for(head, whole)
            found.rows.append(_row(volume, head, tail, fd))
            found.remembered += head.head.gaps
        except (BadFile, OSError) as error:
            found.findings.append(Finding(str(path), Cause.FOOTAGE_DAMAGED, str(error)))
        finally:
            os.close(fd)

    def _put_away(self, place: Place, path: Path, detail: str, found: _Found) -> None:
        name = f"{place.stream.camera}.{place.stream.name}.{place.start}"
        found.findings.append(Finding(name, Cause.FOOTAGE_DAMAGED, f"{path}: {detail}"))
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

    def _account(self, found: _Found, recovered: Recovered) -> list[IndexChange]:
        """Rows for the files, gaps for the rest of the stream's time."""
        stream = found.stream
        rows = _clamped(found.rows, self._index, stream)
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
        settlement = settle(stream, segments, gaps, [*found.remembered, *damaged], now, alive)
        if settlement.open is not None:
            recovered.coverage[stream] = (settlement.open.start, settlement.open)
        recovered.findings += found.findings
        recovered.salvaged += [stream] * found.salvaged
        recovered.adopted += len(found.rows) - found.salvaged
        changes: list[IndexChange] = list(rows)
        changes += [DropGap(stream, gap.start) for gap in settlement.drop]
        changes += [PutGap(gap) for gap in settlement.put]
        return changes


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
        clamped.append(
            row
            if end == row.end
            else PutSegment(
                row.stream,
                row.start,
                end,
                row.volume,
                row.init,
                row.run,
                row.size,
                row.sha256,
                row.clock,
            )
        )
    return clamped


def _sound(fd: int, fragments: Iterable[Placed]) -> Iterator[Placed]:
    """Fragments up to the first whose pictures can't be what was written."""
    for placed in fragments:
        run = placed.facts.video
        if run is not None:
            data = os.pread(fd, run.size, placed.offset + run.offset)
            if len(data) < run.size or _LOST_PAGE in data:
                return
            if not _units_fit(data, [sample[1] for sample in run.samples]):
                return
        yield placed


def _units_fit(data: bytes, sizes: Iterable[int]) -> bool:
    """Whether each sample is a chain of NAL units behind their lengths."""
    at = 0
    for size in sizes:
        end = at + size
        while at + 4 <= end:
            at += 4 + int.from_bytes(data[at : at + 4], "big")
        if at != end:
            return False
    return True


def _tail_for(head: FileHead, whole: list[Placed]) -> Tail:
    start = head.head.start
    end = max(end_of(placed, start, head.format) for placed in whole[-2:])
    entries = tuple(
        TailEntry(_video_ticks(placed, head), placed.offset, placed.size, placed.facts.key)
        for placed in whole
    )
    return Tail(end, head.length, entries, None, recovered=True)


def _video_ticks(placed: Placed, head: FileHead) -> int:
    audio = head.format.audio
    if placed.facts.video is not None or audio is None:
        return time_of(placed)
    return time_of(placed) * head.format.video.clock_rate // audio.clock_rate


def _row(volume: Volume, head: FileHead, tail: Tail, fd: int) -> PutSegment:
    sha256, size = hashlib.sha256(), 0
    while data := os.pread(fd, _READ, size):
        sha256.update(data)
        size += len(data)
    return PutSegment(
        head.head.stream,
        head.head.start,
        tail.end,
        volume.uuid,
        head.init,
        head.head.run.run_id,
        size,
        sha256.digest(),
        tail.clock,
    )


def _folders(path: Path) -> list[str]:
    try:
        return sorted(
            entry.name
            for entry in os.scandir(path)
            if entry.is_dir() and not entry.name.startswith(".")
        )
    except (FileNotFoundError, NotADirectoryError):
        return []


def _hours(folder: Path) -> Iterator[tuple[Instant, Path]]:
    for day in _folders(folder):
        for hour in _folders(folder / day):
            at = hour_of(day, hour)
            if at is not None:
                yield at, folder / day / hour


def _places(root: Path, folder: Path) -> list[tuple[Place, Path]]:
    places = []
    for path in sorted(folder.iterdir()):
        place = place_of(PurePosixPath(path.relative_to(root)))
        if place is not None:
            places.append((place, path))
    return places
