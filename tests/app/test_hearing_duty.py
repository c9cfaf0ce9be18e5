"""What cameras notice becomes events: by pull points of simulated devices, through the duty."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.database import migrate, open_database
from tests.cameras.onvif.house import RIGHT, devices
from vms.alarms.event import UNTOLD, Event
from vms.alarms.events import Events
from vms.app.hearing_duty import Hearing, HearingDuty
from vms.app.site import Site, open_site
from vms.cameras import listening
from vms.cameras.onvif.topics import Kind, Told
from vms.cameras.reception import Heard, Reception, SaidTime
from vms.core.clock import DAY, MINUTE, SECOND, FakeClock, Instant, Span
from vms.core.config import Settings
from vms.core.config_camera import CameraSettings
from vms.core.model import CameraId
from vms.core.supervise import Backoff
from vms.simulator.fleet import Fleet

GATE = CameraId("gate")
RECEPTION = Reception()


@pytest.fixture
def events(tmp_path: Path) -> Events:
    engine = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(engine)
    return Events(engine, FakeClock())


def told(kind: Kind, source: str = "vs", *, on: bool) -> Told:
    return Told(kind, source, on)


def lasting(events: Events) -> list[tuple[str, str]]:
    found = events.active(Instant(events._clock.now() + SECOND))
    return sorted((one.kind, one.detail) for one in found if one.end is None)


def test_an_event_lasts_until_its_last_source_ends_it(events: Events) -> None:
    hearing = Hearing(events, events._clock)
    hearing.told(GATE, told("motion", "area 1", on=True))
    hearing.told(GATE, told("motion", "area 2", on=True))
    hearing.told(GATE, told("digital_input", "in-1", on=True))
    hearing.told(GATE, told("motion", "area 1", on=False))
    assert lasting(events) == [("digital_input", "in-1"), ("motion", "")]
    hearing.told(GATE, told("motion", "area 2", on=False))
    hearing.told(GATE, told("motion", "area 2", on=False))
    assert lasting(events) == [("digital_input", "in-1")]


def test_what_goes_on_is_told_again_and_what_ended_while_we_were_away_ends(events: Events) -> None:
    clock = events._clock
    assert isinstance(clock, FakeClock)
    Hearing(events, clock).told(GATE, told("motion", on=True))
    clock.advance(Span(UNTOLD - MINUTE))
    Hearing(events, clock).still(GATE, [told("motion", on=True)])
    clock.advance(Span(UNTOLD - MINUTE))
    assert lasting(events) == [("motion", "")]
    Hearing(events, clock).told(GATE, told("motion", on=False))
    assert lasting(events) == []


def quick(**_: object) -> Backoff:
    return Backoff(floor=SECOND // 20, ceiling=SECOND // 10)


def heard(
    folder: Path, scene: Callable[[Fleet, Site], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run the duty in its thread beside a simulated device; `scene` is a coroutine function."""
    monkeypatch.setattr(listening, "Backoff", quick)
    monkeypatch.setattr(listening, "_REST_S", 0.01)
    monkeypatch.setattr("vms.app.hearing_duty._LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(listening, "RECORDER_FIRST", Span(0))  # there is none
    settings = Settings.model_validate(
        {
            "file": folder / "cameras.toml",
            "system": {"data": folder / "data"},
            "network": {"allow": ["127.0.0.0/8"]},
        }
    )

    async def run() -> None:
        async with devices() as fleet:
            with open_site(settings) as site:
                site.registry.add(
                    CameraSettings.model_validate(
                        {"id": "gate", "source": fleet.url("gate"), "username": RIGHT.username,
                         "password": RIGHT.password.reveal(),
                         "onvif": fleet.device("gate").url("device_service")}
                    ),
                    "test",
                )  # fmt: skip
                stopping = threading.Event()
                duty = asyncio.create_task(
                    asyncio.to_thread(HearingDuty(site, RECEPTION).work, stopping)
                )
                try:
                    await scene(fleet, site)  # type: ignore[misc]
                finally:
                    stopping.set()
                    await asyncio.wait_for(duty, 4)
                assert fleet.device("gate").subscriptions == {}

    asyncio.run(run())


async def until(site: Site, condition: Callable[[list[Event]], bool]) -> None:
    async with asyncio.timeout(5):
        while True:
            since = Instant(site.clock.now() - MINUTE)
            found = await asyncio.to_thread(site.events.active, since)
            if condition(found):
                return
            await asyncio.sleep(0.02)


def test_motion_of_a_camera_is_an_event_while_it_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(fleet: Fleet, site: Site) -> None:
        device = fleet.device("gate")
        async with asyncio.timeout(5):
            while not device.subscriptions or RECEPTION.of(GATE) is None:
                await asyncio.sleep(0.02)
        assert RECEPTION.of(GATE) == Heard(True)
        device.happen("motion", on=True)
        await until(
            site, lambda found: [(one.kind, one.end) for one in found] == [("motion", None)]
        )
        # The camera forgets us: we ask anew, and it says by itself how things are.
        device.state["motion"] = False
        device.subscriptions.clear()
        device.happen("tamper", on=True)
        await until(site, lambda found: any(one.kind == "tamper" for one in found))
        await until(
            site, lambda found: all(one.end is not None for one in found if one.kind == "motion")
        )

    heard(tmp_path, scene, monkeypatch)


def test_a_camera_that_is_heard_says_what_time_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def until_told(site: Site, right: Callable[[SaidTime], bool]) -> None:
        async with asyncio.timeout(5):
            while True:
                said = RECEPTION.time_of(GATE, site.clock.now())
                if said is not None and right(said):
                    return
                await asyncio.sleep(0.02)

    async def scene(fleet: Fleet, site: Site) -> None:
        await until_told(site, lambda said: abs(said.offset) <= SECOND + said.error)
        fleet.set_fault("gate", "onvif-1970")
        await until_told(site, lambda said: said.offset < -50 * 365 * DAY)

    monkeypatch.setattr(listening, "_CLOCK_EVERY", Span(SECOND // 10))
    monkeypatch.setattr(listening, "WAIT_S", 1)
    heard(tmp_path, scene, monkeypatch)


def test_a_camera_that_refuses_us_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(fleet: Fleet, site: Site) -> None:
        signin = fleet.device("gate").signin

        def wrong(before: CameraSettings) -> CameraSettings:
            return before.model_copy(update={"password": type(RIGHT.password)("wrong")})

        site.registry.change("gate", wrong, "test")
        async with asyncio.timeout(5):
            while not signin.refusals:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)
        assert signin.refusals <= 2
        heard = RECEPTION.of(GATE)
        assert heard is not None
        assert (heard.well, heard.trouble) == (False, "refused")
        assert heard.offered
        site.registry.remove("gate", "test")
        async with asyncio.timeout(30):
            while RECEPTION.of(GATE) is not None:
                await asyncio.sleep(0.02)

    heard(tmp_path, scene, monkeypatch)
