"""A database of its own for each test, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from storage.database import migrate, open_database
from vms.cameras.vault import Vault
from vms.core.clock import FakeClock
from vms.people.accounts import Accounts
from vms.people.second_factor import SecondFactors
from vms.people.sessions import Sessions
from vms.people.signin import SignIn


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'people.db'}")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def accounts(engine: Engine, clock: FakeClock) -> Accounts:
    return Accounts(engine, clock)


@pytest.fixture
def sessions(engine: Engine, clock: FakeClock) -> Sessions:
    return Sessions(engine, clock)


@pytest.fixture
def factors(engine: Engine, clock: FakeClock, tmp_path: Path) -> SecondFactors:
    return SecondFactors(engine, clock, Vault.at(tmp_path / "keys"), "Deneme")


@pytest.fixture
def door(
    accounts: Accounts, sessions: Sessions, factors: SecondFactors, clock: FakeClock
) -> SignIn:
    return SignIn(accounts, sessions, factors, clock)
