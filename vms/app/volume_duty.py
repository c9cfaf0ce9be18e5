"""The custodian's eye on the volumes: what is not well with one of them is told to a person."""

from __future__ import annotations

import threading

from storage.findings import Findings, Kind
from storage.known_volumes import KnownVolumes
from storage.overview import Overview, VolumeState
from vms.app.site import Site
from vms.core.clock import SECOND, Span

_KINDS: dict[VolumeState, Kind] = {
    "failed": Kind.VOLUME_FAILED,
    "missing": Kind.VOLUME_MISSING,
    "foreign": Kind.VOLUME_FOREIGN,
    "full": Kind.VOLUME_FULL,
}


class VolumeDuty:
    """A `vms.app.custodian.Duty`."""

    name = "volumes"
    every = Span(5 * SECOND)
    urgent = False

    def __init__(self, site: Site) -> None:
        self._overview = Overview(site.engine, site.settings, site.clock)
        self._known = KnownVolumes(site.engine)
        self._findings = Findings(site.engine, site.clock)

    def work(self, stopping: threading.Event) -> None:
        """Look at all volumes once. Raises StorageError."""
        volumes = self._overview.volumes()
        present = {one.uuid for one in volumes if one.uuid is not None}
        for state, kind in _KINDS.items():
            still = {one.path: one.detail for one in volumes if one.state == state}
            if kind is Kind.VOLUME_MISSING:
                still |= {
                    path: f"volume {uuid} holds footage and is mounted nowhere"
                    for uuid, path in self._known.absent(present).items()
                    if path not in still
                }
            self._findings.settle(kind, still)
