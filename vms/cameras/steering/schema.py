"""The tables of steering; times are nanoseconds of UTC."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

command = sa.Table(
    "ptz_command",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("camera", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("operator", sa.Text, nullable=False),
    sa.Column("command", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("result", sa.Text, nullable=False),  # done, or why not
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("until", sa.BigInteger),  # of a movement: its end, or when it last went on
    sa.Column("commands", sa.Integer, nullable=False, server_default="1"),
    sa.Column("purpose_due", sa.Boolean),  # null: not known, of older releases
    sa.Column("moves", sa.Text),  # of a movement: each of its moves, with its time and speeds
    sa.Index("ptz_command_of", "camera", "id"),
    sa.Index("ptz_command_at", "at"),
)

# What is seen from a preset, for choosing it by eye.
picture = sa.Table(
    "ptz_picture",
    metadata,
    sa.Column("camera", sa.Text, primary_key=True),
    sa.Column("preset", sa.Text, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("jpeg", sa.LargeBinary, nullable=False),
)

patrol = sa.Table(
    "ptz_patrol",
    metadata,
    sa.Column("camera", sa.Text, primary_key=True),
    sa.Column("steps", sa.Text, nullable=False),  # JSON: [[preset, seconds], …]
    sa.Column("running", sa.Boolean, nullable=False),
)
