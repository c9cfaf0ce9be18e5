"""One sync serves all workers of a second, and its failure is everybody's."""

import errno
from pathlib import Path

import pytest

from storage.disk import RealDisk
from storage.group_sync import GroupSync, last_alive
from storage.layout import HOUSE
from vms.core.clock import SECOND, FakeClock, Mono


class Counting(RealDisk):
    def __init__(self) -> None:
        self.syncs, self.error = 0, 0

    def sync_volume(self, root_fd: int) -> None:
        self.syncs += 1
        if self.error:
            raise OSError(self.error, "sync failed")


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    (tmp_path / HOUSE).mkdir()
    return tmp_path


def test_two_workers_of_one_second_share_a_sync(volume: Path) -> None:
    clock, disk = FakeClock(), Counting()
    with GroupSync(volume, disk, clock) as one, GroupSync(volume, disk, clock) as two:
        for _ in range(3):
            wanted = clock.monotonic()
            clock.advance(1_000)
            one.sync(wanted)
            two.sync(wanted)
            clock.advance(SECOND)
    assert disk.syncs == 3


def test_a_sync_that_began_before_the_wish_does_not_serve(volume: Path) -> None:
    clock, disk = FakeClock(), Counting()
    with GroupSync(volume, disk, clock) as one, GroupSync(volume, disk, clock) as two:
        one.sync(clock.monotonic())
        two.sync(clock.monotonic())  # written in the same nanosecond: who knows
        clock.advance(1_000)
        two.sync(clock.monotonic())
    assert disk.syncs == 3


def test_a_failure_reaches_every_worker_of_that_second_and_none_of_the_next(volume: Path) -> None:
    clock, disk = FakeClock(), Counting()
    with GroupSync(volume, disk, clock) as one, GroupSync(volume, disk, clock) as two:
        wanted = clock.monotonic()
        clock.advance(1_000)
        disk.error = errno.EIO
        for worker in (one, two):
            with pytest.raises(OSError, match="Input/output"):
                worker.sync(wanted)
        disk.error = 0
        clock.advance(SECOND)
        two.sync(clock.monotonic())
    assert disk.syncs == 2


def test_each_second_leaves_a_sign_of_life(volume: Path) -> None:
    clock = FakeClock()
    assert last_alive(volume) is None
    with GroupSync(volume, Counting(), clock) as one:
        one.beat()
        assert last_alive(volume) == clock.now()
        clock.advance(SECOND)
        one.sync(Mono(clock.monotonic()))
        clock.advance(SECOND)
        one.beat()
    assert last_alive(volume) == clock.now()
