"""The database comes by its URL and is brought to the newest schema, alone or with others."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from storage.database import migrate, newest_revision, open_database, writing
from storage.fmp4 import init_section
from storage.index import Index
from storage.rows import PutSegment
from storage.schema import metadata, stream
from tests.storage.house import FORMAT, key
from vms.core.clock import HOUR, MINUTE, Instant
from vms.core.errors import ConfigError, StorageError


def test_migrating_makes_the_tables_of_the_schema_and_twice_is_once(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/new/gozcu.db")
    migrate(engine)
    migrate(engine)
    inspector = sa.inspect(engine)
    for table in metadata.tables.values():
        found = {column["name"]: column for column in inspector.get_columns(table.name)}
        assert list(found) == [column.name for column in table.columns]
        for column in table.columns:
            assert found[column.name]["nullable"] == column.nullable, column
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    engine.dispose()


def test_processes_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    script = (
        "import sys; from storage.database import migrate, open_database;"
        "migrate(open_database(sys.argv[1]))"
    )
    command = [sys.executable, "-W", "error", "-c", script, f"sqlite:///{tmp_path}/gozcu.db"]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in started:
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")


def test_writers_wait_for_each_other(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/gozcu.db")
    migrate(engine)

    def add(number: int) -> None:
        for n in range(10):
            with writing(engine) as connection:
                count = connection.execute(sa.select(sa.func.count()).select_from(stream)).scalar()
                values = {"camera": f"c{number}-{n}", "name": f"{count}"}
                connection.execute(sa.insert(stream), values)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.connect() as connection:
        names = connection.execute(sa.select(stream.c.name)).scalars().all()
    assert sorted(map(int, names)) == list(range(40))
    engine.dispose()


@pytest.mark.parametrize("url", ["nonsense", "oracle+nothing://x/y"])
def test_a_bad_url_is_a_settings_error_with_a_remedy(url: str) -> None:
    with pytest.raises(ConfigError, match="leave it out for SQLite"):
        open_database(url)


def test_the_newest_revision_by_file_name_is_alembics_head() -> None:
    config = Config()
    config.set_main_option("script_location", "storage/migrations")
    assert newest_revision() == ScriptDirectory.from_config(config).get_current_head()


def test_a_database_that_another_process_locks_is_a_storage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.database.BUSY_TIMEOUT_MS", 10)
    url = f"sqlite:///{tmp_path}/gozcu.db"
    engine, other = open_database(url), open_database(url)
    migrate(engine)
    with (
        writing(other),
        pytest.raises(StorageError, match="database is locked"),
        writing(engine),
    ):
        pass


def test_what_a_statement_is_to_blame_for_stays_what_it_is(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/gozcu.db")
    migrate(engine)
    twice = [{"camera": "a", "name": "main"}] * 2
    with pytest.raises(sa.exc.IntegrityError), writing(engine) as connection:
        connection.execute(sa.insert(stream), twice)


def test_a_server_that_is_not_there_and_a_file_that_is_none_are_storage_errors(
    tmp_path: Path,
) -> None:
    (tmp_path / "gozcu.db").write_bytes(b"not a database at all" * 100)
    for url in ("postgresql://u:S3cret@127.0.0.1:1/x", f"sqlite:///{tmp_path}/gozcu.db"):
        with pytest.raises(StorageError) as caught:
            migrate(open_database(url))
        assert "S3cret" not in str(caught.value)
    with pytest.raises(StorageError, match="can't be made"):
        open_database("sqlite:////proc/nowhere/gozcu.db")


def test_usage_is_always_the_sum_of_the_rows(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(engine)
    index = Index(engine)
    index.know_volume("v", "/v")
    init = init_section(FORMAT)

    def put(start: int, size: int) -> PutSegment:
        at = Instant(start * MINUTE)
        return PutSegment(key("gate"), at, Instant(at + MINUTE), "v", init, 1, size, b"\0" * 32)

    index.apply([put(0, 10), put(1, 20), put(61, 40)])
    index.apply([put(1, 25)])  # the same again, as recovery may do
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT hour, segments, bytes, span FROM usage").all()
    assert sorted(map(tuple, rows)) == [(0, 2, 35, 2 * MINUTE), (HOUR, 1, 40, MINUTE)]
    with writing(engine) as connection:
        connection.exec_driver_sql(f"DELETE FROM segment WHERE start >= {HOUR}")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT sum(bytes) FROM usage").scalar() == 35
