"""Pull points as makers keep them, and what they call what happens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.cameras.onvif.odd import (
    FAULT,
    REFUSED,
    USUAL,
    Answer,
    Asked,
    Odd,
    asking,
    client_at,
    envelope,
    http,
    odd,
)  # fmt: skip
from vms.cameras import listening
from vms.cameras.listening import Listeners
from vms.cameras.onvif.client import OnvifClient
from vms.cameras.onvif.soap import answer_of
from vms.cameras.onvif.topics import Told, notices_of, told_by
from vms.cameras.reception import Reception
from vms.core.clock import MILLISECOND, Span, SystemClock
from vms.core.config_camera import CameraSettings
from vms.core.model import CameraId

NOTICE = (
    '<wsnt:NotificationMessage><wsnt:Topic>{topic}</wsnt:Topic><wsnt:Message><tt:Message '
    'PropertyOperation="{done}"><tt:Source><tt:SimpleItem Name="Source" Value="vs"/></tt:Source>'
    '<tt:Data>{data}</tt:Data></tt:Message></wsnt:Message></wsnt:NotificationMessage>'
)  # fmt: skip


def told(topic: str, name: str, value: str, done: str = "Changed") -> tuple[str, bool] | None:
    item = f'<tt:SimpleItem Name="{name}" Value="{value}"/>' if name else ""
    said = NOTICE.format(topic=topic, done=done, data=item)
    document = f"<Envelope><Body><r>{said}</r></Body></Envelope>".encode()
    notice = notices_of(answer_of(document, "camera"), 9)[0]
    found = told_by(notice)
    return (found.kind, found.on) if found is not None else None


@pytest.mark.parametrize(
    ("topic", "name", "value", "known"),
    [
        ("tns1:RuleEngine/cellmotiondetector/Motion", "isMotion", "TRUE", ("motion", True)),
        ("tns1:VideoSource/MotionAlarm//.", "state", " true ", ("motion", True)),
        ("tnsaxis:CameraApplicationPlatform/VMD/Camera1ProfileANY", "active", "1",
         ("motion", True)),
        ("tns1:RuleEngine/CellMotionDetector/Tamper", "IsTamper", "true", ("tamper", True)),
        ("tns1:VideoSource/tnsaxis:Tampering", "tampering", "1", ("tamper", True)),
        ("tns1:Device/Trigger/tnshik:AlarmIn", "State", "false", ("digital_input", False)),
        ("tns1:VideoSource/MotionAlarm", "", "", None),
    ],
)  # fmt: skip
def test_makers_words(topic: str, name: str, value: str, known: tuple[str, bool] | None) -> None:
    assert told(topic, name, value) == known


def test_blanks_in_a_topic_and_attributes_in_any_case() -> None:
    said = NOTICE.format(
        topic="\n tns1:VideoSource/\n  MotionAlarm", done="Changed",
        data='<tt:SimpleItem name="State" VALUE="true"/>',
    )  # fmt: skip
    document = f"<Envelope><Body><r>{said}</r></Body></Envelope>".encode()
    (notice,) = notices_of(answer_of(document, "camera"), 9)
    assert told_by(notice) == Told("motion", "vs", True)


@pytest.mark.parametrize(("name", "value"), [("State", "true"), ("", "")])
def test_what_is_deleted_is_over(name: str, value: str) -> None:
    assert told("tns1:VideoSource/MotionAlarm", name, value, "Deleted") == ("motion", False)


CREATED = (
    "<r><SubscriptionReference><Address>http://{host}/sub/1</Address></SubscriptionReference>"
    "<TerminationTime>1970-01-01T00:01:00Z</TerminationTime></r>"
)


def test_a_camera_that_takes_no_time_for_a_subscription_is_heard() -> None:
    def create(asked: Asked) -> str:
        return FAULT if b"InitialTerminationTime" in asked.body else CREATED

    async def scene(device: Odd, client: OnvifClient) -> None:
        point = await client.events.subscribe(60)
        assert point.place.path == "/sub/1"

    asking(scene, CreatePullPointSubscription=create)


class _Hearer:
    def __init__(self) -> None:
        self.heard: list[Told] = []

    def told(self, camera: CameraId, told: Told) -> None:
        self.heard.append(told)

    def still(self, camera: CameraId, lasting: Sequence[Told]) -> None: ...


def test_a_pull_point_that_knows_no_renew_and_is_dropped_is_made_anew_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the backoff as it is: five seconds would end the test."""
    monkeypatch.setattr(listening, "_RENEW_EVERY", Span(10 * MILLISECOND))
    monkeypatch.setattr(listening, "ANEW_AFTER", Span(100 * MILLISECOND))
    monkeypatch.setattr(listening, "_REST_S", 0.02)
    monkeypatch.setattr(listening, "_IDLE_S", 0.02)
    made = pulls = 0

    def create(asked: Asked) -> str:
        nonlocal made
        made += 1
        return CREATED

    def pull(asked: Asked) -> str:
        nonlocal pulls
        pulls += 1
        if pulls % 10 == 0:
            return FAULT
        item = f'<tt:SimpleItem Name="State" Value="{"true" if made > 1 else "false"}"/>'
        notice = NOTICE.format(topic="tns1:VideoSource/MotionAlarm", done="Changed", data=item)
        return f"<r>{notice}</r>"

    async def run() -> list[Told]:
        answers: dict[str, Answer] = {
            "CreatePullPointSubscription": create, "PullMessages": pull, "Unsubscribe": "<r/>",
        }  # fmt: skip
        async with odd(**answers) as device:

            async def client_for(camera: CameraSettings) -> OnvifClient:
                return client_at(device)

            camera = CameraSettings.model_validate(
                {"id": "gate", "source": "rtsp://10.0.0.5/1", "onvif": "http://10.0.0.5"}
            )
            hearer, reception = _Hearer(), Reception()
            listeners = Listeners(client_for, hearer, SystemClock(), reception)
            await listeners.follow([camera])
            try:
                async with asyncio.timeout(4):
                    while not any(one.on for one in hearer.heard):
                        await asyncio.sleep(0.02)
                heard = reception.of(camera.camera_id)
                assert heard is not None
                assert heard.well
                assert "Renew" in device.actions
            finally:
                await listeners.close()
            return hearer.heard

    assert [one.on for one in asyncio.run(run())] == [False, True]


