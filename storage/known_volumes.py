"""What the index knows of volumes: who was seen where, who should be there, what each holds.

Which volume belongs to a path is remembered, so that an empty mount point or a foreign disk is
noticed, not taken for a new volume. Every call blocks for a database access.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from storage.database import writing
from storage.schema import custody, usage, volume
from storage.upsert import upsert
from storage.volume import Knowledge

_ANY = ""  # the value of a path whose next volume is taken whoever it is
_GONE = "volume gone: "
_AT = "volume at: "


class KnownVolumes:
    """The volumes of a site."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def knowledge(self, path: Path, present: Mapping[str, Path]) -> Knowledge:
        """What to judge a path by. `present`: the volumes in use at other paths."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(volume).order_by(volume.c.id)).all()
            said = self._value(connection, _AT + str(path))
            gone = self._gone(connection)
        known = {row.uuid: row.path for row in rows if row.uuid not in gone}
        if said is None:  # seen before this was remembered
            said = next((row.uuid for row in reversed(rows) if row.path == str(path)), None)
        return Knowledge(said or None, known, present)

    def seen(self, uuid: str, path: Path) -> None:
        """A volume stands at a path and is written to."""
        with writing(self._engine) as connection:
            self._put(connection, _AT + str(path), uuid)
            connection.execute(sa.delete(custody).where(custody.c.key == _GONE + uuid))

    def accept(self, path: Path) -> str | None:
        """Whatever stands at a path next is its volume; the one that was there is given up.

        Returns the uuid of that one, if there was one.
        """
        expected = self.knowledge(path, {}).expected
        with writing(self._engine) as connection:
            self._put(connection, _AT + str(path), _ANY)
            if expected is not None:
                self._put(connection, _GONE + expected, str(path))
        return expected

    def absent(self, present: set[str]) -> dict[str, str]:
        """Volumes that hold footage and stand nowhere: uuid → where each was last seen."""
        holding = sa.select(usage.c.volume_id).distinct()
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(volume).where(volume.c.id.in_(holding))).all()
            gone = self._gone(connection)
        return {
            row.uuid: row.path
            for row in rows
            if row.uuid not in present and row.uuid not in gone and "://" not in row.path
        }

    def used(self) -> dict[str, int]:
        """Bytes of footage on each volume (uuid)."""
        query = (
            sa.select(volume.c.uuid, sa.func.sum(usage.c.bytes))
            .join_from(usage, volume)
            .group_by(volume.c.uuid)
        )
        with self._engine.connect() as connection:
            return {uuid: int(size) for uuid, size in connection.execute(query)}

    def _gone(self, connection: sa.Connection) -> set[str]:
        query = sa.select(custody.c.key).where(custody.c.key.startswith(_GONE, autoescape=True))
        return {key.removeprefix(_GONE) for key in connection.execute(query).scalars()}

    def _value(self, connection: sa.Connection, key: str) -> str | None:
        found = connection.execute(sa.select(custody.c.value).where(custody.c.key == key)).scalar()
        return None if found is None else str(found)

    def _put(self, connection: sa.Connection, key: str, value: str) -> None:
        upsert(connection, custody, ("key",), [{"key": key, "value": value}])
