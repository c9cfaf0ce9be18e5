"""The custodian's care for the audit: what a crash left on its way is kept, what is old goes."""

from __future__ import annotations

import threading

from vms.app.site import Site
from vms.core.clock import MINUTE, Span
from vms.core.log import get_logger

log = get_logger(__name__)


class AuditDuty:
    """A `vms.app.custodian.Duty`."""

    name = "audit"
    every = Span(MINUTE)
    urgent = False

    def __init__(self, site: Site) -> None:
        self._site = site

    def work(self, stopping: threading.Event) -> None:
        """One round. Raises StorageError."""
        self._site.audit.settle()
        doubt = self._site.keeping.clock_doubt()
        if doubt is not None:  # a clock that leapt ahead must not empty the audit
            log.warning("nothing of the audit is deleted by its age", why=doubt)
            return
        while gone := self._site.audit.forget(Span(self._site.settings.audit.keep)):
            log.info("old entries of the audit were deleted", batches=gone)
            if stopping.is_set():
                return
