"""The custodian's care for steering's log: what is old goes, and that it fills is told in time."""

from __future__ import annotations

import threading

from storage.findings import Findings, Kind
from vms.app.site import Site
from vms.cameras.steering.logbook import BOUND, Logbook
from vms.core.clock import HOUR, Instant, Span, rfc3339
from vms.core.log import get_logger

log = get_logger(__name__)

_TOLD_FROM = 0.9  # of the bound: months before the first line would go too early
_SUBJECT = "ptz"


class SteeringLogDuty:
    """A `vms.app.custodian.Duty`. `bound`: lines that are kept at most."""

    name = "steering's log"
    every = Span(HOUR)
    urgent = False

    def __init__(self, site: Site, bound: int = BOUND) -> None:
        self._site, self._bound = site, bound
        self._logbook = Logbook(site.engine)
        self._findings = Findings(site.engine, site.clock)

    def work(self, stopping: threading.Event) -> None:
        """One round. Raises StorageError."""
        self._forget_old(stopping)
        self._keep_bound(stopping)

    def _forget_old(self, stopping: threading.Event) -> None:
        doubt = self._site.keeping.clock_doubt()
        if doubt is not None:  # a clock that leapt ahead must not empty the log
            log.warning("nothing of steering's log is deleted by its age", why=doubt)
            return
        moment = Instant(max(0, self._site.clock.now() - self._site.settings.ptz.keep))
        while gone := self._logbook.forget_before(moment):
            log.info("old lines of steering's log were deleted", lines=gone)
            if stopping.is_set():
                return

    def _keep_bound(self, stopping: threading.Event) -> None:
        lines = self._logbook.count(self._bound)
        if lines < _TOLD_FROM * self._bound:
            self._findings.well(Kind.PTZ_LOG_FULL, _SUBJECT)
            return
        said = f"{lines} lines of steering's log, {self._bound} are kept at most"
        if lines > self._bound:
            over = lines - self._bound
            while over > 0 and not stopping.is_set():
                over -= self._logbook.forget_oldest(over)
            log.warning("lines of steering's log were deleted before their time")
            since = self._logbook.oldest()
            said += f"; those before {rfc3339(since)} are gone" if since is not None else ""
        self._findings.report(Kind.PTZ_LOG_FULL, _SUBJECT, said)
