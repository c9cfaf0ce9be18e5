"""What a recorder's worker needs of the database's upper rooms, and no more of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa

from recorder.orders import Orders
from storage.database import migrate, open_database
from vms.alarms.events import Events
from vms.cameras.registry import Registry
from vms.cameras.schedules import Schedules
from vms.cameras.vault import Vault
from vms.core.clock import SystemClock
from vms.core.config import Settings


@contextlib.contextmanager
def open_registry(settings: Settings) -> Iterator[Registry]:
    """Open the database, brought to the present schema, and the registry in it."""
    with _open(settings) as engine:
        yield _registry(engine, settings)


@contextlib.contextmanager
def open_orders(settings: Settings) -> Iterator[Orders]:
    """Open the database for a worker: its cameras, their schedules, what happens."""
    with _open(settings) as engine:
        events = Events(engine, SystemClock())
        registry, schedules = _registry(engine, settings), Schedules(engine)
        yield Orders(registry.settings, schedules.settings, events.active)


def _registry(engine: sa.Engine, settings: Settings) -> Registry:
    return Registry(engine, Vault.at(settings.system.data / "keys"))


@contextlib.contextmanager
def _open(settings: Settings) -> Iterator[sa.Engine]:
    settings.make_run_dirs()
    engine = open_database(settings.database_url)
    try:
        migrate(engine)
        yield engine
    finally:
        engine.dispose()
