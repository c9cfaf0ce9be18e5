"""Making durable: each second one sync for all files of a volume, then names, then rows.

What comes after `storage.drafting`, in a thread of its own, so that a sync that takes long delays
no write. Whatever fails here may move to another volume like a segment whose write failed: a name
is final and a row is put only for the file that is the segment's when its turn comes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from storage.disk import Disk
from storage.draft import Draft
from storage.facts import GapFacts
from storage.group_sync import GroupSync, until_next_second
from storage.layout import Stage
from storage.rows import IndexChange, PutGap, PutSegment
from storage.segment import OpenSegment
from storage.volume import translated
from vms.core.clock import SECOND, Clock, Mono
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.model import Cause

if TYPE_CHECKING:
    from storage.rescue import Leftover
    from storage.writer import VolumeWriter

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Finished:
    """A file whose last byte is written and which awaits its sync."""

    segment: OpenSegment
    draft: Draft
    at: Mono

    @property
    def ours(self) -> bool:
        """Whether it still is the segment's file."""
        return self.segment.draft is self.draft


class Settler:
    """What makes one writer's files durable. `kept`: bytes of files named final, ever."""

    def __init__(
        self,
        home: VolumeWriter,
        disk: Disk,
        clock: Clock,
        index: Callable[[list[IndexChange]], None],
    ) -> None:
        self._home, self._disk, self._clock, self._index = home, disk, clock, index
        self._finished: deque[Finished] = deque()  # one per segment at most
        self._synced = 0  # of the writes, asked to be durable
        self._touched = False
        self._group = GroupSync(home.volume.root, disk, clock)
        self.leftovers: deque[Leftover] = deque()  # files carried away, not yet removed
        self.durable_until = Mono(0)  # what was written before is durable
        self.since: Mono | None = None  # when the settling began that is going on
        self.kept = 0

    def open(self) -> None:
        """Raises StorageError."""
        root = self._home.volume.root
        try:
            self._group.__enter__()
        except OSError as error:
            raise translated(error, f"volume {root} can't be used") from error

    def close(self) -> None:
        """Let go of the volume: it can be unmounted."""
        for leftover in self.leftovers:
            if not leftover.superseded or not self._remove(leftover, unlink=True):
                self._remove(leftover, unlink=False)
        self.leftovers.clear()
        self._group.__exit__(None, None, None)

    def root_stat(self) -> os.stat_result:
        """Of the folder that was opened, whatever stands at its path by now."""
        return os.fstat(self._group.root_fd)

    def require_root(self) -> None:
        """Raise OSError if another file system stands at the volume's path by now."""
        root = self._home.volume.root
        if not os.path.samestat(root.stat(), self.root_stat()):
            raise OSError(errno.ENODEV, "the volume is not mounted there any more", str(root))

    def put(self, segment: OpenSegment, draft: Draft) -> None:
        """A file is complete."""
        self._finished.append(Finished(segment, draft, self._clock.monotonic()))

    def touch(self) -> None:
        """Something was written that is not counted in the writer's writes."""
        self._touched = True

    def run(self, stopping: threading.Event) -> None:
        """Settle each second; a fault of ours costs the segments of that second."""
        while not stopping.wait(until_next_second()):
            now = self.since = self._clock.monotonic()
            self.settle(Mono(now // SECOND * SECOND))
            self.since = None

    def settle(self, wanted: Mono) -> None:
        """Sync, rename, sync the folders, hand the rows to the index: invariant 2, in order."""
        finished: list[Finished] = []
        # Another worker's sync may serve us, and it began at `wanted`: later files wait a second.
        while self._finished and self._finished[0].at <= wanted:
            one = self._finished.popleft()
            if one.ours:
                finished.append(one)
        try:
            self._settle(finished, wanted)
        except Exception as error:
            log.exception("a fault of ours in settling", volume=str(self._home.volume.root))
            for one in finished:
                self._spoil(one.segment, one.draft, error)
        self._remove_leftovers()
        self._home.measure()

    def spoiled(self, segment: OpenSegment, error: Exception) -> None:
        """The writer met a fault of ours: the segment takes no more, and ends as lost."""
        segment.error = StorageError(Cause.RECORDER_CRASHED, f"a fault of ours: {error!r}")
        while segment.oldest() is not None and segment.let_go(segment.draft):
            pass
        if segment.closing:
            self._spoil(segment, segment.draft, error)

    def _spoil(self, segment: OpenSegment, draft: Draft, error: Exception) -> None:
        with segment.lock:
            if segment.draft is not draft or draft.settled:
                return
            draft.abandoned = draft.settled = True
            if segment.error is None:
                detail = f"a fault of ours: {error!r}"
                segment.error = StorageError(Cause.RECORDER_CRASHED, detail)
        self._forget(segment, draft)
        self._index(_rows(segment, draft, self._home.volume.uuid))

    def _settle(self, finished: list[Finished], wanted: Mono) -> None:
        writes, touched = self._home.drafter.writes, self._touched
        self._touched = False
        dirty, self._synced = touched or writes != self._synced, writes
        try:
            self._sync(finished, dirty=dirty, wanted=wanted)
        except OSError as error:
            self._sort_out(finished, error)
        for one in finished:
            if one.draft.unasked and one.ours:
                self._ask(one.segment, one.draft)
        folders: dict[Path, list[Finished]] = {}
        for one in finished:
            if one.ours and self._name_final(one):
                folders.setdefault(one.draft.final.parent, []).append(one)
        for folder, inside in folders.items():
            self._make_names_durable(folder, inside)
        changes: list[IndexChange] = []
        for one in finished:
            with one.segment.lock:
                if not one.ours or one.draft.settled:
                    continue
                one.draft.settled = True
            self._forget(one.segment, one.draft)
            changes += _rows(one.segment, one.draft, self._home.volume.uuid)
            self.kept += one.draft.offset
        if changes:
            self._index(changes)

    def _sync(self, finished: list[Finished], *, dirty: bool, wanted: Mono) -> None:
        if self._home.volume.durability == "1s" and (dirty or finished):
            self._group.sync(wanted)
            self.durable_until = wanted
            return
        for one in finished:
            if one.draft.fd >= 0:
                self._disk.sync_file(one.draft.fd)
        self._group.beat()
        if self._home.volume.durability == "1s":  # nothing was written since the last
            self.durable_until = wanted

    def _sort_out(self, finished: list[Finished], error: OSError) -> None:
        """The volume reported an error: ask each file, once, whether it is the one (invariant 9).

        fsync keeps its own record of errors per file, so this is no second try of the failed sync.
        What can be carried to another volume is: its bytes are compared with their hash.
        """
        root = self._home.volume.root
        said = self._home.refused(error, f"volume {root} can't be synced")
        for segment in self._home.own():
            segment.draft.unasked = True
        if self._home.leave(said):
            return
        waiting = {one.segment for one in finished}
        for segment in self._home.own():
            draft = segment.draft
            if draft.end is not None and segment not in waiting:
                continue  # finished since: the next tick's
            if draft.fd >= 0:
                self._ask(segment, draft)

    def _ask(self, segment: OpenSegment, draft: Draft) -> None:
        draft.unasked = False
        if draft.fd < 0 or draft.abandoned:  # it has answered already: never asked again
            return
        try:
            self._disk.sync_file(draft.fd)
        except OSError as error:
            self._abandon(segment, draft, error)

    def _abandon(self, segment: OpenSegment, draft: Draft, error: OSError) -> None:
        draft.abandoned = True
        segment.error = translated(error, f"{draft.part} could not be made durable")
        log.error("segment abandoned", stream=str(segment.stream), error=str(segment.error))

    def _name_final(self, one: Finished) -> bool:
        """Give a whole, synced file its final name; otherwise put it away. Whether it is final."""
        draft = one.draft
        if draft.fd < 0:
            return False
        try:
            if draft.abandoned:
                self._disk.rename(draft.part, draft.part.with_suffix(f".{Stage.ABANDONED}"))
            elif not draft.entries:
                self._disk.unlink(draft.part)
            else:
                self._disk.rename(draft.part, draft.final)
                return True
        except OSError as error:
            said = self._home.refused(error, f"{draft.part} can't be named")
            if draft.abandoned or not self._home.leave(said, one.segment):
                self._abandon(one.segment, draft, error)
        return False

    def _make_names_durable(self, folder: Path, inside: list[Finished]) -> None:
        try:
            self._disk.sync_folder(folder)
        except OSError as error:
            said = self._home.refused(error, f"{folder} can't be synced")
            for one in inside:
                if not one.ours or self._home.leave(said, one.segment):
                    continue
                self._abandon(one.segment, one.draft, error)
                final = one.draft.final
                try:
                    self._disk.rename(final, final.with_suffix(f".{Stage.ABANDONED}"))
                except OSError as second:
                    log.error("can't put away", path=str(final), error=str(second))

    def _forget(self, segment: OpenSegment, draft: Draft) -> None:
        self._home.segments.discard(segment)
        fd, draft.fd = draft.fd, -1
        if fd >= 0:
            try:
                self._disk.close(fd)
            except OSError as error:  # after a sync nothing can be lost by it
                log.warning("close failed", path=str(draft.final), error=str(error))

    # -- what was carried away --------------------------------------------------------------

    def _remove_leftovers(self) -> None:
        for leftover in list(self.leftovers):
            if leftover.superseded and self._remove(leftover, unlink=True):
                self.leftovers.remove(leftover)

    def _remove(self, leftover: Leftover, *, unlink: bool) -> bool:
        """Remove and close a file; what can't be removed, recovery finds when it can."""
        old = leftover.old
        if old.fd < 0:
            return True
        for path in (old.part, old.final) if unlink else ():
            try:
                # By its inode: the segment may have come back to a file of the same name.
                if os.path.samestat(os.fstat(old.fd), path.stat()):
                    self._disk.unlink(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                log.debug("can't be removed yet", path=str(path), error=str(error))
                return False
        for draft in (old, leftover.taken):
            with contextlib.suppress(OSError):
                draft.let_go()
        return True


def _rows(segment: OpenSegment, draft: Draft, volume: str) -> list[IndexChange]:
    """The row of the file, and the gap for whatever of its span is not in it."""
    kept = segment.start
    changes: list[IndexChange] = []
    if draft.entries and not draft.abandoned and draft.end is not None:
        kept = draft.end
        changes.append(
            PutSegment(
                segment.stream,
                segment.start,
                draft.end,
                volume,
                segment.init,
                segment.run.run_id,
                draft.offset,
                draft.sha256,
                segment.clock,
                draft.frames,
                pictures=draft.pictures,
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
