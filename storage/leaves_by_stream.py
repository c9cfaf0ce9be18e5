"""The ledger's leaves, looked up by stream and start: for rebuilding, which goes stream by stream.

The ledger is in the order things happened. Millions of leaves don't fit in memory, so they are
sorted into a file beside the data that lives no longer than its use. Not thread-safe.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from storage.facts import GapFacts
from storage.ledger.leaves import DeleteLeaf, GapLeaf, MoveLeaf, SegmentLeaf, parse
from vms.core.clock import Instant
from vms.core.model import Cause, StreamKey

_KINDS = {kind.kind: kind.kind for kind in (SegmentLeaf, GapLeaf, DeleteLeaf, MoveLeaf)}
_BATCH = 5_000


class LeavesByStream:
    """A context manager. `file`: where they are sorted; made anew, and gone at the end."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> Self:
        self._remove()
        self._db = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
        self._db.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536;"
            "CREATE TABLE leaf (stream TEXT, kind TEXT, start INTEGER, place INTEGER, line BLOB,"
            " PRIMARY KEY (stream, kind, start, place)) WITHOUT ROWID"
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()
        self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._file.unlink()

    def read(self, leaves: Iterable[tuple[int, bytes]]) -> int:
        """Take in places and lines; what is about no stream, or no leaf, is left out. How many."""
        found = (row for place, line in leaves if (row := _row(place, line)) is not None)
        count = 0
        while batch := list(itertools.islice(found, _BATCH)):
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR REPLACE INTO leaf VALUES (?, ?, ?, ?, ?)", batch)
            self._db.execute("COMMIT")
            count += len(batch)
        return count

    def streams(self) -> list[StreamKey]:
        """All streams any leaf is about."""
        names = self._db.execute("SELECT DISTINCT stream FROM leaf").fetchall()
        return sorted(StreamKey.parse(name) for (name,) in names)

    def segment(
        self, stream: StreamKey, start: int, sha256: bytes | None = None
    ) -> tuple[int, SegmentLeaf] | None:
        """A segment's last leaf, with that hash if one is given, and its place."""
        for place, line in self._of(stream, SegmentLeaf.kind, start):
            leaf = parse(line)
            if isinstance(leaf, SegmentLeaf) and sha256 in (None, leaf.sha256):
                return place, leaf
        return None

    def segments(self, stream: StreamKey) -> Iterator[tuple[int, SegmentLeaf]]:
        """Each segment the stream ever had, once, in order."""
        for place, line in self._all(stream, SegmentLeaf.kind):
            leaf = parse(line)
            if isinstance(leaf, SegmentLeaf):
                yield place, leaf

    def is_deleted(self, stream: StreamKey, start: int, sha256: bytes | None) -> bool:
        """Whether a deletion of this segment stands there (with that hash, if it is known), and
        no later leaf of the very same file takes it back."""
        for place, line in self._of(stream, DeleteLeaf.kind, start):
            leaf = parse(line)
            if not isinstance(leaf, DeleteLeaf) or sha256 not in (None, leaf.sha256):
                continue
            if not self._is_taken_back(leaf, place):
                return True
        return False

    def _is_taken_back(self, deletion: DeleteLeaf, place: int) -> bool:
        later = itertools.takewhile(
            lambda found: found[0] > place,
            self._of(deletion.stream, SegmentLeaf.kind, deletion.start),
        )
        leaves = (parse(line) for _, line in later)
        return any(isinstance(one, SegmentLeaf) and deletion.taken_back_by(one) for one in leaves)

    def _kept_later(self, stream: StreamKey) -> set[int]:
        """The starts of which a segment's leaf follows a deletion: next to none."""
        query = (
            "SELECT gone.start FROM leaf gone JOIN leaf kept ON kept.stream = gone.stream"
            " AND kept.kind = ? AND kept.start = gone.start AND kept.place > gone.place"
            " WHERE gone.stream = ? AND gone.kind = ?"
        )
        rows = self._db.execute(query, (SegmentLeaf.kind, str(stream), DeleteLeaf.kind))
        return {start for (start,) in rows}

    def moved_to(self, stream: StreamKey, start: int) -> str | None:
        """The uuid of the volume a segment moved to last; None: it never did."""
        for _, line in self._of(stream, MoveLeaf.kind, start):
            leaf = parse(line)
            if isinstance(leaf, MoveLeaf):
                return leaf.target
        return None

    def deleted(self, stream: StreamKey) -> list[GapFacts]:
        """The spans whose footage was deleted; neighbours for the same reason are one."""
        spans: list[GapFacts] = []
        doubted = self._kept_later(stream)
        for place, line in self._all(stream, DeleteLeaf.kind):
            leaf = parse(line)
            if not isinstance(leaf, DeleteLeaf):
                continue
            if leaf.start in doubted and self._is_taken_back(leaf, place):
                continue
            detail = f"{leaf.rule}: {leaf.reason}" if leaf.rule else leaf.reason
            last = spans[-1] if spans else None
            begin = leaf.start
            if last is not None and (last.end, last.detail) == (leaf.start, detail):
                begin = spans.pop().start
            spans.append(GapFacts(stream, begin, leaf.end, Cause.DELETED, detail))
        return spans

    def gaps(self, stream: StreamKey) -> list[tuple[int, GapFacts]]:
        """The gaps that ended, each as it was last told, with their places."""
        found = []
        for place, line in self._all(stream, GapLeaf.kind):
            leaf = parse(line)
            if isinstance(leaf, GapLeaf) and leaf.end > leaf.start:
                facts = GapFacts(stream, leaf.start, leaf.end, leaf.cause, leaf.detail)
                found.append((place, facts))
        return found

    def _of(self, stream: StreamKey, kind: str, start: int) -> list[tuple[int, bytes]]:
        """The leaves of one kind about one start, the last first."""
        query = (
            "SELECT place, line FROM leaf WHERE stream = ? AND kind = ? AND start = ?"
            " ORDER BY place DESC"
        )
        return self._db.execute(query, (str(stream), kind, start)).fetchall()

    def _all(self, stream: StreamKey, kind: str) -> Iterator[tuple[int, bytes]]:
        """The last leaf of one kind about each start, in order of the starts."""
        query = (
            "SELECT start, place, line FROM leaf WHERE stream = ? AND kind = ?"
            " ORDER BY start, place"
        )
        rows: Iterable[Any] = self._db.execute(query, (str(stream), kind))
        for _, same in itertools.groupby(rows, key=lambda row: row[0]):
            *_, (_, place, line) = same
            yield place, line


def _row(place: int, line: bytes) -> tuple[str, str, Instant, int, bytes] | None:
    """Without `parse`, which costs five times as much: it comes when a leaf is used."""
    try:
        values = json.loads(line)
        kind = _KINDS[values["kind"]]
        start = int(values["start"])
        return str(StreamKey.parse(values["stream"])), kind, Instant(start), place, line
    except (ValueError, KeyError, TypeError):
        return None
