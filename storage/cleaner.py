"""Deleting, in the order of invariant 3: ledger → row → file, batch by batch.

Held spans are looked at inside a turn that no new hold can overtake. What a crash leaves between
two steps is finished from the ledger by `finish`, which also runs each minute: a recovery that met
a deletion can have put a row back. Nothing here decides what goes; that is `storage.retention`.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from storage.custody import Memory
from storage.holds.held import HeldSpans
from storage.layout import Stage
from storage.ledger.deletions import deletions_in
from storage.ledger.late import add_late_leaves
from storage.ledger.leaves import DeleteLeaf, Leaf
from storage.removal import Doomed, Removal
from storage.retention import Deletion, Rules, Why, sentence
from vms.core.clock import HOUR, MINUTE, Clock, Instant, Mono, rfc3339
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.model import Cause, StreamKey

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = get_logger(__name__)

BATCH = 100
"""Segments of one turn: some tens of milliseconds, which a recorder's index can wait."""

_MARK = "deleted"  # up to which place of the ledger deletions are finished
_PENDING = "deleting"  # files whose volume was not there when they were to go
_PENDING_MAX = 10_000
# How long a deletion is looked at again: a recovery that read the volume before it went may put
# its row back. Recovery of a large site takes seconds.
_SETTLED = 2 * MINUTE
_UNTIDY_MAX = 100_000


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
        self._removal, self._memory = Removal(engine), Memory(engine)
        self._shelves, self._volumes = shelves, volumes
        self._holds, self._ledger, self._clock, self._by = holds, ledger, clock, by
        self._places: deque[tuple[Mono, int]] = deque(maxlen=64)  # how long the ledger was, when
        self._untidy: dict[tuple[str, StreamKey, Instant], None] = {}  # at most _UNTIDY_MAX

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
        done = Done()
        batch: list[Doomed] = []
        shelves = self._shelves()
        turn = partial(self._turn, shelves=shelves, done=done, spared=spared)
        for deletion in deletions:
            if deletion.volume not in shelves:
                continue
            batch += self._doomed(deletion, rules)
            while len(batch) >= self._size:
                self._batch(batch[: self._size], turn)
                batch = batch[self._size :]
                if not between():
                    return done
        if batch:
            self._batch(batch, turn)
        self._tidy(shelves)
        return done

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

    def _batch(self, batch: Sequence[Doomed], turn: Callable[[Sequence[Doomed]], None]) -> None:
        """One turn; where ledger and database themselves have no room, what room there is is used.

        What a turn wrote that failed later is written again by the next: a leaf that is there twice
        does no harm.
        """
        size = len(batch)
        while batch:
            some = batch[:size]
            try:
                turn(some)
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

    def _turn(
        self,
        batch: Sequence[Doomed],
        shelves: Mapping[str, Shelf],
        done: Done,
        spared: Callable[[], HeldSpans],
    ) -> None:
        with self._holds.deleting() as held:
            stay = (held, spared())
            going = [
                one
                for one in batch
                if not any(spans.covers(one.stream, one.start, one.end) for spans in stay)
            ]
            if not going:
                done.held += len(batch)
                return
            now = self._clock.now()
            self._ledger.append([_leaf(one, self._by, now) for one in going])
            self._replicate(going, shelves)
            gone = self._removal.remove(going)
        done.held += len(batch) - len(going)
        for one in gone:
            self._remove_file(one, shelves[one.volume], done)

    def _replicate(self, going: Sequence[Doomed], shelves: Mapping[str, Shelf]) -> None:
        """The volumes that lose footage know it.

        For a full disk it goes on without: a replica that can't be written must not stop room
        being made (invariant 8), and the ledger itself has the leaves.
        """
        roots = {root for one in going if (root := shelves[one.volume].root) is not None}
        try:
            self._ledger.replicate(sorted(roots))
        except StorageError as error:
            if not all(one.urgent for one in going):
                raise
            log.warning("footage goes without the ledger's replica", error=str(error))

    def _remove_file(self, one: Doomed, shelf: Shelf, done: Done) -> None:
        """A file that can't be removed is tried again by `finish`."""
        try:
            shelf.remove(one.stream, one.start)
        except (OSError, StorageError) as error:
            log.error("a deleted segment's file stays for now", segment=_id(one), error=str(error))
            self._add_pending([one])
            return
        done.segments += 1
        done.bytes += one.size
        if len(self._untidy) < _UNTIDY_MAX:
            self._untidy[one.volume, one.stream, Instant(one.start // HOUR * HOUR)] = None

    def _tidy(self, shelves: Mapping[str, Shelf]) -> None:
        """Take empty folders away; those of the present hours later."""
        now = self._clock.now()
        for volume, stream, hour in list(self._untidy):
            shelf = shelves.get(volume)
            if shelf is None or not self._remove_put_away(shelf, stream, hour, now):
                continue
            if shelf.tidy(stream, hour, now):
                del self._untidy[volume, stream, hour]

    def _remove_put_away(
        self, shelf: Shelf, stream: StreamKey, hour: Instant, now: Instant
    ) -> bool:
        """What was put away goes with the last footage of its hour, for it has no row of its own.

        False while some of it is held.
        """
        starts = shelf.put_away(stream, hour, now)
        if not starts:
            return True
        with self._holds.deleting() as held:
            # How long one lasts, nobody knows.
            free = [start for start in starts if not held.covers(stream, start, start + HOUR)]
            for start in free:
                log.info("a file that was put away goes", stream=str(stream), start=rfc3339(start))
                with contextlib.suppress(OSError):
                    shelf.remove(stream, start, Stage.ABANDONED)
        return len(free) == len(starts)

    # -- finishing ------------------------------------------------------------------------

    def finish(self, stopping: threading.Event | None = None) -> int:
        """Finish what a crash, or a recovery that met a deletion, left; how many segments.

        At the first call all that was ever begun and not marked as finished.
        """
        size, now = self._ledger.size(), self._clock.monotonic()
        shelves = self._shelves()
        start = int(self._memory.get(_MARK) or 0)
        if start > size:  # an older ledger was brought back
            start = 0
        count = self._retry_pending(shelves)
        for stream, leaves in self._begun(start, size).items():
            if stopping is not None and stopping.is_set():
                return count
            count += self._finish_stream(stream, leaves, shelves)
        for shelf in shelves.values():
            shelf.sync()
        self._advance(start, size, now)
        self._tidy(shelves)
        return count

    def _advance(self, start: int, size: int, now: Mono) -> None:
        """The mark follows at a distance, until no recovery can meet a deletion any more."""
        self._places.append((now, size))
        old = [place for at, place in self._places if now - at >= _SETTLED]
        if old and old[-1] > start:
            self._memory.put(_MARK, str(old[-1]))
            while self._places and self._places[0][1] < old[-1]:
                self._places.popleft()

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
        if not self._places:  # since start: only a crash leaves files without their rows
            for one in gone:
                for shelf in shelves.values():
                    if shelf.has(stream, one.start):
                        shelf.remove(stream, one.start)
                        count += 1
            if len(shelves) < self._volumes:
                self._add_pending(gone)
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

    # -- files of volumes that are away ---------------------------------------------------

    def _add_pending(self, some: Sequence[Doomed]) -> None:
        known = self._pending()
        known += [(str(one.stream), one.start) for one in some]
        self._memory.put(_PENDING, json.dumps(sorted(set(known))[:_PENDING_MAX]))

    def _pending(self) -> list[tuple[str, int]]:
        text = self._memory.get(_PENDING)
        return [(stream, start) for stream, start in json.loads(text)] if text else []

    def _retry_pending(self, shelves: Mapping[str, Shelf]) -> int:
        """Files that should be gone already: of volumes that were away, or refused."""
        pending = self._pending()
        if not pending:
            return 0
        left, count = [], 0
        for text, at in pending:
            stream, start = StreamKey.parse(text), Instant(at)
            if self._removal.find(stream, [start]):
                continue  # recorded again, or held and back in the index
            try:
                for shelf in shelves.values():
                    if shelf.has(stream, start):
                        shelf.remove(stream, start)
                        count += 1
            except (OSError, StorageError) as error:
                log.error("a deleted segment's file stays for now", error=str(error))
                left.append((text, at))
                continue
            if len(shelves) < self._volumes:
                left.append((text, at))
        if left != pending:
            self._memory.put(_PENDING, json.dumps(left))
        return count


def _leaf(one: Doomed, by: str, now: Instant) -> DeleteLeaf:
    return DeleteLeaf(
        one.stream, one.start, one.end, one.sha256, one.size, one.rule, one.reason, by, now
    )


def _doomed_of(leaf: DeleteLeaf) -> Doomed:
    return Doomed(
        leaf.stream, leaf.start, leaf.end, "", leaf.size, leaf.sha256, leaf.rule, leaf.reason
    )


def _id(one: Doomed) -> str:
    return f"{one.stream.camera}.{one.stream.name}.{one.start}"
