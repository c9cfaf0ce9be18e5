"""Events by pull point: what is heard, what it means, and that places are given back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.cameras.onvif.house import client_of
from tests.cameras.onvif.test_client import within
from vms.cameras.listening import Listeners
from vms.cameras.onvif.client import OnvifClient
from vms.cameras.onvif.port import OnvifError
from vms.cameras.onvif.topics import Kind, Notice, Told, changes, notices_of, told_by
from vms.cameras.onvif.xml import parse
from vms.cameras.reception import Reception
from vms.core.clock import SystemClock
from vms.core.config_camera import CameraSettings
from vms.core.model import CameraId
from vms.simulator.fleet import Fleet


@pytest.mark.parametrize("fault", [None, "onvif-parameters", "onvif-foreign-xaddr"])
def test_what_begins_is_heard_at_once(fault: str | None) -> None:
    async def scene(fleet: Fleet) -> None:
        if fault is not None:
            fleet.set_fault("gate", fault)
        device, events = fleet.device("gate"), client_of(fleet).events
        known: dict[tuple[Kind, str], bool] = {}
        point = await events.subscribe(60)
        first = changes(await events.pull(point, 1), known)
        assert {(one.kind, one.on) for one in first} == {
            ("motion", False), ("tamper", False), ("digital_input", False), ("signal_loss", False),
        }  # fmt: skip
        waiting = asyncio.create_task(events.pull(point, 20))
        await asyncio.sleep(0.05)
        device.happen("digital-input", on=True)
        assert changes(await waiting, known) == [Told("digital_input", "in-1", True)]
        await events.renew(point, 60)
        await events.leave(point)
        assert device.subscriptions == {}
        with pytest.raises(OnvifError):
            await events.pull(point, 1)

    within(scene)


@pytest.mark.parametrize(
    ("topic", "data", "told"),
    [
        ("RuleEngine/CellMotionDetector/Motion", {"IsMotion": "true"}, ("motion", True)),
        ("VideoSource/GlobalSceneChange/AnalyticsService", {"State": "0"}, ("tamper", False)),
        ("Device/Trigger/DigitalInput", {"LogicalState": "active"}, ("digital_input", True)),
        ("VideoSource/SignalLoss", {"State": "TRUE"}, ("signal_loss", True)),
        ("VideoSource/SignalLossless", {"State": "true"}, None),
        ("VideoSource/MotionAlarm", {"State": "perhaps"}, None),
        ("Monitoring/ProcessorUsage", {"Value": "40"}, None),
    ],
)
def test_topics_of_makers(topic: str, data: dict[str, str], told: tuple[str, bool] | None) -> None:
    found = told_by(Notice(topic, {"Source": "vs"}, data))
    assert (found and (found.kind, found.on)) == told


def test_what_a_camera_repeats_is_no_news_and_memory_is_bounded() -> None:
    on = Notice("VideoSource/MotionAlarm", {"Source": "vs"}, {"State": "true"})
    known: dict[tuple[Kind, str], bool] = {}
    assert len(changes([on, on], known)) == 1
    assert changes([on], known) == []
    off = Notice(on.topic, on.source, {"State": "false"})
    assert [one.on for one in changes([off, on, off, on, off], known)] == [False]
    assert [one.on for one in changes([on, off, on, off], known)] == [True, False]
    assert changes([off, off], known) == []
    flood = [Notice(on.topic, {"Source": str(number)}, on.data) for number in range(1_000)]
    assert len(changes(flood, known)) < 100


class _Lens:
    """A client of the second lens of a device, whose first notices something, too."""

    def __init__(self) -> None:
        self.events = self
        self.left = 0

    async def other_sources(self) -> frozenset[str]:
        return frozenset({"vs"})

    async def clock_offset(self, *, anew: bool = False) -> int:
        return 0

    async def subscribe(self, life_s: int) -> None: ...
    async def renew(self, point: None, life_s: int) -> None: ...

    async def pull(self, point: None, wait_s: int) -> list[Notice]:
        self.left += 1
        if self.left > 1:
            await asyncio.sleep(60)
        return [
            Notice("VideoSource/MotionAlarm", {"Source": token}, {"State": "true"})
            for token in ("vs", "vs.2")
        ]

    async def leave(self, point: None) -> None: ...


class _Hearer:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def told(self, camera: CameraId, told: Told) -> None:
        self.heard.append(told.source)

    def still(self, camera: CameraId, lasting: Sequence[Told]) -> None: ...


def test_a_camera_that_is_one_lens_of_a_device_hears_that_lens_alone() -> None:
    camera = CameraSettings(
        id="gate", source="rtsp://10.0.0.5/2", onvif="http://10.0.0.5", onvif_source="vs.2"
    )
    hearer, lens = _Hearer(), _Lens()

    async def client_for(settings: CameraSettings) -> OnvifClient:
        return lens  # type: ignore[return-value]

    async def scene() -> None:
        listeners = Listeners(client_for, hearer, SystemClock(), Reception())
        await listeners.follow([camera])
        async with asyncio.timeout(5):
            while lens.left < 2:
                await asyncio.sleep(0.01)
        await listeners.close()

    asyncio.run(scene())
    assert hearer.heard == ["vs.2"]


def test_prefixes_are_no_part_of_a_topic() -> None:
    message = (
        "<r><NotificationMessage><Topic>tns1:RuleEngine/tnsx:CellMotionDetector/Motion</Topic>"
        '<Message><Message><Data><SimpleItem Name="IsMotion" Value="true"/></Data></Message>'
        "</Message></NotificationMessage></r>"
    )
    (notice,) = notices_of(parse(message.encode()), 10)
    assert notice.topic == "RuleEngine/CellMotionDetector/Motion"
