"""What may move to a bucket and what has moved, in SQL. Moving itself is `storage.tiers.mover`."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from storage.database import writing
from storage.index import Index
from storage.rows import SegmentRow
from storage.schema import custody, segment, stream, usage, volume
from vms.core.clock import HOUR, Instant
from vms.core.model import CameraId, StreamKey

_KEY = "tier:"


@dataclass(frozen=True, slots=True)
class Stored:
    """What stands on a volume: number, bytes, and where the oldest segment starts."""

    segments: int
    size: int
    oldest: Instant | None


class Moving(NamedTuple):
    """A segment on its way, noted before its first byte leaves. `source`: a volume's uuid."""

    stream: StreamKey
    start: Instant
    source: str


class Moves:
    """Every call blocks for a database access and may raise StorageError."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine, self._index = engine, Index(engine)

    def due(
        self, stream_key: StreamKey, volumes: Collection[str], before: Instant
    ) -> Iterator[SegmentRow]:
        """A stream's segments on `volumes` (uuids) that end by `before`, the oldest first."""
        for hour in self._hours(stream_key, volumes, before):
            last = min(hour + HOUR, before)
            for row in self._index.segments(stream_key, hour, last):
                # One that began in the hour before was listed with it.
                if row.volume in volumes and hour <= row.start and row.end <= before:
                    yield row

    def move(self, row: SegmentRow, target: str) -> bool:
        """Say that a segment stands on volume `target` now; False if it is not at `row`'s."""
        here = sa.select(volume.c.id).where(volume.c.uuid == row.volume).scalar_subquery()
        there = sa.select(volume.c.id).where(volume.c.uuid == target).scalar_subquery()
        statement = (
            sa.update(segment)
            .where(
                segment.c.stream_id == _stream_id(row.stream),
                segment.c.start == row.start,
                segment.c.volume_id == here,
                segment.c.sha256 == row.sha256,
            )
            .values(volume_id=there)
        )
        with writing(self._engine) as connection:
            return bool(connection.execute(statement).rowcount)

    def stored(self, uuid: str) -> Stored:
        """What stands on one volume."""
        query = sa.select(
            sa.func.coalesce(sa.func.sum(usage.c.segments), 0).label("segments"),
            sa.func.coalesce(sa.func.sum(usage.c.bytes), 0).label("size"),
            sa.func.min(usage.c.hour).label("hour"),
        ).join_from(usage, volume)
        with self._engine.connect() as connection:
            row = connection.execute(query.where(volume.c.uuid == uuid)).one()
            oldest = None
            if row.hour is not None:
                starts = sa.select(sa.func.min(segment.c.start)).join_from(segment, volume)
                within = segment.c.start.between(row.hour, row.hour + HOUR - 1)
                streams = sa.select(usage.c.stream_id).where(usage.c.hour == row.hour)
                found = connection.execute(
                    starts.where(volume.c.uuid == uuid, segment.c.stream_id.in_(streams), within)
                ).scalar()
                oldest = None if found is None else Instant(found)
        return Stored(int(row.segments), int(row.size), oldest)

    def uuid_of(self, path: str) -> str | None:
        """The identity the index has for the volume last seen at `path`."""
        query = sa.select(volume.c.uuid).where(volume.c.path == path)
        with self._engine.connect() as connection:
            return connection.execute(query.order_by(volume.c.id.desc()).limit(1)).scalar()

    # -- what is on its way, so that a crash leaves nothing twice --------------------------

    def note(self, tier: str, place: int, moving: Sequence[Moving]) -> None:
        """Remember what is about to leave for a tier, in place of what was.

        `place`: the ledger's size before, from where on it can say what became of it.
        """
        listed = [[str(one.stream), one.start, one.source] for one in moving]
        text = json.dumps({"place": place, "moving": listed})
        key = f"{_KEY}{tier}"
        with writing(self._engine) as connection:
            connection.execute(sa.delete(custody).where(custody.c.key == key))
            if moving:
                connection.execute(sa.insert(custody).values(key=key, value=text))

    def noted(self, tier: str) -> tuple[int, list[Moving]]:
        """Place and segments as last noted; nothing once all of them had left."""
        query = sa.select(custody.c.value).where(custody.c.key == f"{_KEY}{tier}")
        with self._engine.connect() as connection:
            text = connection.execute(query).scalar()
        if not text:
            return 0, []
        noted = json.loads(text)
        return noted["place"], [
            Moving(StreamKey.parse(key), Instant(start), uuid)
            for key, start, uuid in noted["moving"]
        ]

    def _hours(self, key: StreamKey, volumes: Collection[str], before: Instant) -> list[int]:
        query = (
            sa.select(usage.c.hour)
            .distinct()
            .join_from(usage, volume)
            .where(
                usage.c.stream_id == _stream_id(key),
                usage.c.hour < before,
                volume.c.uuid.in_(volumes),
            )
            .order_by(usage.c.hour)
        )
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())


def _stream_id(key: StreamKey) -> sa.ScalarSelect[int]:
    return (
        sa.select(stream.c.id)
        .where(stream.c.camera == CameraId(key.camera), stream.c.name == key.name)
        .scalar_subquery()
    )
