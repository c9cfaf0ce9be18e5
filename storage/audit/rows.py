"""The index's rows as the leaves they should have: for holding them against the ledger.

Read stream by stream, in batches; what a row says becomes the line that the ledger should have
for it. Reads only. Every call blocks for a database access.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from storage.index import gap_facts
from storage.ledger.leaves import BadLeaf, GapLeaf, segment_line
from storage.schema import format_, gap, segment, stream
from vms.core.model import CameraId, Cause, StreamKey

_BATCH = 2_000
_segments = sa.select(
    segment.c.start,
    segment.c.end,
    segment.c.sha256,
    segment.c.bytes,
    segment.c.frames,
    segment.c.clock_offset,
    segment.c.clock_error,
    segment.c.ntp_error,
    segment.c.leaf,
    segment.c.run,
    format_.c.digest,
).outerjoin(format_)


class LeafRow(NamedTuple):
    """A row and its leaf's line. `gap`: of which table; `format`: the digest a segment's has."""

    stream: StreamKey
    start: int
    end: int
    gap: bool
    line: bytes
    leaf: int | None
    run: int = 0
    format: bytes = b""


class LeafRows:
    """All rows that have, or should have, a leaf."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def streams(self) -> dict[StreamKey, int]:
        """All streams and their ids."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(stream)).all()
        return {StreamKey(CameraId(row.camera), row.name): row.id for row in rows}

    def segments(self, key: StreamKey, number: int) -> Iterator[LeafRow]:
        """A stream's segments, in order."""
        after = -(2**63)
        name = str(key)
        while True:
            where = (segment.c.stream_id == number, segment.c.start > after)
            rows = self._read(_segments.where(*where).order_by(segment.c.start).limit(_BATCH))
            yield from [_segment(key, name, row) for row in rows]
            if len(rows) < _BATCH:
                return
            after = rows[-1].start

    def gaps(self, key: StreamKey, number: int) -> Iterator[LeafRow]:
        """A stream's gaps that have ended and are no deletion's, in order."""
        after = -(2**63)
        query = sa.select(gap).where(gap.c.end.is_not(None), gap.c.cause != Cause.DELETED.value)
        while True:
            where = (gap.c.stream_id == number, gap.c.start > after)
            rows = self._read(query.where(*where).order_by(gap.c.start).limit(_BATCH))
            yield from (_gap(key, row) for row in rows)
            if len(rows) < _BATCH:
                return
            after = rows[-1].start

    def row(self, key: StreamKey, number: int, start: int, *, gaps: bool) -> LeafRow | None:
        """What the index says now of one segment or gap that has ended."""
        if gaps:
            query = sa.select(gap).where(gap.c.end.is_not(None), gap.c.cause != "deleted")
            rows = self._read(query.where(gap.c.stream_id == number, gap.c.start == start))
            return _gap(key, rows[0]) if rows else None
        rows = self._read(_segments.where(segment.c.stream_id == number, segment.c.start == start))
        return _segment(key, str(key), rows[0]) if rows else None

    def bad_formats(self) -> list[int]:
        """Formats whose digest is not that of their bytes."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(format_))
            return [
                row.id
                for row in rows
                if hashlib.sha256(bytes(row.init)).digest() != bytes(row.digest)
            ]

    def _read(self, query: sa.Select[Any]) -> list[sa.Row[Any]]:
        with self._engine.connect() as connection:
            return list(connection.execute(query).all())


def _segment(key: StreamKey, name: str, row: Sequence[Any]) -> LeafRow:
    start, end, sha256, size, frames, offset, error, ntp, leaf, run, digest = row
    clock = None if offset is None and error is None and ntp is None else (offset, error, ntp)
    line = segment_line(name, start, end, sha256, size, frames, clock)
    return LeafRow(key, start, end, False, line, leaf, run, digest or b"")


def _gap(key: StreamKey, row: sa.Row[Any]) -> LeafRow:
    try:
        line = GapLeaf.of(gap_facts(key, row)).line()
    except (BadLeaf, ValueError):  # a cause that is none
        line = f"{row.cause} {row.detail}".encode("utf-8", "replace")
    return LeafRow(key, row.start, row.end, True, line, row.leaf)
