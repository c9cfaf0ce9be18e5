"""How much one client may take: requests a second, requests and downloads under way, connections.

A client is an address. The bounds lie far above what a control room does (a wall of 36 tiles
starts with some 150 requests), so that only a program run wild or an attack meets them, and
everybody else keeps their pace. Pure but for its own table, which is bounded.
"""

from __future__ import annotations

import ipaddress
import math
from collections import Counter, OrderedDict
from dataclasses import dataclass

REQUESTS_PER_SECOND = 100.0
BURST = 600.0  # at once after a rest
UNDER_WAY = 200  # of `web.server.CONNECTIONS_MAX`, so that one client can't take all places
DOWNLOADS = 48  # files being sent; a player has one or two under way
CONNECTIONS = 300
CLIENTS_MAX = 10_000  # full: the client that was seen longest ago is forgotten


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Limits:
    """Counts by client; times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self.under_way = Counter[str]()
        self.downloads = Counter[str]()

    def wait(self, client: str, now: float) -> int:
        """Count a request; 0 if it may go on, else in how many seconds it may."""
        bucket = self._buckets.pop(client, None) or _Bucket(BURST, now)
        left = min(BURST, bucket.left + (now - bucket.at) * REQUESTS_PER_SECOND)
        admitted = left >= 1
        self._buckets[client] = _Bucket(left - 1 if admitted else left, now)
        while len(self._buckets) > CLIENTS_MAX:
            self._buckets.popitem(last=False)
        return 0 if admitted else max(1, math.ceil((1 - left) / REQUESTS_PER_SECOND))

    def enter(self, counted: Counter[str], client: str, most: int) -> bool:
        """Count something that goes on; whether there is room. `leave` ends it."""
        if counted[client] >= most:
            return False
        counted[client] += 1
        return True

    def leave(self, counted: Counter[str], client: str) -> None:
        counted[client] -= 1
        if counted[client] <= 0:
            del counted[client]


def client_of(host: str | None) -> str | None:
    """Whom a connection counts for; None: this machine itself, which is not limited (a proxy says
    for whom it asks). Of IPv6 the /64, for a client has all of it."""
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            if address.is_loopback:
                return None
            return str(ipaddress.ip_network((address, 64), strict=False))
        address = address.ipv4_mapped
    return None if address.is_loopback else str(address)
