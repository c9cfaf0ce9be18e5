"""Rows that go: segments out of the index, and one gap for each span that had footage.

One transaction per batch, so that invariant 5 holds at every moment: a second is footage, or a gap
that says by which rule the footage went. Portable SQL; `usage` follows by its triggers.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from storage.database import writing
from storage.schema import gap, segment, stream, volume
from vms.core.clock import HOUR, Instant
from vms.core.model import CameraId, Cause, StreamKey

_ASKED = 400  # starts in one question


@dataclass(frozen=True, slots=True)
class Doomed:
    """A segment that is to go. `rule`: by which rule; `reason`: why, in one sentence.

    `urgent`: for want of room.
    """

    stream: StreamKey
    start: Instant
    end: Instant
    volume: str
    size: int
    sha256: bytes
    rule: str = ""
    reason: str = ""
    urgent: bool = False

    @property
    def detail(self) -> str:
        """What the gap says."""
        return f"{self.rule}: {self.reason}" if self.rule else self.reason


class Removal:
    """Finds and removes rows. Calls block for a database access."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def due(self, key: StreamKey, uuid: str, hour: Instant, before: Instant) -> list[Doomed]:
        """The segments of one hour of a stream on a volume that end by `before`, in order."""
        query = _doomed.where(
            stream.c.camera == key.camera,
            stream.c.name == key.name,
            volume.c.uuid == uuid,
            segment.c.start >= hour,
            segment.c.start < hour + HOUR,
            segment.c.end <= before,
        ).order_by(segment.c.start)
        with self._engine.connect() as connection:
            return [_of_row(row) for row in connection.execute(query)]

    def find(self, key: StreamKey, starts: Sequence[Instant]) -> dict[Instant, Doomed]:
        """Those of a stream's segments that have a row, by their start."""
        found: dict[Instant, Doomed] = {}
        with self._engine.connect() as connection:
            for at in range(0, len(starts), _ASKED):
                query = _doomed.where(
                    stream.c.camera == key.camera,
                    stream.c.name == key.name,
                    segment.c.start.in_(starts[at : at + _ASKED]),
                )
                some = [_of_row(row) for row in connection.execute(query)]
                found |= {one.start: one for one in some}
        return found

    def unaccounted(self, key: StreamKey, gone: Sequence[Doomed]) -> list[Doomed]:
        """Those of a stream's deleted segments in whose span no gap begins or lasts."""
        if not gone:
            return []
        first, last = min(one.start for one in gone), max(one.end for one in gone)
        query = (
            sa.select(gap.c.start, gap.c.end)
            .join_from(gap, stream)
            .where(
                stream.c.camera == key.camera,
                stream.c.name == key.name,
                gap.c.start < last,
                sa.or_(gap.c.end.is_(None), gap.c.end > first),
            )
            .order_by(gap.c.start)
        )
        with self._engine.connect() as connection:
            spans = [(start, end) for start, end in connection.execute(query)]
        starts = [start for start, _ in spans]

        def covered(one: Doomed) -> bool:
            at = bisect.bisect_left(starts, one.end) - 1
            return at >= 0 and (spans[at][1] is None or spans[at][1] > one.start)

        return [one for one in gone if not covered(one)]

    def remove(self, doomed: Sequence[Doomed]) -> list[Doomed]:
        """Take rows away and put gaps in their place; those that were still there.

        A row that was changed since (another hash, another volume) stays.
        """
        gone: list[Doomed] = []
        with writing(self._engine) as connection:
            ids = _ids(connection)
            rows = connection.execute(sa.select(volume.c.uuid, volume.c.id))
            volumes = {row.uuid: row.id for row in rows}
            for one in doomed:
                taken = connection.execute(
                    sa.delete(segment).where(
                        segment.c.stream_id == ids[one.stream],
                        segment.c.start == one.start,
                        segment.c.sha256 == one.sha256,
                        segment.c.volume_id == volumes[one.volume],
                    )
                )
                if taken.rowcount:
                    gone.append(one)
            for span in _spans(gone):
                _put_gap(connection, ids[span.stream], span)
        return gone

    def account(self, one: Doomed) -> None:
        """See that a span whose footage is gone is a gap: a recovery may have met the deletion."""
        with writing(self._engine) as connection:
            stream_id = _ids(connection).get(one.stream)
            if stream_id is None or _is_accounted(connection, stream_id, one):
                return
            _put_gap(connection, stream_id, one)

    def forget_leaf(self, one: Doomed) -> None:
        """The ledger says it is deleted and it stays: it is to get a new leaf."""
        with writing(self._engine) as connection:
            connection.execute(
                sa.update(segment)
                .where(
                    segment.c.stream_id == _ids(connection)[one.stream],
                    segment.c.start == one.start,
                )
                .values(leaf=None)
            )


