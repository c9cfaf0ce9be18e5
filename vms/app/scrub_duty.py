"""The custodian reads everything again, slowly."""

from __future__ import annotations

import threading

from storage.scrub import Scrub, be_idle
from vms.app.site import Site
from vms.core.clock import SECOND, Span


class ScrubDuty:
    """A `vms.app.custodian.Duty`."""

    name = "scrub"
    every: Span = Span(10 * SECOND)
    urgent = False

    def __init__(self, site: Site) -> None:
        self._scrub = Scrub(site.engine, site.settings, site.clock, site.tiers)
        self._idle = False

    def work(self, stopping: threading.Event) -> None:
        """One round. Raises StorageError."""
        if not self._idle:
            self._idle = be_idle() or True
        self._scrub.round(stopping)
