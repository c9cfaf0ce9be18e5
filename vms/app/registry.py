"""The registry alone: what a recorder's worker needs of the database's upper rooms."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from storage.database import migrate, open_database
from vms.cameras.registry import Registry
from vms.cameras.vault import Vault
from vms.core.config import Settings


@contextlib.contextmanager
def open_registry(settings: Settings) -> Iterator[Registry]:
    """Open the database, brought to the present schema, and the registry in it."""
    settings.make_run_dirs()
    engine = open_database(settings.database_url)
    try:
        migrate(engine)
        yield Registry(engine, Vault.at(settings.system.data / "keys"))
    finally:
        engine.dispose()
