"""Segments that are carried from a failing volume to another: nothing lost, nothing twice.

Two simulated disks. One fails at its n-th operation, for every n, and comes back; or the machine
stops at every n-th operation while segments are being carried. Afterwards every invariant of
design §7, and those of docs/storage.md, "Moving a segment".
"""

from __future__ import annotations

import errno
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from storage.layout import Stage
from storage.recording import Store
from tests.storage.cases import Cases
from tests.storage.house import Recorder, key, settings
from tests.storage.invariants import JUMP, assert_invariants
from tests.storage.sim_disk import Crash, Fault
from tests.storage.two_disks import TwoDisks
from tests.storage.world import (
    Promised,
    World,
    empty_database,
    first_of,
    kept_engine,
    lay_out,
    pictures_in,
    pictures_on,
    sent_by,
)
from vms.core.clock import SECOND, FakeClock
from vms.core.model import Cause, StreamKey

CAMERAS = ("gate", "square", "station")
OPERATIONS = 220  # about; checked below
FAILS_AT = 60  # in the crash trials: an operation of a in the midst of recording
SCENARIO = "move"


class Trial:
    """Three cameras on two volumes; a fails, is away for some seconds and comes back."""

    def __init__(self, root: Path, **disks: object) -> None:
        self.root, self.clock, self.house = root, FakeClock(), settings(root, "a", "b")
        self.engine = kept_engine(self.house.database_url)
        self.engine.dispose()
        lay_out(root, {Path("gozcu.db"): empty_database()})
        self.roots = [root / "a", root / "b"]
        for folder in self.roots:
            folder.mkdir()
        self.disk = TwoDisks(self.roots, **disks)
        self.recorders: list[Recorder] = []
        self.durable: dict[StreamKey, int] = {}

    def open(self, disk: TwoDisks) -> Store:
        return Store(self.house, self.clock, disk=disk, threads=False, database=kept_engine)

    def run(self) -> bool:
        """False if the machine stopped on the way."""
        store = self.open(self.disk)
        try:
            store.__enter__()
            self._record(store)
            store.close()
        except Crash:
            self.disk.process_ended()
            return False
        return True

    def _record(self, store: Store) -> None:
        store.recover([key(name) for name in CAMERAS])
        self.recorders = [Recorder(store, self.clock, key(name)) for name in CAMERAS]
        for recorder in self.recorders:
            store.open_gap(recorder.stream, self.clock.now(), Cause.CONNECTING)
        for second in range(12):
            self.clock.advance(SECOND)
            for recorder in self.recorders:
                recorder.step()
            sent = {one.stream: len(one.sent) for one in self.recorders}
            before = len(self.disk.log)
            store.pump()
            if self._all_synced(self.disk.log[before:]):
                self.durable = sent
            if second == 8:
                self.disk.recovers()
            store.tend()

    def _all_synced(self, log: list[str]) -> bool:
        """Both volumes, without a segment on its way between them."""
        if self.disk.failed or (self.disk.fails_at and self.disk.done >= self.disk.fails_at):
            return False
        return all(any(line.startswith(f"{name} sync_volume") for line in log) for name in "ab")

    def recover_twice(self) -> None:
        """Recovery, and again, by a clock that has jumped: the second time changes nothing."""
        seen = []
        for jump in (3 * SECOND, JUMP):
            self.clock.step(jump)
            store = self.open(TwoDisks(self.roots))
            store.__enter__()
            store.recover([key(name) for name in CAMERAS])
            store._stop()  # as if killed: no goodbye
            world = self.world()
            seen.append((world.rows, world.gaps, [path for _, _, path in world.files]))
        self.clock.step(-JUMP)
        assert seen[0] == seen[1], "recovering twice is not the same as once (invariant 10)"
        assert not list(self.root.rglob("*.part"))

    def world(self, **promised: object) -> World:
        """As it stands; b is well at any time. The ledger is on another disk that never fails, and
        nothing is held, deleted or handed out: 3 and 4 have little to say."""
        refused = sum(one.refused for one in self.recorders)
        made = Promised(sent=sent_by(self.recorders), spare=True, refused=refused, **promised)
        return World(self.house, self.clock, self.engine, made, self.disk)


