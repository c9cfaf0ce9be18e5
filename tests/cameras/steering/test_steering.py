"""The steering service against simulated devices."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from storage.database import migrate, open_database
from tests.cameras.onvif.house import RIGHT, devices, sign_in
from vms.cameras.onvif.clients import OnvifClients
from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.port import OnvifError, Trouble
from vms.cameras.onvif.ptz_facts import Vector
from vms.cameras.steering import command, helm, portraits
from vms.cameras.steering.helm import Overtaken
from vms.cameras.steering.lease import Operator, Steered
from vms.cameras.steering.logbook import Logged
from vms.cameras.steering.patrol import Patrol, Step
from vms.cameras.steering.portraits import Portraits
from vms.cameras.steering.records import Records
from vms.cameras.steering.scribe import Ending
from vms.cameras.steering.steering import Steering
from vms.core.clock import SECOND, FakeClock, SystemClock
from vms.core.config import PtzSettings
from vms.core.config_camera import CameraSettings
from vms.core.errors import NotFound, Refused
from vms.simulator.fleet import Fleet
from vms.simulator.onvif.head import View

ALI, ADMIN = Operator("ali", 1), Operator("admin", 2)
RIGHTWARDS = Vector(0.5, 0, 0)


@dataclass
class Told:
    """A MovementAudit that remembers. `again`: whose end it says it does not know."""

    begins: list[tuple[int, str]] = field(default_factory=list)
    ends: list[tuple[int, str, int, Ending]] = field(default_factory=list)
    again: dict[int, Operator] = field(default_factory=dict)

    def begun(self, line: Logged, by: Operator) -> None:
        self.begins.append((line.number, by.name))

    def ended(self, line: Logged, by: Operator, ending: Ending) -> None:
        self.ends.append((line.number, by.name, line.commands, ending))

    def untold(self, lines: Sequence[Logged]) -> Mapping[int, Operator]:
        return self.again


@dataclass
class House:
    fleet: Fleet
    steering: Steering
    records: Records
    clock: FakeClock
    cameras: dict[str, CameraSettings]
    told: Told
    shown: bool = True

    def log(self, camera: str = "gate") -> list[tuple[str, str, str]]:
        found = reversed(self.records.commands(camera, 100))
        return [(one.operator, one.command, one.result) for one in found]


def within(folder: Path, scene: Callable[[House], Awaitable[None]], **settings: object) -> None:
    engine = open_database(f"sqlite:///{folder / 'a.db'}")
    migrate(engine)

    async def run() -> None:
        clock, records = FakeClock(), Records(engine)
        async with devices() as fleet:
            cameras = {name: settings_of(fleet, name) for name in ("gate", "yard")}
            clients = OnvifClients(Networks(["127.0.0.0/8"]), sign_in, SystemClock())

            def of(camera: str) -> CameraSettings:
                if camera not in cameras:
                    raise NotFound(camera)
                return cameras[camera]

            shown = Portraits(records, clock, lambda camera: house.shown)
            rules = PtzSettings.model_validate(settings)
            told = Told()
            steering = Steering(clients, of, records, shown, told, rules, clock)
            house = House(fleet, steering, records, clock, cameras, told)
            async with steering.running():
                await scene(house)

    asyncio.run(run())
    engine.dispose()


def settings_of(fleet: Fleet, name: str, password: str = RIGHT.password.reveal()) -> CameraSettings:
    return CameraSettings.model_validate(
        {"id": name, "source": fleet.url(name), "onvif": fleet.device(name).url("device_service"),
         "username": "vms", "password": password}
    )  # fmt: skip


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


def test_a_click_reaches_the_camera_and_stands_in_the_log(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        head = house.fleet.device("gate").head
        await house.steering.take("gate", ALI, "2026/41", take_over=False)
        await house.steering.do("gate", ALI, command.move(RIGHTWARDS))
        assert head.moving
        await house.steering.do("gate", ALI, command.move(RIGHTWARDS))  # the key is held down
        await house.steering.do("gate", ALI, command.stop())
        assert not head.moving
        await house.steering.release("gate", ALI)
        done = [("ali", word, "done") for word in ("take", "move", "stop", "release")]
        assert house.log() == done
        assert {one.purpose for one in house.records.commands("gate", 9)} == {"2026/41"}

    within(tmp_path, scene)


def test_two_people_are_told_apart_and_the_refusal_is_logged(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        await house.steering.do("gate", ALI, command.move(RIGHTWARDS))
        with pytest.raises(Steered):
            await house.steering.do("gate", ADMIN, command.stop())
        await house.steering.take("gate", ADMIN, None, take_over=True)
        await house.steering.do("gate", ADMIN, command.stop())
        with pytest.raises(Steered):
            await house.steering.do("gate", ALI, command.goto_home())
        house.clock.advance(30 * SECOND)
        await house.steering.do("gate", ALI, command.goto_home())
        assert [one[2] for one in house.log()] == [
            "done", "steered", "done", "done", "steered", "done",
        ]  # fmt: skip

    within(tmp_path, scene)


def test_a_move_that_nobody_renews_is_stopped_though_the_camera_knows_no_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.cameras.steering.steering._STOP_AFTER_S", 0.1)

    async def scene(house: House) -> None:
        head = house.fleet.device("gate").head
        await house.steering.do("gate", ALI, command.move(RIGHTWARDS))
        head._ends = None
        await until(lambda: not head.moving)
        await until(lambda: ("", "stop", "done") in house.log())

    within(tmp_path, scene)


def test_what_still_moves_is_stopped_when_the_service_ends(tmp_path: Path) -> None:
    heads = []

    async def scene(house: House) -> None:
        heads.append(house.fleet.device("gate").head)
        await house.steering.do("gate", ALI, command.move(RIGHTWARDS))

    within(tmp_path, scene)
    assert not heads[0].moving


def test_a_slow_camera_gets_the_newest_move_only(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        await house.steering.look("gate")
        house.fleet.set_fault("gate", "hang", lasting=0.2)
        speeds = [Vector(pan=number / 10) for number in range(1, 6)]
        moves = []
        for speed in speeds:
            moves.append(asyncio.create_task(house.steering.do("gate", ALI, command.move(speed))))
            await asyncio.sleep(0.02)
        ended = await asyncio.gather(*moves, return_exceptions=True)
        assert [type(one) for one in ended].count(Overtaken) >= 2
        assert ended[0] is None
        velocity = house.fleet.device("gate").head._velocity
        assert velocity is not None
        assert velocity.pan == 0.5

    within(tmp_path, scene)


def test_a_camera_that_refuses_us_is_left_alone_until_its_settings_change(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        signin = house.fleet.device("gate").signin
        house.cameras["gate"] = settings_of(house.fleet, "gate", "wrong")
        for _ in range(5):
            with pytest.raises(OnvifError) as refused:
                await house.steering.do("gate", ALI, command.goto_home())
            assert refused.value.trouble is Trouble.REFUSED
        assert signin.refusals <= 2
        house.cameras["gate"] = settings_of(house.fleet, "gate")
        house.clock.advance(3 * SECOND)
        await house.steering.do("gate", ALI, command.goto_home())
        assert house.log()[-1] == ("ali", "home_goto", "done")
        assert house.log()[0] == ("ali", "home_goto", "refused")

    within(tmp_path, scene)


def test_a_camera_that_refuses_us_is_not_asked_for_what_it_can_either(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        signin = house.fleet.device("gate").signin
        house.cameras["gate"] = settings_of(house.fleet, "gate", "wrong")
        for _ in range(5):  # a panel that stays open asks each few seconds
            with pytest.raises(OnvifError) as refused:
                await house.steering.look("gate")
            assert refused.value.trouble is Trouble.REFUSED
        with pytest.raises(OnvifError):
            await house.steering.presets("gate")
        assert signin.refusals <= 2
        house.clock.advance(helm.SHUNNED)
        house.cameras["gate"] = settings_of(house.fleet, "gate")
        assert (await house.steering.look("gate")).facts.home

    within(tmp_path, scene)


def test_what_waits_for_a_slow_camera_is_not_done_once_another_has_taken_over(
    tmp_path: Path,
) -> None:
    async def scene(house: House) -> None:
        head = house.fleet.device("gate").head
        await house.steering.look("gate")
        house.fleet.set_fault("gate", "hang", lasting=0.3)
        moved = asyncio.create_task(house.steering.do("gate", ALI, command.move(RIGHTWARDS)))
        await asyncio.sleep(0.02)
        waits = asyncio.create_task(house.steering.do("gate", ALI, command.goto_home()))
        await asyncio.sleep(0.02)
        await house.steering.take("gate", ADMIN, None, take_over=True)
        place = asyncio.create_task(house.steering.do("gate", ADMIN, command.absolute(Vector(0.3))))
        await asyncio.gather(moved, place)
        with pytest.raises(Steered):
            await waits
        assert head._target is not None
        assert head._target.pan == 0.3
        assert ("ali", "home_goto", "steered") in house.log()

    within(tmp_path, scene)


def test_a_patrol_s_step_that_waits_for_a_slow_camera_yields_to_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.cameras.steering.patrols._EVERY_S", 0.02)

    async def scene(house: House) -> None:
        head = house.fleet.device("gate").head
        head.presets["1"] = head.presets["2"] = ("Kapı", View(0.2, 0, 0))
        await house.steering.look("gate")
        house.fleet.set_fault("gate", "hang", lasting=0.4)
        first = asyncio.create_task(house.steering.do("gate", ALI, command.goto_home()))
        await asyncio.sleep(0.05)
        steps = (Step("1", 10), Step("2", 10))
        await house.steering.set_patrol("gate", ALI, Patrol(steps, running=True))
        await until(lambda: house.steering._patrols._sent == {"gate"})
        await asyncio.sleep(0.05)
        await house.steering.take("gate", ADMIN, None, take_over=False)
        await first
        await until(lambda: not house.steering._patrols._sent)
        assert head._target is not None
        assert head._target.pan == 0  # home

    within(tmp_path, scene)


def test_who_lets_go_lets_go_of_nobody_else_s_lease(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        await house.steering.do("gate", ALI, command.move(RIGHTWARDS))
        house.fleet.set_fault("gate", "hang", lasting=0.2)
        release = asyncio.create_task(house.steering.release("gate", ALI))
        await asyncio.sleep(0.05)  # the camera is being stopped
        await house.steering.take("gate", ADMIN, None, take_over=True)
        await release
        lease = house.steering.lease("gate")
        assert lease is not None
        assert lease.operator.name == "admin"

    within(tmp_path, scene)


def test_a_move_whose_answer_never_came_is_stopped_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.cameras.steering.steering._STOP_AFTER_S", 0.1)

    async def scene(house: House) -> None:
        await house.steering.look("gate")
        head = house.fleet.device("gate").head

        async def deaf(self: object, speed: Vector, timeout: object) -> None:
            head._velocity, head._ends = View(0.5, 0, 0), None
            raise OnvifError(Trouble.SILENT, "no answer")

        lost = dataclasses.replace(command.move(RIGHTWARDS), run=lambda to: deaf(to, RIGHTWARDS, 2))
        with pytest.raises(OnvifError):
            await house.steering.do("gate", ALI, lost)
        await until(lambda: not head.moving)
        await until(lambda: ("", "stop", "done") in house.log())  # written once it is answered
        assert ("", "stop", "done") in house.log()

    within(tmp_path, scene)


def test_a_stop_is_taken_though_others_wait(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        head = house.fleet.device("gate").head
        await house.steering.look("gate")
        house.fleet.set_fault("gate", "hang", lasting=0.1)
        turns = [
            asyncio.create_task(house.steering.do("gate", ALI, command.relative(RIGHTWARDS)))
            for _ in range(helm.WAITING_MAX + 2)
        ]
        await asyncio.sleep(0.02)
        await house.steering.do("gate", ALI, command.stop())
        await asyncio.gather(*turns, return_exceptions=True)
        assert not head.moving

    within(tmp_path, scene)


def test_a_camera_that_is_not_steered_over_onvif_says_so(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        plain = house.cameras["gate"].model_copy(update={"onvif": None})
        house.cameras["gate"] = plain
        with pytest.raises(Refused):
            await house.steering.look("gate")
        with pytest.raises(NotFound):
            await house.steering.look("nowhere")

    within(tmp_path, scene)


def test_a_preset_gets_a_picture_and_loses_it(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        token = await house.steering.do("gate", ALI, command.save_preset(" Kapı  önü ", None))
        assert token is not None
        await until(lambda: house.records.picture("gate", token) is not None)
        (shown,) = await house.steering.presets("gate")
        assert (shown.name, shown.pictured) == ("Kapı önü", house.clock.now())
        await house.steering.do("gate", ALI, command.remove_preset(token))
        assert house.records.picture("gate", token) is None

    within(tmp_path, scene)


def test_in_privacy_hours_no_picture_is_kept(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        house.shown = False
        token = await house.steering.do("gate", ALI, command.save_preset("Kapı", None))
        assert token is not None
        await until(lambda: not house.steering._tasks)
        assert house.records.picture("gate", token) is None

    within(tmp_path, scene)


def test_an_old_picture_is_taken_again_on_arrival(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portraits, "_LOOK_EVERY_S", 0.02)

    async def scene(house: House) -> None:
        token = await house.steering.do("gate", ALI, command.save_preset("Kapı", None))
        assert token is not None
        await until(lambda: house.records.picture("gate", token) is not None)
        first = house.records.pictured("gate")[token]
        house.clock.advance(portraits.OLD)
        await house.steering.do("gate", ALI, command.goto_preset(token))
        await until(lambda: house.records.pictured("gate")[token] > first)

    within(tmp_path, scene)


def test_a_patrol_goes_on_until_a_person_steers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.cameras.steering.patrols._EVERY_S", 0.02)

    async def scene(house: House) -> None:
        head = house.fleet.device("gate").head
        tokens = []
        for place in (Vector(-0.1), Vector(0.1)):
            await house.steering.do("gate", ALI, command.absolute(place))
            await until(lambda: not head.moving)
            token = await house.steering.do("gate", ALI, command.save_preset(str(place.pan), None))
            assert token is not None
            tokens.append(token)
        steps = tuple(Step(token, 10) for token in tokens)
        await house.steering.set_patrol("gate", ALI, Patrol(steps, running=True))
        await until(lambda: head._target is not None and head._target.pan == -0.1)
        house.clock.advance(10 * SECOND)
        await until(lambda: head._target is not None and head._target.pan == 0.1)
        await house.steering.do("gate", ALI, command.stop())
        house.clock.advance(20 * SECOND)
        await asyncio.sleep(0.1)
        assert head._target is None
        house.clock.advance(60 * SECOND)
        await until(lambda: head._target is not None and head._target.pan == -0.1)

    within(tmp_path, scene)


def test_clients_are_kept_for_a_while_and_never_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.cameras.steering.helms.HELMS_MAX", 1)

    async def scene(house: House) -> None:
        await house.steering.do("gate", ALI, command.goto_home())
        await house.steering.look("yard")
        assert set(house.steering._helms._kept) == {"gate", "yard"}  # gate is held
        await house.steering.take("yard", ALI, None, take_over=False)
        house.clock.advance(31 * SECOND)
        house.cameras["third"] = house.cameras["gate"]
        await house.steering.look("third")
        assert set(house.steering._helms._kept) == {"third"}

    within(tmp_path, scene)
    assert helm.WAITING_MAX > 1
