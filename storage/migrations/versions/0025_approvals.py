"""A role may ask a second person's yes for some of what it permits; who asked and who said it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025_approvals"
down_revision = "0023_passwords"
branch_labels = None
depends_on = None


def upgrade() -> None:
    added: sa.Column[str] = sa.Column("approval", sa.Text(), nullable=False, server_default="[]")
    op.add_column("role", added)
    op.create_table(
        "approval",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("wanted", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("asked", sa.BigInteger, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("asker_id", sa.Integer, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("yes", sa.Boolean),
        sa.Column("decided", sa.BigInteger),
        sa.Column("decided_by", sa.Text),
        sa.Column("decider_id", sa.Integer),
        sa.Column("refusal", sa.Text, nullable=False, server_default=""),
        sa.Column("taken_back", sa.BigInteger),
        sa.Column("used", sa.BigInteger),
        sa.Column("used_for", sa.Text, nullable=False, server_default=""),
    )
    op.create_index("approval_asked", "approval", ["asked"])
    op.create_index("approval_asker", "approval", ["asker_id"])
    op.create_index("approval_used_for", "approval", ["used_for"])


def downgrade() -> None:
    op.drop_table("approval")
    op.drop_column("role", "approval")
