"""The rows of activity: hours summed for months, segments for days, seconds for hours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from storage.activity.meter import Levels
from storage.activity.steps import Measured, by_second
from storage.schema import activity, activity_hour, segment, stream
from vms.core.clock import DAY, HOUR, SECOND, Instant
from vms.core.model import StreamKey

# Longer spans are answered from coarser rows, so that no answer reads more than some thousand.
SECONDS_UP_TO = 6 * HOUR
SEGMENTS_UP_TO = 3 * DAY
_LONGEST = HOUR  # a segment that began earlier does not reach into a span


class ActivityRows:
    """Reads. Every call blocks for a database access."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def measured(self, key: StreamKey, start: Instant, end: Instant) -> list[Measured]:
        """What is known of [start, end), as fine as its length allows, in order."""
        if end - start <= SECONDS_UP_TO:
            return list(self.seconds(key, start, end))
        if end - start <= SEGMENTS_UP_TO:
            return self._segments(key, start, end)
        return self._hours(key, start, end)

    def seconds(
        self, key: StreamKey, start: Instant, end: Instant, above: int = 0
    ) -> Iterator[Measured]:
        """The seconds of the segments with a level of `above` or more, in order."""
        query = (
            self._of(key, start, end, activity.c.levels, activity.c.seconds, segment.c.end)
            .join(
                segment,
                sa.and_(
                    segment.c.stream_id == activity.c.stream_id,
                    segment.c.start == activity.c.start,
                ),
            )
            .where(activity.c.peak >= above)
        )
        with self._engine.connect() as connection:
            for begin, levels, seconds, until in connection.execute(query):
                whole = Levels(bytes(levels).ljust(seconds, b"\0"))
                yield from by_second(Instant(begin), whole, Instant(until))

    def unmeasured(
        self, key: StreamKey, start: Instant, end: Instant
    ) -> list[tuple[Instant, Instant]]:
        """The segments with a part in [start, end) whose levels are not known, in order, whole."""
        beside = sa.and_(
            activity.c.stream_id == segment.c.stream_id, activity.c.start == segment.c.start
        )
        query = (
            sa.select(segment.c.start, segment.c.end)
            .outerjoin(activity, beside)
            .where(segment.c.stream_id == _id_of(key), activity.c.start.is_(None))
            .where(segment.c.start > start - _LONGEST, segment.c.start < end)
            .where(segment.c.end > start)
            .order_by(segment.c.start)
        )
        with self._engine.connect() as connection:
            return [(Instant(a), Instant(b)) for a, b in connection.execute(query)]

    def _segments(self, key: StreamKey, start: Instant, end: Instant) -> list[Measured]:
        columns = (activity.c.peak, activity.c.total, activity.c.seconds)
        with self._engine.connect() as connection:
            return [
                Measured(begin, begin + seconds * SECOND, peak, total, seconds)
                for begin, peak, total, seconds in connection.execute(
                    self._of(key, start, end, *columns)
                )
            ]

    def _hours(self, key: StreamKey, start: Instant, end: Instant) -> list[Measured]:
        hour = activity_hour.c
        query = (
            sa.select(hour.hour, hour.peak, hour.total, hour.seconds)
            .where(hour.stream_id == _id_of(key), hour.hour > start - HOUR, hour.hour < end)
            .order_by(hour.hour)
        )
        with self._engine.connect() as connection:
            return [
                Measured(begin, Instant(begin + HOUR), peak, total, seconds)
                for begin, peak, total, seconds in connection.execute(query)
            ]

    @staticmethod
    def _of(
        key: StreamKey, start: Instant, end: Instant, *columns: sa.ColumnElement[Any]
    ) -> sa.Select[Any]:
        return (
            sa.select(activity.c.start, *columns)
            .where(
                activity.c.stream_id == _id_of(key),
                activity.c.start > start - _LONGEST,
                activity.c.start < end,
            )
            .order_by(activity.c.start)
        )


def _id_of(key: StreamKey) -> sa.ScalarSelect[int]:
    query = sa.select(stream.c.id).where(stream.c.camera == key.camera, stream.c.name == key.name)
    return query.scalar_subquery()
