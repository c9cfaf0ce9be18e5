"""The numbers that stand in rows for streams, volumes and formats, as far as this process knows.

An id never changes once its row is committed, so it is asked for once. One that was found in a
transaction which is then rolled back may never have existed: whoever rolls back forgets them. Of
formats so many are kept that a camera whose parameter sets flap does not make us grow.
"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from storage.fmp4 import read_init
from storage.schema import format_, stream, volume
from storage.upsert import insert_new
from vms.core.media import StreamFormat
from vms.core.model import StreamKey

_FORMATS_KEPT = 4_096


class Ids:
    """Calls with a connection block for a database access where an id is not known yet."""

    def __init__(self) -> None:
        self._streams: dict[StreamKey, int] = {}
        self._volumes: dict[str, int] = {}
        self._format_ids: dict[bytes, int] = {}
        self._formats: dict[int, StreamFormat] = {}

    def forget(self) -> None:
        """A transaction that may have made ids was rolled back."""
        self._streams.clear()
        self._format_ids.clear()

    def stream(self, connection: sa.Connection, key: StreamKey) -> int:
        """A stream's id; it gets one if it has none."""
        known = self._streams.get(key)
        if known is None:
            values = {"camera": key.camera, "name": key.name}
            insert_new(connection, stream, ("camera", "name"), values)
            known = self._streams[key] = connection.execute(_stream_id(key)).scalar_one()
        return known

    def known_stream(self, engine: sa.Engine, key: StreamKey) -> int | None:
        """A stream's id, if it has one."""
        known = self._streams.get(key)
        if known is not None:
            return known
        with engine.connect() as connection:
            found = connection.execute(_stream_id(key)).scalar()
        if found is not None:
            self._streams[key] = found
        return found

    def volume(self, connection: sa.Connection, uuid: str) -> int:
        """The id of a volume, which must have a row."""
        known = self._volumes.get(uuid)
        if known is None:
            known = self._volumes[uuid] = connection.execute(
                sa.select(volume.c.id).where(volume.c.uuid == uuid)
            ).scalar_one()
        return known

    def format(self, connection: sa.Connection, init: bytes) -> int:
        """The id of a format by its `ftyp` and `moov`; it gets one if it has none."""
        known = self._format_ids.get(init)
        if known is None:
            if len(self._format_ids) >= _FORMATS_KEPT:
                self._format_ids.clear()
            digest = hashlib.sha256(init).digest()
            insert_new(connection, format_, ("digest",), {"digest": digest, "init": init})
            known = self._format_ids[init] = connection.execute(
                sa.select(format_.c.id).where(format_.c.digest == digest)
            ).scalar_one()
        return known

    def format_of(self, connection: sa.Connection, format_id: int) -> StreamFormat:
        """The format that has this id."""
        known = self._formats.get(format_id)
        if known is None:
            if len(self._formats) >= _FORMATS_KEPT:
                self._formats.clear()
            init = connection.execute(
                sa.select(format_.c.init).where(format_.c.id == format_id)
            ).scalar_one()
            known = self._formats[format_id] = read_init(bytes(init))
        return known


def _stream_id(key: StreamKey) -> sa.Select[int]:
    return sa.select(stream.c.id).where(stream.c.camera == key.camera, stream.c.name == key.name)
