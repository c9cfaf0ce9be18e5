"""A movement of a camera is one line of steering's log, with its end; it is found by time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028_ptz_movements"
down_revision = "0027_account_numbers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ptz_command", sa.Column("until", sa.BigInteger))
    commands: sa.Column[int] = sa.Column("commands", sa.Integer, nullable=False, server_default="1")
    op.add_column("ptz_command", commands)
    op.create_index("ptz_command_at", "ptz_command", ["at"])


def downgrade() -> None:
    op.drop_index("ptz_command_at", "ptz_command")
    op.drop_column("ptz_command", "commands")
    op.drop_column("ptz_command", "until")
