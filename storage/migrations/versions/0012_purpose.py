"""A role may ask of its holders what they steer for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012_purpose"
down_revision = "0011_rights"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("purpose", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("role", column)


def downgrade() -> None:
    op.drop_column("role", "purpose")
