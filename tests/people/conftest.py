"""A database of its own for each test, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from storage.database import open_database
from vms.core.clock import FakeClock
from vms.people.accounts import Accounts
from vms.people.schema import metadata
from vms.people.sessions import Sessions


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'people.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def accounts(engine: Engine, clock: FakeClock) -> Accounts:
    return Accounts(engine, clock)


@pytest.fixture
def sessions(engine: Engine, clock: FakeClock) -> Sessions:
    return Sessions(engine, clock)
