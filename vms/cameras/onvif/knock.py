"""Asking addresses that answered no probe whether a camera is there all the same.

Some cameras have WS-Discovery switched off, and some networks let no UDP through. What every device
must tell to everybody is its time (ONVIF Core §5.9.3): whoever does is one, and so is whoever
refuses it in SOAP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from vms.cameras.onvif.asking import DEVICE_PATH, Asking, HttpSignIns
from vms.cameras.onvif.http import Http
from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.port import Address, OnvifError
from vms.cameras.onvif.probe import Match
from vms.core.clock import Clock

AT_ONCE = 64
DEADLINE_S = 1.0
"""For connecting and the answer together; a range of addresses is mostly nobody."""


async def knock(
    networks: Networks,
    hosts: Iterable[str],
    ports: tuple[int, int],
    sign_ins: HttpSignIns,
    clock: Clock,
) -> list[Match]:
    """The devices among `hosts`, at the first of the ports over HTTP, or else at the other over
    TLS. Both are asked at once, so that a range takes no longer."""
    http, room = Http(networks, DEADLINE_S), asyncio.Semaphore(AT_ONCE)

    async def at(address: Address) -> Match | None:
        try:
            if not await Asking(http, address, None, sign_ins, clock).answers():
                return None
        except OnvifError:
            return None
        return Match(address.host, "", address.port, DEVICE_PATH, "", "", address.tls)

    async def one(host: str) -> Match | None:
        plain, tls = ports
        async with room:
            found = await asyncio.gather(at(Address(host, plain)), at(Address(host, tls, tls=True)))
        return found[0] or found[1]

    found = await asyncio.gather(*(one(host) for host in hosts))
    return [match for match in found if match is not None]
