"""The crash machine over moving to a bucket: the disk stops, tears or refuses at every operation,
or its power is cut; then it is finished or undone, and every invariant holds.

That the machine stops between two steps of bucket and database is test_tier.py's.
"""

from __future__ import annotations

import functools
import threading
from pathlib import Path

from storage.disk import Disk, RealDisk
from storage.findings import Findings
from storage.index import Index
from storage.ledger.log import Ledger
from storage.recording import Store
from storage.shelf import folder_shelves
from storage.tiers.mover import Mover
from storage.tiers.moves import Moves
from storage.tiers.opened import stands_in_bucket
from tests.storage.cases import (
    Cases,
    every_refusal,
    every_stop,
    refused_everywhere,
    stopped_everywhere,
)
from tests.storage.house import key, settings
from tests.storage.invariants import assert_invariants
from tests.storage.memory_bucket import MemoryBucket
from tests.storage.minutes import BEGIN, CAMERAS, HELD, recorded
from tests.storage.power_cuts import tier_of
from tests.storage.sim_disk import Crash, Fault, SimDisk
from tests.storage.world import Promised, World, kept_engine, lay_out
from vms.core.clock import DAY, FakeClock
from vms.core.errors import StorageError

OPERATIONS = 39  # of the scenario; checked below
SCENARIO = "tier"


class Trial:
    """The archive, all of which moves to a bucket."""

    def __init__(self, root: Path, at: int = 0, fault: Fault = "stop", **more: int) -> None:
        self.root, self.clock, self.house = root, FakeClock(now=BEGIN + DAY), settings(root)
        image, self.sent = recorded(root)
        self.bucket = MemoryBucket()
        self.engine = kept_engine(self.house.database_url)
        self.engine.dispose()
        lay_out(root, image)
        self.rows = World(self.house, self.clock, self.engine).rows
        self.disk = SimDisk((root / "video", root / "ledger"), at=at, fault=fault, **more)

    def move(self, disk: Disk) -> None:
        """One round of the mover, which first finishes what a former one began."""
        shelves = folder_shelves(self.house.volumes, disk)
        Mover(
            tier_of(self.bucket),
            Moves(self.engine),
            Index(self.engine),
            Ledger.of(self.house, self.clock, disk),
            Findings(self.engine, self.clock),
            disk,
            self.clock,
            roots=lambda: {uuid: shelf.root for uuid, shelf in shelves.items()},
            wanted=lambda stream: True,
        ).round(threading.Event())

    def run(self) -> bool:
        """Move on the failing disk; False if the machine stopped on the way."""
        try:
            self.move(self.disk)
        except StorageError:
            return True
        except Crash:
            self.disk.process_ended()
            return False
        return True

    def start_again(self) -> None:
        """The recorder's recovery and the mover; twice is the same as once."""
        for _ in range(2):
            with Store(self.house, self.clock, threads=False, database=kept_engine) as store:
                store.recover([key(name) for name in CAMERAS])
            self.move(RealDisk())

    def world(self) -> World:
        """As it stands. Nothing is recorded, deleted or handed out here."""
        promised = Promised(sent=self.sent, loss=0, rows=self.rows, held=[(key("gate"), *HELD)])
        tier = tier_of(self.bucket)
        return World(self.house, self.clock, self.engine, promised, self.disk, tier)

    def assert_in_the_end(self) -> None:
        world = self.world()
        assert all(stands_in_bucket(row.volume_path) for row in world.rows.values())
        assert not world.files
        assert_invariants(world)


def test_the_scenario_is_covered_to_its_last_operation(ground: Path) -> None:
    trial = Trial(ground)
    assert trial.run()
    assert trial.disk.done == OPERATIONS
    trial.assert_in_the_end()


def started_again(trial: Trial) -> None:
    trial.start_again()
    trial.assert_in_the_end()


@every_stop
def test_stopped_at_any_operation(ground: Path, cases: Cases, fault: Fault, power: bool) -> None:
    make = functools.partial(Trial, ground)
    stopped_everywhere(cases, SCENARIO, OPERATIONS, make, started_again, (fault, power))


@every_refusal
def test_refused_at_any_operation(ground: Path, cases: Cases, code: int, stubborn: int) -> None:
    make = functools.partial(Trial, ground)
    refused_everywhere(cases, SCENARIO, OPERATIONS, make, started_again, (code, stubborn))
