"""An index as if cameras had recorded for months: rows without files, for benchmarks and tests.

Segments of 60 s one after the other, and now and then a gap. Nothing here is used in operation.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from storage.database import writing
from storage.fmp4 import init_section
from storage.schema import activity, format_, gap, segment, stream, usage, volume
from vms.core.clock import HOUR, MINUTE, SECOND, Instant
from vms.core.media import StreamFormat
from vms.core.model import StreamKey

_BATCH = 20_000


def fill_index(
    engine: sa.Engine,
    streams: Sequence[StreamKey],
    start: Instant,
    minutes: int,
    form: StreamFormat,
    *,
    gap_each: int = 1_500,
    seed: int = 1,
    volume_at: tuple[str, str] = ("synthetic", "/nowhere"),
) -> int:
    """Rows for `minutes` of each stream; about every `gap_each` segments one is missing.

    `volume_at`: uuid and path of the volume they are said to lie on.
    """
    rng = random.Random(seed)
    count = 0
    with writing(engine) as connection, _uncounted(connection):
        init = init_section(form)
        connection.execute(
            sa.insert(format_),
            {"id": 1, "digest": hashlib.sha256(init).digest(), "init": init},
        )
        connection.execute(sa.insert(volume), {"id": 1, "uuid": volume_at[0], "path": volume_at[1]})
        for number, key in enumerate(streams, 1):
            values = {"id": number, "camera": key.camera, "name": key.name}
            connection.execute(sa.insert(stream), values)
            gaps: list[dict[str, Any]] = []
            rows = _rows(number, start, minutes, gap_each, rng, gaps)
            while batch := list(itertools.islice(rows, _BATCH)):
                _insert(connection, batch)
                count += len(batch)
            if gaps:
                connection.execute(sa.insert(gap), gaps)
    return count


def _insert(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """Rows of segments; for SQLite past SQLAlchemy, which would take nine tenths of the time."""
    if connection.dialect.name != "sqlite":
        connection.execute(sa.insert(segment), rows)
        return
    columns = ", ".join(f'"{name}"' for name in rows[0])
    marks = ", ".join("?" for _ in rows[0])
    statement = f"INSERT INTO segment ({columns}) VALUES ({marks})"  # noqa: S608 - our own names
    connection.exec_driver_sql(statement, [tuple(row.values()) for row in rows])


def fill_activity(engine: sa.Engine, stream_ids: Sequence[int], *, seed: int = 1) -> None:
    """A minute's levels beside each row of some streams."""
    rng = random.Random(seed)
    with writing(engine) as connection:
        for stream_id in stream_ids:
            starts = sa.select(segment.c.start).where(segment.c.stream_id == stream_id)
            rows = []
            for start in connection.execute(starts).scalars().all():
                levels = rng.randbytes(60)
                known = {"peak": max(levels), "total": sum(levels), "seconds": 60}
                rows.append({"stream_id": stream_id, "start": start, "levels": levels} | known)
            connection.execute(sa.insert(activity), rows)


@contextlib.contextmanager
def _uncounted(connection: sa.Connection) -> Iterator[None]:
    """Without the triggers behind `usage`, which is counted once afterwards: a tenth of the time.

    SQLite only; elsewhere the triggers stay.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'segment'"
    triggers = connection.exec_driver_sql(query).all()
    for name, _ in triggers:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    yield
    hour = (segment.c.start - segment.c.start % HOUR).label("hour")
    span = sa.func.sum(segment.c.end - segment.c.start)
    place = (segment.c.stream_id, segment.c.volume_id, hour)
    counted = sa.select(*place, sa.func.count(), sa.func.sum(segment.c.bytes), span)
    connection.execute(sa.insert(usage).from_select(list(usage.c.keys()), counted.group_by(*place)))
    for _, text in triggers:
        connection.exec_driver_sql(text)


def _rows(
    stream_id: int,
    start: int,
    minutes: int,
    gap_each: int,
    rng: random.Random,
    gaps: list[dict[str, Any]],
) -> Iterator[dict[str, Any]]:
    for minute in range(minutes):
        at = start + minute * MINUTE
        if minute and rng.random() < 1 / gap_each:
            gaps.append(
                {
                    "stream_id": stream_id,
                    "start": at,
                    "end": at + MINUTE,
                    "cause": "unreachable",
                    "detail": "",
                }
            )
            continue
        yield {
            "stream_id": stream_id,
            "start": at,
            "end": at + 60 * SECOND,
            "volume_id": 1,
            "format_id": 1,
            "run": 1,
            "bytes": 30_000_000,
            "sha256": rng.randbytes(32),
            "clock_offset": 12_000_000,
            "clock_error": 3_000_000,
            "ntp_error": 1_000_000,
        }
