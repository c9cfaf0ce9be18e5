"""Cameras are found: answers are read, strangers' datagrams harm nothing, known ones are marked."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cameras.onvif.house import RIGHT, WRONG, address_of, devices, sign_in
from vms.cameras.onvif.discovery import find
from vms.cameras.onvif.networks import RANGE_MAX, Networks, addresses
from vms.cameras.onvif.port import Trouble
from vms.cameras.onvif.probe import Match, probe, read_matches
from vms.cameras.onvif.search import Found, Search, Wanted
from vms.cameras.onvif.xml import HostileXml, NotXml, parse
from vms.cameras.provisioning import RegisteredCamera
from vms.core.clock import SystemClock
from vms.core.config_camera import CameraSettings
from vms.core.errors import BadRequest
from vms.simulator.fleet import Fleet
from vms.simulator.onvif.discovery import probe_matches

LOCAL = Networks(("127.0.0.0/8",))


async def _searched(fleet: Fleet, *credentials: object, known: object = ()) -> dict[str, Found]:
    wanted = Wanted(
        ("127.0.0.1",), credentials, multicast=False,  # type: ignore[arg-type]
        port=fleet.discovery_port or 0, listen_s=0.8,
    )  # fmt: skip
    found = await Search(LOCAL, sign_in, SystemClock()).run(wanted, known)  # type: ignore[arg-type]
    return {one.match.name.removeprefix("Gozcu "): one for one in found}


def test_a_range_is_searched_and_known_cameras_are_marked() -> None:
    async def scene() -> None:
        async with devices() as fleet:
            mine = CameraSettings(id="north", source=fleet.url("gate"))
            other = CameraSettings(id="south", source="rtsp://127.0.0.1:1/x")
            known = [RegisteredCamera(one, "database") for one in (mine, other)]
            found = await _searched(fleet, RIGHT, known=known)
            gate, yard = found["gate"], found["yard"]
            assert (gate.camera, yard.camera) == ("north", None)
            assert gate.facts is not None
            assert gate.facts.main.uri == fleet.url("gate")
            assert (gate.credentials, gate.trouble) == (RIGHT, None)

    asyncio.run(scene())


def test_a_camera_that_answers_no_probe_is_asked_over_http() -> None:
    async def scene() -> list[Found]:
        async with devices() as fleet:
            for camera in ("gate", "yard"):
                fleet.set_fault(camera, "onvif-empty-matches")
            wanted = Wanted(
                ("127.0.0.1", "127.0.0.9"), (RIGHT,), multicast=False,
                port=fleet.discovery_port or 0, listen_s=0.7, http_port=address_of(fleet).port,
            )  # fmt: skip
            return await Search(LOCAL, sign_in, SystemClock()).run(wanted)

    (found,) = asyncio.run(scene())
    assert (found.match.source, found.credentials) == ("127.0.0.1", RIGHT)
    assert found.facts is not None
    assert found.facts.device.make == "Gozcu"


def test_a_camera_that_refuses_is_left_alone_before_it_locks_us_out() -> None:
    async def scene() -> None:
        async with devices() as fleet:
            found = await _searched(fleet, *[WRONG] * 10)
            assert {one.trouble for one in found.values()} == {Trouble.REFUSED}
            assert {fleet.device(name).signin.refusals for name in found} == {4}

    asyncio.run(scene())


def test_multicast_reaches_the_device_through_an_interface() -> None:
    async def scene() -> list[Match]:
        async with devices() as fleet:
            return await find(LOCAL, port=fleet.discovery_port or 0, listen_s=0.7)

    assert {one.name for one in asyncio.run(scene())} == {"Gozcu gate", "Gozcu yard"}


def test_a_device_that_answers_with_no_match_is_no_camera() -> None:
    async def scene() -> None:
        async with devices() as fleet:
            fleet.set_fault("gate", "onvif-empty-matches")
            assert set(await _searched(fleet, RIGHT)) == {"yard"}

    asyncio.run(scene())


def test_the_host_of_an_answer_is_where_it_came_from() -> None:
    async def scene() -> None:
        async with devices() as fleet:
            fleet.set_fault("gate", "onvif-foreign-xaddr")
            data = probe_matches(fleet.device("gate"), "urn:uuid:7")
            (match,) = read_matches(data, "127.0.0.1", "7")
            assert match.address.host == "127.0.0.1"
            assert read_matches(data, "127.0.0.1", "8") == []  # no answer to our probe

    asyncio.run(scene())


def _answer() -> bytes:
    async def scene() -> bytes:
        async with devices() as fleet:
            return probe_matches(fleet.device("gate"), "urn:uuid:7")

    return asyncio.run(scene())


ANSWER = _answer()


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(ANSWER)), st.binary(max_size=40), st.integers(0, 60))
def test_changed_answers_never_raise(at: int, inserted: bytes, cut: int) -> None:
    data = ANSWER[:at] + inserted + ANSWER[at + cut :]
    for match in read_matches(data, "127.0.0.1", "7"):
        assert match.source == "127.0.0.1"
        assert 0 < match.port < 65_536
        assert match.name.isprintable()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_xml_or_refused(data: bytes) -> None:
    with contextlib.suppress(NotXml, HostileXml):
        parse(data)


def test_our_probe_asks_for_cameras() -> None:
    asked = parse(probe("7"))
    assert asked.words("Types") == "dn:NetworkVideoTransmitter"
    assert asked.words("MessageID") == "urn:uuid:7"


@pytest.mark.parametrize(
    ("text", "count"),
    [("10.0.0.0/24", 254), ("10.0.0.5", 1), ("10.0.0.5-10.0.0.9", 5), ("10.0.0.0/31", 2),
     ("fe80::1", 1), ("fd00::/120", 255), ("10.0.0.5-9", 5), ("10.0.0.5 – 10.0.0.9", 5),
     ("fe80::1%br-lan", 1)],
)  # fmt: skip
def test_ranges(text: str, count: int) -> None:
    hosts = list(addresses(text))
    assert len(set(hosts)) == count <= RANGE_MAX


@pytest.mark.parametrize(
    "text", ["", "10.0.0.0/8", "10.0.0.9-10.0.0.5", "fd00::/64", "camera", "10.0.0.1-fd00::1"]
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        addresses(text)


def test_addresses_are_judged_by_number() -> None:
    networks = Networks(("10.0.0.0/8", "fe80::/10"))
    assert networks.allows("10.1.2.3")
    assert networks.allows("::ffff:10.1.2.3")
    assert networks.allows("fe80::1%eth0")
    assert not networks.allows("::ffff:8.8.8.8")
    assert not networks.allows("localhost")


def test_ranges_may_stand_in_one_text_and_the_interface_stays() -> None:
    networks = Networks(("10.0.0.0/8", "fe80::/10"))
    assert networks.hosts(["10.0.0.5, 10.0.0.7-8;fe80::1%eth0"]) == (
        "10.0.0.5", "10.0.0.7", "10.0.0.8", "fe80::1%eth0",
    )  # fmt: skip
    with pytest.raises(BadRequest):
        networks.hosts([""])
