"""A power cut before any operation costs a second at most, and breaks no invariant.

Some 260 cuts; `python -m benchmarks power_cuts` makes ten thousand.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from storage.database import open_database
from storage.disk import RealDisk
from storage.index import Index
from storage.recovery import Recovery
from storage.volume import Volume, prepare_volume
from tests.storage.cases import Cases
from tests.storage.house import Recorder, fresh_database, key, open_store, settings
from tests.storage.power_cuts import SCENARIO, cut_power
from vms.core.clock import SECOND, FakeClock

GATE = key("gate")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.nightly)])
def test_power_cuts_cost_a_second_at_most_and_break_nothing(seed: int, cases: Cases) -> None:
    asked = 4 if seed == 1 else 1  # by day invariants 7, 8 and 10 of every fourth cut
    outcome = cut_power([seed], 1, asked)
    cases.count(SCENARIO, outcome.cuts, len(outcome.broken))
    assert outcome.broken == []
    assert outcome.cuts > 100
    assert outcome.lost <= SECOND


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """A `.part` with three whole seconds."""
    fresh_database(tmp_path, tmp_path / "template.db")
    clock = FakeClock()
    store = open_store(tmp_path, clock)
    store.__enter__()
    recorder = Recorder(store, clock, GATE, length=9)
    for _ in range(3):
        clock.advance(SECOND)
        recorder.step()
        store.pump()
    (file,) = (tmp_path / "video").rglob("*.part")
    return file


def recovered(root: Path) -> list[int]:
    """How many pictures each segment holds after recovery, as if the machine had started anew."""
    house, clock = settings(root), FakeClock()
    clock.advance(60 * SECOND)
    index = Index(open_database(house.database_url))
    volume: Volume = prepare_volume(house.volumes[0], RealDisk(), clock)
    index.know_volume(volume.uuid, str(volume.root))
    Recovery([volume], RealDisk(), index, clock).run([GATE])
    return [row.frames or 0 for row in index.every_segment()]


def test_a_torn_tail_costs_no_footage(part: Path, tmp_path: Path) -> None:
    """The whole segment was put away when its tail had reached the disk only in part."""
    with part.open("ab") as file:
        tail = b"\0\0\0\x61uuid" + bytes(60) + b"\0\0\0\x10mfro\0\0\0\0\0\0\0\x43"
        file.write(tail)
    assert recovered(tmp_path) == [15]


@pytest.mark.parametrize("lost", [1, 40, 300, 511])
def test_the_lost_end_of_a_picture_is_seen_however_short(
    part: Path, tmp_path: Path, lost: int
) -> None:
    """Only 512 zero bytes were taken for a lost page; the last page of a write can be shorter."""
    data = part.read_bytes()
    at = data.rindex(b"moof") - 4
    moof = int.from_bytes(data[at : at + 4], "big")
    # The fragment's pictures stand first in its mdat; its sound follows.
    end = at + moof + 8 + 5 * 3_004
    end = end // 512 * 512 + lost if end % 512 >= lost else end // 512 * 512 - 512 + lost
    cut = end // 512 * 512
    fd = os.open(part, os.O_RDWR)
    os.pwrite(fd, bytes(len(data) - cut), cut)
    os.close(fd)
    assert recovered(tmp_path) == [10]
