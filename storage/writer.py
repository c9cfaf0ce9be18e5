"""Writing to one volume: a bounded queue, its threads, and whether the volume is trusted.

A segment's file is written by `drafting`, made durable by `settling`; then its row goes to the
index. When a step fails and another volume is usable, the segment moves there (`rescue`); otherwise
the error ends up in the segment (its session records a gap) and in the rows of the span that was
lost. Other segments go on. `work` and `settle` can be called without threads: that is how the crash
machine of the tests counts operations.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from storage.disk import Disk
from storage.drafting import Drafter, is_full
from storage.rescue import Elsewhere, Leftover, Rescue
from storage.room import Room
from storage.rows import IndexChange
from storage.segment import OpenSegment
from storage.settling import Settler
from storage.volume import Volume, cause_of, translated
from vms.core.clock import SECOND, Clock, Mono
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.model import Cause

log = get_logger(__name__)

# What may wait for a volume: this much, plus a share for each open segment, because a burst of
# all cameras at once is normal. When it is full, `take` says no and the session records a gap.
BUFFER_BASE = 16 * 1024 * 1024
BUFFER_PER_SEGMENT = 512 * 1024
BUFFER_OF_ONE = 8 * 1024 * 1024
# A volume that failed is not chosen for new segments for so long, if there is another.
REST_AFTER_FAILURE = 30 * SECOND
# A volume that has not finished one operation in this time hangs. A sync may wait for everything
# that other programs have written.
WRITE_HANGS = 5 * SECOND
SYNC_HANGS = 15 * SECOND


class VolumeWriter:
    """The writing side of one volume in one process."""

    def __init__(
        self,
        volume: Volume,
        disk: Disk,
        clock: Clock,
        index: Callable[[list[IndexChange]], None],
        elsewhere: Elsewhere | None = None,
        *,
        buffer_base: int = BUFFER_BASE,
    ) -> None:
        self.volume = volume
        self.resting_until = Mono(0)
        self.doubt: StorageError | None = None  # why it is not trusted; until a probe succeeds
        self.segments: set[OpenSegment] = set()  # whose file is here, until their row is put
        self.used = 0  # by finished footage of all workers; told by whoever asks the index
        self._disk, self._clock = disk, clock
        self._base = buffer_base
        self._free = self._ahead = 0
        self._writing = 0
        self._taken = self._released = 0  # bytes ever; the first is the loop's
        self._release_lock = threading.Lock()
        self._jobs: queue.SimpleQueue[OpenSegment | Leftover | None] = queue.SimpleQueue()
        self.drafter = Drafter(self, disk, clock)
        self.settler = Settler(self, disk, clock, index)
        elsewhere = elsewhere if elsewhere is not None else _nowhere
        self.rescue = Rescue(self, elsewhere, disk, clock)
        self._elsewhere = elsewhere
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()

    # -- the loop's side ------------------------------------------------------------------

    def take(self, segment: OpenSegment, size: int) -> bool:
        """Whether so many bytes more may wait. A volume that is too slow is left."""
        waiting = self._taken - self._released
        limit = self._base + BUFFER_PER_SEGMENT * len(self.segments)
        if waiting + size > limit or segment.taken - segment.released + size > BUFFER_OF_ONE:
            self._overflows(segment)
            return False
        self._taken += size
        segment.taken += size
        return True

    def put(self, segment: OpenSegment) -> None:
        """Something waits in the segment, or it was closed."""
        self._jobs.put(segment)

    def release(self, size: int) -> None:
        """Bytes that were taken here wait no more."""
        with self._release_lock:
            self._released += size

    def room(self, now: Mono) -> Room:
        """As a choice for new segments."""
        well = self.doubt is None and now >= self.resting_until and self.alive
        return Room(
            self._free,
            self.volume.reserve,
            self.volume.quota,
            self.used + self.settler.kept,
            self._ahead,
            self._writing,
            len(self.segments),
            well,
        )

    @property
    def alive(self) -> bool:
        """Whether its threads run, if it has any."""
        return all(thread.is_alive() for thread in self._threads)

    @property
    def waiting(self) -> int:
        """Bytes that wait to be written."""
        return self._taken - self._released

    def _overflows(self, segment: OpenSegment) -> None:
        detail = f"volume {self.volume.root} did not take the footage as fast as it came"
        if self.leave(StorageError(Cause.DISK_SLOW, detail)):
            self.rest()

    # -- life -----------------------------------------------------------------------------

    def open(self) -> None:
        """Take up the volume; its threads begin with `start`."""
        self.settler.open()
        self.measure()

    def start(self) -> None:
        """Run the threads; `stop` joins them."""
        targets = (("write", self._run), ("sync", lambda: self.settler.run(self._stopping)))
        for name, target in targets:
            thread = threading.Thread(target=target, name=f"{name} {self.volume.root}", daemon=True)
            thread.start()
            self._threads.append(thread)
        self.rescue.start()

    @property
    def may_wait(self) -> bool:
        """Whether its writer is a thread of its own, and nobody waits for its end."""
        return bool(self._threads) and not self._stopping.is_set()

    @property
    def idle(self) -> bool:
        """Whether no segment has a file here or is on its way from here."""
        return not self.segments and self.rescue.idle

    def finish_writing(self) -> None:
        """Ask the threads to end after what is queued; every segment must have been closed."""
        self.rescue.finish()
        self._jobs.put(None)

    def join(self, deadline: float) -> bool:
        """Wait for the threads until `deadline` (of `time.monotonic`); False if one hangs."""
        self._stopping.set()
        threads = [*self._threads, *([self.rescue.thread] if self.rescue.thread else [])]
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in threads):
            log.error("a volume does not answer", volume=str(self.volume.root))
            return False
        self._threads.clear()
        return True

    def close(self) -> None:
        """Settle what is left and let go of the volume. Its threads have ended."""
        self.settler.settle(self._clock.monotonic())
        self.settler.close()

    # -- failing --------------------------------------------------------------------------

    def refused(self, error: OSError, what: str) -> StorageError:
        """An operation failed: the volume rests, and is doubted unless it only is full."""
        said = translated(error, what)
        self.rest()
        if not is_full(error) and self.doubt is None:
            self.doubt = said
            log.error("volume failed", volume=str(self.volume.root), error=str(said))
        return said

    def leave(self, error: StorageError, only: OpenSegment | None = None) -> bool:
        """Carry segments to another volume, all or one; False if there is none that takes them."""
        if not self.can_leave():
            return False
        leaving = self.own() if only is None else [only]
        taken = [self.rescue.take_over(segment, error) for segment in leaving]
        return any(taken)

    def own(self) -> list[OpenSegment]:
        """The segments whose file we write; not those that are on their way to us."""
        return [segment for segment in self.segments.copy() if segment.writer is self]

    def can_leave(self) -> bool:
        """Whether another volume takes segments."""
        return self._elsewhere({self}, None) is not None

    def distrust(self, detail: str) -> None:
        """Nothing more is written here, until a probe succeeds."""
        error = StorageError(Cause.DISK_FAILED, detail)
        self.rest()
        if self.doubt is None:
            self.doubt = error
            log.error("volume failed", volume=str(self.volume.root), error=detail)
        self.leave(error)

    def rest(self) -> None:
        self.resting_until = Mono(self._clock.monotonic() + REST_AFTER_FAILURE)

    def look(self, now: Mono) -> None:
        """Leave a volume that hangs. Called by a thread that never touches a disk."""
        for since, patience, what in (
            (self.drafter.since, WRITE_HANGS, "write"),
            (self.settler.since, SYNC_HANGS, "sync"),
        ):
            if since is not None and now - since > patience:
                self.distrust(f"volume {self.volume.root} did not finish a {what} in time")
        self.rescue.give_up_stale(now)

    # -- the writer's jobs ----------------------------------------------------------------

    def work(self) -> None:
        """Do all jobs that wait."""
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                self._do(job)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                self._do(job)
            except Exception as error:
                log.exception("a fault of ours in writing", volume=str(self.volume.root))
                if isinstance(job, OpenSegment):
                    self.settler.spoiled(job, error)

    def put_leftover(self, leftover: Leftover) -> None:
        """A file here that has been carried away. Through the queue: nobody writes it any more."""
        self._jobs.put(leftover)

    def _do(self, job: OpenSegment | Leftover) -> None:
        if isinstance(job, Leftover):
            self.settler.leftovers.append(job)
        elif job.writer is self:
            self.drafter.serve(job)

    def measure(self) -> None:
        """How much is free; a volume that can't say so is not usable."""
        try:
            self._free = self._disk.free(self.volume.root)
        except OSError as error:
            self._free = 0
            if cause_of(error) is Cause.DISK_FAILED:
                self.refused(error, f"volume {self.volume.root} can't be measured")
        drafts = [segment.draft for segment in self.own()]
        self._ahead = sum(max(0, draft.reserved - draft.offset) for draft in drafts)
        self._writing = sum(draft.offset for draft in drafts)


def _nowhere(tried: set[VolumeWriter], segment: OpenSegment | None) -> VolumeWriter | None:
    return None
