"""The port through which everything tells what people do: quick, never in the way of what it tells.

`tell` puts an entry into a bounded queue and returns; a thread keeps what is there each second.
Full, or a disk that refuses: the entries are counted, and the count is an entry itself.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from vms.core.clock import Clock, Instant
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.people.audit.book import Book, NotWaiting, new_id
from vms.people.audit.entry import Entry, What
from vms.people.audit.viewing import Eye, Viewings

log = get_logger(__name__)

QUEUE_MAX = 10_000
_EVERY_S = 1.0


class Teller(Protocol):
    """What others need of the audit."""

    def tell(self, entry: Entry) -> None: ...


class Trail:
    """The audit as one process tells it. Safe from every thread; `tell` and `saw` never block."""

    def __init__(self, book: Book, clock: Clock, queue_max: int = QUEUE_MAX) -> None:
        self._book, self._clock = book, clock
        self._waiting: deque[Entry] = deque()
        self._queue_max, self._lost = queue_max, 0
        self._lock = threading.Lock()  # around queue and viewings, never across I/O
        self._viewings = Viewings(new_id)
        self._stopping = threading.Event()
        self._failing = False

    def tell(self, entry: Entry) -> None:
        """Something was done."""
        with self._lock:
            self._put([entry])

    def saw(self, eye: Eye, start: Instant, end: Instant) -> None:
        """Footage [start, end) goes out to somebody."""
        now = self._clock.now()
        with self._lock:
            self._put(self._viewings.saw(eye, start, end, now))

    def watching(self, eyes: Sequence[tuple[Eye, Instant]]) -> None:
        """Who watches live now, each since when; the others have ended."""
        now = self._clock.now()
        with self._lock:
            self._put(self._viewings.watching(eyes, now))

    def flush(self) -> None:
        """Keep what was told so far. Blocks."""
        now = self._clock.now()
        with self._lock:
            self._put(self._viewings.idle(now))
            entries, lost = list(self._waiting), self._lost
            self._waiting.clear()
            self._lost = 0
        if lost:
            entries.append(Entry(now, What.LOST, "", "system", subject=str(lost), outcome="failed"))
        try:
            if entries:
                self._book.write(entries)
            else:
                self._book.settle()
            self._failing = False
        except NotWaiting as error:
            with self._lock:
                self._lost += lost
                kept = entries[: len(entries) - bool(lost)]
                self._waiting.extendleft(reversed(kept))
                while len(self._waiting) > self._queue_max:
                    self._waiting.pop()
                    self._lost += 1
            self._failed(error)
        except StorageError as error:
            self._failed(error)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Keep what is told meanwhile, in a thread; at the end the last, viewings closed."""
        self._stopping.clear()
        thread = threading.Thread(target=self._run, name="audit", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join()
            with self._lock:
                self._put(self._viewings.end(self._clock.now()))
            self.flush()

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_S):
            try:
                self.flush()
            except Exception as error:  # noqa: BLE001 - the audit goes on whatever happens
                self._failed(error)

    def _put(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if len(self._waiting) >= self._queue_max:
                self._lost += 1
            else:
                self._waiting.append(entry)

    def _failed(self, error: Exception) -> None:
        if not self._failing:
            log.error("the audit can't be kept; it waits", error=str(error))
        self._failing = True
