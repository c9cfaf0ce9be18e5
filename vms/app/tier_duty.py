"""The custodian's duty for the tiers: move what is due, wait out what fails, say so once.

A bucket that is gone or refuses is a finding for as long as it lasts; nothing else waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from storage.disk import RealDisk
from storage.findings import Findings, Kind
from storage.index import Index
from storage.ledger import Ledger
from storage.patterns import Groups, matches
from storage.tiers.mover import Mover
from storage.tiers.moves import Moves
from storage.tiers.opened import Tier
from storage.volume import find_volume
from vms.app.site import Site
from vms.core.clock import MINUTE, SECOND, Mono, Span
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.model import StreamKey
from vms.core.supervise import Backoff

log = get_logger(__name__)

_FLOOR, _CEILING = 10 * SECOND, 5 * MINUTE


class _Watched:
    """A mover, and when it may be tried again."""

    def __init__(self, tier: Tier, mover: Mover) -> None:
        self.tier, self.mover = tier, mover
        self.next = Mono(0)
        self.backoff: Backoff | None = None  # None: all is well


class TierDuty:
    """Moves segments to all tiers, one tier after the other."""

    name = "tiers"
    every = Span(10 * SECOND)
    urgent = False

    def __init__(self, site: Site) -> None:
        self._site, self._clock = site, site.clock
        self._findings = Findings(site.engine, site.clock)
        self._groups: Groups = {}
        self._watched = [_Watched(tier, self._mover(tier)) for tier in site.tiers]

    def work(self, stopping: threading.Event) -> None:
        """One round over all tiers."""
        if not self._watched:
            return
        self._groups = self._site.registry.groups()
        for watched in self._watched:
            if not stopping.is_set() and self._clock.monotonic() >= watched.next:
                self._try(watched, stopping)

    def _try(self, watched: _Watched, stopping: threading.Event) -> None:
        tier = watched.tier
        try:
            self._site.tiers.heard(tier, watched.mover.prepare())
            watched.mover.round(stopping)
        except StorageError as error:
            if watched.backoff is None:
                watched.backoff = Backoff(floor=_FLOOR, ceiling=_CEILING)
                log.error("a tier is not well", tier=tier.name, error=str(error))
            watched.next = Mono(self._clock.monotonic() + watched.backoff.after(0))
            self._site.tiers.heard(tier, None)
            self._findings.report(Kind.TIER_UNREACHABLE, tier.name, error.detail)
            return
        if watched.backoff is not None:
            log.info("a tier is well again", tier=tier.name)
        watched.backoff = None
        self._findings.well(Kind.TIER_UNREACHABLE, tier.name)

    def _mover(self, tier: Tier) -> Mover:
        site = self._site
        return Mover(
            tier,
            Moves(site.engine),
            Index(site.engine),
            Ledger.of(site.settings, site.clock),
            self._findings,
            RealDisk(),
            site.clock,
            roots=self._roots,
            wanted=lambda stream: self._is_wanted(tier, stream),
        )

    def _is_wanted(self, tier: Tier, stream: StreamKey) -> bool:
        return matches(tier.settings.cameras, stream.camera, self._groups)

    def _roots(self) -> Mapping[str, Path]:
        found = ((find_volume(one.path), one.path) for one in self._site.settings.volumes)
        return {uuid: path for uuid, path in found if uuid is not None}
