"""The audit's book: entries go into journal, ledger and database, in this order, and go by age.

Append-only: there is no call that changes an entry. Each batch has a leaf in the ledger, so what is
changed or removed past this module is found by `check`. Every call blocks.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine, delete, insert, select

from storage.database import writing
from storage.ledger.leaves import AuditLeaf, ForgetLeaf
from storage.ledger.log import Ledger
from storage.ledger.merkle import CompactRange, leaf_hash
from vms.core.clock import Clock, Instant, Span, span_text
from vms.core.errors import StorageError
from vms.people.accounts import fold_name
from vms.people.audit.entry import Entry
from vms.people.audit.journal import Batch, Journal
from vms.people.audit.schema import audit_batch, audit_entry

BATCH_MAX = 500
_FORGOTTEN_AT_ONCE = 200


class NotWaiting(StorageError):
    """The entries are not even in the journal: whoever tells them keeps or counts them."""


def new_id() -> str:
    """Names a batch or a viewing, unlike any other: 96 random bits."""
    return secrets.token_hex(12)


class Book:
    """One site's audit. `folder`: where what is on its way waits (`DATA/audit`)."""

    def __init__(self, engine: Engine, ledger: Ledger, folder: Path, clock: Clock) -> None:
        self._engine, self._ledger, self._clock = engine, ledger, clock
        self._journal = Journal(folder)

    def write(self, entries: Sequence[Entry]) -> None:
        """Keep entries, and what waits from before.

        Raises StorageError when ledger or database refuse: then they wait in the journal for a
        later call. NotWaiting: not even the journal took them.
        """
        with contextlib.ExitStack() as alone:
            try:
                alone.enter_context(self._journal.alone())
                for place in range(0, len(entries), BATCH_MAX):
                    self._journal.add(Batch(new_id(), tuple(entries[place : place + BATCH_MAX])))
            except StorageError as error:
                raise NotWaiting(error.cause, error.detail) from error
            self._keep()

    def settle(self) -> None:
        """Keep what a crash or a failure left in the journal. Raises StorageError."""
        if self._journal.waiting():
            with self._journal.alone():
                self._keep()

    def _keep(self) -> None:
        waiting = self._journal.waiting()
        if not waiting:
            return
        with self._engine.connect() as connection:
            ids = [batch.id for batch in waiting]
            known = set(
                connection.scalars(select(audit_batch.c.id).where(audit_batch.c.id.in_(ids)))
            )
        fresh = [batch for batch in waiting if batch.id not in known]
        if fresh:
            first = self._ledger.append([_leaf(batch) for batch in fresh])
            with writing(self._engine) as connection:
                for place, batch in enumerate(fresh, first):
                    _insert(connection, batch, place)
        self._journal.clear()

    def forget(self, keep: Span, by: str = "custodian") -> int:
        """Delete batches whose newest entry is older than `keep`; how many. Leaf before rows."""
        now = self._clock.now()
        before = Instant(now - keep)
        old = select(audit_batch.c.id).where(audit_batch.c.last < before).limit(_FORGOTTEN_AT_ONCE)
        with self._engine.connect() as connection:
            ids = list(connection.scalars(old))
        if not ids:
            return 0
        self._ledger.append([ForgetLeaf(before, f"kept for {span_text(keep)}", by, now)])
        with writing(self._engine) as connection:
            connection.execute(delete(audit_entry).where(audit_entry.c.batch.in_(ids)))
            connection.execute(delete(audit_batch).where(audit_batch.c.id.in_(ids)))
        return len(ids)


def root_of(lines: Sequence[bytes]) -> bytes:
    """The Merkle root (RFC 6962) over a batch's lines."""
    tree = CompactRange()
    for line in lines:
        tree.push(leaf_hash(line))
    return tree.root()


def _leaf(batch: Batch) -> AuditLeaf:
    lines = [entry.line() for entry in batch.entries]
    return AuditLeaf(batch.id, len(lines), root_of(lines), _last(batch))


def _last(batch: Batch) -> Instant:
    return max(entry.at for entry in batch.entries)


def row_of(entry: Entry) -> dict[str, object]:
    """The columns an entry is found by; what they must be for its line."""
    return {
        "at": entry.at,
        "what": str(entry.what),
        "who": entry.who,
        "who_key": fold_name(entry.who),
        "camera": entry.camera,
        "start": entry.start,
        "end": entry.end,
        "viewing": entry.viewing,
        "line": entry.line().decode(),
    }


def _insert(connection: Connection, batch: Batch, leaf: int) -> None:
    connection.execute(
        insert(audit_batch).values(
            id=batch.id, count=len(batch.entries), last=_last(batch), leaf=leaf
        )
    )
    rows = [
        {"batch": batch.id, "position": position, **row_of(entry)}
        for position, entry in enumerate(batch.entries)
    ]
    connection.execute(insert(audit_entry), rows)
