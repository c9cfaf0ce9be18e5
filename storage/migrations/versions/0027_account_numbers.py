"""No account gets the number of one that was removed; whose an export is, is told by the number."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0027_account_numbers"
down_revision = "0026_directory"
branch_labels = None
depends_on = None


def upgrade() -> None:
    numbers = op.create_table("account_number", sa.Column("last", sa.Integer, nullable=False))
    op.bulk_insert(numbers, [{"last": _last()}])
    op.add_column("job", sa.Column("account", sa.Integer))
    op.execute(
        "UPDATE job SET account = (SELECT id FROM account"
        " WHERE account.name = job.made_by AND account.created <= job.made)"
    )


def _last() -> int:
    """The highest number that is known to have been somebody's."""
    connection = op.get_bind()
    queries = (
        "SELECT max(id) FROM account",
        "SELECT max(asker_id) FROM approval",
        "SELECT max(decider_id) FROM approval",
    )
    found = [connection.execute(sa.text(query)).scalar() or 0 for query in queries]
    named = connection.execute(sa.text("SELECT seen_by FROM camera_block")).scalars()
    found += [int(account) for one in named for account, _ in json.loads(one)]
    return max(found)


def downgrade() -> None:
    op.drop_column("job", "account")
    op.drop_table("account_number")
