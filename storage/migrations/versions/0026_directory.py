"""People whom a provider or a directory proves: where an account comes from, and as whom there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026_directory"
down_revision = "0025_approvals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    origin: sa.Column[str] = sa.Column("origin", sa.Text, nullable=False, server_default="local")
    op.add_column("account", origin)
    op.add_column("account", sa.Column("subject", sa.Text))
    op.create_index("account_subject", "account", ["origin", "subject"], unique=True)
    proved: sa.Column[bool] = sa.Column(
        "factor_proved", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    op.add_column("login_session", proved)


def downgrade() -> None:
    op.drop_column("login_session", "factor_proved")
    op.drop_index("account_subject", "account")
    op.drop_column("account", "subject")
    op.drop_column("account", "origin")
