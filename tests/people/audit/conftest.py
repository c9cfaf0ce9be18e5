"""A book over a database and a ledger of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from storage.ledger.log import Ledger
from vms.core.clock import FakeClock
from vms.people.audit import schema
from vms.people.audit.book import Book

assert schema.audit_entry is not None  # its tables are made with those of people


@pytest.fixture
def ledger(tmp_path: Path, clock: FakeClock) -> Ledger:
    return Ledger(tmp_path / "ledger", None, clock)


@pytest.fixture
def book(engine: Engine, ledger: Ledger, clock: FakeClock, tmp_path: Path) -> Book:
    return Book(engine, ledger, tmp_path / "audit", clock)
