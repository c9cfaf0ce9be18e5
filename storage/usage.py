"""The table `usage`, counted anew: what its triggers keep, from the rows themselves."""

from __future__ import annotations

import sqlalchemy as sa

from storage.database import writing
from storage.schema import segment, usage
from vms.core.clock import HOUR


def recount(engine: sa.Engine) -> None:
    """Make `usage` the sum of the rows again, whatever it was. Blocks for some seconds."""
    hour = segment.c.start - segment.c.start % HOUR
    sums = sa.select(
        segment.c.stream_id,
        segment.c.volume_id,
        hour,
        sa.func.count(),
        sa.func.sum(segment.c.bytes),
        sa.func.sum(segment.c.end - segment.c.start),
    ).group_by(segment.c.stream_id, segment.c.volume_id, hour)
    columns = ["stream_id", "volume_id", "hour", "segments", "bytes", "span"]
    with writing(engine) as connection:
        connection.execute(sa.delete(usage))
        connection.execute(sa.insert(usage).from_select(columns, sums))
