"""The mover: segments older than a tier's `after` go to its bucket, proven before they go here.

The order of a move, in small batches: note → upload → read back and hash → MoveLeaf in the ledger
and on the volume → row → local file unlinked, folder synced → note gone. A crash between any two
steps is finished, or undone, by the note at the next round: nothing is lost and nothing stays
twice. An outage raises BucketError; then all is as it was, and the next round goes on.
"""

from __future__ import annotations

import errno
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from storage.disk import Disk
from storage.findings import Findings, Kind
from storage.index import Index
from storage.layout import path_of
from storage.ledger import Ledger
from storage.ledger.deletions import deletions_in
from storage.ledger.leaves import MoveLeaf
from storage.listing import segment_id
from storage.rows import SegmentRow
from storage.tiers.bucket import BucketError, digest_of
from storage.tiers.moves import Moves, Moving
from storage.tiers.opened import Tier
from storage.volume import cause_of
from vms.core.clock import HOUR, Clock, Instant
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.model import Cause, StreamKey

log = get_logger(__name__)

_BATCH = 8  # segments of one stream: a few hundred MB between two syncs of the ledger
_PIECE = 1 << 20
_LEFT_MAX = 100  # files that could not be unlinked; then nothing more moves
_REFUSED_MAX = 10_000  # segments found damaged here; more are tried again


class _Unfit(StorageError):
    """A local file can't be read, or is not what was written; it stays where it is."""


class _Interrupted(Exception):
    """The custodian ends."""


