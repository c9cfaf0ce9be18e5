"""A camera and span can be hidden from everybody but who is named."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023_blocks"
down_revision = "0022_tokens"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "camera_block",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("camera", sa.Text, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("end", sa.BigInteger),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("seen_by", sa.Text, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("lifted", sa.BigInteger),
        sa.Column("lifted_by", sa.Text),
        sa.Column("lift_reason", sa.Text),
    )
    op.create_index("camera_block_lifted", "camera_block", ["lifted"])


def downgrade() -> None:
    op.drop_table("camera_block")
