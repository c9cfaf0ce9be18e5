"""Hostile addresses of cameras: none of them is connected to, however it is written or resolved.

What is forbidden listens here, on every way to this machine, and counts who comes; beside it every
connection that Python makes is written down as it is made (an audit hook sees all of them; what
libav connects to in C meets the listeners).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from recorder.opening import open_source
from recorder.source import Target
from storage.ledger import stamps
from tests.cameras.onvif.house import sign_in
from vms.cameras.onvif.client import Credentials, OnvifClient
from vms.cameras.onvif.clients import OnvifClients
from vms.cameras.onvif.http import Http
from vms.cameras.onvif.networks import Networks as OnvifNetworks
from vms.cameras.onvif.probe import read_matches
from vms.core.clock import SECOND, Span, SystemClock
from vms.core.config_camera import CameraSettings
from vms.core.dialling import Forbidden, connect_now
from vms.core.errors import VmsError
from vms.core.model import CameraId, StreamKey
from vms.core.networks import ANYWHERE, Networks
from vms.core.secret import Secret

ALLOWED = "127.0.0.2"
REACH = Networks((f"{ALLOWED}/32", "10.0.0.0/8"))
NUMBERS = (
    "127.0.0.1", "127.1", "127.0.1", "127.000.000.001", "2130706433", "0x7f000001", "0x7f.1",
    "017700000001", "0177.0.0.1", "0", "0.0.0.0", "127.0.0.3", "127.255.255.254", "localhost",
    "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]",
    "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
    "169.254.169.254", "2852039166", "0xa9fea9fe", "[::ffff:169.254.169.254]", "169.254.1.1",
    "[fe80::1]", "[fd00:ec2::254]", "100.100.100.200", "168.63.129.16", "8.8.8.8", "1.1.1.1",
    "[2001:db8::1]", "255.255.255.255", "192.0.2.1", "198.51.100.7",
)  # fmt: skip
NAMES = (
    "loop.test", "meta.test", "public.test", "six.test", "mapped.test", "zero.test", "both.test",
)  # fmt: skip
RECORDS = {
    "loop.test": ["127.0.0.1"], "meta.test": ["169.254.169.254"], "public.test": ["8.8.8.8"],
    "six.test": ["::1"], "mapped.test": ["::ffff:127.0.0.1"], "zero.test": ["0.0.0.0"],
    "both.test": ["127.0.0.1", "169.254.169.254", "::1"],
}  # fmt: skip
WAYS = ("tcp", "libav", "http", "onvif", "xaddr", "service")


class Traps:
    """Listeners on all of this machine but `ALLOWED`, and who was connected to."""

    def __init__(self) -> None:
        self.sockets = [self._listener(socket.AF_INET, "127.0.0.1", 0)]
        self.port = self.sockets[0].getsockname()[1]
        for family, host in ((socket.AF_INET, "127.0.0.3"), (socket.AF_INET6, "::1")):
            with contextlib.suppress(OSError):  # a machine without IPv6
                self.sockets.append(self._listener(family, host, self.port))
        self.dialled: list[str] = []
        self.watching = False
        sys.addaudithook(self._audit)

    def _listener(self, family: int, host: str, port: int) -> socket.socket:
        sock = socket.create_server((host, port), family=family)
        sock.setblocking(False)
        return sock

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.watching and event == "socket.connect" and isinstance(arguments[1], tuple):
            self.dialled.append(str(arguments[1][0]))

    def visitors(self) -> list[str]:
        """Who came, and who was dialled though forbidden."""
        came = []
        for sock in self.sockets:
            with contextlib.suppress(BlockingIOError):
                while True:
                    guest, address = sock.accept()
                    guest.close()
                    came.append(str(address))
        return came + [host for host in self.dialled if not REACH.allows(host)]


@pytest.fixture(scope="module")
def traps() -> Iterator[Traps]:
    traps = Traps()
    traps.watching = True
    yield traps
    traps.watching = False
    for sock in traps.sockets:
        sock.close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """A name server of our own: for each name the answers, one after another, the last for ever."""
    answers = {name: [numbers] for name, numbers in RECORDS.items()}
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        if name not in answers:
            if name.endswith(".test"):
                raise socket.gaierror(socket.EAI_NONAME, "no such name")
            return real(host, port, *rest, **more)
        told = answers[name].pop(0) if len(answers[name]) > 1 else answers[name][0]
        return [one for number in told for one in real(number, port, *rest, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return answers


async def dial(way: str, host: str, port: int) -> None:
    """Try to reach a host as some part of the system would. Raises VmsError or OSError."""
    key = StreamKey(CameraId("gate"))
    if way in ("tcp", "libav", "http"):
        url = f"{'http' if way == 'http' else 'rtsp'}://{host}:{port}/main"
        transport: Any = "auto" if way == "http" else way
        target = Target(key, url, "vms", Secret("x"), transport, REACH)
        deadline = Span(2 * SECOND)
        source = await open_source(target, SystemClock(), random.Random(), deadline, deadline)
        source.close()
        await source.closed()
    elif way == "onvif":
        networks = OnvifNetworks(("0.0.0.0/0", "::/0"), REACH)
        clients = OnvifClients(networks, sign_in, SystemClock())
        camera = CameraSettings(
            id="gate", source="rtsp://10.0.0.5/main", onvif=f"http://{host}:{port}"
        )
        await (await clients.client_for(camera)).describe()
    elif way == "xaddr":
        await _answered_with(f"http://{host}:{port}/onvif/device_service")
    else:
        number = host.strip("[]")
        await asyncio.to_thread(lambda: connect_now(number, port, REACH, 2).close())


XADDRS = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"
 xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><s:Header>
<a:RelatesTo>urn:uuid:7</a:RelatesTo></s:Header><s:Body><d:ProbeMatches><d:ProbeMatch>
<a:EndpointReference><a:Address>urn:uuid:1</a:Address></a:EndpointReference>
<d:XAddrs>{xaddr}</d:XAddrs></d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"""


