"""The index's one writing thread: what happened within a second becomes one transaction."""

from __future__ import annotations

import threading
from collections import deque

from storage.index import Index
from storage.rows import IndexChange
from vms.core.errors import StorageError
from vms.core.log import get_logger

log = get_logger(__name__)

# At 1,000 cameras, hours of a database that doesn't answer. When full, the oldest change is let
# go and counted: a segment's row is found again on the volume at the next start, a gap's second
# is explained by recovery.
WAITING_MAX = 200_000
_PERIOD = 1.0


class Indexer:
    """Collects changes from any thread and applies them once a second, in order."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._waiting: deque[IndexChange] = deque()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.lost = 0
        self.refused = 0

    def put(self, changes: list[IndexChange]) -> None:
        """Queue changes that belong together."""
        with self._lock:
            self._waiting.extend(changes)
            while len(self._waiting) > WAITING_MAX:
                self._waiting.popleft()
                self.lost += 1

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
        try:
            self._index.apply(batch)
        except StorageError as error:
            self.refused += 1
            log.error("index refused a transaction", changes=len(batch), error=str(error))
            with self._lock:
                self._waiting.extendleft(reversed(batch))
            return False
        return True

    def _run(self) -> None:
        while not self._stopping.wait(_PERIOD):
            self.flush()
