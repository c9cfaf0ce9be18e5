"""The ledger: rows that still lack a leaf are found without reading the others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005_ledger"
down_revision = "0004_custody"
branch_labels = None
depends_on = None

_LATE = "leaf IS NULL"
_LATE_GAP = "leaf IS NULL AND \"end\" IS NOT NULL AND cause <> 'deleted'"


def upgrade() -> None:
    for table, condition in (("segment", _LATE), ("gap", _LATE_GAP)):
        op.create_index(
            f"{table}_late",
            table,
            ["stream_id", "start"],
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )


def downgrade() -> None:
    for table in ("gap", "segment"):
        op.drop_index(f"{table}_late", table_name=table)
