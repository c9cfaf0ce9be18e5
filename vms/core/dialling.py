"""The one way out: names are looked up, numbers checked, and those very numbers are connected to.

Between looking a name up and connecting to it nobody looks it up again, so a name server that
changes its answer (DNS rebinding) changes nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any

from vms.core.errors import VmsError
from vms.core.networks import Networks, meant

Place = tuple[socket.AddressFamily, tuple[Any, ...]]
"""What `socket.connect` takes: the number, the port, and for IPv6 scope and flow."""


class Forbidden(VmsError):
    """A host has no address that may be dialled."""


async def places(host: str, port: int, networks: Networks) -> list[Place]:
    """Where a host may be dialled, in the machine's order. Raises Forbidden, OSError (no such
    name)."""
    loop = asyncio.get_running_loop()
    return _allowed(host, networks, await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))


def places_now(host: str, port: int, networks: Networks) -> list[Place]:
    """`places` for threads: it blocks."""
    return _allowed(host, networks, socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


def connect_now(host: str, port: int, networks: Networks, timeout_s: float) -> socket.socket:
    """Connected to a host, for threads: it blocks. Raises Forbidden, OSError."""
    last = OSError(f"{host} has no address")
    for family, place in places_now(host, port, networks):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout_s)
            sock.connect(place)
            return sock
        except OSError as error:
            sock.close()
            last = error
    raise last


def _allowed(host: str, networks: Networks, found: Sequence[tuple[Any, ...]]) -> list[Place]:
    allowed = [(one[0], one[4]) for one in found if networks.allows(str(one[4][0]))]
    if not allowed:
        numbers = ", ".join(sorted({str(one[4][0]) for one in found}))
        said = host if meant(host) is not None else f"{host} ({numbers})"
        raise Forbidden(
            f"{said} is in no network that may be dialled "
            "(add it to allow under [network] in cameras.toml)"
        )
    return allowed
