"""When a camera is asked for its events while its password may be wrong: seldom."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from vms.cameras import listening
from vms.cameras.listening import Listeners
from vms.cameras.onvif.client import OnvifClient
from vms.cameras.onvif.port import OnvifError, Trouble
from vms.cameras.onvif.topics import Told
from vms.cameras.reception import Reception
from vms.cameras.standing import Standing
from vms.core.clock import MILLISECOND, Instant, Span, SystemClock
from vms.core.config_camera import CameraSettings
from vms.core.model import CameraId, Cause, State, StreamKey
from vms.core.status import StreamStatus
from vms.core.supervise import Backoff

MAIN, SUB = StreamKey(CameraId("gate")), StreamKey(CameraId("gate"), "sub")
IN = StreamStatus(State.RECORDING, Instant(0))
REFUSED = StreamStatus(State.FAILED, Instant(0), Cause.REFUSED)
GONE = StreamStatus(State.FAILED, Instant(0), Cause.UNREACHABLE)


def test_a_camera_that_lets_one_stream_in_refuses_nobody() -> None:
    standing = Standing()
    assert standing.of(MAIN.camera) is None
    for streams, word in [
        ({MAIN: REFUSED, SUB: REFUSED}, False),
        ({MAIN: IN, SUB: REFUSED}, True),
        ({MAIN: REFUSED, SUB: IN}, True),
        ({MAIN: GONE, SUB: GONE}, None),
        ({}, None),
    ]:
        standing.told(streams)
        assert standing.of(MAIN.camera) is word


class _Nobody:
    """Hears nothing."""

    def told(self, camera: CameraId, told: Told) -> None: ...
    def still(self, camera: CameraId, lasting: Sequence[Told]) -> None: ...


class Site:
    """Cameras at a device that refuses who asks for events."""

    def __init__(self, *names: str, source: str = "rtsp://10.0.0.5/1") -> None:
        self.asked: list[str] = []
        self.trouble = Trouble.REFUSED
        self.standing, self.reception = Standing(), Reception()
        self.cameras = [
            CameraSettings.model_validate(
                {"id": name, "source": source, "onvif": "http://10.0.0.5:8000",
                 "username": "vms", "password": "p"}
            )
            for name in names
        ]  # fmt: skip

    async def client_for(self, camera: CameraSettings) -> OnvifClient:
        self.asked.append(camera.id)
        await asyncio.sleep(0.01)
        raise OnvifError(self.trouble, "401 Unauthorized")

    def tell(self, status: StreamStatus) -> None:
        self.standing.told({StreamKey(one.camera_id): status for one in self.cameras})


def listened(site: Site, scene: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        clock = SystemClock()
        listeners = Listeners(site.client_for, _Nobody(), clock, site.reception, site.standing)
        await listeners.follow(site.cameras)
        try:
            async with asyncio.timeout(20):
                await scene()
        finally:
            await listeners.close()

    asyncio.run(run())


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A try each moment, where nothing keeps it back."""
    monkeypatch.setattr(
        listening, "Backoff", lambda **_: Backoff(floor=MILLISECOND, ceiling=MILLISECOND)
    )
    monkeypatch.setattr(listening, "RECORDER_FIRST", Span(300 * MILLISECOND))


def test_channels_of_one_device_are_refused_together() -> None:
    site = Site(*(f"channel-{number}" for number in range(8)))
    site.tell(IN)

    async def scene() -> None:
        await until(lambda: all(site.reception.of(one.camera_id) for one in site.cameras))
        await asyncio.sleep(0.3)

    listened(site, scene)
    assert len(site.asked) == 1
    heard = [site.reception.of(one.camera_id) for one in site.cameras]
    assert {one.trouble for one in heard if one is not None} == {Trouble.REFUSED}


def test_a_camera_that_refuses_the_recorder_is_asked_once_it_takes_it() -> None:
    site = Site("gate")
    site.tell(REFUSED)

    async def scene() -> None:
        await asyncio.sleep(0.8)
        assert site.asked == []
        heard = site.reception.of(MAIN.camera)
        assert heard is not None
        assert heard.trouble == Trouble.REFUSED
        site.tell(IN)
        await until(lambda: site.asked == ["gate"])

    listened(site, scene)


def test_the_recorder_s_own_try_is_waited_for_a_moment() -> None:
    site = Site("gate")

    async def scene() -> None:
        await asyncio.sleep(0.1)
        assert site.asked == []
        await until(lambda: site.asked == ["gate"])

    listened(site, scene)


def test_a_password_that_the_device_takes_anew_is_tried_at_once() -> None:
    site = Site("gate")
    site.tell(IN)

    async def scene() -> None:
        await until(lambda: len(site.asked) == 1)
        for status in (GONE, IN, GONE, IN):  # the network failed
            await asyncio.sleep(0.05)
            site.tell(status)
        await asyncio.sleep(0.2)
        assert len(site.asked) == 1
        for status in (REFUSED, IN):
            await asyncio.sleep(0.05)
            site.tell(status)
        await until(lambda: len(site.asked) == 2)

    listened(site, scene)


def test_video_from_elsewhere_says_nothing_of_the_camera_s_password() -> None:
    site = Site("gate", source="rtsp://10.0.0.9/relayed")
    site.tell(REFUSED)

    async def scene() -> None:
        await until(lambda: site.asked == ["gate"])

    listened(site, scene)
