"""The number that rises with every change of cameras and schedules: running processes poll it."""

from __future__ import annotations

import sqlalchemy as sa

from vms.cameras.schema import camera_revision


def bump(connection: sa.Connection) -> None:
    """Raise it, in the transaction that changes something."""
    raised = connection.execute(
        sa.update(camera_revision).values(revision=camera_revision.c.revision + 1)
    )
    if raised.rowcount == 0:
        connection.execute(sa.insert(camera_revision).values(id=1, revision=1))
