"""The index's one writing thread: what happened within a second becomes one transaction.

Before that it becomes leaves of the ledger, in one append.

A database that does not answer is waited for. A change that it will never take is found by
halving its batch, put aside and told; the others go on.
"""

from __future__ import annotations

import threading
from collections import deque

from storage.activity.streams import Activities
from storage.index import ChangeRefused, Index
from storage.ledger.bookkeeper import Bookkeeper
from storage.let_go import LetGo
from storage.rows import IndexChange, PutGap, PutSegment
from vms.core.clock import Instant, rfc3339
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.model import StreamKey

log = get_logger(__name__)

# At 1,000 cameras, hours of a database that doesn't answer. When full, the oldest change is let
# go, counted and noted (`storage.let_go`): a segment's row is found again on the volume at the
# next start, a gap's second is explained by recovery.
WAITING_MAX = 200_000
_PERIOD = 1.0
# A change refused alone may yet be the database's fault, as long as nothing else went through.
_TRIES_ALONE = 5


class Indexer:
    """Collects changes from any thread and applies them once a second, in order."""

    def __init__(
        self, index: Index, books: Bookkeeper | None = None, let_go: LetGo | None = None
    ) -> None:
        self._index = index
        self._books = books if books is not None else Bookkeeper(None)
        self._let_go = let_go
        self._gone: dict[StreamKey, Instant] = {}  # the oldest let go of each, not yet noted
        self._activities = Activities()
        self._waiting: deque[IndexChange] = deque()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._alone = 0  # times in a row that the only change there was has been refused
        self.lost = 0
        self.refused = 0
        self.aside = 0  # changes that no try will ever get in

    def put(self, changes: list[IndexChange]) -> None:
        """Queue changes that belong together."""
        with self._lock:
            self._waiting.extend(changes)
            began = not self._gone and len(self._waiting) > WAITING_MAX
            while len(self._waiting) > WAITING_MAX:
                stream, start = _place_of(self._waiting.popleft())
                self._gone[stream] = min(start, self._gone.get(stream, start))
                self.lost += 1
        if began:
            log.error(
                "the database is away for too long; the oldest rows are let go until it is back",
                waiting=WAITING_MAX,
            )

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="index", daemon=True)
        self._thread.start()

    def stop(self, deadline: float) -> None:
        """End the thread and apply what still waits."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(deadline)
            if self._thread.is_alive():
                log.error("the database does not answer", changes=len(self._waiting))
                return
        self.flush()

    def flush(self) -> bool:
        """One transaction with all that waits; False if the database refused it for now."""
        with self._lock:
            batch = list(self._waiting)
            self._waiting.clear()
        if not batch:
            return True
        batch = self._activities.measured(batch)
        try:
            batch = self._books.booked(batch)  # who must wait again keeps the places got here
            self._note_gone()
        except StorageError as error:
            self._wait_with(batch, error)
            return False
        except BaseException:
            with self._lock:
                self._waiting.extendleft(reversed(batch))
            raise
        try:
            self._index.apply(batch)
        except ChangeRefused as error:
            return self._without_refused(batch, error)
        except StorageError as error:
            self._wait_with(batch, error)
            return False
        self._alone = 0
        return True

    def _note_gone(self) -> None:
        """What was let go is noted before anything newer goes in. Raises StorageError."""
        with self._lock:
            gone, self._gone = self._gone, {}
        if not gone:
            return
        try:
            if self._let_go is not None:
                self._let_go.note(gone)
        except BaseException:
            with self._lock:
                for stream, start in gone.items():
                    self._gone[stream] = min(start, self._gone.get(stream, start))
            raise
        first = min(gone.values())
        log.error("rows were let go", changes=self.lost, streams=len(gone), since=rfc3339(first))

    def _wait_with(self, batch: list[IndexChange], error: StorageError) -> None:
        """The database does not take it now: it goes back to the front."""
        self.refused += 1
        log.error("index refused a transaction", changes=len(batch), error=str(error))
        with self._lock:
            self._waiting.extendleft(reversed(batch))

    def _without_refused(self, batch: list[IndexChange], error: ChangeRefused) -> bool:
        """Apply what can be; when nothing can, it is not the changes' fault and all wait."""
        if len(batch) == 1:
            self._alone += 1
            if self._alone < _TRIES_ALONE:
                self._wait_with(batch, error)
                return False
            bad = [(batch[0], error)]
        else:
            try:
                bad = self._halved(batch)
            except StorageError as busy:  # applying some of them again is harmless
                self._wait_with(batch, busy)
                return False
            if len(bad) == len(batch):
                self._wait_with(batch, error)
                return False
        self._alone = 0
        for change, reason in bad:
            self.aside += 1
            log.error("change put aside", change=_said(change), error=str(reason))
        return True

    def _halved(self, batch: list[IndexChange]) -> list[tuple[IndexChange, ChangeRefused]]:
        """Apply a batch in order, in ever smaller parts; those that are refused alone."""
        try:
            self._index.apply(batch)
        except ChangeRefused as error:
            if len(batch) == 1:
                return [(batch[0], error)]
            middle = len(batch) // 2
            return self._halved(batch[:middle]) + self._halved(batch[middle:])
        return []

    def _run(self) -> None:
        while not self._stopping.wait(_PERIOD):
            try:
                self.flush()
            except Exception:
                log.exception("a fault of ours; the index goes on", changes=len(self._waiting))


def _place_of(change: IndexChange) -> tuple[StreamKey, Instant]:
    if isinstance(change, PutGap):
        return change.gap.stream, change.gap.start
    return change.stream, change.start


def _said(change: IndexChange) -> str:
    """What a person must know of a change to find its footage."""
    if isinstance(change, PutSegment):
        return f"segment {change.stream} {change.start} on volume {change.volume}"
    if isinstance(change, PutGap):
        gap = change.gap
        return f"gap {gap.stream} {gap.start} to {gap.end}: {gap.cause}"
    return f"no gap {change.stream} {change.start}"
