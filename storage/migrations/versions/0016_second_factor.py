"""A second factor beside the password: its sealed secret, recovery codes, and roles that ask it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016_second_factor"
down_revision = "0015_audit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "role", sa.Column("second_factor", sa.Boolean, nullable=False, server_default=sa.false())
    )
    owner = sa.ForeignKey("account.id", ondelete="CASCADE")
    op.create_table(
        "second_factor",
        sa.Column("account_id", sa.Integer, owner, primary_key=True, autoincrement=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("confirmed", sa.BigInteger),
        sa.Column("last_step", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "recovery_code",
        sa.Column(
            "account_id",
            sa.Integer,
            sa.ForeignKey("account.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("code_hash", sa.LargeBinary(32), primary_key=True),
    )


def downgrade() -> None:
    op.drop_table("recovery_code")
    op.drop_table("second_factor")
    op.drop_column("role", "second_factor")
