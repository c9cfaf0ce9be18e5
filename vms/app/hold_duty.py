"""The custodian's care for holds: brought to what they are everywhere, lifted when their time is
over, and what was not as it should be told to a person."""

from __future__ import annotations

import threading
from typing import Protocol

from storage.findings import Findings, Kind
from storage.holds.repository import Holds
from vms.core.clock import MINUTE, Span
from vms.core.log import get_logger

log = get_logger(__name__)


class Doubts(Protocol):
    """Whether the machine's clock can be believed: why not, or None."""

    def __call__(self) -> str | None: ...


class HoldDuty:
    """A `vms.app.custodian.Duty`."""

    name = "holds"
    every: Span = MINUTE
    urgent = False

    def __init__(self, holds: Holds, findings: Findings, doubts: Doubts) -> None:
        self._holds, self._findings, self._doubts = holds, findings, doubts

    def work(self, stopping: threading.Event) -> None:
        """One round. Raises StorageError."""
        found = self._holds.repair()
        self._findings.settle(Kind.HOLD_DAMAGED, {one.subject: one.detail for one in found})
        doubt = self._doubts()
        if doubt is not None:  # who reports the clock is who guards it
            log.warning("no hold is lifted by its time", why=doubt)
            return
        for hold in self._holds.lift_due():
            log.info("a hold's time was over", hold=hold.id, camera=hold.camera)
