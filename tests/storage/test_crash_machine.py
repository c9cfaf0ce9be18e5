"""The crash machine over write and rotate: a disk that stops, tears or refuses at its n-th
operation, for every n. Then recovery runs, and every invariant of design §7 is asked by number.

The same over delete, hold, move, tier and export: test_delete_crashes.py, test_hold_crashes.py,
test_moving.py, test_tier_crashes.py, tests/evidence/test_crash.py.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from storage.layout import Stage
from storage.recording import Store
from tests.storage.cases import Cases, in_parts
from tests.storage.house import Recorder, key, settings
from tests.storage.invariants import JUMP, assert_invariants
from tests.storage.sim_disk import Crash, Fault, SimDisk
from tests.storage.world import (
    Promised,
    World,
    empty_database,
    finals_on,
    first_of,
    kept_engine,
    lay_out,
    pictures_on,
    sent_by,
)
from vms.core.clock import SECOND, FakeClock, Instant
from vms.core.errors import StorageError
from vms.core.model import Cause, StreamKey

CAMERAS = ("gate", "square")
OPERATIONS = 101  # of the scenario; checked below
SCENARIO = "write and rotate"


class Trial:
    """One run of the scenario, always at the same place."""

    def __init__(self, root: Path, at: int, fault: Fault, **more: object) -> None:
        self.root, self.clock, self.house = root, FakeClock(), settings(root)
        self.engine = kept_engine(self.house.database_url)
        self.engine.dispose()
        lay_out(root, {Path("gozcu.db"): empty_database()})
        self.folders = (root / "video", root / "ledger")
        for folder in self.folders:
            folder.mkdir()
        self.disk = SimDisk(self.folders, at=at, fault=fault, **more)
        self.recorders: list[Recorder] = []
        self.durable: dict[StreamKey, int] = {}
        self.refused_at: Instant | None = None

    def open(self, disk: SimDisk) -> Store:
        return Store(self.house, self.clock, disk=disk, threads=False, database=kept_engine)

    def run(self) -> bool:
        """Record, rotate, lose a camera, stop; False if the disk crashed on the way."""
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
        for second in range(7):
            self.clock.advance(SECOND)
            for recorder in self.recorders:
                if second == 4 and recorder is self.recorders[1]:
                    self._lose(recorder)
                else:
                    recorder.step()
            syncs = _count(self.disk, "sync_volume")
            sent = {one.stream: len(one.sent) for one in self.recorders}
            store.pump()
            if _count(self.disk, "sync_volume") > syncs:
                self.durable = sent
            if self.refused_at is None and self.disk.done >= self.disk.at:
                self.refused_at = self.clock.now()

    def _lose(self, recorder: Recorder) -> None:
        start = Instant(self.clock.now() - SECOND)
        if recorder.segment is not None:
            recorder.segment.close(start)
            recorder.segment = None
        recorder.store.open_gap(recorder.stream, start, Cause.UNREACHABLE, "no route")

    def recover_twice(self) -> None:
        """Recovery, and again, by a clock that has jumped: the second time changes nothing."""
        seen = []
        for jump in (3 * SECOND, JUMP):
            self.clock.step(jump)
            store = self.open(SimDisk(self.folders))
            store.__enter__()
            store.recover([key(name) for name in CAMERAS])
            store._stop()  # as if killed: no goodbye
            world = self.world()
            seen.append((world.rows, world.gaps, finals_on([self.root / "video"])))
        self.clock.step(-JUMP)
        assert seen[0] == seen[1], "recovering twice is not the same as once (invariant 10)"
        assert not list(self.root.rglob("*.part"))

    def world(self, **promised: object) -> World:
        """As it stands. Nothing is held, deleted, moved or handed out here: 3, 4 and 11 have
        little to say."""
        sent = sent_by(self.recorders)
        return World(
            self.house, self.clock, self.engine, Promised(sent=sent, **promised), self.disk
        )


def _count(disk: SimDisk, name: str) -> int:
    return sum(line.startswith(name) for line in disk.log)


def test_the_scenario_is_covered_to_its_last_operation(ground: Path) -> None:
    trial = Trial(ground, 0, "stop")
    assert trial.run()
    assert trial.disk.done == OPERATIONS
    assert_invariants(trial.world(loss=0))


@in_parts
@pytest.mark.parametrize("fault", ["stop", "tear"])
def test_killed_at_any_operation(ground: Path, cases: Cases, fault: Fault) -> None:
    for at in cases.points(OPERATIONS, fault == "tear"):
        trial = Trial(ground, at, fault)
        with cases.case(SCENARIO, f"killed ({fault}) at {at}", trial.disk):
            assert not trial.run()
            video = [ground / "video"]
            finals, written = finals_on(video), pictures_on(video, (Stage.FINAL, Stage.PART))
            trial.recover_twice()
            assert_invariants(trial.world(finals=finals, kept=written))
    cases.all_held()


@in_parts
@pytest.mark.parametrize("fault", ["stop", "tear"])
def test_power_cut_at_any_operation(ground: Path, cases: Cases, fault: Fault) -> None:
    for at in cases.points(OPERATIONS, 2 + (fault == "tear")):
        trial = Trial(ground, at, fault)
        with cases.case(SCENARIO, f"power cut ({fault}) at {at}", trial.disk):
            assert not trial.run()
            trial.disk.cut_power(random.Random(at))
            trial.recover_twice()
            durable = first_of(trial.recorders, trial.durable)
            assert_invariants(trial.world(kept=durable, loss=SECOND))
    cases.all_held()


def _refuse(ground: Path, cases: Cases, points: Sequence[int], code: int, stubborn: bool) -> None:
    for at in points:
        trial = Trial(ground, at, "refuse", errno=code, stubborn=stubborn)
        name = f"{errno.errorcode[code]} {'from' if stubborn else 'once at'} {at}"
        with cases.case(SCENARIO, name, trial.disk):
            try:
                trial.run()
            except StorageError:
                continue  # a volume that can't even be opened: the recorder says so and ends
            assert_invariants(replace(trial.world(), recovered=False), ends=False)
            rows = trial.world().rows
            trial.recover_twice()
            assert_invariants(trial.world(rows=rows, taken=() if stubborn else _taken(trial)))
    cases.all_held()


def _taken(trial: Trial) -> list[tuple[StreamKey, Instant]]:
    """Where the disk refused once: each stream's last second, if there were two to get over it."""
    last = Instant(trial.clock.now() - 4 * SECOND)  # recovery came 3 s later
    if trial.refused_at is None or trial.refused_at > last - SECOND:
        return []
    return [(recorder.stream, last) for recorder in trial.recorders]


@in_parts
@pytest.mark.parametrize("stubborn", [False, True], ids=["once", "on"])
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
def test_refused_at_any_operation(ground: Path, cases: Cases, code: int, stubborn: bool) -> None:
    points = cases.points(OPERATIONS, 2 * stubborn + (code == errno.EIO))
    _refuse(ground, cases, points, code, stubborn)
