"""The index: which segment and which gap covers which span, in SQL.

A row says that a durable file exists (invariant 2), so rows are written after the directory sync
and in one transaction per tick (`storage.change_set`): applying changes twice is harmless.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from storage.change_set import ChangeSet
from storage.database import writing
from storage.facts import ClockFacts, GapFacts
from storage.ids import Ids
from storage.rows import DropGap, IndexChange, PutGap, SegmentRow
from storage.schema import gap, segment, stream, volume
from storage.timeline import without
from storage.upsert import upsert
from vms.core.clock import Instant, Span
from vms.core.errors import StorageError
from vms.core.model import CameraId, Cause, StreamKey

_segments = sa.select(segment, volume.c.uuid, volume.c.path).join(volume)
# Asked for each camera again and again: built once, they cost a fifth.
_begun_by = (
    _segments.where(
        segment.c.stream_id == sa.bindparam("stream"), segment.c.start <= sa.bindparam("at")
    )
    .order_by(segment.c.start.desc())
    .limit(1)
)
# Gaps are few and never overlap, but an old one can be long: their ends are compared.
_gaps_within = (
    sa.select(gap)
    .where(
        gap.c.stream_id == sa.bindparam("stream"),
        gap.c.start < sa.bindparam("until"),
        sa.or_(gap.c.end.is_(None), gap.c.end > sa.bindparam("from")),
    )
    .order_by(gap.c.start)
)


class ChangeRefused(StorageError):
    """A change that the database will not take, however often it is asked."""


class Index:
    """Reads and changes the index. Every call blocks for a database access."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._ids = Ids()

    # -- changing -------------------------------------------------------------------------

    def know_volume(self, uuid: str, path: str) -> None:
        """Remember a volume and where it is mounted now."""
        with writing(self._engine) as connection:
            upsert(connection, volume, ("uuid",), [{"uuid": uuid, "path": path}])

    def apply(self, changes: Sequence[IndexChange]) -> None:
        """All changes in one transaction, or none.

        Raises StorageError when the database does not answer, ChangeRefused when one of the
        changes is to blame.
        """
        try:
            with writing(self._engine) as connection:
                wanted = ChangeSet(connection, self._ids)
                for change in changes:
                    wanted.add(change)
                wanted.write()
        except Exception as error:
            self._ids.forget()
            said = error.orig if isinstance(error, DBAPIError) else error
            kind = StorageError if isinstance(error, StorageError) else ChangeRefused
            raise kind(
                Cause.DISK_FAILED, f"the index refused {len(changes)} changes: {said}"
            ) from error

    def replace_gaps(
        self, key: StreamKey, drop: Iterable[GapFacts], put: Iterable[GapFacts]
    ) -> None:
        """Take some gaps away and put others in their place, at once."""
        changes: list[IndexChange] = [DropGap(key, facts.start) for facts in drop]
        changes += [PutGap(facts) for facts in put]
        if changes:
            self.apply(changes)

    # -- reading --------------------------------------------------------------------------

    def streams(self) -> list[StreamKey]:
        """All streams the index ever knew."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(stream.c.camera, stream.c.name)).all()
        return sorted(StreamKey(CameraId(camera), name) for camera, name in rows)

    def volume_paths(self) -> frozenset[str]:
        """Where volumes were last seen."""
        with self._engine.connect() as connection:
            return frozenset(connection.execute(sa.select(volume.c.path)).scalars())

    def segments(self, key: StreamKey, start: int, end: int) -> list[SegmentRow]:
        """Segments that have a part in [start, end), in order."""
        stream_id = self._ids.known_stream(self._engine, key)
        if stream_id is None:
            return []
        with self._engine.connect() as connection:
            begin = self._begin(connection, stream_id, start)
            query = _segments.where(
                segment.c.stream_id == stream_id,
                segment.c.start >= begin,
                segment.c.start < end,
                segment.c.end > start,
            ).order_by(segment.c.start)
            rows = connection.execute(query).all()
            return [self._row(connection, key, row) for row in rows]

    def segment(self, key: StreamKey, start: int) -> SegmentRow | None:
        """The segment that starts exactly then."""
        return self._one(key, segment.c.start == start)

    def covering(self, key: StreamKey, at: int) -> SegmentRow | None:
        """The segment that holds an instant."""
        stream_id = self._ids.known_stream(self._engine, key)
        if stream_id is None:
            return None
        with self._engine.connect() as connection:
            row = connection.execute(_begun_by, {"stream": stream_id, "at": at}).one_or_none()
            if row is None or row.end <= at:
                return None
            return self._row(connection, key, row)

    def next_start(self, key: StreamKey, at: int) -> Instant | None:
        """Where the first segment at or after an instant starts."""
        return self._scalar(key, sa.func.min(segment.c.start), segment.c.start >= at)

    def first_start(self, key: StreamKey) -> Instant | None:
        """Where the stream's footage begins."""
        return self._scalar(key, sa.func.min(segment.c.start), sa.true())

    def last_start(self, key: StreamKey) -> Instant | None:
        """Where the stream's newest segment begins."""
        return self._scalar(key, sa.func.max(segment.c.start), sa.true())

    def last(self, key: StreamKey) -> SegmentRow | None:
        """The stream's newest segment."""
        return self._one(key, sa.true(), descending=True)

    def spans(self, key: StreamKey, start: int, end: int) -> list[tuple[int, int]]:
        """Covered spans of [start, end): from the first to the last footage, without the gaps.

        Invariant 5 makes this the same as merging the segments, at the cost of the gaps alone:
        a month is 43,200 segments and a few dozen gaps. `vms verify` holds one against the other.
        """
        first, last = self.first_start(key), self.last(key)
        if first is None or last is None:
            return []
        return without(max(start, first), min(end, last.end), self.gaps(key, start, end))

    def recorded(self, key: StreamKey, spans: Sequence[tuple[Instant, Instant]]) -> list[Span]:
        """How much footage lies in each of some spans. A month by the day is 31 small sums."""
        stream_id = self._ids.known_stream(self._engine, key)
        if stream_id is None:
            return [Span(0)] * len(spans)
        with self._engine.connect() as connection:
            return [self._sum(connection, stream_id, begin, until) for begin, until in spans]

    def _sum(self, connection: sa.Connection, stream_id: int, begin: int, until: int) -> Span:
        first = self._begin(connection, stream_id, begin)
        start = sa.case((segment.c.start < begin, begin), else_=segment.c.start)
        end = sa.case((segment.c.end > until, until), else_=segment.c.end)
        query = sa.select(sa.func.sum(end - start)).where(
            segment.c.stream_id == stream_id,
            segment.c.start >= first,
            segment.c.start < until,
            segment.c.end > begin,
        )
        return Span(int(connection.execute(query).scalar() or 0))

    def gaps(self, key: StreamKey, start: int, end: int) -> list[GapFacts]:
        """Gaps that have a part in [start, end), in order."""
        stream_id = self._ids.known_stream(self._engine, key)
        if stream_id is None:
            return []
        span = {"stream": stream_id, "from": start, "until": end}
        with self._engine.connect() as connection:
            return [gap_facts(key, row) for row in connection.execute(_gaps_within, span)]

    def open_gap(self, key: StreamKey) -> GapFacts | None:
        """The gap that lasts."""
        stream_id = self._ids.known_stream(self._engine, key)
        if stream_id is None:
            return None
        query = sa.select(gap).where(gap.c.stream_id == stream_id, gap.c.end.is_(None))
        with self._engine.connect() as connection:
            row = connection.execute(query.order_by(gap.c.start.desc()).limit(1)).one_or_none()
        return None if row is None else gap_facts(key, row)

    def every_segment(self, batch: int = 1_000) -> Iterator[SegmentRow]:
        """All segments, stream by stream, in batches: for checks of the whole archive."""
        for key in self.streams():
            after = -(2**63)
            while rows := self._some(key, after, batch):
                yield from rows
                after = rows[-1].start

    def _some(self, key: StreamKey, after: int, limit: int) -> list[SegmentRow]:
        query = (
            _segments.where(
                segment.c.stream_id == self._ids.known_stream(self._engine, key),
                segment.c.start > after,
            )
            .order_by(segment.c.start)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
            return [self._row(connection, key, row) for row in rows]

    def _begin(self, connection: sa.Connection, stream_id: int, start: int) -> int:
        """Where to begin looking: the last segment that starts at or before `start`."""
        query = (
            sa.select(segment.c.start)
            .where(segment.c.stream_id == stream_id, segment.c.start <= start)
            .order_by(segment.c.start.desc())
            .limit(1)
        )
        found = connection.execute(query).scalar()
        return start if found is None else int(found)

    def _one(
        self, key: StreamKey, where: sa.ColumnElement[bool], *, descending: bool = False
    ) -> SegmentRow | None:
        stream_id = self._ids.known_stream(self._engine, key)
        if stream_id is None:
            return None
        order = segment.c.start.desc() if descending else segment.c.start
        query = _segments.where(segment.c.stream_id == stream_id, where).order_by(order).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
            return None if row is None else self._row(connection, key, row)

    def _scalar(
        self,
        key: StreamKey,
        what: Any,
        where: sa.ColumnElement[bool],
    ) -> Instant | None:
        stream_id = self._ids.known_stream(self._engine, key)
        if stream_id is None:
            return None
        query = sa.select(what).where(segment.c.stream_id == stream_id, where)
        with self._engine.connect() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else Instant(found)

    def _row(self, connection: sa.Connection, key: StreamKey, row: sa.Row[Any]) -> SegmentRow:
        clock = (
            None
            if row.clock_offset is None and row.clock_error is None and row.ntp_error is None
            else ClockFacts(row.clock_offset, row.clock_error, row.ntp_error)
        )
        return SegmentRow(
            key,
            Instant(row.start),
            Instant(row.end),
            row.uuid,
            row.path,
            self._ids.format_of(connection, row.format_id),
            row.run,
            row.bytes,
            bytes(row.sha256),
            clock,
            row.frames,
            row.leaf,
        )


def gap_facts(key: StreamKey, row: sa.Row[Any]) -> GapFacts:
    """A row of the table as a value."""
    end = None if row.end is None else Instant(row.end)
    return GapFacts(key, Instant(row.start), end, Cause(row.cause), row.detail)
