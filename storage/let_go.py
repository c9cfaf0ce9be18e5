"""Changes that never got into the index, because the database was away for too long, or because a
folder could not be listed when its files were to be taken up.

Whoever let them go notes for each stream, before newer rows go in, from where on rows may be
missing; the recovery of the next start looks back to there. The notes stand in the database, for
without newer rows in it recovery looks back far enough by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa

from storage.database import writing
from storage.findings import Findings, Kind
from storage.schema import custody
from vms.core.clock import Clock, Instant, rfc3339
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.model import StreamKey

log = get_logger(__name__)

_KEY = "let go: "
_SUBJECT = "index"


class LetGo:
    """From where on rows may be missing, by stream. Calls block for a database access."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._findings = engine, Findings(engine, clock)

    def note(self, oldest: Mapping[StreamKey, Instant]) -> None:
        """Durable on return: of two notes of a stream the older one holds. Raises StorageError."""
        with writing(self._engine) as connection:
            known = _read(connection)
            for stream, at in oldest.items():
                if stream not in known:
                    connection.execute(
                        sa.insert(custody).values(key=f"{_KEY}{stream}", value=str(at))
                    )
                elif at < known[stream]:
                    connection.execute(
                        sa.update(custody)
                        .where(custody.c.key == f"{_KEY}{stream}")
                        .values(value=str(at))
                    )
            first = min([*known.values(), *oldest.values()])
        self._tell(first)

    def all(self) -> dict[StreamKey, Instant]:
        """From where on each stream's rows may be missing; the others lack none."""
        with self._engine.connect() as connection:
            return _read(connection)

    def forget(self, streams: Collection[StreamKey]) -> None:
        """Nothing of these is missing any more."""
        with self._engine.connect() as connection:
            known = _read(connection)
        done = [f"{_KEY}{stream}" for stream in known if stream in streams]
        if not done:
            return
        with writing(self._engine) as connection:
            for key in done:
                connection.execute(sa.delete(custody).where(custody.c.key == key))
        if len(done) == len(known):
            self._findings.well(Kind.ROWS_LET_GO, _SUBJECT)

    def _tell(self, first: Instant) -> None:
        detail = (
            f"rows of segments and gaps from {rfc3339(first)} on may be missing: the database was "
            "away for too long, or a folder can't be listed. The files are kept; the next start of "
            "the recorder gives them their rows again"
        )
        try:
            self._findings.report(Kind.ROWS_LET_GO, _SUBJECT, detail)
        except StorageError as error:
            log.error("a finding is not kept", detail=detail, error=str(error))


def _read(connection: sa.Connection) -> dict[StreamKey, Instant]:
    query = sa.select(custody.c.key, custody.c.value).where(
        custody.c.key.startswith(_KEY, autoescape=True)
    )
    return {
        StreamKey.parse(key.removeprefix(_KEY)): Instant(int(value))
        for key, value in connection.execute(query)
    }
