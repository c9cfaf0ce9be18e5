"""Steering's log as proof: a movement is one line, found by anyone who asks, kept by time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.database import migrate, open_database
from storage.findings import Findings, Kind
from tests.cameras.steering.test_steering import ADMIN, ALI, House, until, within
from tests.storage.house import fresh_database
from vms.app.site import open_site
from vms.app.steering_log_duty import SteeringLogDuty
from vms.cameras.onvif.ptz_facts import Vector
from vms.cameras.steering import command
from vms.cameras.steering.logbook import Logbook, Logged, Query
from vms.cameras.steering.movement import COMMANDS_MAX, LONGEST, Movement
from vms.cameras.steering.moves import Moves
from vms.cameras.steering.patrol import Patrol, Step
from vms.cameras.steering.records import DONE, Records
from vms.cameras.steering.scribe import CRASHED, Ending
from vms.cameras.steering.sheet import rows
from vms.core.clock import DAY, MINUTE, SECOND, FakeClock, Instant, Span
from vms.core.config import Settings
from vms.core.errors import StorageError
from vms.core.model import Cause

BEGIN = Instant(1_763_800_000 * SECOND)
STOP = threading.Event()


def line(minute: int, **facts: object) -> Logged:
    values: dict[str, object] = {
        "camera": "gate", "at": Instant(BEGIN + minute * MINUTE), "operator": "ali",
        "command": "centre", "detail": "0.500 0.500", "result": DONE, "purpose": "2026/41",
    }  # fmt: skip
    return Logged(**(values | facts))  # type: ignore[arg-type]


# -- a movement is one line


def test_a_drag_is_one_line_with_begin_end_speeds_and_commands(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        begin = house.clock.now()
        await house.steering.take("gate", ALI, "2026/41", take_over=False)
        for step in range(20):
            speed = Vector(pan=-0.1 + step / 20, tilt=0.2)
            await house.steering.do("gate", ALI, command.move(speed))
            house.clock.advance(SECOND // 10)
        await house.steering.do("gate", ALI, command.stop())
        take, move, stop = reversed(house.records.commands("gate", 100))
        assert (take.command, move.command, stop.command) == ("take", "move", "stop")
        assert (move.operator, move.purpose, move.result) == ("ali", "2026/41", "done")
        assert (move.at, move.until, move.commands) == (begin, begin + 2 * SECOND, 20)
        assert move.detail == "-0.100 0.200 0.000; pan -0.100..0.850"
        assert (stop.at, stop.until, stop.commands) == (begin + 2 * SECOND, None, 1)
        (whole,) = house.records.logbook.lines([move.number]).values()
        moves = whole.moves.split("; ")
        assert (len(moves), moves[0], moves[7]) == (20, "0 -0.1 0.2 0", "700 0.25 0.2 0")
        assert house.told.begins == [(move.number, "ali")]
        assert house.told.ends == [(move.number, "ali", 20, Ending("stop", "ali"))]

    within(tmp_path, scene)


def test_another_person_another_purpose_and_a_stop_begin_another_line(tmp_path: Path) -> None:
    async def scene(house: House) -> None:
        steering, clock = house.steering, house.clock
        right, left = command.move(Vector(0.5)), command.move(Vector(-0.5))
        await steering.take("gate", ALI, "2026/41", take_over=False)
        await steering.do("gate", ALI, right)
        clock.advance(SECOND)
        await steering.take("gate", ALI, "2026/42", take_over=False)
        await steering.do("gate", ALI, right)
        clock.advance(SECOND)
        await steering.take("gate", ADMIN, "2026/43", take_over=True)
        await steering.do("gate", ADMIN, left)
        clock.advance(SECOND)
        await steering.do("gate", ADMIN, command.goto_home())
        await steering.do("gate", ADMIN, left)
        moves = [one for one in house.records.commands("gate", 100) if one.command == "move"]
        told = [(one.operator, one.purpose, one.until) for one in reversed(moves)]
        begin = moves[-1].at
        assert told == [
            ("ali", "2026/41", begin + SECOND),
            ("ali", "2026/42", begin + 2 * SECOND),
            ("admin", "2026/43", begin + 3 * SECOND),
            ("admin", "2026/43", begin + 3 * SECOND),
        ]
        numbers = [one.number for one in reversed(moves)]
        assert [number for number, _ in house.told.begins] == numbers
        assert [(number, ending) for number, _, _, ending in house.told.ends] == [
            (numbers[0], Ending("move", "ali")),
            (numbers[1], Ending("move", "admin")),
            (numbers[2], Ending("home_goto", "admin")),
        ]

    within(tmp_path, scene)


def test_a_movement_whose_operator_is_gone_ends_with_the_system_s_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.cameras.steering.steering._STOP_AFTER_S", 0.1)

    async def scene(house: House) -> None:
        await house.steering.do("gate", ALI, command.move(Vector(0.5)))
        house.clock.advance(2 * SECOND)
        await until(lambda: ("", "stop", "done") in house.log())
        stop, move = house.records.commands("gate", 2)
        assert (move.operator, move.until) == ("ali", stop.at)
        assert house.told.ends == [(move.number, "ali", 1, Ending("stop", ""))]

    within(tmp_path, scene)


def test_a_drag_that_is_written_slowly_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = threading.Event()
    written = Records.log

    def late(records: Records, one: Logged) -> int:
        if one.command == "move":
            slow.wait(5)
        return written(records, one)

    monkeypatch.setattr(Records, "log", late)

    async def scene(house: House) -> None:
        moves = []
        for pan in (0.1, 0.2, 0.3):
            moves.append(
                asyncio.create_task(house.steering.do("gate", ALI, command.move(Vector(pan))))
            )
            await asyncio.sleep(0.1)
        stop = asyncio.create_task(house.steering.do("gate", ALI, command.stop()))
        await asyncio.sleep(0.1)
        slow.set()
        await asyncio.gather(*moves, stop)
        told = [(one.command, one.commands) for one in house.records.commands("gate", 9)]
        assert sorted(told) == [("move", 3), ("stop", 1)]

    within(tmp_path, scene)


def test_an_end_that_can_not_be_written_is_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(house: House) -> None:
        await house.steering.do("gate", ALI, command.move(Vector(0.5)))

        def full(records: Records, number: int, movement: Movement) -> None:
            raise StorageError(Cause.DISK_FULL, "no room")

        monkeypatch.setattr(Records, "go_on", full)
        with pytest.raises(StorageError):
            await house.steering.do("gate", ALI, command.stop())
        assert [one[3] for one in house.told.ends] == [Ending("stop", "ali", kept=False)]

    within(tmp_path, scene)


def test_movements_that_a_crash_kept_from_the_audit_are_told_at_the_next_start(
    tmp_path: Path,
) -> None:
    async def scene(house: House) -> None:
        records = house.records
        records.log(line(0, command="move", until=BEGIN))  # of an older release: without moves
        number = records.log(line(1, command="move", until=BEGIN, moves="0 0.5 0 0", commands=7))
        house.told.again = {number: ALI, number + 99: ALI}
        async with house.steering.running():
            assert house.told.ends == [(number, "ali", 7, CRASHED)]

    within(tmp_path, scene)


def test_a_movement_goes_on_in_another_line_after_its_longest() -> None:
    movement = Movement.begun("ali", "", Vector(0.5), BEGIN)
    assert movement.is_of("ali", "", Instant(BEGIN + LONGEST - 1))
    assert not movement.is_of("ali", "", Instant(BEGIN + LONGEST))
    assert not movement.is_of("ali", "", Instant(BEGIN - 1))  # the clock was set back
    movement.go_on(Vector(0.5), Instant(BEGIN + SECOND))
    assert (movement.detail, movement.commands) == ("0.500 0.000 0.000", 2)
    for tenth in range(11, COMMANDS_MAX + 9):
        assert movement.is_of("ali", "", Instant(BEGIN + tenth * SECOND // 10))
        movement.go_on(Vector(0.5, -0.0, -1), Instant(BEGIN + tenth * SECOND // 10))
    assert movement.commands == COMMANDS_MAX
    assert not movement.is_of("ali", "", movement.until)
    first = "0 0.5 0 0; 1000 0.5 0 0; 1100 0.5 0 -1; 1200 0.5 0 -1; "
    assert movement.track.startswith(first)
    assert movement.track.count("; ") == COMMANDS_MAX - 1


def test_health_hears_that_a_movement_goes_on(records: Records) -> None:
    clock = FakeClock(BEGIN)
    movement = Movement.begun("ali", "", Vector(0.5), BEGIN)
    number = records.log(line(0, command="move", until=BEGIN))
    moves = Moves(records, clock)
    assert moves.last() == {"gate": BEGIN}
    later = Instant(BEGIN + 90 * SECOND)
    movement.go_on(Vector(0.6), later)
    records.go_on(number, movement)
    assert moves.last() == {"gate": later}


# -- asked


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    """A database with nothing in it."""
    if request.param == "sqlite":
        engine = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    else:
        engine = open_database(request.getfixturevalue("postgresql"))
        with engine.begin() as connection:
            connection.execute(sa.text("DROP SCHEMA public CASCADE"))
            connection.execute(sa.text("CREATE SCHEMA public"))
    yield engine
    engine.dispose()


@pytest.fixture
def records(engine: sa.Engine) -> Records:
    migrate(engine)
    return Records(engine)


def test_the_log_is_searched_by_camera_person_purpose_and_time(records: Records) -> None:
    for one in (
        line(0),
        line(1, camera="yard", operator="Veli", purpose="İz 100%"),
        line(2, command="move", until=Instant(BEGIN + 4 * MINUTE), commands=9),
        line(3, operator="ayse", purpose=""),
    ):
        records.log(one)

    def found(**asked: object) -> list[int]:
        page = records.logbook.page(Query(**asked), 100)  # type: ignore[arg-type]
        return [(one.at - BEGIN) // MINUTE for one in page]

    assert found() == [3, 2, 1, 0]
    assert found(cameras=("yard",)) == [1]
    assert found(cameras=()) == []
    assert found(who="veli") == [1]
    assert found(purpose="2026/4") == [2, 0]
    assert found(purpose="100%") == [1]
    assert found(purpose="0_") == []
    assert found(start=Instant(BEGIN + 3 * MINUTE + 1)) == [2]  # a movement reaches into it
    assert found(start=Instant(BEGIN + MINUTE), end=Instant(BEGIN + 2 * MINUTE)) == [1]
    first, second = records.logbook.page(Query(), 2)
    assert [one.operator for one in (first, second)] == ["ayse", "ali"]
    assert [one.at for one in records.logbook.page(Query(), 1, second.number)] == [
        BEGIN + MINUTE
    ]  # fmt: skip
    assert len(list(records.logbook.all(Query(who="ali")))) == 2


def test_an_older_state_of_a_movement_that_comes_later_changes_nothing(records: Records) -> None:
    number = records.log(line(0, command="move", until=BEGIN))
    first = Movement.begun("ali", "", Vector(0.5), BEGIN)
    later = Movement.begun("ali", "", Vector(0.5), BEGIN)
    first.go_on(Vector(0.6), Instant(BEGIN + SECOND))
    later.go_on(Vector(0.6), Instant(BEGIN + SECOND))
    later.go_on(Vector(0.7), Instant(BEGIN + 2 * SECOND))
    records.go_on(number, later)
    records.go_on(number, first)
    (kept,) = records.logbook.page(Query(), 9)
    assert (kept.commands, kept.until) == (3, BEGIN + 2 * SECOND)
    assert kept.detail == "0.500 0.000 0.000; pan 0.500..0.700"


def test_lines_of_an_older_release_are_read(engine: sa.Engine) -> None:
    migrate(engine, "0027_account_numbers")
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO ptz_command (camera, at, operator, command, detail, result, purpose)"
                " VALUES ('gate', 50, 'ali', 'move', '0.5 0 0', 'done', '2026/41')"
            )
        )
    migrate(engine)
    (old,) = Logbook(engine).page(Query(), 9)
    assert (old.at, old.until, old.commands, old.purpose) == (50, None, 1, "2026/41")


def test_no_spreadsheet_computes_a_purpose() -> None:
    moves = "0 0.5 0 0; 100 -0.5 0 0"
    head, told = rows([line(0, purpose="=1+1", until=BEGIN, commands=4, number=7, moves=moves)])
    assert head.startswith("number,camera,at,until,operator,command,detail,commands,result")
    assert told.startswith("7,gate,2025-11-22T")
    assert told.endswith(f",4,done,'=1+1,{moves}\r\n")


# -- kept


def test_the_log_is_kept_by_time_and_never_emptied_by_a_doubtful_clock(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"file": tmp_path / "cameras.toml", "system": {"data": tmp_path}, "ptz": {"keep": "90 d"}}
    )
    clock = FakeClock(Instant(BEGIN + 100 * DAY))
    fresh_database(tmp_path, tmp_path / "template.db")
    with open_site(settings, clock) as site:
        records = Records(site.engine)
        for number in range(3):
            records.log(line(0, at=Instant(BEGIN + number * 9 * DAY)))
        duty = SteeringLogDuty(site)
        doubts: list[str | None] = ["it leapt"]
        site.keeping.clock_doubt = lambda: doubts[0]  # type: ignore[method-assign]
        duty.work(STOP)
        assert records.logbook.count() == 3
        doubts[0] = None
        duty.work(STOP)
        left = [one.at for one in records.logbook.page(Query(), 9)]
        assert left == [BEGIN + 18 * DAY]


def test_that_the_log_fills_is_a_finding_before_a_line_goes(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"file": tmp_path / "cameras.toml", "system": {"data": tmp_path}}
    )
    clock = FakeClock(BEGIN)
    fresh_database(tmp_path, tmp_path / "template.db")
    with open_site(settings, clock) as site:
        records, findings = Records(site.engine), Findings(site.engine, clock)
        duty = SteeringLogDuty(site, bound=20)
        said = []
        for lines in (17, 1, 5):
            for _ in range(lines):
                records.log(line(0, at=clock.now()))
                clock.advance(SECOND)
            duty.work(STOP)
            said.append([one.detail for one in findings.open(Kind.PTZ_LOG_FULL)])
        assert said[0] == []
        assert said[1] == ["18 lines of steering's log, 20 are kept at most"]
        assert said[2][0].startswith("23 lines of steering's log, 20 are kept at most; those bef")
        assert records.logbook.count() == 20
        assert records.logbook.oldest() == BEGIN + 3 * SECOND


# -- patrols


def test_a_camera_that_does_not_answer_delays_no_other_patrol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.cameras.steering.patrols._EVERY_S", 0.02)

    async def scene(house: House) -> None:
        tokens = {}
        for camera in ("gate", "yard"):
            token = await house.steering.do(camera, ALI, command.save_preset("Kapı", None))
            assert token is not None
            tokens[camera] = token
            await house.steering.release(camera, ALI)
        gone = asyncio.Event()
        run = house.steering._run

        async def hangs(
            camera: str, helm: object, wanted: command.Command, *more: object
        ) -> str | None:
            if camera == "gate" and wanted.word == "preset_goto":
                await gone.wait()
            return await run(camera, helm, wanted, *more)  # type: ignore[arg-type]

        monkeypatch.setattr(house.steering, "_run", hangs)
        for camera, token in tokens.items():
            patrol = Patrol((Step(token, 5), Step(token, 5)), running=True)
            await house.steering.set_patrol(camera, ALI, patrol)
        yard = house.fleet.device("yard").head
        for _ in range(3):
            yard._target = None
            house.clock.advance(Span(6 * SECOND))
            await until(lambda: yard._target is not None)
        assert house.steering._patrols._sent == {"gate"}
        gone.set()
        await until(lambda: not house.steering._patrols._sent)

    within(tmp_path, scene)
