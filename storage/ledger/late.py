"""Leaves that come late: for rows written while the ledger could not be.

Read, appended and noted in one transaction that writes, so that no row is deleted or changed in
between and no leaf tells of what is no longer so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import sqlalchemy as sa

from storage.database import writing
from storage.facts import ClockFacts
from storage.index import gap_facts
from storage.ledger.leaves import GapLeaf, Leaf, SegmentLeaf
from storage.schema import gap, segment, stream
from vms.core.clock import Instant
from vms.core.model import CameraId, StreamKey

BATCH = 500  # rows a transaction; the recorder's waits for one

_LATE_SEGMENTS = (
    sa.select(segment, stream.c.camera, stream.c.name)
    .join(stream)
    .where(segment.c.leaf.is_(None))
    .order_by(segment.c.stream_id, segment.c.start)
)
_LATE_GAPS = (
    sa.select(gap, stream.c.camera, stream.c.name)
    .join(stream)
    # In these words the index over late gaps is found (0005_ledger).
    .where(
        gap.c.leaf.is_(None), gap.c.end.is_not(None), gap.c.cause != sa.literal_column("'deleted'")
    )
    .order_by(gap.c.stream_id, gap.c.start)
)


class Appends(Protocol):
    """The ledger, as far as leaves are added. Raises StorageError."""

    def append(self, leaves: Sequence[Leaf]) -> int: ...


def add_late_leaves(engine: sa.Engine, ledger: Appends, limit: int = BATCH) -> int:
    """Give up to `limit` rows of each kind their leaf; how many got one. Raises StorageError.

    To be called in a turn in which nothing is deleted: a segment's leaf behind that of its
    deletion would take the deletion back.
    """
    with engine.connect() as connection:  # most of the time there is none: then nothing is locked
        queries = (_LATE_SEGMENTS, _LATE_GAPS)
        if not any(connection.execute(query.limit(1)).first() for query in queries):
            return 0
    with writing(engine) as connection:
        lock = {"of": segment} if engine.dialect.name != "sqlite" else None
        segments = connection.execute(_locking(_LATE_SEGMENTS.limit(limit), lock)).all()
        lock = {"of": gap} if lock is not None else None
        gaps = connection.execute(_locking(_LATE_GAPS.limit(limit), lock)).all()
        leaves: list[Leaf] = [_segment_leaf(row) for row in segments]
        leaves += [GapLeaf.of(gap_facts(_key(row), row)) for row in gaps]
        first = ledger.append(leaves)
        _note(connection, segment, segments, first)
        _note(connection, gap, gaps, first + len(segments))
        return len(leaves)


def _locking(query: sa.Select[Any], lock: dict[str, Any] | None) -> sa.Select[Any]:
    return query if lock is None else query.with_for_update(**lock)


def _note(
    connection: sa.Connection, table: sa.Table, rows: Sequence[sa.Row[Any]], first: int
) -> None:
    if not rows:
        return
    statement = (
        sa.update(table)
        .where(table.c.stream_id == sa.bindparam("of"), table.c.start == sa.bindparam("at"))
        .values(leaf=sa.bindparam("place"))
    )
    connection.execute(
        statement,
        [
            {"of": row.stream_id, "at": row.start, "place": place}
            for place, row in enumerate(rows, first)
        ],
    )


def _key(row: sa.Row[Any]) -> StreamKey:
    return StreamKey(CameraId(row.camera), row.name)


def _segment_leaf(row: sa.Row[Any]) -> SegmentLeaf:
    clock = ClockFacts(row.clock_offset, row.clock_error, row.ntp_error)
    return SegmentLeaf(
        _key(row),
        Instant(row.start),
        Instant(row.end),
        bytes(row.sha256),
        row.bytes,
        row.frames,
        None if clock == ClockFacts(None, None, None) else clock,
    )
