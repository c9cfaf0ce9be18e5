"""A device with several video sources is a camera for each; none of them mixes two lenses."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.cameras.onvif.house import RIGHT, address_of, devices, sign_in
from tests.cameras.onvif.test_client import within
from vms.cameras.entry import entered
from vms.cameras.onvif.client import SOURCES_MAX, OnvifClient
from vms.cameras.onvif.clients import OnvifClients
from vms.cameras.onvif.http import Http
from vms.cameras.onvif.imaging import ImagingService
from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.port import OnvifError, Profile, Trouble, VideoSource
from vms.cameras.onvif.reading import main_and_sub, profiles_of, sources_of, sources_shown
from vms.cameras.onvif.search import Search, Wanted
from vms.cameras.onvif.topics import Notice, without_others
from vms.cameras.onvif.xml import Element, parse
from vms.cameras.provisioning import RegisteredCamera
from vms.cameras.suggestion import suggested
from vms.core.clock import SystemClock
from vms.simulator.fleet import Fleet

LOCAL = Networks(("127.0.0.0/8",))


def profile(token: str, source: str, width: int, height: int) -> Profile:
    return Profile(token, token, "h264", width, height, 25, "media", source)


ENCODER = (
    profile("1-main", "a", 1920, 1080), profile("1-sub", "a", 640, 360),
    profile("2-main", "b", 960, 576), profile("2-sub", "b", 320, 180),
    profile("3-main", "c", 3840, 2160),
)  # fmt: skip


@pytest.mark.parametrize(
    ("source", "main", "sub"),
    [(None, "1-main", "1-sub"), ("a", "1-main", "1-sub"), ("b", "2-main", "2-sub"),
     ("c", "3-main", None)],
)  # fmt: skip
def test_main_and_sub_are_of_one_source(source: str | None, main: str, sub: str | None) -> None:
    found = main_and_sub(ENCODER, source)
    assert (found[0].token, found[1] and found[1].token) == (main, sub)


def test_a_source_that_no_profile_shows_is_said() -> None:
    with pytest.raises(OnvifError, match="'d'; there are a, b, c") as told:
        main_and_sub(ENCODER, "d")
    assert told.value.trouble is Trouble.NO_PROFILE


def test_a_camera_that_names_no_source_has_one() -> None:
    profiles = [profile("main", "", 1920, 1080), profile("sub", "", 640, 360)]
    assert sources_shown(profiles) == [""]
    assert main_and_sub(profiles)[1] is not None
    assert sources_shown([*profiles, *ENCODER]) == ["a", "b", "c"]


MEDIA = """<r><Profiles token="p1"><VideoSourceConfiguration token="c1"><SourceToken>s1
</SourceToken></VideoSourceConfiguration><VideoEncoderConfiguration><Encoding>H264</Encoding><Resolution><Width>64
</Width><Height>36</Height></Resolution></VideoEncoderConfiguration></Profiles></r>"""
MEDIA2 = """<r><Profiles token="p1"><Configurations><VideoSource token="c1"><SourceToken>s1
</SourceToken></VideoSource><VideoEncoder><Encoding>H265</Encoding><Resolution><Width>64</Width>
<Height>36</Height></Resolution></VideoEncoder></Configurations></Profiles></r>"""


@pytest.mark.parametrize(("text", "service"), [(MEDIA, "media"), (MEDIA2, "media2")])
def test_profiles_tell_their_source_in_both_services(text: str, service: Any) -> None:
    answer = parse(text.encode())
    assert [one.source for one in profiles_of(answer, service)] == ["s1"]
    assert sources_of(answer) == [VideoSource("s1", ("c1",))]


def _client(fleet: Fleet, source: str | None, camera: str = "gate") -> OnvifClient:
    return OnvifClient(
        Http(LOCAL), address_of(fleet, camera), RIGHT, sign_in, SystemClock(), source=source
    )


@pytest.mark.parametrize("camera", ["gate", "yard"])
def test_each_source_is_described_and_their_number_is_bounded(camera: str) -> None:
    async def scene(fleet: Fleet) -> None:
        assert len(await _client(fleet, None, camera).describe_all()) == 1
        fleet.set_fault(camera, "onvif-channels", count=2)
        every = await _client(fleet, None, camera).describe_all()
        assert [(one.source, one.number, one.sources) for one in every] == [
            ("vs", 1, 2), ("vs.2", 2, 2),
        ]  # fmt: skip
        for one in every:
            assert one.sub is not None
            assert one.main.profile.source == one.sub.profile.source == one.source
        assert every[1].main.uri == f"{fleet.url(camera)}?channel=2"
        assert (await _client(fleet, "vs.2", camera).describe()).main == every[1].main
        fleet.set_fault(camera, "onvif-channels", count=SOURCES_MAX + 4)
        every = await _client(fleet, None, camera).describe_all()
        assert (len(every), every[0].sources) == (SOURCES_MAX, SOURCES_MAX + 4)

    within(scene)


def test_the_head_that_turns_is_the_one_of_the_source() -> None:
    async def scene(fleet: Fleet) -> None:
        fleet.set_fault("gate", "onvif-channels")
        assert (await _client(fleet, "vs.2").ptz.facts()).profile == "profile-main.2"
        with pytest.raises(OnvifError) as told:
            await _client(fleet, "vs").ptz.facts()
        assert told.value.trouble is Trouble.NO_SERVICE

    within(scene)


class _Asked:
    """An Asking that remembers what it was asked."""

    def __init__(self) -> None:
        self.address, self.bodies = "10.0.0.5:80", list[str]()

    async def ask(self, prefix: str, body: str) -> Element:
        self.bodies.append(body)
        return parse(b"<r/>")


class _Two:
    """A MediaService with two sources."""

    async def sources(self) -> list[VideoSource]:
        return [VideoSource("vs"), VideoSource("vs.2")]


@pytest.mark.parametrize(("source", "token"), [(None, "vs"), ("vs.2", "vs.2")])
def test_the_picture_that_is_set_is_the_one_of_the_source(source: str | None, token: str) -> None:
    asked = _Asked()
    asyncio.run(ImagingService(asked, _Two(), source).focus(1))  # type: ignore[arg-type]
    assert f"<timg:VideoSourceToken>{token}<" in asked.bodies[0]
    with pytest.raises(OnvifError, match="no video source vs\\.9"):
        asyncio.run(ImagingService(asked, _Two(), "vs.9").focus(1))  # type: ignore[arg-type]


def test_what_another_lens_notices_is_not_heard() -> None:
    async def others(fleet: Fleet) -> list[frozenset[str]]:
        fleet.set_fault("gate", "onvif-channels", count=3)
        tokens = (None, "vs.2", "gone")
        return [await _client(fleet, one).other_sources() for one in tokens]

    nobody, foreign, unknown = within(others)
    assert nobody == unknown == frozenset()
    assert foreign == {"vs", "vsc", "vs.3", "vsc.3"}
    mine, hers, its = (
        Notice("VideoSource/MotionAlarm", {"Source": "vs.2"}, {"State": "true"}),
        Notice(
            "RuleEngine/CellMotionDetector/Motion", {"VideoSourceConfigurationToken": "vsc"}, {}
        ),
        Notice("Device/Trigger/DigitalInput", {"InputToken": "vs"}, {"LogicalState": "true"}),
    )
    assert without_others([mine, hers, its], foreign) == [mine, its]


def test_a_search_offers_a_camera_for_each_source_and_knows_those_that_are_here() -> None:
    async def scene() -> None:
        async with devices() as fleet:
            fleet.set_fault("gate", "onvif-channels")
            wanted = Wanted(
                ("127.0.0.1",), (RIGHT,), multicast=False, port=fleet.discovery_port or 0,
                listen_s=0.7,
            )  # fmt: skip
            search = Search(LOCAL, sign_in, SystemClock())
            found = await search.run(wanted)
            assert sorted(one.match.name for one in found) == [
                "Gozcu gate", "Gozcu gate", "Gozcu yard",
            ]  # fmt: skip
            first, second = (one for one in found if one.match.name == "Gozcu gate")
            told = second.as_json()
            assert (told["video_source"], told["channel"], told["channels"]) == ("vs.2", 2, 2)
            taken = entered(suggested(second, set()))
            assert (taken.id, taken.onvif_source) == ("gozcu-gate-2", "vs.2")
            again = await search.run(wanted, [RegisteredCamera(taken, "database")])
            known = {one.facts and one.facts.main.uri: one.camera for one in again}
            assert known[first.facts and first.facts.main.uri] is None
            assert known[second.facts and second.facts.main.uri] == "gozcu-gate-2"
            older = taken.model_copy(update={"id": "older", "onvif_source": None})
            older = older.model_copy(update={"source": "rtsp://127.0.0.1/typed/by/hand"})
            again = await search.run(wanted, [RegisteredCamera(older, "database")])
            known = {one.facts and one.facts.main.uri: one.camera for one in again}
            assert known[first.facts and first.facts.main.uri] == "older"  # and not offered anew
            assert known[second.facts and second.facts.main.uri] is None
            client = await OnvifClients(LOCAL, sign_in, SystemClock()).client_for(taken)
            assert (await client.describe()).source == "vs.2"
            single = next(one for one in found if one.match.name == "Gozcu yard")
            assert entered(suggested(single, set())).onvif_source is None

    asyncio.run(scene())
