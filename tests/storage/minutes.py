"""Some minutes of footage on a volume, recorded once: what crash scenarios begin with."""

from __future__ import annotations

import functools
from pathlib import Path

from storage.disk import RealDisk
from storage.facts import RunFacts
from storage.holds.leaves import HoldLeaves
from storage.holds.repository import HoldOrder, Holds
from storage.ledger.log import Ledger
from storage.recording import Store
from tests.storage.house import FORMAT, key, second, settings
from tests.storage.sim_disk import Image
from tests.storage.world import Picture, empty_database, kept_engine, lay_out, snapshot
from vms.core.clock import HOUR, MINUTE, SECOND, FakeClock, Instant
from vms.core.model import CameraId, StreamKey

BEGIN = Instant(1_763_800_000 * SECOND // HOUR * HOUR + 57 * MINUTE)
CAMERAS = ("gate", "yard")
SEGMENTS = 6  # of each camera, a minute each; over the end of an hour
HELD = (Instant(BEGIN + 150 * SECOND), Instant(BEGIN + 200 * SECOND))  # of the gate: two segments


@functools.cache
def recorded(root: Path) -> tuple[Image, dict[StreamKey, list[Picture]]]:
    """An archive of two cameras of which two segments are held, and what was sent."""
    house, clock = settings(root), FakeClock(now=BEGIN)
    engine = kept_engine(house.database_url)
    engine.dispose()
    lay_out(root, {Path("gozcu.db"): empty_database()})
    sent: dict[StreamKey, list[Picture]] = {key(name): [] for name in CAMERAS}
    with Store(house, clock, threads=False, database=kept_engine) as store:
        store.recover([])
        for n in range(SEGMENTS):
            for camera in CAMERAS:
                start = Instant(BEGIN + n * MINUTE)
                one = store.open_segment(key(camera), start, FORMAT, RunFacts(1, start))
                for at, part in ((0, second(n, 0, key=True)), (59, second(n + 500, 59))):
                    one.append(part)
                    when = Instant(start + at * SECOND)
                    sent[key(camera)] += [(when, sample.data) for sample in part.video]
                one.close(Instant(start + MINUTE))
            clock.advance(MINUTE)
            store.pump()
    told = HoldLeaves(Ledger.of(house, clock))
    holds = Holds(engine, house.volumes, RealDisk(), clock, told)
    holds.add(HoldOrder(CameraId("gate"), *HELD, "case"), "ayse")
    engine.dispose()
    return snapshot(root), sent