async def _answered_with(xaddr: str) -> None:
    """A device names its service elsewhere: only the device itself is asked."""
    matches = read_matches(XADDRS.format(xaddr=xaddr).encode(), ALLOWED, "7")
    if not matches:
        raise Forbidden("an XAddr that is none of ours to read")
    assert matches[0].address.host == ALLOWED
    http = Http(OnvifNetworks(("0.0.0.0/0", "::/0"), REACH), 1.0)
    user = Credentials("vms", Secret("x"))
    await OnvifClient(http, matches[0].address, user, sign_in, SystemClock()).describe()


def test_no_hostile_address_is_connected_to(
    traps: Traps, names: dict[str, list[list[str]]], record_property: Any
) -> None:
    tried = 0
    for way in WAYS:
        for host in (*NUMBERS, *NAMES):
            with pytest.raises((VmsError, OSError)):
                asyncio.run(dial(way, host, traps.port))
            tried += 1
    assert tried >= 200
    assert traps.visitors() == []
    record_property("networks", f"{tried} hostile addresses, 0 connections")


@contextlib.contextmanager
def redirecting(to: str) -> Iterator[int]:
    """Somebody allowed who sends everybody on, over RTSP and over HTTP; the port."""
    with socket.create_server((ALLOWED, 0)) as server:
        server.settimeout(0.1)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    guest, _ = server.accept()
                except TimeoutError:
                    continue
                with guest, contextlib.suppress(OSError):
                    guest.settimeout(2)
                    asked = guest.recv(65_536).decode("latin-1")
                    protocol = "RTSP/1.0" if "RTSP/1.0" in asked else "HTTP/1.1"
                    scheme = "rtsp" if protocol == "RTSP/1.0" else "http"
                    line = next((x for x in asked.split("\r\n") if x.startswith("CSeq")), "X: y")
                    guest.sendall(
                        f"{protocol} 302 Found\r\n{line}\r\nLocation: {scheme}://{to}/next\r\n"
                        "Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
                    )

        thread = threading.Thread(target=serve, name="redirecting")
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join(5)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "loop.test", "[::1]"])
@pytest.mark.parametrize("way", ["tcp", "libav", "http", "onvif", "stamp"])
def test_no_redirect_is_followed_to_where_nobody_may_go(
    traps: Traps, names: dict[str, list[list[str]]], way: str, host: str
) -> None:
    with redirecting(f"{host}:{traps.port}") as port:
        if way == "stamp":
            with pytest.raises(OSError, match="302"):
                stamps._post(f"http://{ALLOWED}:{port}/tsa", b"", REACH)
        else:
            with pytest.raises(VmsError):
                asyncio.run(dial(way, ALLOWED, port))
    assert traps.visitors() == []


@pytest.mark.parametrize("way", ["tcp", "libav", "http", "onvif", "service"])
def test_a_name_that_changes_its_meaning_is_dialled_as_it_was_checked(
    traps: Traps, names: dict[str, list[list[str]]], way: str
) -> None:
    for _ in range(3):
        names["rebind.test"] = [[ALLOWED], ["127.0.0.1"]]
        with pytest.raises((VmsError, OSError)):
            asyncio.run(dial(way, "rebind.test", traps.port))
        with pytest.raises((VmsError, OSError)):  # and now it is looked up anew, and refused
            asyncio.run(dial(way, "rebind.test", traps.port))
    assert traps.visitors() == []


def test_the_traps_tell_of_who_comes(traps: Traps) -> None:
    """What the others assert can fail."""
    connect_now("127.0.0.1", traps.port, ANYWHERE, 2).close()
    assert len(traps.visitors()) == 2  # who came, and what was dialled
    traps.dialled.clear()
