"""The whole database as lines and back: SQLite into SQLite, and through PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.database import migrate, open_database
from storage.database_copy import count_rows, is_empty, load, revision_of, save
from storage.schema import segment, stream, usage
from storage.synthetic import fill_index
from tests.storage.house import FORMAT, key
from vms.core.clock import SECOND, Instant
from vms.core.errors import Refused

Saved = list[tuple[str, bytes]]


def saved(engine: sa.Engine) -> Saved:
    found: Saved = []
    save(engine, lambda table, lines, _count: found.append((table, lines)))
    return found


def totals(engine: sa.Engine) -> list[tuple[object, ...]]:
    """What the triggers count."""
    with engine.connect() as connection:
        query = sa.select(usage).order_by(usage.c.stream_id, usage.c.volume_id, usage.c.hour)
        return [tuple(row) for row in connection.execute(query)]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_database(f"sqlite:///{tmp_path}/gozcu.db")
    migrate(engine)
    fill_index(engine, [key("gate"), key("square")], Instant(1_763_800_000 * SECOND), 300, FORMAT)
    yield engine
    engine.dispose()


def test_a_copy_is_the_same_and_counts_the_same(engine: sa.Engine, tmp_path: Path) -> None:
    copy = open_database(f"sqlite:///{tmp_path}/copy.db")
    assert is_empty(copy)
    load(copy, revision_of(engine), saved(engine))
    assert saved(copy) == saved(engine)
    assert count_rows(copy) == count_rows(engine) > 600
    assert totals(copy) == totals(engine) != []
    copy.dispose()


def test_postgresql_takes_it_and_gives_it_back(
    engine: sa.Engine, postgresql: str, tmp_path: Path
) -> None:
    server = open_database(postgresql)
    load(server, revision_of(engine), saved(engine))
    assert totals(server) == totals(engine)
    with server.begin() as connection:  # its next key lies behind those that were put in
        connection.execute(stream.insert().values(camera="new", name="main"))
        connection.execute(stream.delete().where(stream.c.camera == "new"))
    back = open_database(f"sqlite:///{tmp_path}/back.db")
    load(back, revision_of(server), saved(server))
    with engine.connect() as one, back.connect() as two:
        query = sa.select(segment).order_by(segment.c.stream_id, segment.c.start)
        assert one.execute(query).all() == two.execute(query).all()
    for one_engine in (server, back):
        one_engine.dispose()


def test_a_database_of_a_newer_version_is_refused(engine: sa.Engine, tmp_path: Path) -> None:
    copy = open_database(f"sqlite:///{tmp_path}/copy.db")
    for revision in ("9999_future", "../../x"):
        with pytest.raises(Refused, match="newer version"):
            load(copy, revision, saved(engine))
    assert is_empty(copy)
    copy.dispose()


def test_an_older_backup_is_brought_up_to_the_present(engine: sa.Engine, tmp_path: Path) -> None:
    old = open_database(f"sqlite:///{tmp_path}/old.db")
    migrate(old, "0003_cameras")
    with old.begin() as connection:
        connection.exec_driver_sql("INSERT INTO stream (camera, name) VALUES ('gate', 'main')")
    copy = open_database(f"sqlite:///{tmp_path}/copy.db")
    load(copy, revision_of(old), saved(old))
    assert revision_of(copy) == revision_of(engine)
    with copy.connect() as connection:
        assert connection.execute(sa.select(stream.c.camera)).scalar() == "gate"
    old.dispose()
    copy.dispose()
