"""Is the archive what the ledger says? The check behind `vms verify` without a file.

Leaves against signed heads and replicas, rows against leaves, files against rows: so whoever
changes one of them without the others, and without the key, is found. Reads only, also while
everything runs: what looks wrong is looked at again after a moment, against whatever was appended
and written since. Pure questions stand in `storage.ledger`; this puts them together.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.audit.files import explained
from storage.audit.rows import LeafRow, LeafRows
from storage.check import PATIENCE, Level, Progress, verify_archive
from storage.findings import Finding, Kind
from storage.fmp4 import BadFile
from storage.layout import path_of
from storage.ledger.deletions import deletions_in
from storage.ledger.heads import Head, HeadCheck, check_keys, check_replicas, heads_of
from storage.ledger.history import RECORDS_MAX, Claims, History
from storage.ledger.leaves import BadLeaf, DeleteLeaf, GapLeaf, SegmentLeaf, parse
from storage.ledger.log import Ledger
from storage.listing import segment_id
from storage.segment_file import read_file_head
from storage.volume import find_volume
from vms.core.clock import MINUTE, Clock, Instant, rfc3339
from vms.core.config import Settings
from vms.core.errors import StorageError
from vms.core.model import StreamKey

if TYPE_CHECKING:
    from sqlalchemy import Engine

_BATCH = 4_000  # rows held against the ledger at once
_SUSPECTS_MAX = 10_000  # looked at again one by one; more at once are an archive gone, told so
_LATE = 10 * MINUTE  # a row younger than this may still wait for its leaf


@dataclass(frozen=True, slots=True)
class _Suspect:
    """What did not fit at first look. `place`: of the leaf that should hold, if there is one."""

    stream: StreamKey
    start: int
    gap: bool
    place: int | None


class Audit:
    """One look at everything. `kept`: heads kept elsewhere; `patience`: seconds to look again."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        ledger: Ledger,
        clock: Clock,
        *,
        kept: Sequence[str] = (),
        patience: float = PATIENCE,
        records_max: int = RECORDS_MAX,
    ) -> None:
        self._engine, self._settings, self._ledger = engine, settings, ledger
        self._clock, self._kept, self._patience = clock, kept, patience
        self._records_max = records_max
        self._rows = LeafRows(engine)
        self._roots = {
            uuid: volume.path
            for volume in settings.volumes
            if (uuid := find_volume(volume.path)) is not None
        }

    def findings(
        self, level: Level = Level.HASH, *, threads: int = 1, progress: Progress | None = None
    ) -> Iterator[Finding]:
        """Everything that is not as it should be."""
        yield from self.of_ledger()
        files = verify_archive(
            self._engine,
            self._settings.volumes,
            level,
            self._clock,
            threads=threads,
            progress=progress,
            patience=self._patience,
        )
        yield from (explained(found) for found in files)
        if level is Level.HASH:
            yield from self._heads_of_files()

    # -- the ledger -------------------------------------------------------------------------

    def of_ledger(self) -> Iterator[Finding]:
        """The ledger against its heads and replicas, and the index against the ledger."""
        began = time.monotonic()
        try:
            end = self._ledger.size()
            stamps = self._ledger.stamps(self._settings.ledger)
            heads, wrong = heads_of(self._ledger, stamps, self._kept)
        except StorageError as error:
            yield Finding(Kind.LEDGER_DAMAGED, "ledger", str(error))
            return
        yield from wrong
        if end and not heads and self._ledger.keys.verifiers():
            yield Finding(Kind.LEDGER_DAMAGED, "ledger", "its checkpoints are gone")
        suspects, more = list[_Suspect](), 0
        parts = max(1, -(-end // self._records_max))
        for part in range(parts):
            history = History((part, parts))
            yield from self._read(history, heads, end, first=part == 0)
            for one in self._suspects(history):
                if len(suspects) < _SUSPECTS_MAX:
                    suspects.append(one)
                else:
                    more += 1
        yield from check_replicas(self._ledger, self._roots.values())
        for number in self._rows.bad_formats():
            detail = f"format {number} is not what its digest says"
            yield Finding(Kind.ROW_CHANGED, f"format {number}", detail)
        if suspects:
            time.sleep(max(0.0, self._patience - (time.monotonic() - began)))
            yield from self._again(suspects, end)
        if more:
            yield Finding(Kind.ROW_CHANGED, "index", f"{more} more rows do not fit the ledger")

    def _read(
        self, history: History, heads: list[Head], end: int, *, first: bool
    ) -> Iterator[Finding]:
        check = HeadCheck(heads)
        signed = max((head.size for head in heads), default=0)
        count = 0
        for hash_ in history.read(self._ledger.leaves(0, end), signed):
            count += 1
            if first:
                check.take(hash_)
        if not first:
            return
        yield from check.findings()
        if count < end:
            detail = f"leaf {count} and what follows can't be read, of {end}"
            yield Finding(Kind.LEDGER_DAMAGED, "ledger", detail)
        for place, told in history.bad[:20]:
            yield Finding(Kind.LEDGER_DAMAGED, "ledger", f"leaf {place}: {told}")
        yield from check_keys(self._ledger, history.keys.values())

    # -- rows -------------------------------------------------------------------------------

    def _suspects(self, history: History) -> Iterator[_Suspect]:
        settled, known = history.settled(), self._rows.streams()
        for stream in sorted({*history.streams, *(key for key in known if history.ours(key))}):
            number = known.get(stream, -1)
            for gaps in (False, True):
                claims = settled.of(stream, gaps=gaps)
                rows = self._rows.gaps if gaps else self._rows.segments
                yield from _unlike(stream, rows(stream, number), claims, gaps=gaps)

    def _again(self, suspects: list[_Suspect], end: int) -> Iterator[Finding]:
        """What did not fit, against the index and the ledger as they are now."""
        wanted = {(one.stream, one.start): one for one in suspects}
        later = self._since(end, wanted)
        known, deleted = self._rows.streams(), self._deletions(wanted)
        for one in suspects:
            number = known.get(one.stream, -1)
            row = self._rows.row(one.stream, number, one.start, gaps=one.gap)
            place = later.get((one.stream, one.start, one.gap), one.place)
            rule = None if one.gap else deleted.get((one.stream, one.start))
            found = self._judged(one, row, place, rule)
            if found is not None:
                yield found

    def _since(
        self, end: int, wanted: dict[tuple[StreamKey, int], _Suspect]
    ) -> dict[tuple[StreamKey, int, bool], int]:
        """Places of leaves appended meanwhile that speak of what is wanted."""
        found: dict[tuple[StreamKey, int, bool], int] = {}
        for place, line in self._ledger.leaves(end):
            leaf = _parsed(line)
            if isinstance(leaf, SegmentLeaf | GapLeaf) and (leaf.stream, leaf.start) in wanted:
                found[leaf.stream, leaf.start, isinstance(leaf, GapLeaf)] = place
        return found

    def _deletions(
        self, wanted: dict[tuple[StreamKey, int], _Suspect]
    ) -> dict[tuple[StreamKey, int], DeleteLeaf]:
        """The deletions that speak of what is wanted and stand; one more reading, of them only."""
        return deletions_in(self._ledger.leaves(), lambda key: key in wanted)

    def _judged(
        self, one: _Suspect, row: LeafRow | None, place: int | None, gone: DeleteLeaf | None
    ) -> Finding | None:
        subject = segment_id(one.stream, one.start)
        what = "gap" if one.gap else "segment"
        if row is not None and gone is not None:
            when = rfc3339(gone.at)
            return Finding(
                Kind.ROW_UNKNOWN,
                subject,
                f"deleted by rule {gone.rule!r} at {when}; its row is not",
            )
        if gone is not None:
            return None
        line = None if place is None else self._ledger.read(place)
        if row is None:
            leaf = None if line is None else _parsed(line)
            if line is None or (isinstance(leaf, GapLeaf) and leaf.end == leaf.start):
                return None
            return self._missing(one, place, what, subject)
        if line is None:
            if row.leaf is None and self._clock.now() - row.end < _LATE:
                return None
            return Finding(Kind.ROW_UNKNOWN, subject, f"the ledger knows no such {what}")
        if row.line != line:
            detail = f"the index says {_differing(row.line, line)} (leaf {place})"
            return Finding(Kind.ROW_CHANGED, subject, f"{what}: {detail}")
        if row.leaf == place or (row.leaf is not None and self._same(row.leaf, line)):
            return None
        if row.leaf is None and self._clock.now() - row.end < _LATE:
            return None
        detail = f"{what}: its place in the ledger is {place}, and the index says {row.leaf}"
        return Finding(Kind.ROW_CHANGED, subject, detail)

    def _missing(self, one: _Suspect, place: int | None, what: str, subject: str) -> Finding:
        path = path_of(one.stream, Instant(one.start))
        if one.gap:
            return Finding(Kind.ROW_MISSING, subject, f"the gap of leaf {place} has no row")
        there = [root / path for root in self._roots.values() if (root / path).exists()]
        if there:
            detail = f"the segment of leaf {place} has no row; its file is {there[0]}"
            return Finding(Kind.ROW_MISSING, subject, detail)
        detail = f"the {what} of leaf {place} has neither row nor file, and no rule deleted it"
        return Finding(Kind.FOOTAGE_MISSING, subject, detail)

    def _same(self, place: int, line: bytes) -> bool:
        try:
            return self._ledger.read(place) == line
        except StorageError:
            return False

    # -- files ------------------------------------------------------------------------------

    def _heads_of_files(self) -> Iterator[Finding]:
        """What a row says of run and format against the head of its file."""
        for stream, number in self._rows.streams().items():
            for row in self._rows.segments(stream, number):
                told = self._unlike_head(row)
                if (
                    told is not None
                    and self._rows.row(stream, number, row.start, gaps=False) == row
                ):
                    yield Finding(Kind.ROW_CHANGED, segment_id(stream, row.start), told)

    def _unlike_head(self, row: LeafRow) -> str | None:
        path = path_of(row.stream, Instant(row.start))
        for root in self._roots.values():
            try:
                fd = os.open(root / path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                continue  # not here, or gone: told where files are looked at
            try:
                head = read_file_head(fd)
            except (BadFile, OSError):
                continue
            finally:
                os.close(fd)
            if (head.head.stream, head.head.start) != (row.stream, row.start):
                return None  # another file stands there: told where files are looked at
            if head.head.run.run_id != row.run:
                return f"the index says run {row.run}, the file {head.head.run.run_id}"
            if hashlib.sha256(head.init).digest() != row.format:
                return "the index says another format than the file"
        return None


def _unlike(
    stream: StreamKey, rows: Iterable[LeafRow], claims: Claims, *, gaps: bool
) -> Iterator[_Suspect]:
    waiting = iter(rows)
    while batch := list(itertools.islice(waiting, _BATCH)):
        fit = claims.hold([(row.start, row.line, row.leaf) for row in batch])
        for row in itertools.compress(batch, ~fit):
            yield _Suspect(stream, row.start, gaps, claims.place_of(row.start))
    for start, place in claims.unseen():
        yield _Suspect(stream, start, gaps, place)


def _parsed(line: bytes) -> object:
    try:
        return parse(line)
    except BadLeaf:
        return None


def _differing(row: bytes, leaf: bytes) -> str:
    """`end 5 instead of 6, …`."""
    try:
        said, right = json.loads(row), json.loads(leaf)
        names = [name for name in {**right, **said} if said.get(name) != right.get(name)]
        return ", ".join(f"{name} {said.get(name)} instead of {right.get(name)}" for name in names)
    except (ValueError, AttributeError):
        return "something else than the ledger"