def assert_nothing_twice(world: World) -> None:
    """Each picture stands in one file."""
    seen = Counter(
        one for contents in world.finals.values() for data in contents for one in pictures_in(data)
    )
    assert max(seen.values(), default=0) <= 1, "a picture is kept twice"


def test_the_scenario_moves_segments_and_the_volume_comes_back(ground: Path) -> None:
    trial = Trial(ground, fails_at=FAILS_AT)
    assert trial.run()
    assert abs(trial.disk.done - OPERATIONS) < 60
    on_a = [line for line in trial.disk.log[FAILS_AT + 60 :] if line.startswith("a create")]
    assert on_a, "a is written to again"
    world = trial.world(loss=0)
    assert [len(gaps) for gaps in world.gaps.values()] == [1, 1, 1]  # recorder_stopped
    assert_nothing_twice(world)
    assert_invariants(world)


def _fail_a_volume(ground: Path, cases: Cases, refuses: int, points: Sequence[int]) -> None:
    for at in points:
        trial = Trial(ground, fails_at=at, refuses=refuses)
        with cases.case(SCENARIO, f"{errno.errorcode[refuses]} from {at}", trial.disk):
            assert trial.run()
            before = trial.world().rows
            trial.recover_twice()
            assert trial.world().rows == before, "recovery changes nothing"
            assert_nothing_twice(trial.world())
            assert_invariants(trial.world(loss=0))
    cases.all_held()


def _stop_a_move(ground: Path, cases: Cases, fault: Fault, power: bool, step: int) -> None:
    first = FAILS_AT + (2 * power + (fault == "tear")) * step // 4  # each way stops at its own
    for at in range(first, OPERATIONS + 30, step):
        trial = Trial(ground, fails_at=FAILS_AT, at=at, fault=fault)
        name = f"{'power cut' if power else 'killed'} ({fault}) at {at}"
        with cases.case(SCENARIO, name, trial.disk):
            stopped = not trial.run()
            kept = frozenset(pictures_on(trial.roots, (Stage.FINAL, Stage.PART)))
            if power and stopped:
                trial.disk.cut_power(random.Random(at))
                kept = first_of(trial.recorders, trial.durable)
            trial.recover_twice()
            assert_nothing_twice(trial.world())
            assert_invariants(trial.world(kept=kept))
    cases.all_held()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("refuses", [errno.EROFS, errno.EIO, errno.ENOSPC])
def test_a_volume_that_fails_at_any_operation_costs_nothing(
    ground: Path, cases: Cases, refuses: int
) -> None:
    _fail_a_volume(ground, cases, refuses, range(20, 110, 10))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("power", [False, True], ids=["killed", "power-cut"])
@pytest.mark.parametrize("fault", ["stop", "tear"])
def test_stopped_at_any_operation_of_a_move(
    ground: Path, cases: Cases, fault: Fault, power: bool
) -> None:
    _stop_a_move(ground, cases, fault, power, 12)


@pytest.mark.nightly
@pytest.mark.parametrize("refuses", [errno.EROFS, errno.EIO, errno.ENOSPC])
def test_a_volume_that_fails_at_every_operation(ground: Path, cases: Cases, refuses: int) -> None:
    _fail_a_volume(ground, cases, refuses, range(20, 110))


@pytest.mark.nightly
@pytest.mark.parametrize("power", [False, True], ids=["killed", "power-cut"])
@pytest.mark.parametrize("fault", ["stop", "tear"])
def test_stopped_at_every_operation_of_a_move(
    ground: Path, cases: Cases, fault: Fault, power: bool
) -> None:
    _stop_a_move(ground, cases, fault, power, 1)
