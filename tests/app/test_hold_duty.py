"""The custodian's care for holds: repaired, told, lifted in time, never on a doubtful clock."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from storage.database import migrate, open_database
from storage.disk import RealDisk
from storage.findings import Findings, Kind
from storage.holds.files import holds_folder
from storage.holds.order import HoldOrder
from storage.holds.repository import Holds
from storage.volume import prepare_volume
from tests.storage.house import settings
from vms.app.hold_duty import HoldDuty
from vms.core.clock import DAY, SECOND, FakeClock, Instant
from vms.core.model import CameraId


class House:
    def __init__(self, root: Path) -> None:
        self.clock, self.doubt = FakeClock(), None
        house = settings(root)
        house.volumes[0].path.mkdir()
        prepare_volume(house.volumes[0], RealDisk(), self.clock)
        engine = open_database(house.database_url)
        migrate(engine)
        self.root = house.volumes[0].path
        self.findings = Findings(engine, self.clock)
        self.holds = Holds(engine, house.volumes, RealDisk(), self.clock)
        self.duty = HoldDuty(self.holds, self.findings, lambda: self.doubt)

    def add(self, until: int | None = None) -> str:
        now = self.clock.now()
        span = Instant(now - 60 * SECOND), now
        ends = None if until is None else Instant(now + until)
        order = HoldOrder(CameraId("gate"), *span, "case 7", ends)
        return self.holds.add(order, "ayşe").id

    def round(self) -> None:
        self.duty.work(threading.Event())


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_hold_ends_by_itself_when_its_time_has_come(house: House) -> None:
    ends, stays = house.add(DAY), house.add()
    house.clock.advance(DAY - 1)
    house.round()
    assert {hold.id for hold in house.holds.active()} == {ends, stays}
    house.clock.advance(1)
    house.round()
    assert {hold.id for hold in house.holds.active()} == {stays}


def test_a_clock_that_jumped_lifts_nothing(house: House) -> None:
    made = house.add(DAY)
    house.clock.step(2 * DAY)
    house.doubt = "it jumped 2 days"
    house.round()
    assert [hold.id for hold in house.holds.active()] == [made]
    house.doubt = None
    house.round()
    assert house.holds.active() == []


def test_damage_is_told_until_it_is_mended(house: House) -> None:
    made = house.add()
    file = holds_folder(house.root) / f"{made}.json"
    file.write_text("torn")
    house.round()
    (told,) = house.findings.open(Kind.HOLD_DAMAGED)
    assert told.subject == str(file)
    house.round()
    assert house.findings.open(Kind.HOLD_DAMAGED) == []
    assert [hold.id for hold in house.holds.active()] == [made]
