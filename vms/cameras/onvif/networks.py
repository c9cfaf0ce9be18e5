"""Which addresses may be searched for cameras and asked by ONVIF, decided on numbers. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence

from vms.cameras.onvif.port import OnvifError, Trouble
from vms.core import networks
from vms.core.errors import BadRequest, Refused
from vms.core.networks import Network

_BETWEEN, _DASHES = re.compile(r"[,;\n]"), re.compile("[\u2010-\u2015\u2212]")
RANGE_MAX = 4096
"""More addresses than a /20 are no search but an attack."""


class Networks(networks.Networks):
    """The networks an admin allowed: those of [onvif], and what [network] leaves of them."""

    def __init__(self, allowed: Iterable[str], reach: networks.Networks | None = None) -> None:
        super().__init__(allowed)
        self._reach = reach

    def allows(self, host: str) -> bool:
        return super().allows(host) and (self._reach is None or self._reach.allows(host))

    @property
    def dialled(self) -> tuple[Network, ...]:
        """What is truly dialled: what both settings allow, without what is denied.

        Where clouds tell a machine its secrets (`METADATA`) is never dialled and not cut out here:
        a hundred networks would say less than one.
        """
        reach = self._reach if self._reach is not None else networks.ANYWHERE
        both = [
            small
            for ours in self.allowed
            for theirs in reach.allowed
            if (small := networks.common(ours, theirs)) is not None
        ]
        known = {ipaddress.ip_network(one) for one in networks.METADATA}
        for denied in (*self.denied, *reach.denied):
            if denied not in known:
                both = [left for one in both for left in networks.without(one, denied)]
        return tuple(
            one
            for one in dict.fromkeys(both)
            if not any(networks.common(one, other) == one for other in both if other != one)
        )

    def hosts(self, ranges: Sequence[str]) -> tuple[str, ...]:
        """All addresses of `ranges`, each once.

        Raises BadRequest for what is no range, Refused for one outside of the allowed networks.
        """
        parts = [
            part
            for text in ranges
            for part in [one for one in _BETWEEN.split(text) if one.strip()] or [text]
        ]
        found = {host: text for text in parts for host in addresses(text)}
        if len(found) > RANGE_MAX:
            raise BadRequest(f"{len(found)} addresses in all; up to {RANGE_MAX} can be searched")
        for host, text in found.items():
            if not self.allows(host):
                raise Refused(self._refusal(text, host))
        return tuple(found)

    def _refusal(self, text: str, host: str) -> str:
        """Which of the two settings keeps a host out, and what to do."""
        among, table, key = self.allowed, "onvif", "networks"
        if self._reach is not None and not self._reach.allows(host):
            among, table, key = self._reach.allowed, "network", "allow"
        said = ", ".join(map(str, among)) or "none"
        return (
            f"{text} is not within the networks that may be dialled, {said} "
            f"(add it to {key} under [{table}] in cameras.toml)"
        )

    def check(self, host: str) -> None:
        """Raises OnvifError for an address outside of them."""
        if not self.allows(host):
            raise OnvifError(Trouble.FORBIDDEN_NETWORK, self._refusal(host, host))


def addresses(text: str) -> Iterator[str]:
    """All hosts of `10.0.0.0/24`, `10.0.0.5`, `10.0.0.5-10.0.0.9` or `10.0.0.5-9`; a link-local
    one with its interface, `fe80::5%eth0`. Raises BadRequest."""
    try:
        if "%" in text:  # a network has no interface
            return iter((str(ipaddress.ip_address(text.strip())),))
        low, dash, high = (part.strip() for part in _DASHES.sub("-", text).partition("-"))
        if dash:
            if high.isdecimal() and "." in low:
                high = f"{low.rpartition('.')[0]}.{high}"
            first, last = ipaddress.ip_address(low), ipaddress.ip_address(high)
            if first.version != last.version:
                raise ValueError(f"{low} and {high} are not of one kind")
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
