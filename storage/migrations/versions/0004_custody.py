"""Custody: holds, retention rules, jobs, findings, usage by the hour, places in the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004_custody"
down_revision = "0003_cameras"
branch_labels = None
depends_on = None

_HOUR = 3_600_000_000_000
_ADD = """INSERT INTO usage (stream_id, volume_id, hour, segments, bytes, span)
VALUES ({row}.stream_id, {row}.volume_id, {row}.start - {row}.start % {hour}, 1, {row}.bytes,
        {row}."end" - {row}.start)
ON CONFLICT (stream_id, volume_id, hour) DO UPDATE SET segments = usage.segments + 1,
    bytes = usage.bytes + excluded.bytes, span = usage.span + excluded.span;"""
_TAKE = """UPDATE usage SET segments = segments - 1, bytes = bytes - {row}.bytes,
    span = span - ({row}."end" - {row}.start)
WHERE stream_id = {row}.stream_id AND volume_id = {row}.volume_id
    AND hour = {row}.start - {row}.start % {hour};
DELETE FROM usage WHERE stream_id = {row}.stream_id AND volume_id = {row}.volume_id
    AND hour = {row}.start - {row}.start % {hour} AND segments <= 0;"""
_COUNT_ALL = """INSERT INTO usage (stream_id, volume_id, hour, segments, bytes, span)
SELECT stream_id, volume_id, start - start % 3600000000000, count(*), sum(bytes),
    sum("end" - start)
FROM segment GROUP BY stream_id, volume_id, start - start % 3600000000000"""
_COUNTED = (
    ("insert", "INSERT", _ADD.format(row="new", hour=_HOUR)),
    ("delete", "DELETE", _TAKE.format(row="old", hour=_HOUR)),
    (
        "update",
        "UPDATE",
        _TAKE.format(row="old", hour=_HOUR) + "\n" + _ADD.format(row="new", hour=_HOUR),
    ),
)


def upgrade() -> None:
    op.add_column("segment", sa.Column("frames", sa.Integer))
    op.add_column("segment", sa.Column("leaf", sa.BigInteger))
    op.add_column("gap", sa.Column("leaf", sa.BigInteger))
    op.create_table(
        "usage",
        sa.Column("stream_id", sa.Integer, sa.ForeignKey("stream.id"), primary_key=True),
        sa.Column("volume_id", sa.Integer, sa.ForeignKey("volume.id"), primary_key=True),
        sa.Column("hour", sa.BigInteger, primary_key=True),
        sa.Column("segments", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("span", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(_COUNT_ALL)
    _count()
    op.create_table(
        "hold",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("camera", sa.Text, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("end", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("until", sa.BigInteger),
        sa.Column("made", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("lifted", sa.BigInteger),
        sa.Column("lifted_by", sa.Text),
    )
    op.create_index("hold_camera", "hold", ["camera", "lifted"])
    op.create_table(
        "retention_rule",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("made", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("order", sa.Text, nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("result", sa.Text),
        sa.Column("error", sa.Text),
    )
    op.create_table(
        "finding",
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("gone", sa.BigInteger),
    )
    op.create_table(
        "custody",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def _count() -> None:
    """The triggers behind `usage`, in the words of either database."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, event, body in _COUNTED:
        # A new hash, leaf or frame count moves no bytes: then nothing needs to be counted anew.
        changed = 'stream_id, start, "end", volume_id, bytes'
        of = f"UPDATE OF {changed}" if event == "UPDATE" else event
        if sqlite:
            op.execute(
                f"CREATE TRIGGER segment_{name}_usage AFTER {of} ON segment BEGIN {body} END"
            )
            continue
        op.execute(
            f"CREATE FUNCTION segment_{name}_usage() RETURNS trigger AS $body$ BEGIN "
            f"{body} RETURN NULL; END $body$ LANGUAGE plpgsql"
        )
        op.execute(
            f"CREATE TRIGGER segment_{name}_usage AFTER {of} ON segment "
            f"FOR EACH ROW EXECUTE FUNCTION segment_{name}_usage()"
        )


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, _, _ in _COUNTED:
        on = "" if sqlite else " ON segment"
        op.execute(f"DROP TRIGGER segment_{name}_usage{on}")
        if not sqlite:
            op.execute(f"DROP FUNCTION segment_{name}_usage()")
    for table in ("custody", "finding", "job", "retention_rule", "hold", "usage"):
        op.drop_table(table)
    op.drop_column("gap", "leaf")
    op.drop_column("segment", "leaf")
    op.drop_column("segment", "frames")
