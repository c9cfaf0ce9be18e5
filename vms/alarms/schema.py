"""The table of events. Times are nanoseconds of UTC."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text

metadata = MetaData()

event = Table(
    "event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("camera", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("end", BigInteger),  # null while it lasts
    Column("detail", Text, nullable=False),
    Column("told", BigInteger, nullable=False),  # when its source last told of it
    Index("event_by_camera", "camera", "start"),
    Index("event_by_end", "end"),
)
