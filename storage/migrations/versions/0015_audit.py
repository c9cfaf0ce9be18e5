"""The audit: entries in batches, each batch with its leaf; how far collectors were told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015_audit"
down_revision = "0012_purpose"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_batch",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("leaf", sa.BigInteger, nullable=False),
    )
    op.create_index("audit_batch_last", "audit_batch", ["last"])
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "audit_entry",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("batch", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("who_key", sa.Text, nullable=False),
        sa.Column("camera", sa.Text, nullable=False),
        sa.Column("start", sa.BigInteger),
        sa.Column("end", sa.BigInteger),
        sa.Column("viewing", sa.Text, nullable=False),
        sa.Column("line", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("audit_entry_batch", "audit_entry", ["batch", "position"], unique=True)
    op.create_index("audit_entry_at", "audit_entry", ["at"])
    op.create_index("audit_entry_camera", "audit_entry", ["camera", "id"])
    op.create_index("audit_entry_who", "audit_entry", ["who_key", "id"])
    op.create_index("audit_entry_viewing", "audit_entry", ["viewing", "id"])
    op.create_table(
        "audit_forward",
        sa.Column("collector", sa.Text, primary_key=True),
        sa.Column("entry", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for name in ("audit_forward", "audit_entry", "audit_batch"):
        op.drop_table(name)
