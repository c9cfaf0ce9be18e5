"""A role may ask that pictures carry the name of who looks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021_watermark"
down_revision = "0017_sound"
branch_labels = None
depends_on = None


def upgrade() -> None:
    no = sa.false()
    added: sa.Column[bool] = sa.Column("watermark", sa.Boolean(), nullable=False, server_default=no)
    op.add_column("role", added)


def downgrade() -> None:
    op.drop_column("role", "watermark")
