"""What happened to a camera's settings: when, by whom, from what to what. Secrets are `***`.

It outlives the camera, like its footage: who looks at a picture of last year may need to know
which device took it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from vms.cameras.provisioning import Change, Field, Kind
from vms.cameras.schema import camera_change
from vms.core.clock import Instant, rfc3339

KEPT = 200
"""Changes kept of each camera, the newest."""


@dataclass(frozen=True, slots=True)
class PastChange:
    """One change. `by`: an account, `cameras.toml`, or a person at the command line."""

    camera: str
    at: Instant
    by: str
    kind: Kind
    fields: tuple[Field, ...]

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        fields = [{"name": name, "before": old, "after": new} for name, old, new in self.fields]
        return {
            "camera": self.camera,
            "at": rfc3339(self.at),
            "by": self.by,
            "kind": self.kind,
            "fields": fields,
        }


def note(connection: sa.Connection, changes: Iterable[Change], by: str, at: Instant) -> None:
    """Write changes down, in the transaction that makes them."""
    for change in changes:
        connection.execute(
            sa.insert(camera_change).values(
                camera=change.camera,
                at=at,
                made_by=by,
                kind=change.kind,
                fields=json.dumps(change.fields, ensure_ascii=False),
            )
        )
        if change.kind != "added":
            _forget_oldest(connection, change.camera)


def history(connection: sa.Connection, camera: str) -> tuple[PastChange, ...]:
    """A camera's changes, the newest first."""
    mine = sa.select(camera_change).where(camera_change.c.camera == camera)
    rows = connection.execute(mine.order_by(camera_change.c.id.desc()))
    return tuple(
        PastChange(row.camera, Instant(row.at), row.made_by, row.kind, _fields(row.fields))
        for row in rows
    )


def _forget_oldest(connection: sa.Connection, camera: str) -> None:
    ids = sa.select(camera_change.c.id).where(camera_change.c.camera == camera)
    first_too_old = connection.scalar(ids.order_by(camera_change.c.id.desc()).offset(KEPT).limit(1))
    if first_too_old is not None:
        too_old = camera_change.c.id <= first_too_old
        connection.execute(
            sa.delete(camera_change).where(camera_change.c.camera == camera, too_old)
        )


def _fields(text: str) -> tuple[Field, ...]:
    return tuple((name, before, after) for name, before, after in json.loads(text))
