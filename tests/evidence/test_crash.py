"""The crash machine over exports: stopped, torn or refused at each operation of the disk, or with
its power cut. No half package ever stands under its name, what went before is no hindrance, and
the archive is none the worse: every invariant of design §7 holds."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from storage.disk import Disk, RealDisk
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
from tests.storage.packages import export_of
from tests.storage.sim_disk import Crash, Fault, SimDisk
from tests.storage.world import Promised, World, finals_on, kept_engine, lay_out
from vms.core.clock import DAY, MINUTE, SECOND, FakeClock, Instant
from vms.core.errors import VmsError

SCENARIO = "export"


class Trial:
    """The archive, two minutes of which are handed out."""

    def __init__(self, root: Path, at: int = 0, fault: Fault = "stop", **more: int) -> None:
        self.root, self.clock, self.house = root, FakeClock(now=BEGIN + DAY), settings(root)
        image, self.sent = recorded(root)
        self.engine = kept_engine(self.house.database_url)
        self.engine.dispose()
        lay_out(root, image)
        self.folder = root / "packages"
        self.folder.mkdir()
        roots = (root / "video", root / "ledger", self.folder)
        self.disk = SimDisk(roots, at=at, fault=fault, **more)
        self.rows = World(self.house, self.clock, self.engine).rows
        self.before = finals_on([root / "video"])

    def export(self, disk: Disk) -> None:
        start, end = Instant(BEGIN + 500 * SECOND // 1_000), Instant(BEGIN + 2 * MINUTE)
        export = export_of(self.house, self.engine, self.clock, disk)
        export.run(key("gate"), start, end, self.folder / "x.zip")

    def run(self) -> bool:
        """Export on the failing disk; False if the machine stopped on the way."""
        try:
            self.export(self.disk)
        except VmsError:
            left = [file.name for file in self.folder.iterdir() if file.name != "x.zip"]
            refused_again = self.disk.stubborn  # then not even the draft can be taken away
            assert left == [] or refused_again
        except Crash:
            self.disk.process_ended()
            return False
        return True

    def world(self) -> World:
        """As it stands. Nothing is recorded, deleted or moved here; 11 is that the archive is the
        same, which rows and finals say."""
        promised = Promised(
            sent=self.sent,
            loss=0,
            finals=self.before,
            rows=self.rows,
            held=[(key("gate"), *HELD)],
            packages=self.folder,
        )
        return World(self.house, self.clock, self.engine, promised, self.disk)

    def start_again(self) -> None:
        """Recovery; and where there is no package yet, the export once more."""
        with Store(self.house, self.clock, threads=False, database=kept_engine) as store:
            store.recover([key(name) for name in CAMERAS])
        world = self.world()
        assert world.rows == self.rows
        if not (self.folder / "x.zip").exists():
            self.export(RealDisk())
            assert [file.name for file in self.folder.iterdir()] == ["x.zip"]
        assert_invariants(world)


@pytest.fixture(scope="module")
def operations(ground: Path) -> int:
    """How many an export takes."""
    trial = Trial(ground)
    assert trial.run()
    assert_invariants(trial.world())
    assert trial.disk.done > 20
    return trial.disk.done


def started_again(trial: Trial) -> None:
    trial.folder.mkdir(exist_ok=True)  # a power cut may have taken it
    trial.start_again()


@every_stop
def test_a_package_is_whole_or_not_there(
    ground: Path, cases: Cases, operations: int, fault: Fault, power: bool
) -> None:
    make = functools.partial(Trial, ground)
    stopped_everywhere(cases, SCENARIO, operations, make, started_again, (fault, power))


@every_refusal
def test_a_refused_package_is_not_there(
    ground: Path, cases: Cases, operations: int, code: int, stubborn: int
) -> None:
    make = functools.partial(Trial, ground)
    refused_everywhere(cases, SCENARIO, operations, make, started_again, (code, stubborn))
