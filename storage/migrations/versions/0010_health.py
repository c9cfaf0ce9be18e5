"""What was not well with a camera, and since when its view is the present one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010_health"
down_revision = "0009_steering"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "camera_ailment",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("camera", sa.Text, nullable=False),
        sa.Column("check", sa.Text, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("end", sa.BigInteger),
        sa.Column("value", sa.Float),
        sa.Column("limit", sa.Float),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("good", sa.BigInteger),
    )
    op.create_index("camera_ailment_of", "camera_ailment", ["camera", "start"])
    op.create_index("camera_ailment_end", "camera_ailment", ["end"])
    op.create_table(
        "camera_view",
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("camera_view")
    op.drop_table("camera_ailment")
