"""Writing to one volume: a bounded queue, the thread that writes, the thread that makes durable.

The steps of a segment's file, of which each may fail: create, reserve, head, fragments, tail,
truncate, sync, rename, folder sync; then its row goes to the index. Errors end up in the segment
(its session records a gap) and in the rows of the span that was lost; other segments go on.
The two steps `work` and `settle` can be called without threads: that is how the crash machine
of the tests counts operations.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from storage.facts import Fragment, GapFacts
from storage.fmp4 import Tail, TailEntry, build_fragment, tail_box
from storage.group_sync import GroupSync, until_next_second
from storage.layout import Stage
from storage.rows import IndexChange, PutGap, PutSegment
from storage.segment import OpenSegment, audio_as_video_ticks
from storage.volume import Volume, cause_of, translated
from vms.core.clock import SECOND, Clock, Instant, Mono
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.model import Cause

if TYPE_CHECKING:
    from hashlib import _Hash

    from storage.disk import Disk

log = get_logger(__name__)

# What may wait for a volume: this much, plus a share for each open segment, because a burst of
# all cameras at once is normal. When it is full, `take` says no and the session records a gap.
BUFFER_BASE = 16 * 1024 * 1024
BUFFER_PER_SEGMENT = 512 * 1024
BUFFER_OF_ONE = 8 * 1024 * 1024
# A volume that failed is not chosen for new segments for so long, if there is another.
REST_AFTER_FAILURE = 30 * SECOND


@dataclass(slots=True)
class _Finished:
    """A file whose last byte is written and which awaits its sync."""

    segment: OpenSegment
    end: Instant
    sha256: bytes
    at: Mono


_Job = tuple[OpenSegment, Fragment | None, int]


class VolumeWriter:
    """The writing side of one volume in one process."""

    def __init__(
        self,
        volume: Volume,
        disk: Disk,
        clock: Clock,
        index: Callable[[list[IndexChange]], None],
        *,
        buffer_base: int = BUFFER_BASE,
    ) -> None:
        self.volume = volume
        self.free = 0
        self.resting_until = Mono(0)
        self.open_segments = 0  # changed by the loop alone
        self._disk, self._clock, self._index = disk, clock, index
        self._base = buffer_base
        self._taken = self._released = 0  # bytes ever; the first is the loop's, the other ours
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()  # bounded by `take`
        self._hashes: dict[OpenSegment, _Hash] = {}  # the segments that have a file
        self._finished: deque[_Finished] = deque()  # one per segment at most
        self._writes = 0  # ever; the writer's
        self._synced = 0  # of those, asked to be durable; the syncer's
        self._folders: set[Path] = set()
        self._group = GroupSync(volume.root, disk, clock)
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self.opened = False

    # -- the loop's side ------------------------------------------------------------------

    def take(self, segment: OpenSegment, size: int) -> bool:
        """Whether so many bytes more may wait."""
        waiting = self._taken - self._released
        limit = self._base + BUFFER_PER_SEGMENT * self.open_segments
        if waiting + size > limit or segment.taken - segment.released + size > BUFFER_OF_ONE:
            return False
        self._taken += size
        segment.taken += size
        return True

    def put_fragment(self, segment: OpenSegment, fragment: Fragment, size: int) -> None:
        self._jobs.put((segment, fragment, size))

    def put_close(self, segment: OpenSegment) -> None:
        self.open_segments -= 1
        self._jobs.put((segment, None, 0))

    def usable(self, now: Mono) -> Cause | None:
        """None if a new segment may begin here, else why not."""
        if self._threads and not all(thread.is_alive() for thread in self._threads):
            return Cause.DISK_FAILED
        if now < self.resting_until:
            return Cause.DISK_FAILED
        return Cause.DISK_FULL if self.free <= self.volume.reserve else None

    @property
    def waiting(self) -> int:
        """Bytes that wait to be written."""
        return self._taken - self._released

    # -- life -----------------------------------------------------------------------------

    def open(self) -> None:
        """Take up the volume; its threads begin with `start`."""
        try:
            self._group.__enter__()
        except OSError as error:
            raise translated(error, f"volume {self.volume.root} can't be used") from error
        self.opened = True
        self.measure()

    def start(self) -> None:
        """Run the two threads; `stop` joins them."""
        for name, target in (("write", self._run_writer), ("sync", self._run_syncer)):
            thread = threading.Thread(target=target, name=f"{name} {self.volume.root}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def finish_writing(self) -> None:
        """Ask the writer to end after what is queued; every segment must have been closed."""
        self._jobs.put(None)

    def stop(self, deadline: float) -> bool:
        """Join the threads and settle what they left; False if the volume hangs."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(deadline)
        if any(thread.is_alive() for thread in self._threads):
            log.error("a volume does not answer", volume=str(self.volume.root))
            return False
        self.work()
        self.settle(self._clock.monotonic())
        self._group.__exit__(None, None, None)
        self.opened = False
        return True

    def _run_writer(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._do(job)

    def _run_syncer(self) -> None:
        while not self._stopping.wait(until_next_second()):
            now = self._clock.monotonic()
            self.settle(Mono(now // SECOND * SECOND))

    # -- the writer's steps ---------------------------------------------------------------

    def work(self) -> None:
        """Do all jobs that wait."""
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                self._do(job)

    def _do(self, job: _Job) -> None:
        segment, fragment, size = job
        if fragment is None:
            self._finish(segment)
            return
        try:
            if segment.error is None:
                if segment.fd < 0:
                    self._create(segment)
                self._write(segment, fragment)
        except OSError as error:
            self._fail(segment, error)
        finally:
            segment.written()
            segment.released += size
            self._released += size

    def _create(self, segment: OpenSegment) -> None:
        folder = segment.part.parent
        if folder not in self._folders:
            self._disk.make_folder(folder)
            if len(self._folders) > 10_000:  # an hour's folder is made once; forget old hours
                self._folders.clear()
            self._folders.add(folder)
        try:
            segment.fd = self._disk.create(segment.part)
        except FileNotFoundError:  # somebody tidied the empty folder away
            self._folders.discard(folder)
            self._disk.make_folder(folder)
            segment.fd = self._disk.create(segment.part)
        hash_ = hashlib.sha256(segment.head)
        self._hashes[segment] = hash_
        self._writes += 1
        if segment.expected:
            self._disk.reserve(segment.fd, segment.expected)
        self._disk.write(segment.fd, segment.head, 0)
        segment.offset = len(segment.head)

    def _write(self, segment: OpenSegment, fragment: Fragment) -> None:
        segment.sequence += 1
        data = build_fragment(fragment, segment.sequence)
        offset, size = segment.offset, len(data)
        self._disk.write(segment.fd, data, offset)
        self._hashes[segment].update(data)
        self._writes += 1
        segment.offset = offset + size
        video = fragment.video
        if not video:
            time = audio_as_video_ticks(segment, fragment)
            segment.entries.append(TailEntry(time, offset, size, key=False))
            return
        time, key = fragment.video_time, video[0][3]
        segment.entries.append(TailEntry(time, offset, size, key))
        segment.kept_ticks = time + sum([sample[1] for sample in video])
        if key or any(sample[3] for sample in video):
            segment.since_key = [(offset, size)]
        else:
            segment.since_key.append((offset, size))

    def _fail(self, segment: OpenSegment, error: OSError) -> None:
        """Keep what is whole, take no more."""
        self._rest()
        segment.error = translated(error, f"{segment.part} can't be written")
        log.error("segment failed", stream=str(segment.stream), error=str(segment.error))
        if segment.fd >= 0:
            try:
                self._disk.truncate(segment.fd, segment.offset)
            except OSError as second:
                log.warning(
                    "could not cut a torn fragment", path=str(segment.part), error=str(second)
                )
                segment.abandoned = True

    def _finish(self, segment: OpenSegment) -> None:
        """The last bytes of a file; from here on it belongs to `settle`."""
        end = self._kept_end(segment)
        if segment.fd >= 0 and segment.entries and not segment.abandoned:
            try:
                self._write_tail(segment, end)
            except OSError as error:
                self._fail(segment, error)  # a file without a tail is read by walking through it
                end = self._kept_end(segment)
        sha256 = self._hashes[segment].digest() if segment.fd >= 0 else b""
        self._finished.append(_Finished(segment, end, sha256, self._clock.monotonic()))

    def _write_tail(self, segment: OpenSegment, end: Instant) -> None:
        tail = tail_box(Tail(end, len(segment.head), tuple(segment.entries), segment.clock))
        self._disk.write(segment.fd, tail, segment.offset)
        self._disk.truncate(segment.fd, segment.offset + len(tail))
        self._hashes[segment].update(tail)
        segment.offset += len(tail)
        self._writes += 1

    def _kept_end(self, segment: OpenSegment) -> Instant:
        if segment.error is None:
            return segment.end
        ticks = segment.kept_ticks * SECOND // segment.format.video.clock_rate
        return Instant(min(segment.end, segment.start + ticks))

    # -- the syncer's steps ---------------------------------------------------------------

    def settle(self, wanted: Mono) -> None:
        """Sync, rename, sync the folders, hand the rows to the index: invariant 2, in order."""
        finished: list[_Finished] = []
        # Another worker's sync may serve us, and it began at `wanted`: later files wait a second.
        while self._finished and self._finished[0].at <= wanted:
            finished.append(self._finished.popleft())
        writes = self._writes
        dirty, self._synced = writes != self._synced, writes
        try:
            self._sync(finished, dirty=dirty, wanted=wanted)
        except OSError as error:
            self._sort_out(finished, error)
        changes: list[IndexChange] = []
        folders: dict[Path, list[_Finished]] = {}
        for one in finished:
            if self._name_final(one):
                folders.setdefault(one.segment.final.parent, []).append(one)
        for folder, inside in folders.items():
            self._make_names_durable(folder, inside)
        for one in finished:
            self._forget(one.segment)
            changes += self._rows(one)
        if changes:
            self._index(changes)
        self.measure()

    def _sync(self, finished: list[_Finished], *, dirty: bool, wanted: Mono) -> None:
        if self.volume.durability == "1s" and (dirty or finished):
            self._group.sync(wanted)
            return
        for one in finished:
            if one.segment.fd >= 0:
                self._disk.sync_file(one.segment.fd)
        self._group.beat()

    def _sort_out(self, finished: list[_Finished], error: OSError) -> None:
        """The volume reported an error: ask each file, once, whether it is the one (invariant 9).

        fsync keeps its own record of errors per file, so this is no second try of the failed sync.
        """
        self._rest()
        log.error("sync failed", volume=str(self.volume.root), error=str(error))
        waiting = {one.segment for one in finished}
        for segment in list(self._hashes):
            if segment.closing and segment not in waiting:
                continue  # finished since: the next tick's
            try:
                self._disk.sync_file(segment.fd)
            except OSError as second:
                self._abandon(segment, second)

    def _abandon(self, segment: OpenSegment, error: OSError) -> None:
        segment.abandoned = True
        segment.error = translated(error, f"{segment.part} could not be made durable")
        log.error("segment abandoned", stream=str(segment.stream), error=str(segment.error))

    def _name_final(self, one: _Finished) -> bool:
        """Give a whole, synced file its final name; otherwise put it away. Whether it is final."""
        segment = one.segment
        if segment.fd < 0:
            return False
        try:
            if segment.abandoned:
                self._disk.rename(segment.part, segment.part.with_suffix(f".{Stage.ABANDONED}"))
            elif not segment.entries:
                self._disk.unlink(segment.part)
            else:
                self._disk.rename(segment.part, segment.final)
                return True
        except OSError as error:
            self._rest()
            self._abandon(segment, error)
        return False

    def _make_names_durable(self, folder: Path, inside: list[_Finished]) -> None:
        try:
            self._disk.sync_folder(folder)
        except OSError as error:
            self._rest()
            for one in inside:
                segment = one.segment
                self._abandon(segment, error)
                try:
                    self._disk.rename(segment.final, segment.final.with_suffix(".abandoned"))
                except OSError as second:
                    log.error("can't put away", path=str(segment.final), error=str(second))

    def _forget(self, segment: OpenSegment) -> None:
        self._hashes.pop(segment, None)
        fd, segment.fd = segment.fd, -1
        if fd >= 0:
            try:
                self._disk.close(fd)
            except OSError as error:  # after a sync nothing can be lost by it
                log.warning("close failed", path=str(segment.final), error=str(error))

    def _rows(self, one: _Finished) -> list[IndexChange]:
        """The row of the file, and the gap for whatever of its span is not in it."""
        segment = one.segment
        kept = segment.start
        changes: list[IndexChange] = []
        if segment.entries and not segment.abandoned:
            kept = one.end
            changes.append(
                PutSegment(
                    segment.stream,
                    segment.start,
                    one.end,
                    self.volume.uuid,
                    segment.init,
                    segment.run.run_id,
                    segment.offset,
                    one.sha256,
                    segment.clock,
                )
            )
        if kept < segment.end:
            error = segment.error or StorageError(
                Cause.BROKEN_STREAM, "a segment was opened and nothing came for it"
            )
            changes.append(
                PutGap(GapFacts(segment.stream, kept, segment.end, error.cause, error.detail))
            )
        return changes

    def measure(self) -> None:
        """How much is free; a volume that can't say so is not usable."""
        try:
            self.free = self._disk.free(self.volume.root)
        except OSError as error:
            self.free = 0
            if cause_of(error) is Cause.DISK_FAILED:
                self._rest()

    def _rest(self) -> None:
        self.resting_until = Mono(self._clock.monotonic() + REST_AFTER_FAILURE)
