"""The registry: cameras in the database, which is the truth (design §4)."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from storage.database import writing
from vms.cameras.provisioning import Change, Origin, RegisteredCamera, difference
from vms.cameras.schema import camera as camera_table
from vms.cameras.schema import camera_revision
from vms.cameras.vault import Vault
from vms.core.config import CameraSettings
from vms.core.errors import ConfigError, NotFound
from vms.core.log import get_logger
from vms.core.secret import Secret

log = get_logger(__name__)


class Registry:
    """Reads and changes the site's cameras. Calls block for a database access; not for a loop."""

    def __init__(self, engine: sa.Engine, vault: Vault) -> None:
        self._engine, self._vault = engine, vault
        self._unreadable: set[str] = set()  # at most one entry a camera

    def list(self) -> tuple[RegisteredCamera, ...]:
        """All cameras: those of the file first, in its order."""
        with self._engine.connect() as connection:
            return tuple(self._rows(connection).values())

    def get(self, camera_id: str) -> RegisteredCamera:
        """One camera; raises NotFound."""
        query = sa.select(camera_table).where(camera_table.c.id == camera_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound(f"there is no camera {camera_id!r}")
        return self._registered(row)

    def settings(self) -> tuple[CameraSettings, ...]:
        """What the recorder needs: the settings of all cameras."""
        return tuple(camera.settings for camera in self.list())

    def revision(self) -> int:
        """A number that rises with every change."""
        with self._engine.connect() as connection:
            return connection.scalar(sa.select(camera_revision.c.revision)) or 0

    def difference(self, declared: Sequence[CameraSettings]) -> tuple[Change, ...]:
        """What `apply` would change."""
        with self._engine.connect() as connection:
            return difference(self._rows(connection), declared)

    def apply(self, declared: Sequence[CameraSettings]) -> tuple[Change, ...]:
        """Bring the registry to what the file declares, in one transaction."""
        with writing(self._engine) as connection:
            rows = self._rows(connection)
            changes = difference(rows, declared)
            positions = {camera.id: number for number, camera in enumerate(declared)}
            wanted = {camera.id: camera for camera in declared}
            for change in changes:
                connection.execute(
                    sa.delete(camera_table).where(camera_table.c.id == change.camera)
                )
                if change.kind != "removed":
                    self._insert(connection, wanted[change.camera], "file", 0)
            for camera_id, position in positions.items():
                connection.execute(
                    sa.update(camera_table)
                    .where(camera_table.c.id == camera_id, camera_table.c.position != position)
                    .values(position=position)
                )
            if changes:
                self._bump(connection)
        return changes

    def _rows(self, connection: sa.Connection) -> dict[str, RegisteredCamera]:
        origin_first = sa.case((camera_table.c.origin == "file", 0), else_=1)
        query = sa.select(camera_table).order_by(
            origin_first, camera_table.c.position, camera_table.c.id
        )
        return {row.id: self._registered(row) for row in connection.execute(query)}

    def _registered(self, row: sa.Row[tuple[object, ...]]) -> RegisteredCamera:
        settings = CameraSettings.model_validate_json(row.settings)
        if row.password is not None:
            settings = settings.model_copy(update={"password": self._password(row)})
        return RegisteredCamera(settings, row.origin)

    def _password(self, row: sa.Row[tuple[object, ...]]) -> Secret | None:
        """None for one sealed with a key that is lost: the other cameras are not to suffer.

        The camera then refuses us and says so; applying a file that has the password mends it.
        """
        try:
            return self._vault.open(row.password, row.id)
        except ConfigError as error:
            if row.id not in self._unreadable:  # told once, not at every look
                log.error("a camera's password can't be read", camera=row.id, error=str(error))
                self._unreadable.add(row.id)
            return None

    def _insert(
        self, connection: sa.Connection, camera: CameraSettings, origin: Origin, position: int
    ) -> None:
        password = camera.password
        connection.execute(
            sa.insert(camera_table).values(
                id=camera.id,
                origin=origin,
                position=position,
                settings=camera.model_dump_json(exclude={"password", "secret"}),
                password=self._vault.seal(password, camera.id) if password is not None else None,
            )
        )

    def _bump(self, connection: sa.Connection) -> None:
        raised = connection.execute(
            sa.update(camera_revision).values(revision=camera_revision.c.revision + 1)
        )
        if raised.rowcount == 0:
            connection.execute(sa.insert(camera_revision).values(id=1, revision=1))
