"""Rows that may be there already: SQLite and PostgreSQL spell `ON CONFLICT` through two functions.

An upsert is by the table's key, so that doing it twice is the same as once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert


def insert_into(connection: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that can say what happens on a conflict."""
    name = connection.dialect.name
    return sqlite_insert(table) if name == "sqlite" else postgresql_insert(table)


def insert_new(
    connection: sa.Connection, table: sa.Table, key: Sequence[str], values: dict[str, Any]
) -> None:
    """A row, unless there is one with this key; that one stays as it is."""
    statement = insert_into(connection, table)
    connection.execute(statement.on_conflict_do_nothing(index_elements=list(key)), values)


def upsert(
    connection: sa.Connection, table: sa.Table, key: Sequence[str], rows: Sequence[dict[str, Any]]
) -> None:
    """Rows, all of the same columns, in the place of those with their keys."""
    if not rows:
        return
    statement = insert_into(connection, table)
    others = {name: statement.excluded[name] for name in rows[0] if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=others), rows)
