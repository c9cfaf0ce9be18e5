"""What an export is given of a site."""

from __future__ import annotations

from storage.disk import RealDisk
from storage.index import Index
from storage.ledger import Ledger
from vms import __version__
from vms.app.site import Site
from vms.cameras.vault import Vault
from vms.core.clock import Instant
from vms.core.config_storage import LedgerSettings
from vms.core.errors import NotFound
from vms.core.model import CameraId, StreamKey
from vms.evidence.export import Exporter
from vms.evidence.house import House
from vms.evidence.jobs import Jobs
from vms.evidence.local import SiteTime
from vms.evidence.manifest import StampEntry


def exporter(site: Site) -> Exporter:
    """Hands out footage of this site."""
    index, ledger = Index(site.engine), Ledger.of(site.settings, site.clock)

    def places(key: StreamKey, start: Instant, end: Instant) -> dict[Instant, int]:
        rows = index.segments(key, start, end)
        return {row.start: row.leaf for row in rows if row.leaf is not None}

    system = site.settings.system
    house = House(
        system=system.name,
        software=f"Gözcü {__version__}",
        local=SiteTime(system.timezone),
        footage=site.archive,
        ledger=ledger,
        places=places,
        camera_name=lambda camera: camera_name(site, camera),
        stamp=lambda size: newest_stamp(ledger, site.settings.ledger, size),
    )
    return Exporter(house, RealDisk(), site.clock)


def newest_stamp(ledger: Ledger, settings: LedgerSettings, size: int) -> StampEntry | None:
    """The newest stamp of a head that the ledger's first `size` leaves grew from."""
    found = ledger.stamps(settings).last()
    if found is None or not 0 < found.size <= size:
        return None
    answer = (ledger.folder / "stamps" / f"{found.size:012}.tsr").read_bytes()
    path = tuple(ledger.consistency(found.size, size))
    return StampEntry(found.size, found.at, found.note, answer, path)


def jobs_of(site: Site) -> Jobs:
    """The exports that people asked for on the console."""
    vault = Vault.at(site.settings.system.data / "keys")
    check = exporter(site).check
    return Jobs(site.engine, site.clock, vault, check, site.holds.undeleting)


def camera_name(site: Site, camera: str) -> str:
    """The name of a camera; of one that is no more, its id. Raises NotFound."""
    try:
        return site.registry.get(camera).settings.name
    except NotFound:
        if site.archive.first_start(StreamKey(CameraId(camera))) is None:
            raise
        return camera
