"""Is the audit what the ledger says? A part of `vms verify`: changed, removed, invented entries.

The ledger itself is held against its signed heads by `storage.audit.check`; here the rows are held
against the ledger's leaves. Reads only, also while everything runs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from sqlalchemy import Engine, select

from storage.findings import Finding, Kind
from storage.ledger.leaves import AuditLeaf, BadLeaf, ForgetLeaf, parse
from storage.ledger.log import Ledger
from vms.core.clock import rfc3339
from vms.people.audit import entry as entries
from vms.people.audit.book import root_of, row_of
from vms.people.audit.schema import audit_batch, audit_entry

_BATCH = 500


class AuditCheck:
    """One look at the audit. `patience`: seconds until what looks wrong is looked at again."""

    def __init__(self, engine: Engine, ledger: Ledger, patience: float = 3.0) -> None:
        self._engine, self._ledger, self._patience = engine, ledger, patience

    def findings(self) -> Iterator[Finding]:
        """Every batch that is not what its leaf says, and every entry without a leaf."""
        suspects = self._suspects()
        if suspects:
            time.sleep(self._patience)  # somebody may be writing, or forgetting, right now
            suspects &= self._suspects()
            leaves, _ = self._leaves()
            for batch in sorted(suspects):
                yield self._judged(batch, leaves.get(batch))

    def _leaves(self) -> tuple[dict[str, AuditLeaf], int]:
        """The leaves of batches that must be there or may, and up to when they may be gone."""
        found: dict[str, AuditLeaf] = {}
        forgotten = 0
        for _, line in self._ledger.leaves():
            if not line.startswith(b'{"at":'):  # most lines are segments
                continue
            if b'"kind":"audit"' in line or b'"kind":"forget"' in line:
                try:
                    leaf = parse(line)
                except BadLeaf:
                    continue  # told where the ledger is looked at
                if isinstance(leaf, AuditLeaf):
                    found[leaf.id] = leaf
                elif isinstance(leaf, ForgetLeaf) and leaf.end <= leaf.at:
                    forgotten = max(forgotten, leaf.end)
        return found, forgotten

    def _suspects(self) -> set[str]:
        leaves, forgotten = self._leaves()
        with self._engine.connect() as connection:
            there = set(connection.scalars(select(audit_entry.c.batch).distinct()))
            there |= set(connection.scalars(select(audit_batch.c.id)))
        wrong = there - leaves.keys()
        wrong |= {
            batch for batch, leaf in leaves.items() if batch not in there and leaf.at >= forgotten
        }
        known = sorted(there & leaves.keys())
        for place in range(0, len(known), _BATCH):
            some = known[place : place + _BATCH]
            wrong |= {batch for batch in some if self._unlike(batch, leaves[batch]) is not None}
        return wrong

    def _unlike(self, batch: str, leaf: AuditLeaf) -> str | None:
        """What is wrong with a batch's rows; None: nothing."""
        asked = select(audit_entry).where(audit_entry.c.batch == batch)
        with self._engine.connect() as connection:
            rows = connection.execute(asked.order_by(audit_entry.c.position)).all()
            head = connection.execute(
                select(audit_batch.c.count, audit_batch.c.last).where(audit_batch.c.id == batch)
            ).one_or_none()
        if len(rows) < leaf.count:
            places = {row.position for row in rows}
            gone = [str(place) for place in range(leaf.count) if place not in places]
            return f"{len(gone)} of {leaf.count} entries are gone: {', '.join(gone[:20])}"
        if len(rows) > leaf.count:
            return f"{len(rows) - leaf.count} entries more than the {leaf.count} that were kept"
        if head is None or tuple(head) != (leaf.count, leaf.at):
            return "its row in audit_batch is gone or changed"
        for position, row in enumerate(rows):
            if row.position != position:
                return f"entry {row.id} was changed: its position is {row.position}"
            try:
                columns = row_of(entries.parse(row.line.encode()))
            except ValueError:
                return f"entry {row.id} was changed: it is no entry any more"
            for name, value in columns.items():
                if getattr(row, name) != value:
                    return f"entry {row.id} was changed: column {name} is not its line's"
        if root_of([row.line.encode() for row in rows]) != leaf.sha256:
            numbers = f"{rows[0].id} to {rows[-1].id}" if rows else "none"
            return f"an entry of numbers {numbers} was changed"
        return None

    def _judged(self, batch: str, leaf: AuditLeaf | None) -> Finding:
        subject = f"audit {batch}"
        if leaf is None:
            detail = "these entries have no leaf in the ledger: somebody put them there"
            return Finding(Kind.AUDIT_CHANGED, subject, detail)
        wrong = self._unlike(batch, leaf)
        return Finding(
            Kind.AUDIT_CHANGED, subject, f"{wrong or 'it changes'} (until {rfc3339(leaf.at)})"
        )
