"""A schedule says where it was declared: in cameras.toml, as all so far, or on the console."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030_schedule_origin"
down_revision = "0029_ptz_moves"
branch_labels = None
depends_on = None


def upgrade() -> None:
    origin: sa.Column[str] = sa.Column("origin", sa.Text, nullable=False, server_default="file")
    op.add_column("schedule", origin)


def downgrade() -> None:
    op.drop_column("schedule", "origin")
