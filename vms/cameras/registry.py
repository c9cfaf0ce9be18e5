"""The registry: cameras in the database, which is the truth (design §4)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from storage.database import writing
from vms.cameras.history import PastChange, history, note
from vms.cameras.provisioning import (
    THE_FILE,
    Change,
    Edit,
    Kind,
    Origin,
    RegisteredCamera,
    additions,
    difference,
    fields_of,
    refuse_declared,
)
from vms.cameras.revision import bump
from vms.cameras.schema import camera as camera_table
from vms.cameras.schema import camera_revision, former_camera, schedule
from vms.cameras.vault import Vault
from vms.core.clock import Clock, SystemClock
from vms.core.config_camera import CameraSettings
from vms.core.config_file import unknown_schedules
from vms.core.errors import AlreadyExists, BadFields, ConfigError, NotFound
from vms.core.findings import Finding
from vms.core.log import get_logger
from vms.core.secret import Secret

log = get_logger(__name__)

_OF_PASSWORD = ("source", "sub", "onvif", "username")  # whose password it is
_REVISION = sa.select(camera_revision.c.revision)  # asked for again and again
_MAKE_ONE = "make it on the console or by `vms schedules add`, or add it under [[schedules]]"


class Registry:
    """Reads and changes the site's cameras. Calls block for a database access; not for a loop.

    What changes a camera is one transaction: the row, its history, and the revision that running
    processes follow. `by` says who did it, for the history.
    """

    def __init__(self, engine: sa.Engine, vault: Vault, clock: Clock | None = None) -> None:
        self._engine, self._vault = engine, vault
        self._clock = clock if clock is not None else SystemClock()
        self._unreadable: set[str] = set()  # at most one entry a camera
        # Of which revision: rights ask for them far more often than a camera changes.
        self._groups: tuple[int, dict[str, tuple[str, ...]]] = (-1, {})

    def list(self) -> tuple[RegisteredCamera, ...]:
        """All cameras: those of the file first, in its order."""
        with self._engine.connect() as connection:
            return tuple(self._rows(connection).values())

    def get(self, camera_id: str) -> RegisteredCamera:
        """One camera; raises NotFound."""
        with self._engine.connect() as connection:
            return self._one(connection, camera_id)

    def settings(self) -> tuple[CameraSettings, ...]:
        """What the recorder needs: the settings of all cameras."""
        return tuple(camera.settings for camera in self.list())

    def revision(self) -> int:
        """A number that rises with every change."""
        with self._engine.connect() as connection:
            return connection.scalar(_REVISION) or 0

    def difference(self, declared: Sequence[CameraSettings]) -> tuple[Change, ...]:
        """What `apply` would change."""
        with self._engine.connect() as connection:
            return difference(self._rows(connection), declared)

    def apply(self, declared: Sequence[CameraSettings]) -> tuple[Change, ...]:
        """Bring the registry to what the file declares, in one transaction."""
        with writing(self._engine) as connection:
            rows = self._rows(connection)
            changes = difference(rows, declared)
            self._make(connection, changes, rows, declared, "file", THE_FILE)
            for position, camera in enumerate(declared):
                connection.execute(
                    sa.update(camera_table)
                    .where(camera_table.c.id == camera.id, camera_table.c.position != position)
                    .values(position=position)
                )
        return changes

    # -- what people add -------------------------------------------------------------------

    def add(self, camera: CameraSettings, by: str) -> None:
        """A new camera; raises AlreadyExists, BadFields for a schedule that is not there.

        Footage of an earlier camera of this id goes on.
        """
        with writing(self._engine) as connection:
            rows = self._rows(connection)
            if camera.id in rows:
                raise AlreadyExists(f"there is a camera {camera.id!r} already; choose another id")
            _refuse_unknown_schedules(connection, [camera])
            self._make(connection, [Change("added", camera.id)], rows, [camera], "database", by)

    def change(
        self, camera_id: str, edit: Edit, by: str, kind: Kind = "changed"
    ) -> tuple[RegisteredCamera, Change]:
        """The camera as `edit` makes it of what it was, and what differs.

        Raises NotFound, Refused for a camera of the file, BadFields for a schedule that is not
        there, and what `edit` raises.
        """
        with writing(self._engine) as connection:
            before = self._one(connection, camera_id)
            refuse_declared(before)
            after = edit(before.settings)
            _refuse_unknown_schedules(connection, [after])
            change = Change(kind, camera_id, fields_of(before.settings, after))
            if change.fields:
                rows = {camera_id: before}
                self._make(connection, [change], rows, [after], "database", by)
        return RegisteredCamera(after, "database"), change

    def remove(self, camera_id: str, by: str) -> None:
        """Take a camera out; its footage stays, and retention goes on to count for it.

        Raises NotFound, and Refused for a camera of the file.
        """
        with writing(self._engine) as connection:
            before = self._one(connection, camera_id)
            refuse_declared(before)
            removed = [Change("removed", camera_id)]
            self._make(connection, removed, {camera_id: before}, [], "database", by)

    def additions(self, wanted: Sequence[CameraSettings]) -> tuple[Change, ...]:
        """What `take` would change; raises what it raises."""
        with self._engine.connect() as connection:
            _refuse_unknown_schedules(connection, wanted)
            return additions(self._rows(connection), wanted)

    def take(self, wanted: Sequence[CameraSettings], by: str) -> tuple[Change, ...]:
        """Add cameras, or change those of the same id: all of them or, with an error, none.

        Raises Refused if one is the file's and differs, BadFields for a schedule that is not there.
        """
        with writing(self._engine) as connection:
            _refuse_unknown_schedules(connection, wanted)
            rows = self._rows(connection)
            changes = additions(rows, wanted)
            self._make(connection, changes, rows, wanted, "database", by)
        return changes

    def history(self, camera_id: str) -> tuple[PastChange, ...]:
        """What was changed of a camera, the newest first; of one that is gone too."""
        with self._engine.connect() as connection:
            return history(connection, camera_id)

    def groups(self) -> dict[str, tuple[str, ...]]:
        """The groups of each camera, and those that removed ones had: by them rules match."""
        with self._engine.connect() as connection:
            revision = connection.scalar(_REVISION) or 0
            known, groups = self._groups
            if revision != known:
                former = {
                    row.id: tuple(json.loads(row.member_of))
                    for row in connection.execute(sa.select(former_camera))
                }
                rows = self._rows(connection)
                groups = former | {name: one.settings.groups for name, one in rows.items()}
                self._groups = revision, groups
        return dict(groups)

    # -- rows ------------------------------------------------------------------------------

    def _make(
        self,
        connection: sa.Connection,
        changes: Sequence[Change],
        rows: Mapping[str, RegisteredCamera],
        wanted: Iterable[CameraSettings],
        origin: Origin,
        by: str,
    ) -> None:
        """Carry out changes of `rows` to what is `wanted`."""
        if not changes:
            return
        settings = {camera.id: camera for camera in wanted}
        for change in changes:
            sealed = self._unread(connection, rows.get(change.camera), settings.get(change.camera))
            for table in (camera_table, former_camera):
                connection.execute(sa.delete(table).where(table.c.id == change.camera))
            if change.kind == "removed":
                groups = json.dumps(rows[change.camera].settings.groups, ensure_ascii=False)
                former = sa.insert(former_camera).values(id=change.camera, member_of=groups)
                connection.execute(former)
            else:
                self._insert(connection, settings[change.camera], origin, 0, sealed)
        note(connection, changes, by, self._clock.now())
        bump(connection)

    def _one(self, connection: sa.Connection, camera_id: str) -> RegisteredCamera:
        query = sa.select(camera_table).where(camera_table.c.id == camera_id)
        row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound(f"there is no camera {camera_id!r}")
        return self._registered(row)

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

    def _unread(
        self,
        connection: sa.Connection,
        before: RegisteredCamera | None,
        after: CameraSettings | None,
    ) -> bytes | None:
        """A camera's password as it lies sealed, if we can't open it: once the key is back it is
        right again, also of a camera that was renamed meanwhile. None for another device."""
        if before is None or after is None or before.settings.password is not None:
            return None
        if any(getattr(before.settings, name) != getattr(after, name) for name in _OF_PASSWORD):
            return None
        query = sa.select(camera_table.c.password).where(camera_table.c.id == before.settings.id)
        return connection.scalar(query)

    def _insert(
        self,
        connection: sa.Connection,
        camera: CameraSettings,
        origin: Origin,
        position: int,
        unread: bytes | None = None,
    ) -> None:
        password = camera.password
        connection.execute(
            sa.insert(camera_table).values(
                id=camera.id,
                origin=origin,
                position=position,
                settings=camera.model_dump_json(exclude={"password", "secret"}),
                password=self._vault.seal(password, camera.id) if password is not None else unread,
            )
        )


def _refuse_unknown_schedules(connection: sa.Connection, cameras: Sequence[CameraSettings]) -> None:
    """Raises BadFields. What the file declares was held against the file's schedules."""
    # None of them is removed while this transaction lasts.
    names = sa.select(schedule.c.name).with_for_update(read=True)
    known = connection.execute(names).scalars().all()
    found = [
        (one.id, finding) for one in cameras for finding in unknown_schedules(one, known, _MAKE_ONE)
    ]
    if not found:
        return
    several = len(cameras) > 1
    raise BadFields(
        Finding((camera, *one.path) if several else one.path, one.message, one.remedy)
        for camera, one in found
    )
