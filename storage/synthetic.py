"""An index as if cameras had recorded for months: rows without files, for benchmarks and tests.

Segments of 60 s one after the other, and now and then a gap. Nothing here is used in operation.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from storage.database import writing
from storage.fmp4 import init_section
from storage.schema import format_, gap, segment, stream, volume
from vms.core.clock import MINUTE, SECOND, Instant
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
) -> int:
    """Rows for `minutes` of each stream; about every `gap_each` segments one is missing."""
    rng = random.Random(seed)
    count = 0
    with writing(engine) as connection:
        init = init_section(form)
        connection.execute(
            sa.insert(format_),
            {"id": 1, "digest": hashlib.sha256(init).digest(), "init": init},
        )
        connection.execute(sa.insert(volume), {"id": 1, "uuid": "synthetic", "path": "/nowhere"})
        for number, key in enumerate(streams, 1):
            values = {"id": number, "camera": key.camera, "name": key.name}
            connection.execute(sa.insert(stream), values)
            gaps: list[dict[str, Any]] = []
            batch: list[dict[str, Any]] = []
            for row in _rows(number, start, minutes, gap_each, rng, gaps):
                batch.append(row)
                if len(batch) == _BATCH:
                    connection.execute(sa.insert(segment), batch)
                    count += len(batch)
                    batch = []
            if batch:
                connection.execute(sa.insert(segment), batch)
                count += len(batch)
            if gaps:
                connection.execute(sa.insert(gap), gaps)
    return count


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
