"""The tables of the registry; their history stands in storage/migrations."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

camera = sa.Table(
    "camera",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    # 'file': declared in cameras.toml and read-only on the screens; 'database': added by people.
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    # JSON of CameraSettings without its password.
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("password", sa.LargeBinary),  # sealed by vms.cameras.vault
)

camera_revision = sa.Table(
    "camera_revision",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),  # always 1
    # Rises with every change of the registry; running processes poll it.
    sa.Column("revision", sa.Integer, nullable=False),
)
