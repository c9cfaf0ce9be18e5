"""Sound and single pictures are permissions of their own: who had them with pictures keeps them."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0017_sound"
down_revision = "0016_second_factor"
branch_labels = None
depends_on = None

_ROLE = sa.table("role", sa.column("name", sa.String), sa.column("permissions", sa.Text))
_ADDED = ("snapshot", "sound")


def upgrade() -> None:
    def with_added(had: list[str]) -> list[str]:
        sees, looks_back = {"live", "archive", "export"} & set(had), "archive" in had
        return had + ["snapshot"] * looks_back + ["sound"] * bool(sees)

    _change(with_added)


def downgrade() -> None:
    _change(lambda had: [one for one in had if one not in _ADDED])


def _change(changed) -> None:  # type: ignore[no-untyped-def]
    connection = op.get_bind()
    for name, text in connection.execute(sa.select(_ROLE.c.name, _ROLE.c.permissions)).all():
        wanted = json.dumps(sorted(set(changed(json.loads(text)))))
        connection.execute(_ROLE.update().where(_ROLE.c.name == name).values(permissions=wanted))
