"""Steering's log tells each move of a movement, and whether a purpose was asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029_ptz_moves"
down_revision = "0028_ptz_movements"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ptz_command", sa.Column("moves", sa.Text))
    op.add_column("ptz_command", sa.Column("purpose_due", sa.Boolean))


def downgrade() -> None:
    op.drop_column("ptz_command", "purpose_due")
    op.drop_column("ptz_command", "moves")