class Mover:
    """Moves to one tier. `roots`: where volumes are mounted now, by uuid; `wanted`: which streams
    move. Not thread-safe: one round at a time."""

    def __init__(
        self,
        tier: Tier,
        moves: Moves,
        index: Index,
        ledger: Ledger,
        findings: Findings,
        disk: Disk,
        clock: Clock,
        *,
        roots: Callable[[], Mapping[str, Path]],
        wanted: Callable[[StreamKey], bool],
    ) -> None:
        self._tier, self._bucket = tier, tier.bucket
        self._moves, self._index, self._ledger = moves, index, ledger
        self._findings, self._disk, self._clock = findings, disk, clock
        self._roots, self._wanted = roots, wanted
        self._refused: dict[tuple[StreamKey, Instant], int] = {}  # until when (monotonic)
        self._left: list[Moving] = []  # at most _LEFT_MAX and a batch
        self._place = 0  # of the ledger, from where on it says what became of `_left`

    def round(self, stopping: threading.Event) -> int:
        """Move everything that is due; the number of segments moved. Raises StorageError."""
        target = self.prepare()
        roots = self._roots()
        self._finish(target, roots)
        moved = 0
        while not stopping.is_set():
            some = sum(
                self._some(stream, target, roots, stopping)
                for stream in self._index.streams()
                if not stopping.is_set() and self._wanted(stream)
            )
            moved += some
            if not some:
                break
        return moved

    def prepare(self) -> str:
        """The bucket's uuid, known to the index; raises if it is another than before."""
        known = self._moves.uuid_of(self._tier.url)
        if known is not None and self._moves.stored(known).segments:
            self._tier.require(known, anew=True)
            return known
        target = self._tier.prepare(self._clock)
        if known != target:
            self._index.know_volume(target, self._tier.url)
        return target

    # -- a batch ----------------------------------------------------------------------------

    def _some(
        self, stream: StreamKey, target: str, roots: Mapping[str, Path], stopping: threading.Event
    ) -> int:
        before = Instant(self._clock.now() - self._tier.settings.after)
        due = self._moves.due(stream, list(roots), before)
        batch = list(islice((row for row in due if not self._is_refused(row)), _BATCH))
        if not batch:
            return 0
        if len(self._left) >= _LEFT_MAX:
            raise StorageError(
                Cause.DISK_FAILED,
                f"{len(self._left)} moved files can't be deleted here; nothing more moves until "
                "their volumes can be written again",
            )
        self._note(batch)
        proven: list[SegmentRow] = []
        try:
            for row in batch:
                self._carry(row, roots[row.volume], stopping, proven)
        except _Interrupted:
            self._commit(proven, target, roots)
            return len(proven)
        except StorageError:
            self._commit(proven, target, roots)  # what is there is there
            raise
        self._commit(proven, target, roots)
        self._note([])
        return len(batch)

    def _note(self, batch: Sequence[SegmentRow]) -> None:
        if not self._left:
            self._place = self._ledger.size()
        moving = [Moving(row.stream, row.start, row.volume) for row in batch]
        self._moves.note(self._tier.name, self._place, [*self._left, *moving])

    def _carry(
        self, row: SegmentRow, root: Path, stopping: threading.Event, proven: list[SegmentRow]
    ) -> None:
        """Upload and prove one segment, unless it is damaged or gone here."""
        key = str(path_of(row.stream, row.start))
        try:
            self._bucket.put(key, _pieces(row, root / key, stopping))
        except _Unfit as error:
            self._refuse(row, error)
            return
        if not self._is_there(row):
            raise BucketError(
                Cause.FOOTAGE_DAMAGED,
                f"{self._tier.url} does not give back what it took: {key} has another SHA-256",
                passing=True,
            )
        proven.append(row)

    def _is_there(self, row: SegmentRow) -> bool:
        """Whether the bucket gives back exactly what was written, by reading it."""
        key = str(path_of(row.stream, row.start))
        if self._bucket.size(key) != row.size:
            return False
        return digest_of(self._bucket, key, row.size) == row.sha256

    def _refuse(self, row: SegmentRow, error: _Unfit) -> None:
        """Not this one for a while; a damaged one is told, unless it was deleted just now."""
        if len(self._refused) >= _REFUSED_MAX:
            self._refused.clear()
        self._refused[row.stream, row.start] = self._clock.monotonic() + HOUR
        if self._index.segment(row.stream, row.start) is None:
            return
        if error.cause is Cause.FOOTAGE_DAMAGED:
            self._findings.report(
                Kind.FOOTAGE_DAMAGED, segment_id(row.stream, row.start), error.detail
            )
        else:
            log.warning("a segment can't move", tier=self._tier.name, error=error.detail)

    def _is_refused(self, row: SegmentRow) -> bool:
        return self._refused.get((row.stream, row.start), 0) > self._clock.monotonic()

    def _commit(self, rows: Sequence[SegmentRow], target: str, roots: Mapping[str, Path]) -> None:
        """What is proven there: ledger, replicas, rows, and only then the local files go."""
        if not rows:
            return
        now = self._clock.now()
        self._ledger.append(
            [MoveLeaf(row.stream, row.start, row.sha256, row.volume, target, now) for row in rows]
        )
        self._ledger.replicate({roots[row.volume] for row in rows if row.volume in roots})
        moved = []
        for row in rows:
            if self._moves.move(row, target):
                moved.append(Moving(row.stream, row.start, row.volume))
            else:  # deleted meanwhile: here too, then
                self._bucket.delete(str(path_of(row.stream, row.start)))
        self._unlink(moved, roots)
        log.info("segments moved", tier=self._tier.name, segments=len(rows))

    def _unlink(self, moved: Sequence[Moving], roots: Mapping[str, Path]) -> None:
        """Take local files away, so that a power cut brings none back once the note is gone;
        remember those where that is not possible now."""
        folders: dict[Path, list[Moving]] = {}
        for moving in moved:
            try:
                folder = self._unlinked(moving, roots.get(moving.source))
                folders.setdefault(folder, []).append(moving)
            except OSError as error:
                self._stays(moving, error)
        for folder, inside in folders.items():
            try:
                with suppress(FileNotFoundError):  # the folder is gone: so are they
                    self._disk.sync_folder(folder)
            except OSError as error:
                for moving in inside:
                    self._stays(moving, error)
                continue
            newest = max(moving.start for moving in inside)
            if self._clock.now() - newest > 3 * HOUR:  # nobody makes files there any more
                with suppress(OSError):
                    folder.rmdir()
                    folder.parent.rmdir()

    def _unlinked(self, moving: Moving, root: Path | None) -> Path:
        """Remove one file; the folder it was in. Raises OSError."""
        if root is None:
            raise OSError(errno.ENODEV, "its volume is not there")
        path = root / path_of(moving.stream, moving.start)
        with suppress(FileNotFoundError):
            self._disk.unlink(path)
        return path.parent

    def _stays(self, moving: Moving, error: OSError) -> None:
        log.warning("a moved segment stays here too", segment=str(moving), error=str(error))
        if moving not in self._left:
            self._left.append(moving)

    # -- after a crash ----------------------------------------------------------------------

    def _finish(self, target: str, roots: Mapping[str, Path]) -> None:
        """Finish or undo what was noted when the last round ended."""
        place, noted = self._moves.noted(self._tier.name)
        if not noted:
            return
        self._left, self._place = [], place
        proven: list[SegmentRow] = []
        moved: list[Moving] = []
        for moving in noted:
            row = self._index.segment(moving.stream, moving.start)
            if row is None:
                self._finish_deleted(moving, place, roots)
            elif row.volume == target:
                moved.append(moving)
            elif row.volume == moving.source and self._is_there(row):
                proven.append(row)
            else:
                self._bucket.delete(str(path_of(moving.stream, moving.start)))
        self._unlink(moved, roots)
        self._commit(proven, target, roots)
        self._moves.note(self._tier.name, place, self._left)

    def _finish_deleted(self, moving: Moving, place: int, roots: Mapping[str, Path]) -> None:
        """No row: if the ledger says that it was deleted since, no copy of it stays."""
        wanted = (moving.stream, moving.start)
        if wanted in deletions_in(self._ledger.leaves(place), lambda key: key == wanted):
            self._bucket.delete(str(path_of(*wanted)))
            self._unlink([moving], roots)
            return
        self._left.append(moving)  # an index being rebuilt: nothing is deleted on its word


def _pieces(row: SegmentRow, path: Path, stopping: threading.Event) -> Iterator[bytes]:
    """A local file's bytes; raises at their end if they are not those that were written."""
    sha256, size = hashlib.sha256(), 0
    try:
        with path.open("rb", buffering=0) as file:
            while piece := file.read(_PIECE):
                if stopping.is_set():
                    raise _Interrupted
                sha256.update(piece)
                size += len(piece)
                yield piece
    except OSError as error:
        raise _Unfit(cause_of(error), f"{path} can't be read to be moved: {error}") from error
    if size != row.size or sha256.digest() != row.sha256:
        raise _Unfit(
            Cause.FOOTAGE_DAMAGED, f"{path} is not what was written: it stays and does not move"
        )
