"""The tables of the archive: stream, volume, format, segment, gap, activity, and of its custody.

Times are nanoseconds of UTC. A segment's key is (stream, start), with no key of its own: the
index of 43 million rows stays one B-tree (design §5). Fragments are never rows.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
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
    Column("frames", Integer),  # pictures; null where nobody counted
    Column("leaf", BigInteger),  # its place in the ledger; null: not yet there
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
    Column("leaf", BigInteger),  # of the closed gap; null: lasts, deleted, or not yet there
    sqlite_with_rowid=False,
)

# How much went on in each second of a segment (docs/activity.md); goes with the segment's row. A
# table of its own, so that whoever reads segments does not read these bytes as well.
activity = Table(
    "activity",
    metadata,
    Column("stream_id", Integer, primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("peak", Integer, nullable=False),
    Column("total", BigInteger, nullable=False),  # sum of the levels
    Column("seconds", Integer, nullable=False),
    Column("levels", LargeBinary, nullable=False),  # a byte a second; zeros at the end left out
    ForeignKeyConstraint(
        ["stream_id", "start"], ["segment.stream_id", "segment.start"], ondelete="CASCADE"
    ),
    sqlite_with_rowid=False,
)

# The same by the hour (ns of UTC) segments begin in, kept by triggers: a month is 720 rows.
activity_hour = Table(
    "activity_hour",
    metadata,
    Column("stream_id", Integer, ForeignKey("stream.id"), primary_key=True),
    Column("hour", BigInteger, primary_key=True),
    Column("peak", Integer, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("seconds", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What each stream has on each volume, by the hour (ns of UTC) its segments begin in. Kept by
# triggers, so that it always is the sum of the rows: quotas over millions of segments are
# answered from some thousand rows.
usage = Table(
    "usage",
    metadata,
    Column("stream_id", Integer, ForeignKey("stream.id"), primary_key=True),
    Column("volume_id", Integer, ForeignKey("volume.id"), primary_key=True),
    Column("hour", BigInteger, primary_key=True),
    Column("segments", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("span", BigInteger, nullable=False),  # ns of footage
    sqlite_with_rowid=False,
)

hold = Table(
    "hold",
    metadata,
    Column("id", Text, primary_key=True),
    Column("camera", Text, nullable=False),  # all its streams
    Column("start", BigInteger, nullable=False),
    Column("end", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("until", BigInteger),  # when it is to be lifted by itself; null: only by a person
    Column("made", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("lifted", BigInteger),
    Column("lifted_by", Text),
)

retention_rule = Table(
    "retention_rule",
    metadata,
    Column("name", Text, primary_key=True),
    Column("origin", Text, nullable=False),  # file, database
    Column("position", Integer, nullable=False),  # later rules win; the database's come last
    Column("settings", Text, nullable=False),  # RetentionRule as JSON
)

job = Table(
    "job",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # export
    Column("state", Text, nullable=False),  # waiting, running, done, failed, cancelled
    Column("made", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("order", Text, nullable=False),  # what is wanted, as JSON
    Column("done", BigInteger, nullable=False),  # bytes
    Column("total", BigInteger, nullable=False),  # bytes; 0: not yet known
    Column("result", Text),  # as JSON
    Column("error", Text),
    Column("account", Integer),  # the number of who asked; null: of nobody that is known any more
)

finding = Table(
    "finding",
    metadata,
    Column("subject", Text, primary_key=True),  # a segment's id, a volume, a tier, a camera
    Column("kind", Text, primary_key=True),
    Column("detail", Text, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("gone", BigInteger),  # since when it is well again; null: it lasts
)

# What the custodian must remember over a restart: how far a scrub came, which deletions are done.
custody = Table(
    "custody",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
