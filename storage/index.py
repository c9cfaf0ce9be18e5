"""The index: which segment and which gap covers which span, in SQL.

A row says that a durable file exists (invariant 2), so rows are written after the directory sync
and in one transaction per tick. All changes are upserts by key: applying them twice is harmless.
The only module of storage, next to `schema` and `database`, that knows SQLAlchemy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DBAPIError

from storage.database import writing
from storage.facts import ClockFacts, GapFacts
from storage.fmp4 import read_init
from storage.rows import DropGap, IndexChange, PutGap, PutSegment, SegmentRow
from storage.schema import activity, format_, gap, segment, stream, volume
from storage.timeline import without
from vms.core.clock import Instant, Span
from vms.core.errors import StorageError
from vms.core.media import StreamFormat
from vms.core.model import CameraId, Cause, StreamKey

_FORMATS_KEPT = 4_096  # a camera whose parameter sets flap must not grow us
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
        # Ids never change and are few: cameras, volumes; of formats, _FORMATS_KEPT.
        self._streams: dict[StreamKey, int] = {}
        self._formats: dict[int, StreamFormat] = {}
        self._format_ids: dict[bytes, int] = {}
        self._volumes: dict[str, int] = {}

    # -- changing -------------------------------------------------------------------------

    def know_volume(self, uuid: str, path: str) -> None:
        """Remember a volume and where it is mounted now."""
        with writing(self._engine) as connection:
            self._upsert(connection, volume, ("uuid",), [{"uuid": uuid, "path": path}])

    def apply(self, changes: Sequence[IndexChange]) -> None:
        """All changes in one transaction, or none.

        Raises StorageError when the database does not answer, ChangeRefused when one of the
        changes is to blame.
        """
        segments: dict[tuple[int, int], dict[str, Any] | None] = {}
        gaps: dict[tuple[int, int], dict[str, Any] | None] = {}
        try:
            with writing(self._engine) as connection:
                for change in changes:
                    if isinstance(change, PutSegment):
                        row = self._segment_values(connection, change)
                        segments[row["stream_id"], row["start"]] = row
                    elif isinstance(change, PutGap):
                        row = self._gap_values(connection, change)
                        gaps[row["stream_id"], row["start"]] = row
                    else:
                        which = (self._stream_id(connection, change.stream), change.start)
                        (gaps if isinstance(change, DropGap) else segments)[which] = None
                self._bring(connection, segment, segments)
                self._put_activity(connection, changes, segments)
                self._bring(connection, gap, gaps)
        except Exception as error:
            # Ids found in a transaction that was rolled back may not exist.
            self._streams.clear()
            self._format_ids.clear()
            said = error.orig if isinstance(error, DBAPIError) else error
            kind = StorageError if isinstance(error, StorageError) else ChangeRefused
            raise kind(
                Cause.DISK_FAILED, f"the index refused {len(changes)} changes: {said}"
            ) from error

    def _put_activity(
        self,
        connection: sa.Connection,
        changes: Sequence[IndexChange],
        segments: dict[tuple[int, int], dict[str, Any] | None],
    ) -> None:
        """The levels of the segments that are there; what goes, the database takes by itself."""
        rows: dict[tuple[int, int], dict[str, Any]] = {}
        for change in changes:
            if not isinstance(change, PutSegment) or change.activity is None:
                continue
            which = (self._stream_id(connection, change.stream), change.start)
            if segments[which] is None:
                continue
            levels = change.activity
            rows[which] = {
                "stream_id": which[0],
                "start": which[1],
                "peak": levels.peak,
                "total": levels.total,
                "seconds": len(levels.values),
                "levels": levels.values.rstrip(b"\0"),
            }
        self._upsert(connection, activity, ("stream_id", "start"), list(rows.values()))

    def _bring(
        self,
        connection: sa.Connection,
        table: sa.Table,
        wanted: dict[tuple[int, int], dict[str, Any] | None],
    ) -> None:
        """Rows as wanted, by stream and start; None: none."""
        put = [values for values in wanted.values() if values is not None]
        self._upsert(connection, table, ("stream_id", "start"), put)
        for (stream_id, start), values in wanted.items():
            if values is None:
                connection.execute(
                    sa.delete(table).where(table.c.stream_id == stream_id, table.c.start == start)
                )

    def replace_gaps(
        self, key: StreamKey, drop: Iterable[GapFacts], put: Iterable[GapFacts]
    ) -> None:
        """Take some gaps away and put others in their place, at once."""
        changes: list[IndexChange] = [DropGap(key, facts.start) for facts in drop]
        changes += [PutGap(facts) for facts in put]
        if changes:
            self.apply(changes)

    def _segment_values(self, connection: sa.Connection, put: PutSegment) -> dict[str, Any]:
        clock = put.clock
        return {
            "stream_id": self._stream_id(connection, put.stream),
            "start": put.start,
            "end": put.end,
            "volume_id": self._volume_id(connection, put.volume),
            "format_id": self._format_id(connection, put.init),
            "run": put.run,
            "bytes": put.size,
            "sha256": put.sha256,
            "clock_offset": clock.offset_ns if clock else None,
            "clock_error": clock.error_ns if clock else None,
            "ntp_error": clock.ntp_error_ns if clock else None,
            "frames": put.frames,
            "leaf": put.leaf,
        }

    def _gap_values(self, connection: sa.Connection, put: PutGap) -> dict[str, Any]:
        facts = put.gap
        return {
            "stream_id": self._stream_id(connection, facts.stream),
            "start": facts.start,
            "end": facts.end,
            "cause": facts.cause.value,
            "detail": facts.detail.replace("\0", ""),  # PostgreSQL takes none
            "leaf": put.leaf,
        }

    def _stream_id(self, connection: sa.Connection, key: StreamKey) -> int:
        known = self._streams.get(key)
        if known is None:
            values = {"camera": key.camera, "name": key.name}
            self._insert_new(connection, stream, ("camera", "name"), values)
            known = self._streams[key] = connection.execute(
                sa.select(stream.c.id).where(
                    stream.c.camera == key.camera, stream.c.name == key.name
                )
            ).scalar_one()
        return known

    def _format_id(self, connection: sa.Connection, init: bytes) -> int:
        known = self._format_ids.get(init)
        if known is None:
            if len(self._format_ids) >= _FORMATS_KEPT:
                self._format_ids.clear()
            digest = hashlib.sha256(init).digest()
            self._insert_new(connection, format_, ("digest",), {"digest": digest, "init": init})
            known = self._format_ids[init] = connection.execute(
                sa.select(format_.c.id).where(format_.c.digest == digest)
            ).scalar_one()
        return known

    def _volume_id(self, connection: sa.Connection, uuid: str) -> int:
        known = self._volumes.get(uuid)
        if known is None:
            known = self._volumes[uuid] = connection.execute(
                sa.select(volume.c.id).where(volume.c.uuid == uuid)
            ).scalar_one()
        return known

    def _insert_new(
        self,
        connection: sa.Connection,
        table: sa.Table,
        key: tuple[str, ...],
        values: dict[str, Any],
    ) -> None:
        connection.execute(
            self._insert(table).on_conflict_do_nothing(index_elements=list(key)), values
        )

    def _upsert(
        self,
        connection: sa.Connection,
        table: sa.Table,
        key: tuple[str, ...],
        rows: list[dict[str, Any]],
    ) -> None:
        if not rows:
            return
        statement = self._insert(table)
        others = {name: statement.excluded[name] for name in rows[0] if name not in key}
        connection.execute(
            statement.on_conflict_do_update(index_elements=list(key), set_=others), rows
        )

    def _insert(self, table: sa.Table) -> Any:
        name = self._engine.dialect.name
        return sqlite_insert(table) if name == "sqlite" else postgresql_insert(table)

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
        stream_id = self._known(key)
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
        stream_id = self._known(key)
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
        stream_id = self._known(key)
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
        stream_id = self._known(key)
        if stream_id is None:
            return []
        span = {"stream": stream_id, "from": start, "until": end}
        with self._engine.connect() as connection:
            return [gap_facts(key, row) for row in connection.execute(_gaps_within, span)]

    def open_gap(self, key: StreamKey) -> GapFacts | None:
        """The gap that lasts."""
        stream_id = self._known(key)
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
            _segments.where(segment.c.stream_id == self._known(key), segment.c.start > after)
            .order_by(segment.c.start)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
            return [self._row(connection, key, row) for row in rows]

    def _known(self, key: StreamKey) -> int | None:
        known = self._streams.get(key)
        if known is not None:
            return known
        query = sa.select(stream.c.id).where(
            stream.c.camera == key.camera, stream.c.name == key.name
        )
        with self._engine.connect() as connection:
            found = connection.execute(query).scalar()
        if found is not None:
            self._streams[key] = found
        return found

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
        stream_id = self._known(key)
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
        stream_id = self._known(key)
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
            self._format(connection, row.format_id),
            row.run,
            row.bytes,
            bytes(row.sha256),
            clock,
            row.frames,
            row.leaf,
        )

    def _format(self, connection: sa.Connection, format_id: int) -> StreamFormat:
        known = self._formats.get(format_id)
        if known is None:
            if len(self._formats) >= _FORMATS_KEPT:
                self._formats.clear()
            init = connection.execute(
                sa.select(format_.c.init).where(format_.c.id == format_id)
            ).scalar_one()
            known = self._formats[format_id] = read_init(bytes(init))
        return known


def gap_facts(key: StreamKey, row: sa.Row[Any]) -> GapFacts:
    """A row of the table as a value."""
    end = None if row.end is None else Instant(row.end)
    return GapFacts(key, Instant(row.start), end, Cause(row.cause), row.detail)