def test_a_camera_that_never_waits_is_asked_seldom_while_nothing_happens() -> None:
    async def run() -> int:
        answers: dict[str, Answer] = {
            "CreatePullPointSubscription": CREATED, "PullMessages": "<r/>", "Unsubscribe": "<r/>",
            "Renew": "<r/>",
        }  # fmt: skip
        async with odd(**answers) as device:

            async def client_for(camera: CameraSettings) -> OnvifClient:
                return client_at(device)

            camera = CameraSettings.model_validate(
                {"id": "gate", "source": "rtsp://10.0.0.5/1", "onvif": "http://10.0.0.5"}
            )
            listeners = Listeners(client_for, _Hearer(), SystemClock(), Reception())
            await listeners.follow([camera])
            try:
                await asyncio.sleep(3)
            finally:
                await listeners.close()
            return device.actions.count("PullMessages")

    assert 2 <= asyncio.run(run()) <= 6


def test_a_wrong_password_costs_two_refusals_also_where_the_time_is_asked_with_one() -> None:
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n'
    refused = http(envelope(REFUSED), "401 Unauthorized", challenge)
    bare = http(envelope(REFUSED), "400 Bad Request")

    async def run(answer: bytes) -> int:
        async with odd(**dict.fromkeys((*USUAL, "CreatePullPointSubscription"), answer)) as device:

            async def client_for(camera: CameraSettings) -> OnvifClient:
                return client_at(device)

            camera = CameraSettings.model_validate(
                {"id": "gate", "source": "rtsp://10.0.0.5/1", "onvif": "http://10.0.0.6"}
            )
            reception = Reception()
            listeners = Listeners(client_for, _Hearer(), SystemClock(), reception)
            await listeners.follow([camera])
            try:
                async with asyncio.timeout(4):
                    while reception.of(camera.camera_id) is None:
                        await asyncio.sleep(0.02)
            finally:
                await listeners.close()
            heard = reception.of(camera.camera_id)
            assert heard is not None
            assert heard.trouble == "refused"
            signed = (b"UsernameToken" in one.body or "Authorization" in one.head
                      for one in device.asked)  # fmt: skip
            return sum(signed)

    assert asyncio.run(run(refused)) <= 2
    assert asyncio.run(run(bare)) <= 2
