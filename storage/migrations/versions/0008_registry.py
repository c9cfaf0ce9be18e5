"""The registry's history, and the groups of cameras that were removed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008_registry"
down_revision = "0007_activity"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "camera_change",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("camera", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
    )
    op.create_index("camera_change_of", "camera_change", ["camera", "id"])
    op.create_table(
        "former_camera",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("member_of", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("former_camera")
    op.drop_table("camera_change")
