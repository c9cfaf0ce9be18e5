"""One site, opened: settings, database, and the repositories over it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from storage.archive import Archive
from storage.database import migrate, open_database
from storage.disk import RealDisk
from storage.holds.leaves import HoldLeaves
from storage.holds.repository import Holds
from storage.keeping import Keeping
from storage.ledger.log import Ledger
from storage.tiers.opened import Tiers
from vms.alarms.events import Events
from vms.cameras.registry import Registry
from vms.cameras.schedules import Schedules
from vms.cameras.vault import Vault
from vms.core.clock import Clock, Span, SystemClock
from vms.core.config import Settings
from vms.core.config_file import load_settings
from vms.core.model import StreamKey
from vms.evidence.ordered import Ordered
from vms.people.accounts import Accounts, Origin
from vms.people.approvals import Approvals
from vms.people.audit.book import Book
from vms.people.blocks import Blocks
from vms.people.roles import Roles
from vms.people.second_factor import SecondFactors
from vms.people.sessions import Sessions

if TYPE_CHECKING:
    from sqlalchemy import Engine


@dataclass(frozen=True, slots=True)
class Site:
    """What a command works with. Repositories block while they work: not for an event loop."""

    settings: Settings
    clock: Clock
    engine: Engine
    registry: Registry
    schedules: Schedules
    events: Events
    accounts: Accounts
    roles: Roles
    sessions: Sessions
    second_factors: SecondFactors
    archive: Archive
    tiers: Tiers
    ledger: Ledger
    holds: Holds
    ordered: Ordered
    blocks: Blocks
    approvals: Approvals
    keeping: Keeping
    audit: Book

    def require_stream(self, key: StreamKey) -> None:
        """Raise NotFound unless the camera is registered, or was and has footage."""
        if self.archive.first_start(key) is None:
            self.registry.get(key.camera)


def open_archive(config: Path) -> contextlib.AbstractContextManager[Site]:
    """The site for who looks at what is stored and dials no camera: their secrets may be missing,
    and its settings must not be applied."""
    return open_site(load_settings(config, dials=False))


@contextlib.contextmanager
def open_site(config: Path | Settings, clock: Clock | None = None) -> Iterator[Site]:
    """Open the site that `config` describes, its database brought to the present schema."""
    settings = config if isinstance(config, Settings) else load_settings(config)
    hand = clock if clock is not None else SystemClock()
    settings.make_run_dirs()
    engine = open_database(settings.database_url)
    try:
        migrate(engine)
        ledger = Ledger.of(settings, hand)
        holds = holds_of(settings, engine, hand, ledger)
        ordered = Ordered(engine, hand, holds.undeleting)
        tiers = Tiers.of(settings, hand)
        roles = Roles(engine, settings.system.timezone)
        vault = Vault.at(settings.system.data / "keys")
        registry = Registry(engine, vault, hand)
        yield Site(
            settings=settings,
            clock=hand,
            engine=engine,
            registry=registry,
            schedules=Schedules(engine, hand),
            events=Events(engine, hand),
            accounts=Accounts(engine, hand, roles),
            roles=roles,
            sessions=Sessions(engine, hand, roles, ages_of(settings)),
            second_factors=SecondFactors(engine, hand, vault, settings.system.name),
            archive=Archive(engine, settings.volumes, hand, tiers),
            tiers=tiers,
            ledger=ledger,
            holds=holds,
            ordered=ordered,
            blocks=Blocks(engine, hand),
            approvals=Approvals(engine, hand, roles),
            keeping=Keeping(engine, registry, settings.volumes, hand, holds, ledger, ordered.spans),
            audit=Book(engine, ledger, settings.system.data / "audit", hand),
        )
    finally:
        engine.dispose()


def ages_of(settings: Settings) -> dict[Origin, Span]:
    """How long sign-ins of people from elsewhere last at most."""
    found: dict[Origin, Span] = {}
    if settings.oidc is not None:
        found["oidc"] = Span(settings.oidc.session)
    if settings.ldap is not None:
        found["ldap"] = Span(settings.ldap.session)
    return found


def holds_of(settings: Settings, engine: Engine, clock: Clock, ledger: Ledger) -> Holds:
    """The holds of the site that `settings` describe."""
    lock = settings.run_dir / "holds.lock"
    leaves = HoldLeaves(ledger)
    return Holds(engine, settings.volumes, RealDisk(), clock, leaves, lock=lock)
