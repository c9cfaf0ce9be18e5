"""The crash machine over deleting: stopped, torn or refused at every operation of the disk, or
with its power cut.

Then recovery runs as at every start, what was begun is finished, the rules go on, and every
invariant of design §7 is asked by number: what is held is whole at every moment.
"""

from __future__ import annotations

import functools
import gc
from pathlib import Path

import sqlalchemy as sa

from storage.cleaner import Cleaner
from storage.disk import Disk, RealDisk
from storage.holds.leaves import HoldLeaves
from storage.holds.repository import Holds
from storage.ledger.log import Ledger
from storage.recording import Store
from storage.retention import plan
from storage.schema import segment as segment_table
from storage.schema import usage
from storage.shelf import folder_shelves
from storage.stock import SqlStock
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
from tests.storage.world import (
    Promised,
    World,
    finals_on,
    kept_engine,
    lay_out,
)
from vms.core.clock import DAY, MINUTE, FakeClock, Instant
from vms.core.config_storage import RetentionRule
from vms.core.errors import StorageError
from vms.core.model import Cause

KEPT = {(key("gate"), Instant(BEGIN + n * MINUTE)) for n in (2, 3)}
RULES = {name: RetentionRule(name="short", keep=MINUTE) for name in CAMERAS}
OPERATIONS = 49  # of the scenario; checked below
SCENARIO = "delete"


class Trial:
    """The archive once more, with a disk that fails while footage goes."""

    def __init__(self, root: Path, at: int = 0, fault: Fault = "stop", **more: int) -> None:
        self.root, self.clock, self.house = root, FakeClock(now=BEGIN + DAY), settings(root)
        image, self.sent = recorded(root)
        self.engine = kept_engine(self.house.database_url)
        self.engine.dispose()
        lay_out(root, image)
        self.disk = SimDisk((root / "video", root / "ledger"), at=at, fault=fault, **more)
        rows = World(self.house, self.clock, self.engine).rows
        self.promised = Promised(
            sent=self.sent,
            kept=frozenset(),
            loss=0,
            finals=finals_on([root / "video"]),
            rows=rows,
            held=[(key("gate"), *HELD)],
            doomed=rows.keys() - KEPT,
        )

    def world(self) -> World:
        """As it stands. Nothing is recorded, moved or handed out here: of 8, 9 and 11 only what
        can be asked of any archive."""
        return World(self.house, self.clock, self.engine, self.promised, self.disk)

    def delete(self, disk: Disk) -> None:
        """All the rules let go, as the custodian does it: finish, plan, delete, finish."""
        volumes, ledger = self.house.volumes, Ledger.of(self.house, self.clock, disk)
        holds = Holds(self.engine, volumes, RealDisk(), self.clock, HoldLeaves(ledger))
        cleaner = Cleaner(
            self.engine,
            lambda: folder_shelves(volumes, disk),
            len(volumes),
            holds,
            ledger,
            self.clock,
            batch=4,
        )
        cleaner.finish()
        uuids = set(folder_shelves(volumes, disk))
        due = plan(SqlStock(self.engine), RULES, holds.spans(), self.clock.now(), uuids)
        cleaner.delete(due, RULES)
        cleaner.finish()

    def run(self) -> bool:
        """Delete on the failing disk; False if the machine stopped on the way."""
        try:
            self.delete(self.disk)
        except StorageError:
            return True
        except Crash:
            pass
        else:
            return True
        # Files still open in frames of the crash are closed by their owners first: were they closed
        # behind their backs, they would close what got their number meanwhile.
        self.engine.dispose()
        gc.collect()
        self.disk.process_ended()
        return False

    def start_again(self) -> None:
        """The recorder's recovery, then the custodian; twice is the same as once."""
        for _ in range(2):
            with Store(self.house, self.clock, threads=False, database=kept_engine) as store:
                store.recover([key(name) for name in CAMERAS])
            self.assert_held()
            self.delete(RealDisk())
            self.assert_held()

    def assert_held(self) -> None:
        """Invariant 4, with 1 and 2 of what is held."""
        world = self.world()
        for place in KEPT:
            data = world.bytes_of(world.rows[place])
            assert data is not None, "invariant 4"
            assert [data] == world.finals[place], "invariant 4"

    def assert_any_moment(self) -> None:
        """What holds even before anything was put right: invariants 2, 3 and 4."""
        self.assert_held()
        world = self.world()
        assert all(world.bytes_of(row) for row in world.rows.values()), "invariant 2"
        for place in self.promised.rows.keys() - world.rows.keys():
            assert world.deleted[place].sha256 == self.promised.rows[place].sha256, "invariant 3"

    def assert_in_the_end(self) -> None:
        """All was deleted that had to be, its gaps say so, and every invariant holds."""
        world = self.world()
        assert world.rows.keys() == KEPT
        gaps = [
            (stream.camera, gap.start - BEGIN, (gap.end or 0) - BEGIN)
            for stream, gaps in sorted(world.gaps.items())
            for gap in gaps
            if gap.cause is Cause.DELETED
        ]
        assert gaps == [
            ("gate", 0, 2 * MINUTE),
            ("gate", 4 * MINUTE, 6 * MINUTE),
            ("yard", 0, 6 * MINUTE),
        ], "invariant 5"
        with self.engine.connect() as connection:
            counted = connection.execute(sa.select(sa.func.sum(usage.c.bytes))).scalar()
            summed = connection.execute(sa.select(sa.func.sum(segment_table.c.bytes))).scalar()
        assert counted == summed
        assert_invariants(world)


def test_the_scenario_is_covered_to_its_last_operation(ground: Path) -> None:
    trial = Trial(ground)
    assert trial.run()
    trial.assert_in_the_end()
    assert trial.disk.done == OPERATIONS


def started_again(trial: Trial) -> None:
    trial.assert_any_moment()
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