_doomed = (
    sa.select(
        stream.c.camera,
        stream.c.name,
        segment.c.start,
        segment.c.end,
        volume.c.uuid,
        segment.c.bytes,
        segment.c.sha256,
    )
    .join_from(segment, stream)
    .join(volume)
)


def _of_row(row: Any) -> Doomed:
    camera, name, start, end, uuid, size, sha256 = row
    key = StreamKey(CameraId(camera), "main" if name == "main" else "sub")
    return Doomed(key, Instant(start), Instant(end), uuid, size, bytes(sha256))


def _ids(connection: sa.Connection) -> dict[StreamKey, int]:
    rows = connection.execute(sa.select(stream.c.camera, stream.c.name, stream.c.id))
    return {
        StreamKey(CameraId(camera), "main" if name == "main" else "sub"): id_
        for camera, name, id_ in rows
    }


def _spans(gone: Iterable[Doomed]) -> list[Doomed]:
    """Neighbours that go for the same reason as one span."""
    spans: list[Doomed] = []
    for one in sorted(gone, key=lambda one: (one.stream, one.start)):
        last = spans[-1] if spans else None
        if last is not None and (last.stream, last.end, last.detail) == (
            one.stream,
            one.start,
            one.detail,
        ):
            spans[-1] = Doomed(one.stream, last.start, one.end, "", 0, b"", one.rule, one.reason)
        else:
            spans.append(one)
    return spans


def _put_gap(connection: sa.Connection, stream_id: int, span: Doomed) -> None:
    """One gap over the span, grown together with those of the same reason before and behind it."""
    start, end = span.start, span.end
    before = connection.execute(
        sa.select(gap.c.start, gap.c.end, gap.c.cause, gap.c.detail)
        .where(gap.c.stream_id == stream_id, gap.c.start < start)
        .order_by(gap.c.start.desc())
        .limit(1)
    ).one_or_none()
    if before is not None and _grows(before, span) and before.end == start:
        start = before.start
    behind = connection.execute(
        sa.select(gap.c.start, gap.c.end, gap.c.cause, gap.c.detail).where(
            gap.c.stream_id == stream_id, gap.c.start == end
        )
    ).one_or_none()
    if behind is not None and behind.end is not None and _grows(behind, span):
        end = behind.end
    # Those it grows together with, and any gap without length at its start, give way to it.
    connection.execute(
        sa.delete(gap).where(
            gap.c.stream_id == stream_id,
            gap.c.start >= start,
            gap.c.start < end,
            gap.c.end.is_not(None),
            gap.c.end <= end,
        )
    )
    connection.execute(
        sa.insert(gap).values(
            stream_id=stream_id,
            start=start,
            end=end,
            cause=Cause.DELETED.value,
            detail=span.detail,
        )
    )


def _grows(row: Any, span: Doomed) -> bool:
    return bool(row.cause == Cause.DELETED.value and row.detail == span.detail)


def _is_accounted(connection: sa.Connection, stream_id: int, one: Doomed) -> bool:
    """Whether any part of the span is footage or gap already."""
    for table in (segment, gap):
        row = connection.execute(
            sa.select(table.c.end)
            .where(table.c.stream_id == stream_id, table.c.start < one.end)
            .order_by(table.c.start.desc())
            .limit(1)
        ).one_or_none()
        if row is not None and (row.end is None or row.end > one.start):
            return True
    return False
