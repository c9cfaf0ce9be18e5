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

schedule = sa.Table(
    "schedule",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("spans", sa.Text, nullable=False),  # JSON list of texts, as in cameras.toml
    # As a camera's.
    sa.Column("origin", sa.Text, nullable=False, server_default="file"),
)

# What happened to each camera's settings, secrets as `***`; it stays when the camera goes.
camera_change = sa.Table(
    "camera_change",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("camera", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("fields", sa.Text, nullable=False),  # JSON: [[name, before, after], …]
    sa.Index("camera_change_of", "camera", "id"),
)

# Cameras that were removed: their footage stays, and so do the groups by which rules match it.
former_camera = sa.Table(
    "former_camera",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("member_of", sa.Text, nullable=False),  # JSON: [name, …]
)

# Spells in which a check of a camera was sick (docs/health.md); they stay when the camera goes.
camera_ailment = sa.Table(
    "camera_ailment",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("camera", sa.Text, nullable=False),
    sa.Column("check", sa.Text, nullable=False),
    sa.Column("start", sa.BigInteger, nullable=False),
    sa.Column("end", sa.BigInteger),  # null while it lasts
    sa.Column("value", sa.Float),
    sa.Column("limit", sa.Float),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("good", sa.BigInteger),  # the last picture before that was as it should be
    sa.Index("camera_ailment_of", "camera", "start"),
    sa.Index("camera_ailment_end", "end"),
)

# When a person last said that what a camera shows now is what it is to show.
camera_view = sa.Table(
    "camera_view",
    metadata,
    sa.Column("camera", sa.Text, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
)
