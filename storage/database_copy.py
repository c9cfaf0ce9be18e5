"""The whole database as lines of JSON, and back into an empty one, SQLite or PostgreSQL alike.

One snapshot: a read transaction of SQLite's WAL, or REPEATABLE READ of PostgreSQL, while the site
goes on. Tables come as the database has them, in the order their references need. `usage` and
`activity_hour` are left out, because triggers make them anew.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from storage.database import VERSIONS, migrate, writing
from vms.core.errors import Refused

_BATCH = 10_000  # rows in memory at once
_DERIVED = frozenset({"activity_hour", "usage", "alembic_version"})

Put = Callable[[str, bytes, int], None]
"""Takes a table's name, lines, and how many rows they are."""


def revision_of(engine: sa.Engine) -> str:
    """Which migration the database is at."""
    with engine.connect() as connection:
        query = sa.text("SELECT version_num FROM alembic_version")
        return str(connection.execute(query).scalar_one())


def count_rows(engine: sa.Engine) -> int:
    """About how many rows `save` gives."""
    with engine.connect() as connection:
        counts = [
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in _tables(connection)
        ]
    return sum(counts)


def save(engine: sa.Engine, put: Put) -> None:
    """Give every table's rows to `put`, batch by batch, all of one moment."""
    level = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with engine.connect().execution_options(**level) as connection:
        for table in _tables(connection):
            rows = connection.execution_options(yield_per=_BATCH).execute(sa.select(table))
            for batch in rows.partitions():
                lines = b"".join(_line(row) for row in batch)
                put(table.name, lines, len(batch))


def load(engine: sa.Engine, revision: str, batches: Iterable[tuple[str, bytes]]) -> None:
    """Make an empty database what was saved at `revision`, and bring it up to the present."""
    if not (Path(VERSIONS) / f"{revision}.py").exists():
        raise Refused(f"the backup was made by a newer version (database {revision[:40]!r})")
    migrate(engine, revision)
    with writing(engine) as connection:
        tables = {table.name: table for table in _tables(connection)}
        for table in reversed(tables.values()):  # what migrations put there
            connection.execute(table.delete())
        for name, lines in batches:
            if name not in tables:
                raise Refused(f"the backup holds an unknown table {name[:40]!r}")
            rows = [_values(line) for line in lines.splitlines()]
            connection.execute(tables[name].insert(), rows)
        if engine.dialect.name == "postgresql":
            for table in tables.values():
                _set_sequence(connection, table)
    migrate(engine)


def is_empty(engine: sa.Engine) -> bool:
    """Whether there is no table yet."""
    return not sa.inspect(engine).get_table_names()


def _tables(connection: sa.Connection) -> list[sa.Table]:
    metadata = sa.MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name not in _DERIVED]


def _set_sequence(connection: sa.Connection, table: sa.Table) -> None:
    """PostgreSQL's next number of a key must lie behind those that were put in."""
    keys = list(table.primary_key.columns)
    if len(keys) != 1 or not isinstance(keys[0].type, sa.Integer):
        return
    named = sa.func.pg_get_serial_sequence(table.name, keys[0].name)
    highest = connection.execute(sa.select(sa.func.max(keys[0]))).scalar()
    if highest is not None and connection.execute(sa.select(named)).scalar() is not None:
        connection.execute(sa.select(sa.func.setval(named, highest)))


def _line(row: sa.Row[Any]) -> bytes:
    values = {key: _plain(value) for key, value in row._mapping.items()}
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return {"base64": base64.b64encode(value).decode()}
    return value


def _values(line: bytes) -> dict[str, Any]:
    return {
        key: base64.b64decode(value["base64"]) if isinstance(value, dict) else value
        for key, value in json.loads(line).items()
    }
