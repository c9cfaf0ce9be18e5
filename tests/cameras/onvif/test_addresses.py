"""A device with several addresses is one, at the best of them; a link-local one keeps its scope."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cameras.onvif.house import RIGHT, address_of, devices, sign_in
from vms.cameras.onvif import discovery
from vms.cameras.onvif.discovery import STRANGERS_MAX, _Heard, _sender, find
from vms.cameras.onvif.merging import merged
from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.port import Address, OnvifError, Trouble
from vms.cameras.onvif.probe import GROUP6, Match, read_matches
from vms.cameras.onvif.reading import path_at, uri_at
from vms.cameras.onvif.search import Found, Search, Wanted
from vms.cameras.onvif.xml import parse
from vms.core import networks
from vms.core.clock import SystemClock
from vms.core.config import NetworkSettings, OnvifSettings
from vms.core.config_camera import CameraSettings

ALL = Networks(("0.0.0.0/0", "::/0"))
DEFAULT = Networks(OnvifSettings().networks, networks.Networks(NetworkSettings().allow))
LOOP = socket.if_nameindex()[0]


def answer(xaddrs: str = "http://10.0.0.5/onvif/device_service", uuid: str = "urn:uuid:a") -> bytes:
    match = (
        f"<ProbeMatch><EndpointReference><Address>{uuid}</Address></EndpointReference>"
        f"<Scopes>onvif://www.onvif.org/name/Gate</Scopes><XAddrs>{xaddrs}</XAddrs></ProbeMatch>"
    )
    return answer_around(match if xaddrs else "")


def answer_around(matches: str, message: str = "7") -> bytes:
    return (
        f"<Envelope><Header><RelatesTo>urn:uuid:{message}</RelatesTo></Header>"
        f"<Body><ProbeMatches>{matches}</ProbeMatches></Body></Envelope>"
    ).encode()


def heard(source: str, xaddrs: str, uuid: str = "urn:uuid:a") -> Match:
    (match,) = read_matches(answer(xaddrs, uuid), source, "7")
    return match


def test_a_link_local_sender_is_told_with_its_interface() -> None:
    index, name = LOOP
    assert _sender(("fe80::1", 3702, 0, index)) == f"fe80::1%{name}"
    assert _sender(("fe80::1", 3702, 0, 4_000_000)) == "fe80::1%4000000"
    assert _sender(("fd00::1", 3702, 0, index)) == "fd00::1"
    assert _sender(("10.0.0.5", 3702)) == "10.0.0.5"


@pytest.mark.parametrize("order", [1, -1])
def test_a_camera_of_both_families_is_one_row_at_its_ipv4_address(order: int) -> None:
    both = "http://10.0.0.5/onvif/device_service http://[fe80::5]/onvif/device_service"
    answers = [heard("fe80::5%eth0", both), heard("10.0.0.5", both), heard("fd00::5", both)]
    (one,) = merged(answers[::order], ALL)
    assert one.source == "10.0.0.5"
    assert set(one.also) == {"fe80::5%eth0", "fd00::5"}


@pytest.mark.parametrize("order", [1, -1])
def test_two_cameras_of_one_uuid_stay_two(order: int) -> None:
    default = "http://192.168.1.10/onvif/d"  # of the maker, in both
    answers = [heard("10.0.0.5", default), heard("10.0.0.6", default)]
    assert len(merged(answers[::order], ALL)) == 2
    fresh = [
        heard("10.0.0.5", "http://10.0.0.5/onvif/d"),
        heard("169.254.3.4", "http://169.254.3.4/onvif/d"),
    ]
    assert len(merged(fresh[::order], ALL)) == 2


@pytest.mark.parametrize("order", [1, -1])
def test_who_answers_for_another_is_not_dialled_in_its_place(order: int) -> None:
    camera = heard("10.0.0.5", "http://10.0.0.5/onvif/d")
    rogue = heard("10.0.0.66", "http://10.0.0.5/onvif/d")
    (one,) = merged([camera, rogue][::order], ALL)
    assert (one.source, one.also) == ("10.0.0.5", ("10.0.0.66",))


def test_what_is_heard_by_a_link_local_address_alone_is_dialled_where_it_says() -> None:
    says = "http://[fe80::5]/onvif/d http://192.168.1.5:8000/onvif/e http://203.0.113.5/onvif/f"
    (one,) = merged([heard("fe80::5%eth0", says)], DEFAULT)
    assert (str(one.address), one.path) == ("192.168.1.5:8000", "/onvif/e")
    assert one.instead is None  # [network] does not allow what is link-local
    (one,) = merged([heard("fe80::5%eth0", says)], Networks(("192.168.0.0/16", "fe80::/10")))
    assert one.instead is not None
    assert one.instead.source == "fe80::5%eth0"


def test_else_it_is_dialled_by_its_scope_or_stated() -> None:
    (one,) = merged([heard("fe80::5%eth0", "http://[fe80::5]/onvif/d")], ALL)
    assert (one.source, one.path) == ("fe80::5%eth0", "/onvif/d")
    (found,) = asyncio.run(_searched_with([one], DEFAULT))
    assert (found.trouble, found.facts) == (Trouble.FORBIDDEN_NETWORK, None)
    assert "allow under [network]" in (found.detail or "")


def test_another_host_s_word_is_not_taken_where_the_sender_can_be_dialled() -> None:
    (one,) = merged([heard("10.0.0.5", "http://10.0.0.9/onvif/d")], ALL)
    assert one.source == "10.0.0.5"


def test_cameras_that_share_a_uuid_by_their_maker_s_fault_stay_two() -> None:
    pair = [heard(f"10.0.0.{n}", f"http://10.0.0.{n}/onvif/d") for n in (5, 6)]
    assert [one.source for one in merged(pair, ALL)] == ["10.0.0.5", "10.0.0.6"]
    same = "http://10.0.0.5/onvif/d http://10.0.0.6/onvif/d"
    pair = [heard(f"10.0.0.{n}", same) for n in (5, 6)]
    assert [(one.source, one.also) for one in merged(pair, ALL)] == [("10.0.0.5", ("10.0.0.6",))]
    nameless = [heard(f"10.0.0.{n}", same, uuid="") for n in (5, 6)]
    assert len(merged(nameless, ALL)) == 2


def test_a_device_that_names_itself_by_a_host_name_is_asked_where_it_was_heard() -> None:
    match = heard("10.0.0.5", "https://camera-5.local:8443/onvif/d")
    assert (str(match.address), match.tls, match.path) == ("10.0.0.5:8443", True, "/onvif/d")
    assert match.named == ()


def test_strangers_do_not_crowd_out_who_may_be_dialled() -> None:
    found = _Heard(Networks(("10.0.0.0/8",)))
    for number in range(STRANGERS_MAX * 2):
        found.take(heard(f"203.0.113.{number}", "http://203.0.113.1/onvif/d"))
    found.take(heard("10.0.0.5", "http://10.0.0.5/onvif/d"))
    assert len(found.found) == STRANGERS_MAX + 1


async def _searched_with(matches: list[Match], where: Networks, http_port: int = 1) -> list[Found]:
    async def told(*args: object, **more: object) -> list[Match]:
        return matches

    wanted = Wanted((), (RIGHT,), http_port=http_port, https_port=1)
    before, discovery.find = discovery.find, told  # type: ignore[assignment]
    try:
        return await Search(where, sign_in, SystemClock()).run(wanted)
    finally:
        discovery.find = before


def test_an_empty_answer_is_asked_at_the_usual_ports_and_else_stated() -> None:
    (vague,) = read_matches(answer_around(""), "127.0.0.1", "7")
    assert vague.vague

    async def scene() -> None:
        here = Networks(("127.0.0.0/8",))
        async with devices() as fleet:
            (found,) = await _searched_with([vague], here, address_of(fleet).port)
            assert found.facts is not None
            (found,) = await _searched_with([vague], here)
            assert found.trouble is Trouble.BROKEN_ANSWER
            assert "without saying where" in (found.detail or "")
            assert found.as_json()["address"] == "127.0.0.1"

    asyncio.run(scene())
    assert merged([vague, heard("127.0.0.1", "http://127.0.0.1:8000/x")], ALL)[0].port == 8000


def test_a_scope_is_ours_and_not_told_to_the_camera() -> None:
    dialled = Address("fe80::5%eth0", 8000)
    assert dialled.for_header == "[fe80::5]:8000"
    assert path_at(dialled, "http://[fe80::5]:81/onvif/m")[0] == Address("fe80::5%eth0", 81)
    stream = uri_at(dialled, "rtsp://[fe80::5]:554/main")
    assert stream == "rtsp://[fe80::5%eth0]:554/main"
    camera = CameraSettings(id="gate", source=stream, onvif=f"http://{dialled}")
    assert camera.onvif == "http://[fe80::5%eth0]:8000/onvif/device_service"


def test_the_networks_told_are_those_that_are_dialled() -> None:
    told = set(map(str, DEFAULT.dialled))
    assert told == {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}
    denied = networks.Networks(("10.0.0.0/9", "fd00::/8"), ("10.64.0.0/10",))
    left = Networks(("10.0.0.0/8", "fc00::/7", "192.168.0.0/16"), denied).dialled
    assert list(map(str, left)) == ["10.0.0.0/10", "fd00::/8"]
    named = networks.Networks(("10.0.0.0/8", "10.0.0.5/32", "127.0.0.1/32"))
    left = Networks(("10.0.0.0/8", "127.0.0.0/8"), named).dialled
    assert list(map(str, left)) == ["10.0.0.0/8", "127.0.0.1/32"]
    assert list(map(str, Networks(("10.0.0.0/8",)).dialled)) == ["10.0.0.0/8"]


def test_what_may_not_be_dialled_is_said_with_what_to_do() -> None:
    with pytest.raises(OnvifError, match=r"add it to allow under \[network\]"):
        DEFAULT.check("fe80::5%eth0")
    with pytest.raises(OnvifError, match=r"add it to networks under \[onvif\]"):
        DEFAULT.check("100.64.0.5")


@contextlib.contextmanager
def _ipv6_camera() -> Iterator[tuple[str, int]]:
    """Whoever answers probes by IPv6 multicast, from the link-local address of an interface."""
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.bind(("::", 0))
    names = []
    for index, name in socket.if_nameindex():
        with contextlib.suppress(OSError):
            wanted = socket.inet_pton(socket.AF_INET6, GROUP6) + struct.pack("@I", index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, wanted)
            names.append(name)
    sock.settimeout(0.1)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                data, sender = sock.recvfrom(65_536)
                message = parse(data).words("MessageID").removeprefix("urn:uuid:")
                match = (
                    "<ProbeMatch><EndpointReference><Address>urn:uuid:six</Address>"
                    "</EndpointReference><XAddrs>http://[fe80::5]/onvif/d</XAddrs></ProbeMatch>"
                )
                sock.sendto(answer_around(match, message), sender)

    thread = threading.Thread(target=serve, name="ipv6 camera")
    thread.start()
    try:
        yield ", ".join(names), sock.getsockname()[1]
    finally:
        over.set()
        thread.join(5)
        sock.close()


def _has_link_local() -> bool:
    try:
        lines = Path("/proc/net/if_inet6").read_text().splitlines()
    except OSError:
        return False
    return any(line.startswith("fe80") for line in lines)


@pytest.mark.skipif(not _has_link_local(), reason="no interface has a link-local IPv6 address")
def test_answers_by_ipv6_multicast_can_be_dialled() -> None:
    with _ipv6_camera() as (_, port):
        found = asyncio.run(find(ALL, port=port, listen_s=0.7))
    sources = [one.source for one in found if one.uuid == "urn:uuid:six"]
    assert sources
    for source in sources:
        if source.startswith("fe80"):
            assert socket.getaddrinfo(source, 80)[0][4][3] != 0
