"""The changes of one transaction as rows of tables.

Of two changes of one row the later holds. Rows are brought by their key, so that the same changes
twice are harmless; a segment's activity comes behind its row, and goes with it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from storage.activity.meter import Levels
from storage.ids import Ids
from storage.rows import DropGap, IndexChange, PutGap, PutSegment
from storage.schema import activity, gap, segment
from storage.upsert import upsert

_KEY = ("stream_id", "start")
_Which = tuple[int, int]
_Wanted = dict[_Which, dict[str, Any] | None]  # None: no row


class ChangeSet:
    """Rows as they are wanted, by stream and start. `connection`: in a transaction that writes."""

    def __init__(self, connection: sa.Connection, ids: Ids) -> None:
        self._connection, self._ids = connection, ids
        self._segments: _Wanted = {}
        self._gaps: _Wanted = {}
        self._levels: dict[_Which, Levels] = {}

    def add(self, change: IndexChange) -> None:
        """One more, behind those before it."""
        key = change.gap.stream if isinstance(change, PutGap) else change.stream
        start = change.gap.start if isinstance(change, PutGap) else change.start
        which = (self._ids.stream(self._connection, key), start)
        if isinstance(change, PutSegment):
            self._segments[which] = self._segment(which, change)
            if change.activity is not None:
                self._levels[which] = change.activity
        elif isinstance(change, PutGap):
            self._gaps[which] = _gap(which, change)
        else:
            (self._gaps if isinstance(change, DropGap) else self._segments)[which] = None

    def write(self) -> None:
        """Bring the tables to it."""
        self._bring(segment, self._segments)
        levels = [
            _activity(which, levels)
            for which, levels in self._levels.items()
            if self._segments[which] is not None
        ]
        upsert(self._connection, activity, _KEY, levels)
        self._bring(gap, self._gaps)

    def _bring(self, table: sa.Table, wanted: _Wanted) -> None:
        put = [values for values in wanted.values() if values is not None]
        upsert(self._connection, table, _KEY, put)
        for (stream_id, start), values in wanted.items():
            if values is None:
                self._connection.execute(
                    sa.delete(table).where(table.c.stream_id == stream_id, table.c.start == start)
                )

    def _segment(self, which: _Which, put: PutSegment) -> dict[str, Any]:
        clock = put.clock
        return {
            "stream_id": which[0],
            "start": which[1],
            "end": put.end,
            "volume_id": self._ids.volume(self._connection, put.volume),
            "format_id": self._ids.format(self._connection, put.init),
            "run": put.run,
            "bytes": put.size,
            "sha256": put.sha256,
            "clock_offset": clock.offset_ns if clock else None,
            "clock_error": clock.error_ns if clock else None,
            "ntp_error": clock.ntp_error_ns if clock else None,
            "frames": put.frames,
            "leaf": put.leaf,
        }


def _gap(which: _Which, put: PutGap) -> dict[str, Any]:
    facts = put.gap
    return {
        "stream_id": which[0],
        "start": which[1],
        "end": facts.end,
        "cause": facts.cause.value,
        "detail": facts.detail.replace("\0", ""),  # PostgreSQL takes none
        "leaf": put.leaf,
    }


def _activity(which: _Which, levels: Levels) -> dict[str, Any]:
    return {
        "stream_id": which[0],
        "start": which[1],
        "peak": levels.peak,
        "total": levels.total,
        "seconds": len(levels.values),
        "levels": levels.values.rstrip(b"\0"),
    }
