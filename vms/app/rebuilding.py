"""`vms storage rebuild`: the index, the ledger and the holds of a site from its volumes alone."""

from __future__ import annotations

from recorder.claim import sole_recorder
from storage.check import Level, Progress
from storage.disk import RealDisk
from storage.findings import Finding, Kind
from storage.ledger.log import Ledger
from storage.rebuild import Rebuild, Rebuilt
from storage.tiers.rebuild import TierRebuild
from vms.app.site import Site

_PATIENCE = 0.2  # seconds; who runs is not leaving


def rebuild(
    site: Site, level: Level, *, threads: int = 1, progress: Progress | None = None
) -> Rebuilt:
    """Do it while no recorder runs. Raises ConfigError if one does, StorageError."""
    with sole_recorder(site.settings, _PATIENCE):
        problems = site.holds.repair()  # first: what is held decides what may be finished
        ledger = Ledger.of(site.settings, site.clock)
        # Before the volumes: what stands in a bucket is not lost.
        far = TierRebuild(
            site.engine,
            ledger,
            site.holds.spans(),
            site.settings.system.data / "rebuild-tiers.db",
            level=level,
            threads=threads,
            progress=progress,
        ).run(site.tiers)
        done = Rebuild(
            site.engine,
            site.settings.volumes,
            ledger,
            site.holds.spans,
            RealDisk(),
            site.clock,
            site.settings.system.data / "rebuild.db",
            level=level,
            threads=threads,
            progress=progress,
        ).run()
    done.findings += far.findings
    done.segments += far.segments
    done.bytes += far.bytes
    done.dropped += far.dropped
    done.deleted += far.deleted
    done.leaves += far.leaves
    done.findings += [Finding(Kind.HOLD_DAMAGED, one.subject, one.detail) for one in problems]
    return done
