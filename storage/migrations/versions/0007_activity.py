"""Activity: a byte a second beside each segment's row, and its sum by the hour."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007_activity"
down_revision = "0006_record_modes"
branch_labels = None
depends_on = None

_HOUR = 3_600_000_000_000
_ADD = f"""INSERT INTO activity_hour (stream_id, hour, peak, total, seconds)
VALUES (new.stream_id, new.start - new.start % {_HOUR}, new.peak, new.total, new.seconds)
ON CONFLICT (stream_id, hour) DO UPDATE SET seconds = activity_hour.seconds + excluded.seconds,
    total = activity_hour.total + excluded.total,
    peak = CASE WHEN excluded.peak > activity_hour.peak THEN excluded.peak
        ELSE activity_hour.peak END;"""  # noqa: S608 - a number of ours
# The highest that is left is looked for among at most an hour's rows.
_TAKE = f"""UPDATE activity_hour SET total = total - old.total, seconds = seconds - old.seconds,
    peak = coalesce((SELECT max(peak) FROM activity WHERE stream_id = old.stream_id
        AND start >= old.start - old.start % {_HOUR}
        AND start < old.start - old.start % {_HOUR} + {_HOUR}), 0)
WHERE stream_id = old.stream_id AND hour = old.start - old.start % {_HOUR};
DELETE FROM activity_hour WHERE stream_id = old.stream_id
    AND hour = old.start - old.start % {_HOUR} AND seconds <= 0;"""  # noqa: S608 - a number of ours
_SUMMED = (
    ("insert", "INSERT", _ADD),
    ("delete", "DELETE", _TAKE),
    ("update", "UPDATE", _TAKE + "\n" + _ADD),
)


def upgrade() -> None:
    op.create_table(
        "activity",
        sa.Column("stream_id", sa.Integer, primary_key=True),
        sa.Column("start", sa.BigInteger, primary_key=True),
        sa.Column("peak", sa.Integer, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Integer, nullable=False),
        sa.Column("levels", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(
            ["stream_id", "start"], ["segment.stream_id", "segment.start"], ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "activity_hour",
        sa.Column("stream_id", sa.Integer, sa.ForeignKey("stream.id"), primary_key=True),
        sa.Column("hour", sa.BigInteger, primary_key=True),
        sa.Column("peak", sa.Integer, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    _sum()


def _sum() -> None:
    """The triggers behind `activity_hour`, in the words of either database."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, event, body in _SUMMED:
        if sqlite:
            op.execute(
                f"CREATE TRIGGER activity_{name}_hour AFTER {event} ON activity BEGIN {body} END"
            )
            continue
        op.execute(
            f"CREATE FUNCTION activity_{name}_hour() RETURNS trigger AS $body$ BEGIN "
            f"{body} RETURN NULL; END $body$ LANGUAGE plpgsql"
        )
        op.execute(
            f"CREATE TRIGGER activity_{name}_hour AFTER {event} ON activity "
            f"FOR EACH ROW EXECUTE FUNCTION activity_{name}_hour()"
        )


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, _, _ in _SUMMED:
        op.execute(f"DROP TRIGGER activity_{name}_hour{'' if sqlite else ' ON activity'}")
        if not sqlite:
            op.execute(f"DROP FUNCTION activity_{name}_hour()")
    op.drop_table("activity_hour")
    op.drop_table("activity")
