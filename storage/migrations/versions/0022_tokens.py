"""API tokens end, may be narrowed, and tell their use. Those that exist get a year more."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0022_tokens"
down_revision = "0021_watermark"
branch_labels = None
depends_on = None

_YEAR_NS = 366 * 86_400 * 1_000_000_000


def upgrade() -> None:
    ends = sa.Column("expires", sa.BigInteger, nullable=False, server_default="0")
    op.add_column("api_token", ends)
    op.add_column("api_token", sa.Column("narrowed", sa.Text))
    op.add_column("api_token", sa.Column("used", sa.BigInteger))
    op.add_column("api_token", sa.Column("used_from", sa.Text, nullable=False, server_default=""))
    tokens = sa.table("api_token", sa.column("expires", sa.BigInteger))
    op.get_bind().execute(tokens.update().values(expires=time.time_ns() + _YEAR_NS))


def downgrade() -> None:
    for name in ("used_from", "used", "narrowed", "expires"):
        op.drop_column("api_token", name)
