"""Deleting, in the order of invariant 3: ledger → row → file, batch by batch.

Held spans are looked at inside a turn that no new hold can overtake. What a crash leaves between
two steps is finished from the ledger by `finish`, which also runs each minute: a recovery that met
a deletion can have put a row back. Nothing here decides what goes; that is `storage.retention`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from storage.custody import Memory
from storage.emptied_folders import EmptiedFolders
from storage.finished_mark import FinishedMark
from storage.holds.held import HeldSpans
from storage.layout import Stage
from storage.ledger.deletions import deletions_in
from storage.ledger.late import add_late_leaves
from storage.ledger.leaves import DeleteLeaf, Leaf
from storage.listing import segment_id
from storage.pending_files import PendingFiles
from storage.removal import Doomed, Removal
from storage.retention import Deletion, Rules, Why, sentence
from vms.core.clock import Clock, Instant
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.model import Cause, StreamKey

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = get_logger(__name__)

BATCH = 100
"""Segments of one turn: some tens of milliseconds, which a recorder's index can wait."""


class Shelf(Protocol):
    """One volume. All may raise OSError or StorageError. `root`: None if it is no folder."""

    @property
    def root(self) -> Path | None: ...
    def remove(self, stream: StreamKey, start: Instant, stage: Stage = Stage.FINAL) -> None: ...
    def has(self, stream: StreamKey, start: Instant) -> bool: ...
    def put_away(self, stream: StreamKey, hour: Instant, now: Instant) -> list[Instant]: ...
    def tidy(self, stream: StreamKey, hour: Instant, now: Instant) -> bool: ...
    def sync(self) -> None: ...


class Holds(Protocol):
    """A turn to delete: what is held, and nothing more until it is over."""

    def deleting(self) -> AbstractContextManager[HeldSpans]: ...


class Ledger(Protocol):
    """Where deletions are written down first. Raises StorageError."""

    def append(self, leaves: Sequence[Leaf]) -> int: ...
    def replicate(self, roots: Iterable[Path]) -> None: ...
    def size(self) -> int: ...
    def leaves(self, start: int, end: int) -> Iterator[tuple[int, bytes]]: ...


@dataclass(slots=True)
class Done:
    """What went. `held`: segments that were to go and are held, or spared."""

    segments: int = 0
    bytes: int = 0
    held: int = 0


@dataclass(slots=True)
class _Round:
    """One call of `delete`. `deaf`: volumes that can't be told what they lose."""

    shelves: Mapping[str, Shelf]
    spared: Callable[[], HeldSpans]
    done: Done = field(default_factory=Done)
    deaf: set[str] = field(default_factory=set)


