"""Sending probes and hearing who answers: multicast on every interface, and address by address."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, cast

import ifaddr

from vms.cameras.onvif.merging import merged
from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.port import bare, is_link_local
from vms.cameras.onvif.probe import GROUP4, GROUP6, PORT, Match, probe, read_matches
from vms.core.errors import BadRequest
from vms.core.log import get_logger

log = get_logger(__name__)

LISTEN_S = 2.0
"""How long answers are waited for: devices wait up to 500 ms on purpose (APP_MAX_DELAY)."""
FOUND_MAX = 4096  # answers beyond are dropped
_ROUNDS_S = (0.0, 0.6)  # UDP gets lost: each probe is sent twice
_BURST = 64  # probes at once to a range; a switch's buffer is small


STRANGERS_MAX = 64  # of them: answers from addresses that may not be dialled


class _Heard:
    """The first answer of each place, of all sockets together."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._strangers = 0
        self.found: dict[tuple[str, int], Match] = {}

    def take(self, match: Match) -> None:
        """Keep it; beyond the bounds it is dropped."""
        key = (match.source, match.port)
        known = self.found.get(key)
        if known is not None:
            if known.vague and not match.vague:
                self.found[key] = match
            return
        strange = not self._networks.allows(match.source)
        if len(self.found) >= FOUND_MAX or (strange and self._strangers >= STRANGERS_MAX):
            return
        self._strangers += strange
        self.found[key] = match


class _Listening(asyncio.DatagramProtocol):
    """One socket."""

    def __init__(self, heard: _Heard, message_id: str) -> None:
        self._heard, self._message_id = heard, message_id
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast: Python 3.11's own transport is none by inheritance.
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        for match in read_matches(data, _sender(addr), self._message_id):
            self._heard.take(match)

    def error_received(self, exc: Exception) -> None:
        """Unreachable ones among a range are no error."""


async def find(
    networks: Networks,
    hosts: Sequence[str] = (),
    *,
    multicast: bool = True,
    interfaces: Sequence[str] = (),
    port: int = PORT,
    listen_s: float = LISTEN_S,
) -> list[Match]:
    """Who answers a probe, by multicast and at each of `hosts`; in the order of addresses.

    A device is there once (`merging`), at an address in `networks` if it has one; those that have
    none are for the caller to state, not to dial. `interfaces`: by which multicast leaves,
    as names or addresses; all when empty. Raises BadRequest for one that is not there.
    """
    message_id = str(uuid.uuid4())
    heard = _Heard(networks)
    message = probe(message_id)
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as opened:
        sends: list[tuple[_Listening, str]] = []
        for sock, group in _sockets(hosts, _adapters(interfaces) if multicast else ()):
            listening = _Listening(heard, message_id)
            transport, _ = await loop.create_datagram_endpoint(
                lambda one=listening: one,  # type: ignore[misc]
                sock=sock,
            )
            opened.callback(transport.close)
            sends += [(listening, target) for target in _targets(group, sock, hosts, networks)]
        for wait in _ROUNDS_S:
            await asyncio.sleep(wait)
            await _send(sends, message, port)
        await asyncio.sleep(max(0.0, listen_s - sum(_ROUNDS_S)))
    found = merged(heard.found.values(), networks)
    return sorted(found, key=lambda one: (":" in one.source, one.source, one.port))


def _sender(addr: tuple[Any, ...]) -> str:
    """Whom a datagram is from; a link-local IPv6 address means nothing without its interface."""
    host = bare(str(addr[0]))
    scope = addr[3] if len(addr) > 3 else 0
    if not scope or not is_link_local(host):
        return host
    try:
        return f"{host}%{socket.if_indextoname(scope)}"
    except OSError:  # the interface is gone meanwhile
        return f"{host}%{scope}"


async def _send(sends: Iterable[tuple[_Listening, str]], message: bytes, port: int) -> None:
    for number, (listening, target) in enumerate(sends):
        if number % _BURST == _BURST - 1:
            await asyncio.sleep(0.01)
        if listening.transport is not None:
            try:
                listening.transport.sendto(message, (target, port))
            except OSError as error:
                log.info("a probe can't be sent", target=target, error=str(error))


def _targets(
    group: str, sock: socket.socket, hosts: Sequence[str], networks: Networks
) -> list[str]:
    """What a socket sends to: its group, or the hosts of its family that are allowed."""
    if group:
        return [group]
    six = sock.family == socket.AF_INET6
    return [host for host in hosts if (":" in host) == six and networks.allows(host)]


def _adapters(wanted: Sequence[str]) -> list[ifaddr.Adapter]:
    """The interfaces of this machine that are wanted."""
    there = list(ifaddr.get_adapters())
    known = {name for one in there for name in _names(one)}
    for name in wanted:
        if name not in known:
            listed = ", ".join(str(one.nice_name) for one in there)
            raise BadRequest(f"this machine has no interface {name!r}; it has {listed}")
    return [one for one in there if not wanted or _names(one) & set(wanted)]


def _names(adapter: ifaddr.Adapter) -> set[str]:
    addresses = {ip.ip if isinstance(ip.ip, str) else ip.ip[0] for ip in adapter.ips}
    return {adapter.name, adapter.nice_name} | addresses


def _sockets(
    hosts: Sequence[str], adapters: Sequence[ifaddr.Adapter]
) -> list[tuple[socket.socket, str]]:
    """One socket an interface and family with its group, and one a family for the hosts."""
    made = [
        (_bound(socket.AF_INET6 if six else socket.AF_INET, "::" if six else ""), "")
        for six in sorted({":" in host for host in hosts})
    ]
    for adapter in adapters:
        for ip in adapter.ips:
            try:
                made.append(_through(ip.ip, adapter.index or 0))
            except OSError as error:  # an interface that is down, or knows no multicast
                log.info("no probe there", interface=adapter.nice_name, error=str(error))
    return made


def _through(ip: str | tuple[str, int, int], index: int) -> tuple[socket.socket, str]:
    """A socket whose multicast leaves by one interface."""
    if isinstance(ip, str):
        option = (socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(ip))
        return _bound(socket.AF_INET, ip, option), GROUP4
    option = (socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, struct.pack("@I", index))
    return _bound(socket.AF_INET6, "::", option), GROUP6


def _bound(
    family: socket.AddressFamily, host: str, option: tuple[int, int, bytes] | None = None
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        if option is not None:
            sock.setsockopt(*option)
        sock.bind((host, 0))
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
