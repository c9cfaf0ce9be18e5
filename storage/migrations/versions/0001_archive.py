"""The archive: streams, volumes, formats, segments, gaps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stream",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("camera", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.UniqueConstraint("camera", "name"),
    )
    op.create_table(
        "volume",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("uuid", sa.Text, nullable=False, unique=True),
        sa.Column("path", sa.Text, nullable=False),
    )
    op.create_table(
        "format",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("init", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "segment",
        sa.Column("stream_id", sa.Integer, sa.ForeignKey("stream.id"), primary_key=True),
        sa.Column("start", sa.BigInteger, primary_key=True),
        sa.Column("end", sa.BigInteger, nullable=False),
        sa.Column("volume_id", sa.Integer, sa.ForeignKey("volume.id"), nullable=False),
        sa.Column("format_id", sa.Integer, sa.ForeignKey("format.id"), nullable=False),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("clock_offset", sa.BigInteger),
        sa.Column("clock_error", sa.BigInteger),
        sa.Column("ntp_error", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gap",
        sa.Column("stream_id", sa.Integer, sa.ForeignKey("stream.id"), primary_key=True),
        sa.Column("start", sa.BigInteger, primary_key=True),
        sa.Column("end", sa.BigInteger),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in ("gap", "segment", "format", "volume", "stream"):
        op.drop_table(table)
