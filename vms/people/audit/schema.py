"""The tables of the audit. Times are nanoseconds of UTC."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from vms.people.schema import metadata

_id = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER counts by itself there

# One batch has one leaf in the ledger: docs/audit.md.
audit_batch = Table(
    "audit_batch",
    metadata,
    Column("id", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last", BigInteger, nullable=False),  # when its newest entry was made
    Column("leaf", BigInteger, nullable=False),  # place in the ledger
    Index("audit_batch_last", "last"),
)

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("id", _id, primary_key=True, autoincrement=True),
    Column("batch", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("what", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("who_key", Text, nullable=False),  # folded, for search
    Column("camera", Text, nullable=False),
    Column("start", BigInteger),
    Column("end", BigInteger),
    Column("viewing", Text, nullable=False),
    Column("line", Text, nullable=False),  # the entry itself; the columns beside it only find it
    Index("audit_entry_batch", "batch", "position", unique=True),
    Index("audit_entry_at", "at"),
    Index("audit_entry_camera", "camera", "id"),
    Index("audit_entry_who", "who_key", "id"),
    Index("audit_entry_viewing", "viewing", "id"),
    sqlite_autoincrement=True,
)

# How far a collector of logs has been told.
audit_forward = Table(
    "audit_forward",
    metadata,
    Column("collector", Text, primary_key=True),
    Column("entry", BigInteger, nullable=False),
)
