"""From a camera's settings to its ONVIF client: the one way everybody takes."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from vms.cameras.onvif.client import Credentials, HttpSignIns, OnvifClient
from vms.cameras.onvif.http import Http
from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.port import Address, OnvifError, Trouble
from vms.core.clock import Clock
from vms.core.config_camera import CameraSettings
from vms.core.errors import Refused
from vms.core.secret import Secret

RESOLVE_S = 3.0
Resolve = Callable[[str, int], Awaitable[list[str]]]


class OnvifClients:
    """Makes clients of cameras that are allowed to be dialled."""

    def __init__(
        self,
        networks: Networks,
        sign_ins: HttpSignIns,
        clock: Clock,
        resolve: Resolve | None = None,
    ) -> None:
        self._networks, self._sign_ins, self._clock = networks, sign_ins, clock
        self._http = Http(networks)
        self._resolve = resolve if resolve is not None else look_up

    async def client_for(self, settings: CameraSettings) -> OnvifClient:
        """The client of a camera; nothing is asked of it yet.

        A name is looked up here, once, and the number it stands for is checked and dialled.
        Raises Refused for a camera without `onvif`, OnvifError.
        """
        if settings.onvif is None:
            raise Refused(f"the camera {settings.id} has no ONVIF address in its settings")
        parts = urlsplit(settings.onvif)
        host, tls = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if tls else 80)
        number = await self._number(host, port)
        name = "" if number == host else host
        address = Address(number, port, tls, name, settings.onvif_certificate)
        user = Credentials(settings.username or "", settings.password or Secret(""))
        signed = user if settings.username is not None else None
        return OnvifClient(
            self._http, address, signed, self._sign_ins, self._clock, parts.path,
            source=settings.onvif_source,
        )  # fmt: skip

    async def _number(self, host: str, port: int) -> str:
        """The first allowed address of a host."""
        try:
            ipaddress.ip_address(host.partition("%")[0])
            numbers = [host]
        except ValueError:
            numbers = await self._found(host, port)
        allowed = [number for number in numbers if self._networks.allows(number)]
        if not allowed:
            said = f"{host} ({', '.join(numbers)})" if numbers != [host] else host
            raise OnvifError(Trouble.FORBIDDEN_NETWORK, f"{said} is in no allowed network")
        return allowed[0]

    async def _found(self, host: str, port: int) -> list[str]:
        try:
            async with asyncio.timeout(RESOLVE_S):
                return await self._resolve(host, port)
        except (OSError, TimeoutError, UnicodeError) as error:
            what = str(error) or f"no answer in {RESOLVE_S:g} s"
            raise OnvifError(Trouble.UNREACHABLE, f"the name {host} is not found: {what}") from None


async def look_up(host: str, port: int) -> list[str]:
    """The numbers a name stands for, in the machine's order."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]
