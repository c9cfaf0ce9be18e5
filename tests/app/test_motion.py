"""The motion process's parts: live messages in, events out; the duty that runs it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import pytest

from tests.cameras.motion.scenes import Street, Walker, write_film
from vms.alarms.event import UNTOLD, Event
from vms.app import motion_duty
from vms.app.lookout import Lookout
from vms.app.motion_duty import MotionDuty
from vms.app.motion_events import MotionEvents, Telling
from vms.app.site import Site, open_site
from vms.cameras.motion.deciding import Change
from vms.cameras.motion.sights import read_sights, write_sights
from vms.core.clock import MINUTE, SECOND, FakeClock, Instant, Mono, Span
from vms.core.config import Settings
from vms.core.config_camera import CameraSettings
from vms.core.config_motion import MotionSettings
from vms.core.live import FormatChanged, LiveMessage, LiveUnit, StreamDown
from vms.core.media import AccessUnit, StreamFormat, Track, VideoFormat
from vms.core.model import CameraId, Cause, StreamKey
from vms.simulator.nal import is_keyframe, parameter_sets, split_annexb

GATE = CameraId("gate")
FPS = 10
WANTED = MotionSettings(sensitivity=4)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> list[LiveMessage]:
    """Ten seconds of a street with someone in it from 4 to 7, as the hub would send them."""
    path = tmp_path_factory.mktemp("film") / "film.h264"
    write_film(path, 10, FPS, Walker(4, 7))
    messages: list[LiveMessage] = []
    with av.open(str(path)) as container:
        for number, packet in enumerate(container.demux(video=0)):
            nals = split_annexb(bytes(packet))
            if not nals:
                continue
            if not messages:
                sps, pps = parameter_sets("h264", nals)
                video = VideoFormat("h264", 320, 180, (sps,), (pps,))
                messages.append(FormatChanged(StreamKey(GATE, "sub"), StreamFormat(video), 1))
            data = b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)
            key = is_keyframe("h264", nals)
            unit = AccessUnit(Track.VIDEO, data, number * 9_000, Mono(number), key)
            messages.append(LiveUnit(unit, Instant(SECOND * number // FPS)))
    assert len(messages) == 10 * FPS + 1
    return messages


def play(
    lookout: Lookout, messages: Sequence[LiveMessage], *, each: int = 3, seldom: bool = False
) -> list[tuple[bool, float]]:
    """In rounds of `each` messages; what begins and ends, in seconds."""
    found = []
    for first in range(0, len(messages), each):
        found += lookout.look(messages[first : first + each], seldom=seldom)
    return [(one.on, one.at / SECOND) for one in found]


def test_what_moves_in_coded_pictures_is_found(film: list[LiveMessage]) -> None:
    (on, began), (off, ended) = play(Lookout(WANTED, FakeClock()), film)
    assert (on, off) == (True, False)
    assert 4 <= began <= 4.6
    assert 6.3 <= ended <= 7.1


def test_by_keyframes_only_it_is_found_later_and_at_a_tenth_of_the_pictures(
    film: list[LiveMessage],
) -> None:
    lookout = Lookout(WANTED, FakeClock())
    (on, began), *_ = play(lookout, film, seldom=True)
    assert on
    assert 4 <= began <= 5
    assert lookout.sight(seldom=True).seldom


def test_between_the_paces_nothing_is_decoded_wrong(film: list[LiveMessage]) -> None:
    lookout = Lookout(WANTED, FakeClock())
    quiet = film[: 4 * FPS]
    assert play(lookout, quiet[:12]) == []
    assert play(lookout, quiet[12:25], seldom=True) == []
    assert play(lookout, quiet[25:]) == []


def test_of_pictures_that_waited_too_long_only_the_newest_are_decoded(
    film: list[LiveMessage],
) -> None:
    lookout = Lookout(WANTED, FakeClock())
    lookout.look(film[:60], seldom=False)
    assert lookout.sight(seldom=False).at == 58 * SECOND // FPS


def test_a_stream_that_ends_in_privacy_ends_what_moved(film: list[LiveMessage]) -> None:
    lookout = Lookout(WANTED, FakeClock())
    assert [on for on, _ in play(lookout, film[:60])] == [True]
    assert [on for on, _ in play(lookout, [StreamDown(Cause.PRIVACY, None)])] == [False]
    assert play(lookout, film[60:]) == [], "pictures without a format are none"
    assert lookout.sight(seldom=False).at is None


def test_damaged_pictures_are_waited_out(film: list[LiveMessage]) -> None:
    lookout = Lookout(WANTED, FakeClock())
    broken = [
        LiveUnit(AccessUnit(Track.VIDEO, b"\0\0\0\4junk", 0, Mono(0), True), one.wall)
        if isinstance(one, LiveUnit) and number % 7 == 0
        else one
        for number, one in enumerate(film, 1)
    ]
    play(lookout, broken)
    play(lookout, broken, seldom=True)


def test_work_is_measured_while_all_is_decoded(film: list[LiveMessage]) -> None:
    class Slow(FakeClock):
        """Each look at it takes a tenth of a second."""

        def monotonic(self) -> Mono:
            self.advance(SECOND // 10)
            return super().monotonic()

    lookout = Lookout(WANTED, Slow())
    play(lookout, film * 2)
    cost = lookout.cost
    assert 0.1 < cost < 1
    play(lookout, film, seldom=True)
    assert 0.5 * cost < lookout.cost < cost


# -- events


@pytest.fixture
def site(tmp_path: Path) -> Any:
    facts = {"file": tmp_path / "cameras.toml", "system": {"data": tmp_path / "data"}}
    with open_site(Settings.model_validate(facts), FakeClock()) as opened:
        yield opened


def told(site: Site) -> list[Event]:
    return site.events.active(Instant(0))[::-1]


def advance(site: Site, span: int) -> None:
    assert isinstance(site.clock, FakeClock)
    site.clock.advance(Span(span))


def test_motion_is_an_event_from_its_first_picture_to_its_last(site: Site) -> None:
    events, now = MotionEvents(site.events, site.clock), site.clock.now()
    events.tell(GATE, Change("kapı", True, Instant(now - SECOND)))
    events.tell(GATE, Change("yol", True, now))
    advance(site, 9 * SECOND)
    events.tell(GATE, Change("kapı", False, Instant(now + 7 * SECOND)))
    found = [(one.kind, one.detail, one.start, one.end) for one in told(site)]
    assert found == [
        ("motion", "kapı", now - SECOND, now + 7 * SECOND),
        ("motion", "yol", now, None),
    ]


def test_the_cameras_own_motion_is_another_event(site: Site) -> None:
    own = site.events.add(GATE, "motion", lasts=True)
    events, now = MotionEvents(site.events, site.clock), site.clock.now()
    events.end_left_over({GATE: {"*"}})
    events.tell(GATE, Change("*", True, now))
    events.tell(GATE, Change("*", False, now))
    assert [(one.id == own.id, one.end) for one in told(site)] == [(True, None), (False, now)]


def test_what_lasts_is_told_again_until_it_ends(site: Site) -> None:
    events, now = MotionEvents(site.events, site.clock), site.clock.now()
    events.tell(GATE, Change("*", True, now))
    for _ in range(3 * UNTOLD // (2 * MINUTE)):
        advance(site, 2 * MINUTE)
        events.retell()
    events.tell(GATE, Change("*", False, site.clock.now()))
    assert [(one.start, one.end) for one in told(site)] == [(now, site.clock.now())]


def test_what_lasted_when_the_process_died_is_over(site: Site) -> None:
    now = site.clock.now()
    MotionEvents(site.events, site.clock).tell(GATE, Change("kapı", True, now))
    advance(site, 20 * SECOND)
    MotionEvents(site.events, site.clock).end_left_over({GATE: {"kapı"}})
    assert [one.end for one in told(site)] == [now]


def test_what_the_database_can_t_take_at_once_is_bounded_and_told_later(site: Site) -> None:
    async def scene() -> None:
        telling = Telling(MotionEvents(site.events, site.clock))
        for _ in range(1_200):
            telling.note(GATE, Change("*", True, site.clock.now()))
        assert telling._lost == 200
        telling._untold = asyncio.Queue(2)
        telling.note(GATE, Change("*", True, site.clock.now()))
        running = asyncio.create_task(telling.run())
        while not told(site):
            await asyncio.sleep(0.01)
        running.cancel()

    asyncio.run(asyncio.wait_for(scene(), 10))


def test_what_moves_is_read_back_as_it_was_written(site: Site, film: list[LiveMessage]) -> None:
    lookout, run_dir = Lookout(WANTED, FakeClock()), site.settings.run_dir
    play(lookout, film[:60])
    sight = lookout.sight(seldom=False)
    assert any(byte != "0" for byte in sight.cells)
    write_sights(run_dir, {"gate": sight}, site.clock.now())
    read = read_sights(run_dir, site.clock.now())
    assert read is not None
    assert (read["gate"].at, read["gate"].cells) == (sight.at, sight.cells)
    assert read["gate"].zones[0].since == sight.zones[0].since is not None
    advance(site, MINUTE)
    assert read_sights(run_dir, site.clock.now()) is None


def test_the_process_runs_only_while_a_camera_wants_it(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "runs"
    script = f"touch {mark}; trap 'rm {mark}; exit' TERM; while sleep 0.02; do :; done"
    monkeypatch.setattr(motion_duty, "command", lambda role, settings: ("sh", "-c", script))
    monkeypatch.setattr(motion_duty, "_LOOK_EVERY_S", 0.02)
    camera = {"id": "gate", "source": "rtsp://10.0.0.5/main", "sub": "rtsp://10.0.0.5/sub"}
    site.registry.add(CameraSettings.model_validate(camera | {"motion": {}}), "ayşe")
    stopping = threading.Event()

    def until(*, runs: bool) -> None:
        for _ in range(500):
            if mark.exists() == runs:
                return
            stopping.wait(0.01)
        raise AssertionError(f"runs: {not runs}")

    duty = threading.Thread(target=MotionDuty(site).work, args=(stopping,))
    duty.start()
    try:
        until(runs=True)
        without = CameraSettings.model_validate(camera)
        site.registry.change("gate", lambda _: without, "ayşe")
        until(runs=False)
        again = CameraSettings.model_validate(camera | {"motion": {"sensitivity": 5}})
        site.registry.change("gate", lambda _: again, "ayşe")
        until(runs=True)
    finally:
        stopping.set()
        duty.join(5)
    assert not mark.exists()


def test_a_street_is_drawn_with_its_walker() -> None:
    street = Street(noise=0)
    assert (street.picture(5, Walker(4, 7)) != street.picture(3, Walker(4, 7))).any()
