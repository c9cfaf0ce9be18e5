"""Rights: roles people make, and who holds which role on which cameras."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011_rights"
down_revision = "0010_health"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "role",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("permissions", sa.Text, nullable=False),
        sa.Column("footage_age", sa.BigInteger),
        sa.Column("hours", sa.Text),
        sa.Column("networks", sa.Text),
        sa.Column("priority", sa.Integer, nullable=False),
    )
    op.create_table(
        "account_grant",
        sa.Column("account_id", sa.Integer, sa.ForeignKey("account.id", ondelete="CASCADE")),
        sa.Column("position", sa.Integer),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "position"),
    )
    # Who was administrator or operator is so on all cameras, as before.
    op.execute(
        "INSERT INTO account_grant (account_id, position, role, scope)"
        " SELECT id, 0, role, '[\"*\"]' FROM account"
    )
    # Not as a batch: that makes the table anew, and what refers to it would go with the old one.
    op.execute("ALTER TABLE account DROP COLUMN role")


def downgrade() -> None:
    op.execute("ALTER TABLE account ADD COLUMN role TEXT NOT NULL DEFAULT 'operator'")
    op.execute(
        "UPDATE account SET role = 'admin' WHERE id IN"
        " (SELECT account_id FROM account_grant WHERE role = 'admin' AND scope = '[\"*\"]')"
    )
    op.drop_table("account_grant")
    op.drop_table("role")
