"""People: accounts, their sign-ins and API tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_people"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False, unique=True),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("password_changed", sa.BigInteger, nullable=False),
    )
    for name, columns in {
        "login_session": (
            sa.Column("csrf", sa.Text, nullable=False),
            sa.Column("created", sa.BigInteger, nullable=False),
            sa.Column("expires", sa.BigInteger, nullable=False),
            sa.Column("address", sa.Text, nullable=False),
        ),
        "api_token": (
            sa.Column("label", sa.Text, nullable=False),
            sa.Column("created", sa.BigInteger, nullable=False),
        ),
    }.items():
        op.create_table(
            name,
            sa.Column("token_hash", sa.LargeBinary(32), primary_key=True),
            sa.Column(
                "account_id",
                sa.Integer,
                sa.ForeignKey("account.id", ondelete="CASCADE"),
                nullable=False,
            ),
            *columns,
        )
        op.create_index(f"{name}_account", name, ["account_id"])
    op.create_index("login_session_expires", "login_session", ["expires"])


def downgrade() -> None:
    op.drop_table("api_token")
    op.drop_table("login_session")
    op.drop_table("account")
