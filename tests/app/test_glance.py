"""The keyframe a worker holds, over its real socket: one, without being a viewer, and bounded."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from vms.app.glance import Glances
from vms.core.clock import MINUTE, SECOND, FakeClock, Instant, Mono
from vms.core.config import Settings
from vms.core.live import FormatChanged, LiveHub, LiveMessage, LiveServer, LiveUnit, StreamDown
from vms.core.media import AccessUnit, StreamFormat, Track, VideoFormat
from vms.core.model import CameraId, Cause, StreamKey

GATE = StreamKey(CameraId("gate"))
FORM = StreamFormat(VideoFormat("h264", 64, 64, (b"s",), (b"p",)))


def picture(number: int, size: int = 9) -> LiveUnit:
    unit = AccessUnit(Track.VIDEO, bytes([number]) * size, number, Mono(number), number == 0)
    return LiveUnit(unit, Instant(7 * SECOND + number), True)


class Recorder:
    """A worker's hub and live socket. `state`: what it says of the stream; `held`: its pictures."""

    def __init__(self) -> None:
        self.state: LiveMessage = FormatChanged(GATE, FORM, 1)
        self.held: Sequence[LiveUnit] = ()
        self.watched: list[bool] = []

    @contextmanager
    def at(self, path: Path) -> Iterator[None]:
        loop, ready, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

        async def serve() -> None:
            hub = LiveHub(lambda _: self.held, lambda _, on: self.watched.append(on))
            hub.publish(GATE, self.state)
            async with LiveServer(path, hub):
                ready.set()
                await over.wait()
                assert not hub.is_received(GATE)

        thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="recorder")
        thread.start()
        assert ready.wait(5)
        try:
            yield
        finally:
            loop.call_soon_threadsafe(over.set)
            thread.join(5)
            loop.close()


def settings(folder: Path) -> Settings:
    made = Settings.model_validate(
        {"file": folder / "cameras.toml", "system": {"data": folder}, "recorder": {"workers": 1}}
    )
    made.make_run_dirs()
    return made


def test_the_last_keyframe_is_had_without_being_a_viewer(tmp_path: Path) -> None:
    house, recorder = settings(tmp_path), Recorder()
    recorder.held = [picture(0, 3_000_000), *(picture(n) for n in range(1, 20))]
    with recorder.at(house.socket_path("recorder-0")):
        glances = Glances(house, FakeClock())
        for _ in range(3):
            found = glances.of(GATE)
            assert found is not None
            assert (found.format, found.time) == (FORM, 7 * SECOND)
            assert [len(one.data) for one in found.samples] == [3_000_000]
    assert recorder.watched == []


def test_in_privacy_hours_and_before_the_first_keyframe_there_is_none(tmp_path: Path) -> None:
    house = settings(tmp_path)
    for state in (StreamDown(Cause.PRIVACY, None), FormatChanged(GATE, FORM, 1)):
        recorder = Recorder()
        recorder.state = state
        with recorder.at(house.socket_path("recorder-0")):
            assert Glances(house, FakeClock()).of(GATE) is None


def test_a_recorder_that_does_not_answer_is_asked_once_a_minute(tmp_path: Path) -> None:
    house, clock = settings(tmp_path), FakeClock()
    glances = Glances(house, clock)
    assert glances.of(GATE) is None  # it does not run
    path = house.socket_path("recorder-0")
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(path))
        deaf.listen()
        clock.advance(MINUTE)
        assert glances.of(GATE) is None
    path.unlink()
    recorder = Recorder()
    recorder.held = [picture(0)]
    with recorder.at(path):
        assert glances.of(GATE) is None
        clock.advance(MINUTE)
        assert glances.of(GATE) is not None
