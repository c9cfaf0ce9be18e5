"""Steering: what was commanded, pictures of presets, patrols."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009_steering"
down_revision = "0008_registry"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ptz_command",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("camera", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("operator", sa.Text, nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
    )
    op.create_index("ptz_command_of", "ptz_command", ["camera", "id"])
    op.create_table(
        "ptz_picture",
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("preset", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("jpeg", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "ptz_patrol",
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("steps", sa.Text, nullable=False),
        sa.Column("running", sa.Boolean, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("ptz_patrol")
    op.drop_table("ptz_picture")
    op.drop_table("ptz_command")
