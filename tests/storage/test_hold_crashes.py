"""The crash machine over holds: adding and lifting, stopped, torn or refused at every operation
of the disk, or with its power cut. What was promised holds, through recovery and repair.

Rows, files and ledger against each other are test_holds.py's.
"""

from __future__ import annotations

import functools
from pathlib import Path

from storage.disk import Disk, RealDisk
from storage.holds.leaves import HoldLeaves
from storage.holds.repository import HoldOrder, Holds
from storage.ledger.log import Ledger
from storage.recording import Store
from tests.storage.cases import (
    Cases,
    every_refusal,
    every_stop,
    refused_everywhere,
    stopped_everywhere,
)
from tests.storage.house import key, settings
from tests.storage.invariants import assert_invariants
from tests.storage.minutes import BEGIN, CAMERAS, HELD, recorded
from tests.storage.sim_disk import Crash, Fault, SimDisk
from tests.storage.world import Promised, World, finals_on, kept_engine, lay_out
from vms.core.clock import DAY, MINUTE, FakeClock, Instant
from vms.core.errors import StorageError
from vms.core.model import CameraId, StreamKey

OPERATIONS = 24  # of the scenario; checked below
SCENARIO = "hold"


class Trial:
    """The archive, where a span is held, another for a moment; one hold stands already."""

    def __init__(self, root: Path, at: int = 0, fault: Fault = "stop", **more: int) -> None:
        self.root, self.clock, self.house = root, FakeClock(now=BEGIN + DAY), settings(root)
        image, self.sent = recorded(root)
        self.engine = kept_engine(self.house.database_url)
        self.engine.dispose()
        lay_out(root, image)
        self.before = finals_on([root / "video"])
        self.rows = World(self.house, self.clock, self.engine).rows
        self.disk = SimDisk((root / "video", root / "ledger"), at=at, fault=fault, **more)
        self.held: list[tuple[StreamKey, Instant, Instant]] = [(key("gate"), *HELD)]

    def holds(self, disk: Disk) -> Holds:
        told = HoldLeaves(Ledger.of(self.house, self.clock, disk))
        return Holds(self.engine, self.house.volumes, disk, self.clock, told)

    def run(self) -> bool:
        """Add, add, lift; what returned was promised. False if the machine stopped on the way."""
        try:
            lasting = self._add("yard", 1, 3)
            passing = self._add("gate", 0, 1)
            self.held.pop()  # from here on it may be lifted
            self.holds(self.disk).lift(passing, "ali", "closed")
            assert lasting != passing
        except StorageError:
            return True
        except Crash:
            self.disk.process_ended()
            return False
        return True

    def _add(self, camera: str, first: int, last: int) -> str:
        span = Instant(BEGIN + first * MINUTE), Instant(BEGIN + last * MINUTE)
        made = self.holds(self.disk).add(HoldOrder(CameraId(camera), *span, "case 8"), "ayşe")
        self.held.append((key(camera), *span))
        return made.id

    def start_again(self) -> None:
        """The recorder's recovery and the custodian's repair; twice is the same as once."""
        seen = []
        for _ in range(2):
            with Store(self.house, self.clock, threads=False, database=kept_engine) as store:
                store.recover([key(name) for name in CAMERAS])
            self.holds(RealDisk()).repair()
            seen.append(self.holds(RealDisk()).all())
        assert seen[0] == seen[1]

    def world(self) -> World:
        """As it stands. Nothing is deleted, recorded, moved or handed out here."""
        promised = Promised(
            sent=self.sent, loss=0, finals=self.before, rows=self.rows, held=self.held
        )
        return World(self.house, self.clock, self.engine, promised, self.disk)


def test_the_scenario_is_covered_to_its_last_operation(ground: Path) -> None:
    trial = Trial(ground)
    assert trial.run()
    assert trial.disk.done == OPERATIONS
    assert_invariants(trial.world())


def started_again(trial: Trial) -> None:
    trial.start_again()
    assert_invariants(trial.world())


@every_stop
def test_stopped_at_any_operation(ground: Path, cases: Cases, fault: Fault, power: bool) -> None:
    make = functools.partial(Trial, ground)
    stopped_everywhere(cases, SCENARIO, OPERATIONS, make, started_again, (fault, power))


@every_refusal
def test_refused_at_any_operation(ground: Path, cases: Cases, code: int, stubborn: int) -> None:
    make = functools.partial(Trial, ground)
    refused_everywhere(cases, SCENARIO, OPERATIONS, make, started_again, (code, stubborn))
