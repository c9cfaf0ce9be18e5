"""The database: opened by URL, brought to the newest schema.

SQLite (WAL, synchronous=FULL) is the embedded default; PostgreSQL comes by its URL. What is
peculiar to SQLite stands here and nowhere else. The rooms' tables are their own `schema.py`.
"""

from __future__ import annotations

import functools
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
)
from sqlalchemy.pool import ConnectionPoolEntry

from vms.core.errors import ConfigError, StorageError
from vms.core.model import Cause

BUSY_TIMEOUT_MS = 10_000
_MIGRATIONS = Path(__file__).parent / "migrations"
VERSIONS = _MIGRATIONS / "versions"
_PG_DISK_FULL = "53100"  # PostgreSQL's Appendix A
_migrating = threading.Lock()
# One arbitrary number, the same in every process that migrates a shared PostgreSQL.
_MIGRATION_LOCK = 0x676F7A6375


def open_database(url: str) -> sa.Engine:
    """An engine for the URL of the settings; makes the folder of a SQLite file.

    A database that is locked, gone or damaged raises StorageError from every use of the engine;
    what the statement itself is to blame for (IntegrityError and its like) stays what it is.
    """
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "postgresql" and parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() != "sqlite":
            return _translating(sa.create_engine(parsed, pool_pre_ping=True))
    except (ArgumentError, ModuleNotFoundError, ValueError) as error:
        # A ValueError quotes the URL's port, which may be the beginning of a password.
        what = "it can't be read" if isinstance(error, ValueError) else str(error)
        raise ConfigError(
            f"can't use the database URL: {what}",
            key="system.database",
            remedy="leave it out for SQLite, or postgresql://user:password@host/name",
        ) from error
    if parsed.database and parsed.database != ":memory:":
        _make_folder(Path(parsed.database).parent)
    engine = sa.create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return _translating(engine)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            Cause.DISK_FAILED, f"the database's folder {folder} can't be made: {error}"
        ) from error


def _translating(engine: sa.Engine) -> sa.Engine:
    sa.event.listen(engine, "handle_error", _translate, retval=True)
    return engine


def _translate(context: ExceptionContext) -> BaseException | None:
    error = context.sqlalchemy_exception
    ours_to_blame = isinstance(error, IntegrityError | DataError | ProgrammingError)
    if not isinstance(error, DBAPIError) or ours_to_blame:
        return None
    said = " ".join(str(error.orig).split())
    cause = Cause.DISK_FULL if _is_full(error.orig) else Cause.DISK_FAILED
    return StorageError(cause, f"the database does not answer: {said}")


def _is_full(error: object) -> bool:
    """Whether its disk has no room: of SQLite for rows, or for the index of its log."""
    code = getattr(error, "sqlite_errorcode", None)
    full = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
    return code in full or getattr(error, "sqlstate", None) == _PG_DISK_FULL


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # Python's sqlite3 must not begin transactions by itself: see `_begin_sqlite`.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",  # a committed row survives a power cut (invariant 2)
        "foreign_keys=ON",
        "cache_size=-8000",
        "mmap_size=268435456",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # Writers say so at once. A reader that becomes a writer in mid-transaction gets SQLITE_BUSY
    # without any waiting when another process wrote in between (sqlite.org/isolation.html).
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")


def migrate(engine: sa.Engine, revision: str | None = None) -> None:
    """Bring the schema to the newest revision; safe when several processes start at once.

    `revision`: an older one, for an empty database that an old backup goes into.
    """
    wanted = revision if revision is not None else newest_revision()
    try:
        if present_revision(engine) == wanted:
            return
        # Loaded only where there is something to do: it would be a fifth of a worker's start.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        # Alembic's `op` and `context` are one per process, so threads take turns.
        with _migrating, engine.connect().execution_options(writes=True) as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_lock(_MIGRATION_LOCK)))
            config.attributes["connection"] = connection
            command.upgrade(config, wanted)
            if engine.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_unlock(_MIGRATION_LOCK)))
            connection.commit()
    except (DBAPIError, StorageError) as error:
        raise StorageError(
            Cause.DISK_FAILED, f"the database {engine.url!r} can't be brought up to date: {error}"
        ) from error


@functools.cache
def newest_revision() -> str:
    """The last migration; each is a file named like its revision, numbered in their order."""
    return max(file.stem for file in VERSIONS.glob("[0-9]*.py"))


def present_revision(engine: sa.Engine) -> str | None:
    """What the database says it is at; None when it is empty."""
    if not sa.inspect(engine).has_table("alembic_version"):
        return None
    with engine.connect() as connection:
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that will write; waits its turn instead of failing in the middle."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        yield connection
    with _counting:
        _writes[engine] = _writes.get(engine, 0) + 1


def writes_to(engine: sa.Engine) -> int:
    """How many transactions of this process have written through `engine`."""
    return _writes.get(engine, 0)


_writes: WeakKeyDictionary[sa.Engine, int] = WeakKeyDictionary()
_counting = threading.Lock()
