"""The index read in order and in small pieces: for whoever goes through everything.

Check, scrub and rebuild look at millions of rows and need a few columns of each; `Index` gives
whole rows of a span. Reads only. Every call blocks for a database access.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from storage.facts import GapFacts
from storage.index import gap_facts
from storage.layout import path_of
from storage.schema import gap, segment, stream, usage, volume
from vms.core.clock import Instant
from vms.core.model import CameraId, StreamKey

_BATCH = 1_000
_AS_AT_ONE_MOMENT = {"isolation_level": "REPEATABLE READ"}  # what SQLite's readers always have
_columns = sa.select(
    segment.c.start,
    segment.c.end,
    volume.c.uuid,
    volume.c.path,
    segment.c.bytes,
    segment.c.sha256,
    segment.c.leaf,
).join(volume)


class Listed(NamedTuple):
    """A row as far as a check needs it: a NamedTuple, for there are millions."""

    stream: StreamKey
    start: Instant
    end: Instant
    volume: str
    volume_path: str
    size: int
    sha256: bytes
    leaf: int | None

    @property
    def id(self) -> str:
        """Names the segment in findings and URLs."""
        return segment_id(self.stream, self.start)

    def path_under(self, root: Path) -> Path:
        """Its file on a volume mounted at `root`."""
        return root / path_of(self.stream, self.start)


class KnownVolume(NamedTuple):
    """A volume the index knows, and what it should hold."""

    uuid: str
    path: str
    segments: int
    bytes: int


def segment_id(key: StreamKey, start: int) -> str:
    """`gate-north.main.1763800000000000000`."""
    return f"{key.camera}.{key.name}.{start}"


class StreamTime(NamedTuple):
    """What accounts for a stream's time. `spans`: of its segments, in order, to be read once.

    `last`: up to where anything is known; None where nothing is.
    """

    spans: Iterator[tuple[Instant, Instant]]
    gaps: list[GapFacts]
    last: Instant | None


class Listing:
    """Everything the index knows, stream by stream."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._ids: dict[StreamKey, int] = {}

    def streams(self) -> list[StreamKey]:
        """All streams the index ever knew, in order."""
        with self._engine.connect() as connection:
            for row in connection.execute(sa.select(stream)):
                self._ids[StreamKey(CameraId(row.camera), row.name)] = row.id
        return sorted(self._ids)

    def volumes(self) -> list[KnownVolume]:
        """All volumes, with the segments and bytes that stand there."""
        held = sa.select(
            usage.c.volume_id,
            sa.func.sum(usage.c.segments).label("segments"),
            sa.func.sum(usage.c.bytes).label("bytes"),
        )
        sums = held.group_by(usage.c.volume_id).subquery()
        query = sa.select(volume.c.uuid, volume.c.path, sums.c.segments, sums.c.bytes)
        query = query.outerjoin(sums, sums.c.volume_id == volume.c.id).order_by(volume.c.id)
        with self._engine.connect() as connection:
            return [
                KnownVolume(row.uuid, row.path, int(row.segments or 0), int(row.bytes or 0))
                for row in connection.execute(query)
            ]

    def rows(self, key: StreamKey, after: int = -(2**63)) -> Iterator[Listed]:
        """A stream's segments that start after an instant, in order, read in batches."""
        while batch := self.batch(key, after):
            yield from batch
            after = batch[-1].start

    def batch(self, key: StreamKey, after: int, limit: int = _BATCH) -> list[Listed]:
        """The next segments of a stream."""
        query = _columns.where(segment.c.stream_id == self._id(key), segment.c.start > after)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(segment.c.start).limit(limit)).all()
        return [_listed(key, row) for row in rows]

    def row(self, key: StreamKey, start: int) -> Listed | None:
        """What the index says now of one segment."""
        query = _columns.where(segment.c.stream_id == self._id(key), segment.c.start == start)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _listed(key, row)

    @contextmanager
    def time(self, key: StreamKey) -> Iterator[StreamTime]:
        """A stream's segments and gaps as they were at one moment, however long they are read."""
        options = {} if self._engine.dialect.name == "sqlite" else _AS_AT_ONE_MOMENT
        which = self._id(key)
        with self._engine.connect().execution_options(**options) as connection:
            query = sa.select(gap).where(gap.c.stream_id == which).order_by(gap.c.start)
            gaps = [gap_facts(key, row) for row in connection.execute(query)]
            newest = sa.select(segment.c.end).where(segment.c.stream_id == which)
            query = newest.order_by(segment.c.start.desc()).limit(1)
            ends = [one.start if one.end is None else one.end for one in gaps]
            last = connection.execute(query).scalar()
            ends += [] if last is None else [Instant(last)]
            yield StreamTime(_spans(connection, which), gaps, max(ends, default=None))

    def _id(self, key: StreamKey) -> int:
        known = self._ids.get(key)
        if known is None:
            self.streams()
            known = self._ids.get(key, -1)  # no stream has this id, so nothing is found
        return known


def _listed(key: StreamKey, row: Any) -> Listed:
    start, end, uuid, path, size, sha256, leaf = row
    return Listed(key, Instant(start), Instant(end), uuid, path, size, bytes(sha256), leaf)


def _spans(connection: sa.Connection, which: int) -> Iterator[tuple[Instant, Instant]]:
    after = -(2**63)
    query = sa.select(segment.c.start, segment.c.end).order_by(segment.c.start)
    query = query.where(segment.c.stream_id == which).limit(_BATCH * 10)
    while rows := connection.execute(query.where(segment.c.start > after)).all():
        for start, end in rows:
            yield Instant(start), Instant(end)
        after = rows[-1].start
