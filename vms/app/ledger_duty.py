"""The custodian's care for the ledger, each minute: late leaves, checkpoint, replicas, stamps."""

from __future__ import annotations

import threading

from storage.findings import Findings, Kind
from storage.ledger.late import BATCH, add_late_leaves
from storage.ledger.replica import Disagrees
from storage.volume import find_volume
from vms.app.site import Site
from vms.core.clock import MINUTE, Span
from vms.core.errors import StorageError
from vms.core.log import get_logger

log = get_logger(__name__)

_SUBJECT = "ledger"
_PAUSE = 0.2  # seconds between two batches of late leaves: the recorder's rows come first
_PATIENCE = 3  # times `ledger.every` that a stamp may be late before a person hears of it


class LedgerDuty:
    """Keeps the ledger complete, signed, copied and stamped."""

    name = "ledger"
    every = Span(MINUTE)
    urgent = False

    def __init__(self, site: Site) -> None:
        self._site, self._ledger = site, site.ledger
        self._stamps = site.ledger.stamps(site.settings.ledger)
        self._findings = Findings(site.engine, site.clock)

    def work(self, stopping: threading.Event) -> None:
        """One round. Raises StorageError when the ledger can't be written."""
        try:
            while self._add_late() >= BATCH:
                if stopping.wait(_PAUSE):
                    return
            note = self._ledger.checkpoint()
        except StorageError as error:
            self._findings.report(Kind.LEDGER_STOPPED, _SUBJECT, str(error))
            raise
        self._findings.well(Kind.LEDGER_STOPPED, _SUBJECT)
        self._replicate()
        self._stamp(note, stopping)

    def _add_late(self) -> int:
        with self._site.holds.undeleting():
            return add_late_leaves(self._site.engine, self._ledger)

    def _replicate(self) -> None:
        for volume in self._site.settings.volumes:
            if find_volume(volume.path) is None:
                continue  # not there: who looks after volumes says so
            try:
                self._ledger.replicate([volume.path])
            except Disagrees as error:
                self._findings.report(Kind.LEDGER_DAMAGED, str(volume.path), str(error))
            except StorageError as error:
                log.warning("no replica of the ledger", volume=str(volume.path), error=str(error))
            else:
                self._findings.well(Kind.LEDGER_DAMAGED, str(volume.path))

    def _stamp(self, note: str, stopping: threading.Event) -> None:
        settings, now = self._site.settings.ledger, self._site.clock.now()
        if settings.authority is None:
            self._findings.well(Kind.STAMP_LATE, _SUBJECT)
            return
        last = self._stamps.last_wanted()
        if last is None or not 0 <= now - last < settings.every:
            self._stamps.want(note)
        if not self._stamps.waiting():
            return
        try:
            self._stamps.ask(stopping)
        except StorageError as error:
            log.warning("a checkpoint is not stamped yet", error=str(error))
            if len(self._stamps.waiting()) >= _PATIENCE:
                self._findings.report(Kind.STAMP_LATE, _SUBJECT, str(error))
        else:
            self._findings.well(Kind.STAMP_LATE, _SUBJECT)
