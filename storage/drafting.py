"""Writing the files of a volume's segments: their drafts, from the first byte to the last.

The steps, of which each may fail: create, reserve, head, fragments, tail, truncate; then the file
is the settler's. What a step did counts only if the draft still is the segment's, which is asked
under the segment's lock, for it may have moved while the disk was slow. A draft's offset is where
whole fragments end: a torn one is cut off, or the file is trusted by nobody. Used by one thread.
"""

from __future__ import annotations

import contextlib
import errno
import time
from pathlib import Path
from typing import TYPE_CHECKING

from storage.disk import Disk
from storage.draft import Draft
from storage.facts import Fragment
from storage.fmp4 import Tail, fragment_parts, tail_box
from storage.room import worth_reserving
from storage.segment import OpenSegment
from vms.core.clock import SECOND, Clock, Instant, Mono
from vms.core.log import get_logger
from vms.core.model import Cause

if TYPE_CHECKING:
    from storage.writer import VolumeWriter

log = get_logger(__name__)

# How long a write waits for the cleaner to make room when no other volume can take the segment.
ROOM_PATIENCE = 5 * SECOND
_ROOM_LOOK = 0.1
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FOLDERS_MAX = 10_000  # an hour's folder is made once; then old hours are forgotten


def is_full(error: OSError) -> bool:
    """Whether an operation failed for want of room, which is no fault of the disk."""
    return error.errno in _FULL


class Drafter:
    """`since`: when the operation began that it is at; `writes`: how many there were, ever."""

    def __init__(self, home: VolumeWriter, disk: Disk, clock: Clock) -> None:
        self._home, self._disk, self._clock = home, disk, clock
        self._folders: set[Path] = set()
        self.since: Mono | None = None
        self.writes = 0

    def serve(self, segment: OpenSegment) -> None:
        """Write all that waits in a segment, and its end if it was closed."""
        self.since = self._clock.monotonic()
        try:
            self._serve(segment)
        finally:
            self.since = None

    def _serve(self, segment: OpenSegment) -> None:
        closing = segment.closing  # first: what was handed over before waits now
        draft = segment.draft
        began = self._clock.monotonic()
        while (waiting := segment.oldest()) is not None:
            parts: list[bytes] | None = None
            if segment.error is None:
                try:
                    if draft.fd < 0 and not self._create(segment, draft):
                        return
                    parts = self._write(draft, waiting.fragment)
                except OSError as error:
                    if self._room_comes(error, began):
                        continue
                    if self._failed(segment, draft, error):
                        return
            if not segment.let_go(draft, parts):
                return
            began = self.since = self._clock.monotonic()
        if closing and draft.end is None:
            self._finish(segment, draft)

    def _create(self, segment: OpenSegment, draft: Draft) -> bool:
        """Make the file with its head; False if the segment has moved meanwhile."""
        fd = self._new_file(draft.part)
        kept = False
        try:
            if worth_reserving(segment.expected, self._home.room(Mono(0)).left):
                draft.reserved = self._reserve(fd, segment.expected)
            self._disk.write(fd, segment.head, 0)
            self.writes += 1
            with segment.lock:
                kept = segment.draft is draft
                if kept:
                    draft.hash.update(segment.head)
                    draft.offset, draft.fd = len(segment.head), fd
        finally:
            if not kept:
                self._disk.close(fd)
                with contextlib.suppress(OSError):
                    self._disk.unlink(draft.part)
        return kept

    def _new_file(self, path: Path) -> int:
        self._home.settler.require_root()  # or we would fill the folder a disk was mounted on
        folder = path.parent
        if folder not in self._folders:
            self._disk.make_folder(folder)
            if len(self._folders) > _FOLDERS_MAX:
                self._folders.clear()
            self._folders.add(folder)
        try:
            return self._disk.create(path)
        except FileNotFoundError:  # somebody tidied the empty folder away
            self._folders.discard(folder)
            self._disk.make_folder(folder)
            return self._disk.create(path)

    def _reserve(self, fd: int, size: int) -> int:
        """Ask for space ahead: good to have, never needed."""
        try:
            self._disk.reserve(fd, size)
        except OSError:
            with contextlib.suppress(OSError):
                self._disk.truncate(fd, 0)  # gives back what was got before it was refused
            return 0
        return size

    def _write(self, draft: Draft, fragment: Fragment) -> list[bytes]:
        parts = fragment_parts(fragment, draft.sequence + 1)
        self._disk.write_parts(draft.fd, parts, draft.offset)
        self.writes += 1
        return parts

    def _room_comes(self, error: OSError, began: Mono) -> bool:
        """Whether to try again: the cleaner makes room within seconds, and nobody else has any."""
        if not is_full(error) or not self._home.may_wait:
            return False
        now = self._clock.monotonic()
        if now - began > ROOM_PATIENCE or self._home.can_leave():
            return False
        time.sleep(_ROOM_LOOK)
        self.since = self._clock.monotonic()  # it waits, it does not hang
        return True

    def _failed(self, segment: OpenSegment, draft: Draft, error: OSError) -> bool:
        """A write failed. True if the segment moves; else it takes no more."""
        said = self._home.refused(error, f"{draft.part} can't be written")
        self._home.leave(said, segment if said.cause is Cause.DISK_FULL else None)
        if segment.draft is not draft:
            return True
        segment.error = said
        log.error("segment failed", stream=str(segment.stream), error=str(said))
        if draft.fd >= 0:
            try:
                self._disk.truncate(draft.fd, draft.offset)
            except OSError as second:
                log.warning(
                    "could not cut a torn fragment", path=str(draft.part), error=str(second)
                )
                draft.abandoned = True
        return False

    def _finish(self, segment: OpenSegment, draft: Draft) -> None:
        """The last bytes of a file; from here on it belongs to the settler."""
        end = segment.kept_end(draft)
        if draft.fd >= 0 and draft.entries and not draft.abandoned:
            try:
                if not self._write_tail(segment, draft, end):
                    return
            except OSError as error:
                # A file without a tail is read by walking through it.
                if self._failed(segment, draft, error):
                    return
                end = segment.kept_end(draft)
        with segment.lock:
            if segment.draft is not draft:
                return
            draft.end = end
            draft.sha256 = draft.hash.digest() if draft.fd >= 0 else b""
        self._home.settler.put(segment, draft)

    def _write_tail(self, segment: OpenSegment, draft: Draft, end: Instant) -> bool:
        head = len(segment.head)
        tail = tail_box(Tail(end, head, tuple(draft.entries), segment.clock))
        self.writes += 1
        self._disk.write(draft.fd, tail, draft.offset)
        self._disk.truncate(draft.fd, draft.offset + len(tail))
        with segment.lock:
            if segment.draft is not draft:
                return False
            draft.hash.update(tail)
            draft.offset += len(tail)
        return True
