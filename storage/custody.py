"""What the custodian must remember over a restart: texts by key, in the table `custody`."""

from __future__ import annotations

import sqlalchemy as sa

from storage.database import writing
from storage.schema import custody


class Memory:
    """Reads and writes texts by key. Calls block for a database access."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def get(self, key: str) -> str | None:
        """What was remembered; None: nothing yet."""
        with self._engine.connect() as connection:
            return connection.scalar(sa.select(custody.c.value).where(custody.c.key == key))

    def put(self, key: str, value: str) -> None:
        """Remember a text in place of what was."""
        with writing(self._engine) as connection:
            changed = connection.execute(
                sa.update(custody).where(custody.c.key == key).values(value=value)
            )
            if changed.rowcount == 0:
                connection.execute(sa.insert(custody).values(key=key, value=value))
