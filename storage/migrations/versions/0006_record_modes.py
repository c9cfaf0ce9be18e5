"""Schedules of recording, and events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006_record_modes"
down_revision = "0005_ledger"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "schedule",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("spans", sa.Text, nullable=False),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("camera", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("end", sa.BigInteger),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("told", sa.BigInteger, nullable=False),
    )
    op.create_index("event_by_camera", "event", ["camera", "start"])
    op.create_index("event_by_end", "event", ["end"])


def downgrade() -> None:
    op.drop_table("event")
    op.drop_table("schedule")
