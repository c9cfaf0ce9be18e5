"""Numbers of accounts: each is one person's for ever, whoever goes and whatever the database."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from storage.database import migrate, open_database
from vms.core.clock import FakeClock
from vms.people.accounts import Accounts

PASSWORD = "correct horse battery"


def test_nobody_gets_the_number_of_one_who_went(accounts: Accounts) -> None:
    """What is hidden from all but somebody is told by their number and name."""
    first = accounts.add("ali", PASSWORD)
    accounts.remove("ali")
    assert accounts.add("ali", PASSWORD).id == first.id + 1


def test_what_an_older_sqlite_gave_is_known(tmp_path: Path) -> None:
    _numbers_of_before(f"sqlite:///{tmp_path / 'old.db'}")


def test_what_an_older_postgresql_gave_is_known(postgresql: str) -> None:
    _numbers_of_before(postgresql)


def _numbers_of_before(url: str) -> None:
    engine = open_database(url)
    try:
        migrate(engine, "0026_directory")
        with engine.begin() as connection:
            for statement in (
                "INSERT INTO account (id, name, name_key, display_name, password_hash, created,"
                " password_changed) VALUES (7, 'ali', 'ali', 'Ali', '', 50, 50)",
                "INSERT INTO camera_block (id, camera, start, reason, seen_by, made, made_by)"
                " VALUES ('b', 'gate', 1, 'x', '[[12, \"veli\"]]', 1, 'ali')",
                *(
                    'INSERT INTO job (id, kind, state, made, made_by, changed, "order", done,'
                    f" total) VALUES ('{id_}', 'export', 'done', {made}, 'ali', 1, '{{}}', 0, 0)"
                    for id_, made in (("mine", 60), ("of-an-earlier-ali", 40))
                ),
            ):
                connection.execute(text(statement))
        migrate(engine)
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT id, account FROM job ORDER BY id"))
            jobs = [tuple(row) for row in rows]
        assert jobs == [("mine", 7), ("of-an-earlier-ali", None)]
        assert Accounts(engine, FakeClock()).add("veli", PASSWORD).id == 13
    finally:
        engine.dispose()
