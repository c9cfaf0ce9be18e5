"""Which addresses may be dialled, decided on numbers and never on names. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence

from vms.cameras.onvif.port import OnvifError, Trouble
from vms.core.errors import BadRequest, Refused

RANGE_MAX = 4096
"""More addresses than a /20 are no search but an attack."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Networks:
    """The networks an admin allowed."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = tuple(ipaddress.ip_network(one) for one in allowed)

    def allows(self, host: str) -> bool:
        """Whether a numeric address lies in one of them; IPv4 in IPv6 counts as IPv4."""
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._allowed)

    def hosts(self, ranges: Sequence[str]) -> tuple[str, ...]:
        """All addresses of `ranges`, each once.

        Raises BadRequest for what is no range, Refused for one outside of the allowed networks.
        """
        found = {host: text for text in ranges for host in addresses(text)}
        if len(found) > RANGE_MAX:
            raise BadRequest(f"{len(found)} addresses in all; up to {RANGE_MAX} can be searched")
        for host, text in found.items():
            if not self.allows(host):
                allowed = ", ".join(map(str, self._allowed)) or "none"
                raise Refused(
                    f"{text} is not within the networks that may be dialled, {allowed} "
                    "(add it to networks under [onvif] in cameras.toml)"
                )
        return tuple(found)

    def check(self, host: str) -> None:
        """Raises OnvifError for an address outside of them."""
        if not self.allows(host):
            raise OnvifError(Trouble.FORBIDDEN_NETWORK, f"{host} is in no allowed network")


def addresses(text: str) -> Iterator[str]:
    """All hosts of `10.0.0.0/24`, `10.0.0.5` or `10.0.0.5-10.0.0.9`. Raises BadRequest."""
    try:
        low, dash, high = text.partition("-")
        if dash:
            first, last = ipaddress.ip_address(low.strip()), ipaddress.ip_address(high.strip())
            count = int(last) - int(first) + 1
        else:
            network = ipaddress.ip_network(text.strip(), strict=False)
            single = network.num_addresses <= 2
            first = network[0] if single else network[1]
            count = network.num_addresses - (0 if single else 2 if network.version == 4 else 1)
    except ValueError as error:
        raise BadRequest(f"{text!r} is no range such as 10.0.0.0/24: {error}") from None
    if not 0 < count <= RANGE_MAX:
        raise BadRequest(f"{text!r} has {count} addresses; 1 to {RANGE_MAX} can be searched")
    return (str(first + offset) for offset in range(count))
