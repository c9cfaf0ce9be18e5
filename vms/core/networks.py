"""Which addresses may be dialled, decided on numbers and never on names. Pure.

What a number means is what the machine would connect to: IPv4 written as IPv6 (mapped, NAT64,
6to4) counts as the IPv4 in it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PRIVATE = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",  # RFC 6598: between a provider and its customers
    "fc00::/7",
    "224.0.0.0/4",  # multicast: joined and listened to, nobody is connected to
)
"""What no router passes on to the internet; neither this machine nor what is link-local."""

METADATA = ("169.254.169.254/32", "fd00:ec2::254/128", "100.100.100.200/32", "168.63.129.16/32")
"""Where clouds tell a machine its own secrets (AWS and most others, AWS over IPv6, Alibaba,
Azure)."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Networks:
    """What is allowed and not denied."""

    def __init__(self, allowed: Iterable[str], denied: Iterable[str] = METADATA) -> None:
        self._allowed = tuple(ipaddress.ip_network(one) for one in allowed)
        self._denied = tuple(ipaddress.ip_network(one) for one in denied)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Networks) and self._both == other._both

    def __hash__(self) -> int:
        return hash(self._both)

    @property
    def _both(self) -> tuple[tuple[Network, ...], tuple[Network, ...]]:
        return self._allowed, self._denied

    @property
    def allowed(self) -> tuple[Network, ...]:
        return self._allowed

    @property
    def denied(self) -> tuple[Network, ...]:
        return self._denied

    def allows(self, host: str) -> bool:
        """Whether a numeric address may be dialled; what is no number may not."""
        address = meant(host)
        if address is None or any(address in network for network in self._denied):
            return False
        return any(address in network for network in self._allowed)


EVERYWHERE = ("0.0.0.0/0", "::/0")
ANYWHERE = Networks(EVERYWHERE)
"""All but the metadata."""


def meant(host: str) -> Ip | None:
    """The address that a number stands for; None if it is none."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def common(one: Network, other: Network) -> Network | None:
    """The addresses in both: the smaller of the two, if it lies in the larger."""
    if one.version != other.version:
        return None
    small, large = (one, other) if one.prefixlen >= other.prefixlen else (other, one)
    return small if small.subnet_of(large) else None  # type: ignore[arg-type]


def without(one: Network, gone: Network) -> list[Network]:
    """A network less another: what is left of it, as networks."""
    cut = common(one, gone)
    if cut is None:
        return [one]
    return [] if cut == one else sorted(one.address_exclude(cut))  # type: ignore[arg-type]


def named(hosts: Iterable[str]) -> tuple[str, ...]:
    """The networks of just these hosts, as far as they are numbers or this machine itself."""
    found = []
    for host in hosts:
        if host == "localhost":
            found += ["127.0.0.0/8", "::1/128"]
        elif (address := meant(host)) is not None:
            found.append(str(ipaddress.ip_network(address)))
    return tuple(dict.fromkeys(found))
