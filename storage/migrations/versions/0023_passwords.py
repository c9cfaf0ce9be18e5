"""A password that somebody else chose is changed at the next sign-in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023_passwords"
down_revision = "0023_blocks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    no = sa.false()
    added: sa.Column[bool] = sa.Column(
        "must_change", sa.Boolean(), nullable=False, server_default=no
    )
    op.add_column("account", added)


def downgrade() -> None:
    op.drop_column("account", "must_change")
