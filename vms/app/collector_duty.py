"""The custodian's sending of the audit to a collector of logs (`[audit] syslog`)."""

from __future__ import annotations

import socket
import threading

from vms import __version__
from vms.app.site import Site
from vms.core.clock import SECOND, Span
from vms.core.log import get_logger
from vms.people.audit.entry import Entry
from vms.people.audit.forwarding import AT_ONCE, Collector, CollectorAway, Forwarding
from vms.people.audit.syslog import message

log = get_logger(__name__)


class CollectorDuty:
    """A `vms.app.custodian.Duty`."""

    name = "collector"
    every = Span(SECOND)
    urgent = False

    def __init__(self, site: Site) -> None:
        self._away = False
        self._forwarding = _forwarding(site)

    def work(self, stopping: threading.Event) -> None:
        """Send what is new. A collector that is away is told of once, and waited for."""
        if self._forwarding is None:
            return
        try:
            while self._forwarding.step() == AT_ONCE and not stopping.is_set():
                pass
        except CollectorAway as error:
            if not self._away:
                log.error("the audit's collector is away", error=str(error))
            self._away = True
            stopping.wait(5)  # floor of the retries
            return
        if self._away:
            log.info("the audit's collector is back")
            self._away = False


def _forwarding(site: Site) -> Forwarding | None:
    settings, host = site.settings.audit, socket.gethostname()
    url = settings.syslog
    if url is None:
        return None

    def connect() -> Collector:
        return Collector(url, settings.certificates, site.settings.services)

    def written(number: int, entry: Entry) -> bytes:
        return message(number, entry, host, __version__, cef=settings.form == "cef")

    def tell(entry: Entry) -> None:
        site.audit.write([entry])

    return Forwarding(site.engine, site.clock, url, connect, written, tell, settings.spool)
