"""What is stored, read for retention: usage by the hour, segments, the newest of each stream.

The shell around the pure `storage.retention` and `storage.forecast`. Calls block for a database
access.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from storage.retention import Stored, UsageHour
from storage.schema import segment, stream, usage, volume
from vms.core.clock import HOUR, Instant
from vms.core.model import CameraId, StreamKey

_PAGE = 5_000


@dataclass(frozen=True, slots=True)
class Newest:
    """A stream's last closed segment: how fast it is written, and what the next may take."""

    stream: StreamKey
    volume: str
    start: Instant
    end: Instant
    bytes: int


class SqlStock:
    """The stock in the index; implements `storage.retention.Stock`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def totals(self) -> Mapping[tuple[StreamKey, str], int]:
        """Bytes of each stream on each volume (uuid)."""
        query = (
            sa.select(stream.c.camera, stream.c.name, volume.c.uuid, sa.func.sum(usage.c.bytes))
            .join_from(usage, stream)
            .join(volume)
            .group_by(stream.c.camera, stream.c.name, volume.c.uuid)
        )
        with self._engine.connect() as connection:
            return {
                (_key(camera, name), uuid): int(size)
                for camera, name, uuid, size in connection.execute(query)
            }

    def hours(
        self, streams: Collection[StreamKey], volumes: Collection[str], before: Instant
    ) -> Iterator[UsageHour]:
        """The hours that begin before an instant, the oldest first; read page by page."""
        with self._engine.connect() as connection:
            ids = self._stream_ids(connection, streams)
            roots = self._volume_ids(connection, volumes)
            query = (
                sa.select(usage)
                .where(
                    usage.c.hour < before,
                    usage.c.stream_id.in_(list(ids)),
                    usage.c.volume_id.in_(list(roots)),
                )
                .order_by(usage.c.hour, usage.c.stream_id, usage.c.volume_id)
            )
            result = connection.execution_options(yield_per=_PAGE).execute(query)
            for stream_id, volume_id, hour, segments, size, span in result:
                yield UsageHour(ids[stream_id], roots[volume_id], hour, segments, size, span)

    def segments(self, key: StreamKey, uuid: str, hour: Instant) -> Sequence[Stored]:
        """The segments that begin in an hour, in order."""
        query = (
            sa.select(segment.c.start, segment.c.end, segment.c.bytes)
            .join_from(segment, stream)
            .join(volume)
            .where(
                stream.c.camera == key.camera,
                stream.c.name == key.name,
                volume.c.uuid == uuid,
                segment.c.start >= hour,
                segment.c.start < hour + HOUR,
            )
            .order_by(segment.c.start)
        )
        with self._engine.connect() as connection:
            return [
                Stored(key, Instant(start), Instant(end), uuid, size)
                for start, end, size in connection.execute(query)
            ]

    def newest(self) -> list[Newest]:
        """Each stream's last closed segment."""
        last = (
            sa.select(segment.c.start)
            .where(segment.c.stream_id == stream.c.id)
            .order_by(segment.c.start.desc())
            .limit(1)
            .correlate(stream)
            .scalar_subquery()
        )
        query = (
            sa.select(
                stream.c.camera,
                stream.c.name,
                volume.c.uuid,
                segment.c.start,
                segment.c.end,
                segment.c.bytes,
            )
            .join_from(stream, segment, segment.c.stream_id == stream.c.id)
            .join(volume, volume.c.id == segment.c.volume_id)
            .where(segment.c.start == last)
        )
        with self._engine.connect() as connection:
            return [
                Newest(_key(camera, name), uuid, Instant(start), Instant(end), size)
                for camera, name, uuid, start, end, size in connection.execute(query)
            ]

    def oldest(self) -> Mapping[StreamKey, Instant]:
        """Where each stream's footage begins."""
        first = (
            sa.select(segment.c.start)
            .where(segment.c.stream_id == stream.c.id)
            .order_by(segment.c.start)
            .limit(1)
            .correlate(stream)
            .scalar_subquery()
        )
        query = sa.select(stream.c.camera, stream.c.name, first.label("start"))
        with self._engine.connect() as connection:
            return {
                _key(camera, name): Instant(start)
                for camera, name, start in connection.execute(query)
                if start is not None
            }

    def written_since(self, since: Instant) -> Mapping[StreamKey, tuple[int, int]]:
        """Bytes and ns of footage of each stream in the hours that begin at or after `since`."""
        query = (
            sa.select(
                stream.c.camera,
                stream.c.name,
                sa.func.sum(usage.c.bytes),
                sa.func.sum(usage.c.span),
            )
            .join_from(usage, stream)
            .where(usage.c.hour >= since)
            .group_by(stream.c.camera, stream.c.name)
        )
        with self._engine.connect() as connection:
            return {
                _key(camera, name): (int(size), int(span))
                for camera, name, size, span in connection.execute(query)
            }

    def used(self) -> Mapping[str, int]:
        """Bytes on each volume (uuid)."""
        query = (
            sa.select(volume.c.uuid, sa.func.sum(usage.c.bytes))
            .join_from(usage, volume)
            .group_by(volume.c.uuid)
        )
        with self._engine.connect() as connection:
            return {uuid: int(size) for uuid, size in connection.execute(query)}

    def within(self, spans: Iterable[tuple[str, int, int]]) -> Mapping[str, int]:
        """Bytes on each volume (uuid) of segments with a part in the spans (camera, start, end).

        Spans of one camera must not overlap.
        """
        found: dict[str, int] = {}
        with self._engine.connect() as connection:
            for camera, start, end in spans:
                query = (
                    sa.select(volume.c.uuid, sa.func.sum(segment.c.bytes))
                    .join_from(segment, stream)
                    .join(volume)
                    .where(
                        stream.c.camera == camera,
                        segment.c.start < end,
                        segment.c.end > start,
                        segment.c.start > start - HOUR,  # no segment is as long; for the index
                    )
                    .group_by(volume.c.uuid)
                )
                for uuid, size in connection.execute(query):
                    found[uuid] = found.get(uuid, 0) + int(size)
        return found

    def buckets(self) -> set[str]:
        """The volumes (uuids) that are no folders: they are reached over the network."""
        query = sa.select(volume.c.uuid).where(volume.c.path.like("s3://%"))
        with self._engine.connect() as connection:
            return set(connection.execute(query).scalars())

    def _stream_ids(
        self, connection: sa.Connection, wanted: Collection[StreamKey]
    ) -> dict[int, StreamKey]:
        rows = connection.execute(sa.select(stream.c.id, stream.c.camera, stream.c.name))
        known = {id_: _key(camera, name) for id_, camera, name in rows}
        return {id_: key for id_, key in known.items() if key in wanted}

    def _volume_ids(self, connection: sa.Connection, wanted: Collection[str]) -> dict[int, str]:
        rows = connection.execute(sa.select(volume.c.id, volume.c.uuid))
        return {id_: uuid for id_, uuid in rows if uuid in wanted}


def _key(camera: str, name: str) -> StreamKey:
    return StreamKey(CameraId(camera), "main" if name == "main" else "sub")