class Cleaner:
    """Deletes from the volumes that `shelves` gives, by uuid, each time anew. One thread.

    `make_room`: gives up something beside ledger and database, so that they can be written on a
    full disk; False when it has nothing left.
    """

    def __init__(
        self,
        engine: Engine,
        shelves: Callable[[], Mapping[str, Shelf]],
        volumes: int,
        holds: Holds,
        ledger: Ledger,
        clock: Clock,
        *,
        by: str = "custodian",
        batch: int = BATCH,
        make_room: Callable[[], bool] = lambda: False,
    ) -> None:
        self._engine, self._size, self._make_room = engine, batch, make_room
        self._removal = Removal(engine)
        self._pending = PendingFiles(Memory(engine))
        self._mark = FinishedMark(Memory(engine))
        self._emptied = EmptiedFolders(holds, clock)
        self._shelves, self._volumes = shelves, volumes
        self._holds, self._ledger, self._clock, self._by = holds, ledger, clock, by
        self._at_start = True  # until all that was ever begun was looked at

    # -- deleting -------------------------------------------------------------------------

    def delete(
        self,
        deletions: Iterable[Deletion],
        rules: Rules,
        between: Callable[[], bool] = lambda: True,
        spared: Callable[[], HeldSpans] = HeldSpans,
    ) -> Done:
        """Do what was planned, in its order, a batch at a time.

        `between`: called after each batch; False ends it early. `spared`: asked in each turn what
        stays beside what is held. Raises StorageError: then what was begun is finished by `finish`.
        """
        batch: list[Doomed] = []
        this = _Round(self._shelves(), spared)
        for deletion in deletions:
            if deletion.volume not in this.shelves:
                continue
            batch += self._doomed(deletion, rules)
            while len(batch) >= self._size:
                self._batch(batch[: self._size], this)
                batch = batch[self._size :]
                if not between():
                    return this.done
        if batch:
            self._batch(batch, this)
        self._emptied.tidy(this.shelves)
        return this.done

    def _doomed(self, deletion: Deletion, rules: Rules) -> list[Doomed]:
        rule = rules.get(deletion.stream.camera)
        reason = sentence(deletion, rule)
        return [
            Doomed(
                one.stream,
                one.start,
                one.end,
                one.volume,
                one.size,
                one.sha256,
                deletion.rule,
                reason,
                deletion.why is Why.DISK_FULL,
            )
            for one in self._removal.due(
                deletion.stream, deletion.volume, deletion.hour, deletion.before
            )
        ]

    def _batch(self, batch: Sequence[Doomed], this: _Round) -> None:
        """One turn; where ledger and database themselves have no room, what room there is is used.

        What a turn wrote that failed later is written again by the next: a leaf that is there twice
        does no harm.
        """
        size = len(batch)
        while batch:
            some = batch[:size]
            try:
                self._turn(some, this)
            except StorageError as error:
                urgent = all(one.urgent for one in some)
                if error.cause is not Cause.DISK_FULL or not urgent:
                    raise
                if not self._make_room():
                    if len(some) == 1:
                        raise
                    size = len(some) // 2
            else:
                batch = batch[size:]
                size *= 2  # the files that went made room

    def _turn(self, batch: Sequence[Doomed], this: _Round) -> None:
        with self._holds.deleting() as held:
            stay = (held, this.spared())
            free = [
                one
                for one in batch
                if not any(spans.covers(one.stream, one.start, one.end) for spans in stay)
            ]
            going = _but_deaf(free, this.deaf)
            if going:
                now = self._clock.now()
                self._ledger.append([_leaf(one, self._by, now) for one in going])
                this.deaf |= self._replicate(going, this.shelves)
                going = _but_deaf(going, this.deaf)
            gone = self._removal.remove(going) if going else []
        this.done.held += len(batch) - len(free)
        for one in gone:
            self._remove_file(one, this.shelves[one.volume], this.done)

    def _replicate(self, going: Sequence[Doomed], shelves: Mapping[str, Shelf]) -> set[str]:
        """The volumes that lose footage know it; gives those that can't be told.

        Nothing more goes from them by rule, and all else goes on. For a full disk it goes on there
        as well: a replica that can't be written must not stop room being made (invariant 8), and
        the ledger itself has the leaves.
        """
        roots = {one.volume: shelves[one.volume].root for one in going}
        try:
            self._ledger.replicate(sorted({root for root in roots.values() if root is not None}))
        except StorageError as error:
            log.warning("a volume does not get the ledger's replica", error=str(error))
            if all(one.urgent for one in going):
                return set()
        else:
            return set()
        return {volume for volume, root in roots.items() if root is not None and self._fails(root)}

    def _fails(self, root: Path) -> bool:
        try:
            self._ledger.replicate([root])
        except StorageError:
            return True
        return False

    def _remove_file(self, one: Doomed, shelf: Shelf, done: Done) -> None:
        """A file that can't be removed is tried again by `finish`."""
        try:
            shelf.remove(one.stream, one.start)
        except (OSError, StorageError) as error:
            name = segment_id(one.stream, one.start)
            log.error("a deleted segment's file stays for now", segment=name, error=str(error))
            self._pending.add([(one.stream, one.start)])
            return
        done.segments += 1
        done.bytes += one.size
        self._emptied.add(one.volume, one.stream, one.start)

    # -- finishing ------------------------------------------------------------------------

    def finish(self, stopping: threading.Event | None = None) -> int:
        """Finish what a crash, or a recovery that met a deletion, left; how many segments.

        At the first call all that was ever begun and not marked as finished. What one volume
        refuses keeps no other waiting.
        """
        size, now = self._ledger.size(), self._clock.monotonic()
        shelves = self._shelves()
        there = len(shelves) >= self._volumes
        count = self._pending.retry(shelves.values(), self._has_row, all_there=there)
        for stream, leaves in self._begun(self._mark.place(size), size).items():
            if stopping is not None and stopping.is_set():
                return count
            count += self._finish_stream(stream, leaves, shelves)
        self._at_start = False
        synced = [_synced(shelf) for shelf in shelves.values()]  # all of them, whatever one says
        if all(synced):
            self._mark.follow(size, now)
        self._emptied.tidy(shelves)
        return count

    def _has_row(self, stream: StreamKey, start: Instant) -> bool:
        return bool(self._removal.find(stream, [start]))

    def _begun(self, start: int, end: int) -> dict[StreamKey, dict[Instant, DeleteLeaf]]:
        """The deletions in a part of the ledger that stand; of one segment the last."""
        found: dict[StreamKey, dict[Instant, DeleteLeaf]] = {}
        for leaf in deletions_in(self._ledger.leaves(start, end)).values():
            found.setdefault(leaf.stream, {})[leaf.start] = leaf
        return found

    def _finish_stream(
        self, stream: StreamKey, leaves: Mapping[Instant, DeleteLeaf], shelves: Mapping[str, Shelf]
    ) -> int:
        rows = self._removal.find(stream, sorted(leaves))
        count = sum(self._finish_row(row, leaves[at], shelves) for at, row in rows.items())
        gone = [_doomed_of(leaf) for at, leaf in leaves.items() if at not in rows]
        for one in self._removal.unaccounted(stream, gone):
            self._removal.account(one)
        if self._at_start:  # only a crash leaves files without their rows
            there = len(shelves) >= self._volumes
            files = [(stream, one.start) for one in gone]
            count += self._pending.remove(files, shelves.values(), all_there=there)
        return count

    def _finish_row(self, row: Doomed, leaf: DeleteLeaf, shelves: Mapping[str, Shelf]) -> int:
        shelf = shelves.get(row.volume)
        if shelf is None or row.sha256 != leaf.sha256:
            return 0  # its rule lets it go once the volume is back; another file at that instant
        doomed = Doomed(
            row.stream,
            row.start,
            row.end,
            row.volume,
            row.size,
            row.sha256,
            leaf.rule,
            leaf.reason,
        )
        with self._holds.deleting() as held:
            if held.covers(row.stream, row.start, row.end):
                # Held after the leaf was written: it stays, and another leaf takes that one back.
                self._removal.forget_leaf(row)
                add_late_leaves(self._engine, self._ledger)
                return 0
            # Once more, as the last word: a leaf that came late may have taken it back meanwhile.
            self._ledger.append([_leaf(doomed, leaf.by, self._clock.now())])
            gone = self._removal.remove([doomed])
        for one in gone:
            self._remove_file(one, shelf, Done())
        return len(gone)


def _but_deaf(some: Sequence[Doomed], deaf: set[str]) -> list[Doomed]:
    """What goes though some volumes can't be told: of those only what goes for want of room."""
    return [one for one in some if one.urgent or one.volume not in deaf]


def _leaf(one: Doomed, by: str, now: Instant) -> DeleteLeaf:
    return DeleteLeaf(
        one.stream, one.start, one.end, one.sha256, one.size, one.rule, one.reason, by, now
    )


def _doomed_of(leaf: DeleteLeaf) -> Doomed:
    return Doomed(
        leaf.stream, leaf.start, leaf.end, "", leaf.size, leaf.sha256, leaf.rule, leaf.reason
    )


def _synced(shelf: Shelf) -> bool:
    """Whether what was removed stays removed."""
    try:
        shelf.sync()
    except (OSError, StorageError) as error:
        log.error("deletions on a volume are not durable yet", error=str(error))
        return False
    return True
