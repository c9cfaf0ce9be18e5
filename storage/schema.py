"""The tables of the archive: stream, volume, format, segment, gap.

Times are nanoseconds of UTC. A segment's key is (stream, start), with no key of its own: the
index of 43 million rows stays one B-tree (design §5). Fragments are never rows.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

stream = Table(
    "stream",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("camera", Text, nullable=False),
    Column("name", Text, nullable=False),  # main, sub
    UniqueConstraint("camera", "name"),
)

volume = Table(
    "volume",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("uuid", Text, nullable=False, unique=True),  # stands on the volume too
    Column("path", Text, nullable=False),  # where it was last seen
)

format_ = Table(
    "format",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False, unique=True),  # SHA-256 of `init`
    Column("init", LargeBinary, nullable=False),  # ftyp and moov
)

segment = Table(
    "segment",
    metadata,
    Column("stream_id", Integer, ForeignKey("stream.id"), primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("end", BigInteger, nullable=False),
    Column("volume_id", Integer, ForeignKey("volume.id"), nullable=False),
    Column("format_id", Integer, ForeignKey("format.id"), nullable=False),
    Column("run", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("clock_offset", BigInteger),  # camera minus recorder
    Column("clock_error", BigInteger),
    Column("ntp_error", BigInteger),
    sqlite_with_rowid=False,
)

gap = Table(
    "gap",
    metadata,
    Column("stream_id", Integer, ForeignKey("stream.id"), primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("end", BigInteger),  # null while it lasts
    Column("cause", Text, nullable=False),
    Column("detail", Text, nullable=False),
    sqlite_with_rowid=False,
)
