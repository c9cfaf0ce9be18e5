"""Answers WS-Discovery probes (WS-Discovery 2005/04, ONVIF Core §7) for simulated devices.

Multicast probes are answered for all devices; a unicast probe for those of the address asked.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import cast
from xml.sax.saxutils import escape

from vms.simulator.onvif.answers_device import scopes
from vms.simulator.onvif.device import Device
from vms.simulator.onvif.soap import local

PORT = 3702
GROUP4, GROUP6 = "239.255.255.250", "ff02::c"
_DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
_ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"


class Responder:
    """Listens on `port`, for all devices together. An async context manager.

    `hosts`: the addresses devices live at; each gets a socket for unicast probes, and multicast is
    joined on each.
    """

    def __init__(self, devices: Sequence[Device], port: int = PORT) -> None:
        self._devices, self.port = devices, port
        self._transports: list[asyncio.DatagramTransport] = []

    async def __aenter__(self) -> Responder:
        hosts = sorted({_host(device) for device in self._devices})
        for host in hosts:
            there = [device for device in self._devices if _host(device) == host]
            sock = _bound(host, self.port)
            self.port = sock.getsockname()[1]
            await self._listen(sock, there)
        for family in sorted(
            {socket.AF_INET6 if ":" in host else socket.AF_INET for host in hosts}
        ):
            same = [host for host in hosts if (":" in host) == (family == socket.AF_INET6)]
            await self._listen(_joined(family, same, self.port), self._devices)
        return self

    async def __aexit__(self, *exc: object) -> None:
        for transport in self._transports:
            transport.close()
        await asyncio.sleep(0)

    async def _listen(self, sock: socket.socket, devices: Sequence[Device]) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Answering(devices), sock=sock)
        self._transports.append(transport)


class _Answering(asyncio.DatagramProtocol):
    """One socket."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self._devices = devices
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast: Python 3.11's own transport is none by inheritance.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = _probe(data)
        if message is None or self._transport is None:
            return
        for device in self._devices:
            if "stop" not in device.faults and "hang" not in device.faults:
                self._transport.sendto(probe_matches(device, message), addr)


def probe_matches(device: Device, relates_to: str) -> bytes:
    """What a device answers to a probe."""
    match = (
        f"<d:ProbeMatch><a:EndpointReference><a:Address>urn:uuid:{device.uuid}</a:Address>"
        "</a:EndpointReference><d:Types>dn:NetworkVideoTransmitter tds:Device</d:Types>"
        f"<d:Scopes>{' '.join(scopes(device))}</d:Scopes>"
        f"<d:XAddrs>{device.url('device_service')}</d:XAddrs>"
        "<d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch>"
    )
    if "onvif-empty-matches" in device.faults:
        match = ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="{_ADDRESSING}" '
        f'xmlns:d="{_DISCOVERY}" xmlns:dn="http://www.onvif.org/ver10/network/wsdl" '
        'xmlns:tds="http://www.onvif.org/ver10/device/wsdl"><s:Header>'
        f"<a:MessageID>urn:uuid:{device.uuid}</a:MessageID>"
        f"<a:RelatesTo>{escape(relates_to)}</a:RelatesTo>"
        f"<a:To>{_ADDRESSING}/role/anonymous</a:To>"
        f"<a:Action>{_DISCOVERY}/ProbeMatches</a:Action></s:Header>"
        f"<s:Body><d:ProbeMatches>{match}</d:ProbeMatches></s:Body></s:Envelope>"
    ).encode()


def _probe(data: bytes) -> str | None:
    """The message id of a probe that asks for us; None for anything else."""
    try:
        root = ET.fromstring(data)  # noqa: S314 - one datagram
    except ET.ParseError:
        return None
    texts = {local(one): (one.text or "").strip() for one in root.iter()}
    types = texts.get("Types", "").split()
    ours = {"NetworkVideoTransmitter", "Device"}
    if "Probe" not in texts or not (not types or ours & {one.split(":")[-1] for one in types}):
        return None
    return texts.get("MessageID", "")


def _host(device: Device) -> str:
    return device.address.rpartition(":")[0].strip("[]")


def _bound(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.setblocking(False)
    return sock


def _joined(family: socket.AddressFamily, hosts: Sequence[str], port: int) -> socket.socket:
    """A socket at the group's own address: only multicast comes in."""
    sock = _bound(GROUP4 if family == socket.AF_INET else GROUP6, port)
    if family == socket.AF_INET:
        # Memberships are bounded by igmp_max_memberships (20): one for each network is enough.
        networks = {host.rpartition(".")[0]: host for host in hosts}
        for host in networks.values():
            wanted = socket.inet_aton(GROUP4) + socket.inet_aton(host)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, wanted)
    else:
        for index, _ in socket.if_nameindex():
            wanted = socket.inet_pton(socket.AF_INET6, GROUP6) + struct.pack("@I", index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, wanted)
    return sock
