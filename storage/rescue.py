"""Carries segments from a volume that failed, is full or hangs to another, while they go on.

A segment on its way belongs to the rescue: fragments wait in the segment, bounded, until its bytes
so far stand on the other volume with the same SHA-256. What can't be carried goes back to where it
was, failed. One rescue for each volume, with a thread of its own: reading from a dead disk may hang
for ever, and then nothing else does.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.disk import Disk
from storage.draft import Draft, NotReadable
from storage.segment import OpenSegment
from vms.core.clock import SECOND, Clock, Mono
from vms.core.errors import StorageError
from vms.core.log import get_logger

if TYPE_CHECKING:
    from storage.writer import VolumeWriter

log = get_logger(__name__)

# What all segments on their way from one volume may hold back together; each of them no more than
# a writer's limit. When it is full, `take` says no and the session records a gap.
BUFFER = 256 * 1024 * 1024
BUFFER_OF_ONE = 8 * 1024 * 1024
# A segment that could not be carried within this time is given up: its buffer is about full.
PATIENCE = 15 * SECOND

Elsewhere = Callable[[set["VolumeWriter"], OpenSegment | None], "VolumeWriter | None"]
"""A volume that can take a segment, none of those given; the segment counts there from then on."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A segment on its way. `draft`: its file where it was; `taken`: what we read it through."""

    segment: OpenSegment
    draft: Draft
    taken: Draft
    error: StorageError
    since: Mono


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file that was carried away, to be removed once `copy` on `target` is durable."""

    old: Draft
    taken: Draft
    copy: Draft
    target: VolumeWriter
    at: Mono

    @property
    def superseded(self) -> bool:
        """Whether the copy is durable."""
        return self.copy.settled or self.target.settler.durable_until > self.at


class Rescue:
    """The way out of one volume, `source`. A segment's `Taker` while it is carried."""

    def __init__(
        self, source: VolumeWriter, elsewhere: Elsewhere, disk: Disk, clock: Clock
    ) -> None:
        self._source, self._elsewhere = source, elsewhere
        self._disk, self._clock = disk, clock
        self._queue: queue.SimpleQueue[Carried | None] = queue.SimpleQueue()  # one a segment
        self._carried: dict[OpenSegment, Carried] = {}
        self._held = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.moved = 0  # segments, ever

    # -- a segment's taker ------------------------------------------------------------------

    def take(self, segment: OpenSegment, size: int) -> bool:
        """Whether so many bytes more may wait."""
        if segment.taken - segment.released + size > BUFFER_OF_ONE:
            return False
        with self._lock:
            if self._held + size > BUFFER:
                return False
            self._held += size
        segment.taken += size
        return True

    def put(self, segment: OpenSegment) -> None:
        """Who takes the segment over looks for all that waits in it."""

    def release(self, size: int) -> None:
        """Bytes were written on the other volume."""
        with self._lock:
            self._held -= size

    # -- carrying -----------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way."""
        return not self._carried

    def take_over(self, segment: OpenSegment, error: StorageError) -> bool:
        """Take a segment from the source; its thread may be writing it in this very moment."""
        with segment.lock:
            draft = segment.draft
            if segment.writer is not self._source or draft.settled or draft.given_back:
                return False
            try:
                taken = draft.detached()
            except OSError:  # no descriptor left: it stays and fails
                return False
            segment.draft, segment.writer = taken, self
        self._source.segments.discard(segment)
        one = Carried(segment, draft, taken, error, self._clock.monotonic())
        self._carried[segment] = one
        self._queue.put(one)
        return True

    def start(self) -> None:
        """Run the thread; `finish` ends it."""
        name = f"rescue {self._source.volume.root}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """End the thread after what is queued."""
        self._queue.put(None)

    @property
    def thread(self) -> threading.Thread | None:
        return self._thread

    def work(self) -> None:
        """Carry all that waits."""
        while True:
            try:
                one = self._queue.get_nowait()
            except queue.Empty:
                return
            if one is not None:
                self._carry(one)

    def give_up_stale(self, now: Mono) -> None:
        """Give back what has waited too long: the thread hangs in reading."""
        for one in list(self._carried.values()):
            if now > one.since + PATIENCE:
                self._give_back(one, f"it could not be read within {PATIENCE // SECOND} s")

    def _run(self) -> None:
        while (one := self._queue.get()) is not None:
            try:
                self._carry(one)
            except Exception as error:
                log.exception("a fault of ours in carrying", stream=str(one.segment.stream))
                self._give_back(one, f"a fault of ours: {error!r}")
                one.taken.let_go()

    def _carry(self, one: Carried) -> None:
        tried = {self._source}
        reason = "no other volume can take it"
        while one.segment.writer is self:
            target = self._elsewhere(tried, one.segment)
            if target is None:
                break
            tried.add(target)
            try:
                target.settler.require_root()
                copy = one.taken.copied(target.volume.root, self._disk)
            except NotReadable as error:
                target.segments.discard(one.segment)
                reason = str(error)
                break
            except OSError as error:
                target.segments.discard(one.segment)
                target.refused(error, f"{target.volume.root} can't take a segment over")
                reason = str(error)
                continue
            self._hand_over(one, copy, target)
            return
        self._give_back(one, reason)
        one.taken.let_go()

    def _hand_over(self, one: Carried, copy: Draft, target: VolumeWriter) -> None:
        segment = one.segment
        with segment.lock:
            ours = segment.writer is self
            if ours:
                segment.draft, segment.writer = copy, target
        at = self._clock.monotonic()
        if not ours:  # given up while we copied
            target.segments.discard(segment)
            target.put_leftover(Leftover(copy, one.taken, one.draft, self._source, Mono(-1)))
            return
        self._carried.pop(segment, None)
        self.moved += 1
        log.warning(
            "segment moved",
            stream=str(segment.stream),
            source=str(self._source.volume.root),
            target=str(target.volume.root),
            bytes=copy.offset,
            cause=str(one.error),
        )
        target.settler.touch()
        if copy.end is not None:
            target.settler.put(segment, copy)
        else:
            target.put(segment)
        self._source.put_leftover(Leftover(one.draft, one.taken, copy, target, at))

    def _give_back(self, one: Carried, reason: str) -> None:
        """The segment fails where it was: kept up to there if that can be."""
        segment, draft = one.segment, one.draft
        with segment.lock:
            if segment.writer is not self:
                return
            draft.given_back = True
            if segment.error is None:
                segment.error = StorageError(one.error.cause, f"{one.error.detail}; {reason}")
            segment.draft, segment.writer = draft, self._source
        self._carried.pop(segment, None)
        log.error("segment failed", stream=str(segment.stream), error=str(segment.error))
        self._source.segments.add(segment)
        if draft.end is not None:
            self._source.settler.put(segment, draft)
        else:
            self._source.put(segment)
