"""WS-Discovery messages (WS-Discovery 2005/04, ONVIF Core §7): probes out, matches in. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from vms.cameras.onvif.client import DEVICE_PATH
from vms.cameras.onvif.port import Address, bare
from vms.cameras.onvif.xml import Element, HostileXml, NotXml, parse
from vms.core.plain import plain

PORT = 3702
GROUP4, GROUP6 = "239.255.255.250", "ff02::c"
_DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
_ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_MATCHES_MAX = 16  # of one datagram: a device answers for itself
_XADDRS_MAX = 8
_SCOPES_MAX = 64
_BETWEEN_XADDRS = re.compile(r"\s+|[,;]\s*(?=https?://)", re.IGNORECASE)
_PATH = re.compile(r"/[!-~]{0,200}")


class Place(NamedTuple):
    """Where an XAddr leads. `host`: a number without a scope, or a name."""

    host: str
    port: int
    path: str
    tls: bool


@dataclass(frozen=True, slots=True)
class Match:
    """A device that answered from `source`. `name`, `hardware`: what it says of itself unasked.

    `source`: a numeric address, with its scope if it is link-local IPv6 (`fe80::1%eth0`). `port`,
    `path`, `tls`: of its XAddr; its host is not believed, `source` is where it was heard. `vague`:
    it named no place, these are the usual ones. `named`: the places of its XAddrs that are numbers.
    `also`: other addresses that it answered from. `instead`: where to ask if `source` is silent.
    """

    source: str
    uuid: str
    port: int
    path: str
    name: str
    hardware: str
    tls: bool = False
    vague: bool = False
    named: tuple[Place, ...] = ()
    also: tuple[str, ...] = ()
    instead: Match | None = None

    @property
    def address(self) -> Address:
        return Address(self.source, self.port, self.tls)


def probe(message_id: str) -> bytes:
    """A probe for all devices; some answer only without types, and others are left out later."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="{_ADDRESSING}" '
        f'xmlns:d="{_DISCOVERY}" xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><s:Header>'
        f"<a:MessageID>urn:uuid:{message_id}</a:MessageID>"
        "<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
        f"<a:Action>{_DISCOVERY}/Probe</a:Action></s:Header><s:Body><d:Probe>"
        "<d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></s:Body></s:Envelope>"
    ).encode()


def read_matches(data: bytes, source: str, message_id: str) -> list[Match]:
    """The devices of one datagram; empty for anything that is no answer to our probe.

    One that answers without a match is a vague one: somebody is there, and says no more.
    """
    try:
        root = parse(data)
    except (NotXml, HostileXml):
        return []
    if not _answers(root.words("RelatesTo"), message_id):
        return []
    found = list(root.all("ProbeMatch"))[:_MATCHES_MAX]
    if not found and root.first("ProbeMatches") is not None:
        return [Match(source, "", 80, DEVICE_PATH, "", "", vague=True)]
    return [_match(one, source) for one in found]


def _match(element: Element, source: str) -> Match:
    scopes = element.words("Scopes").split()[:_SCOPES_MAX]
    xaddrs = _BETWEEN_XADDRS.split(element.words("XAddrs"))[:_XADDRS_MAX]
    places = [_place(one) for one in xaddrs if one]
    usable = [one for one in places if one is not None]
    # The XAddr in the words of where we heard it, if there is one; over TLS only if it must be.
    usable.sort(key=lambda one: (one.host != bare(source), one.tls))
    place = usable[0] if usable else Place("", 80, DEVICE_PATH, tls=False)
    return Match(
        source=source,
        uuid=plain(element.words("EndpointReference", "Address"), 100),
        port=place.port,
        path=place.path,
        name=_scope(scopes, "name"),
        hardware=_scope(scopes, "hardware"),
        tls=place.tls,
        vague=not usable,
        named=tuple(one for one in usable if _is_number(one.host)),
    )


def _answers(relates: str, message_id: str) -> bool:
    """Whether an answer is one to our probe: some say the id in other letters, or leave it out. Who
    answers comes to our own port all the same."""
    return not relates or message_id.lower() in relates.lower()


def _place(xaddr: str) -> Place | None:
    """Where an XAddr leads; None if it is no address."""
    if "://" not in xaddr:
        xaddr = f"http://{xaddr}"
    try:
        parts = urlsplit(xaddr)
        host, tls = parts.hostname, parts.scheme == "https"
        port = parts.port or (443 if tls else 80)
    except ValueError:
        return None
    path = parts.path or DEVICE_PATH
    if parts.scheme not in ("http", "https") or not host or not _PATH.fullmatch(path):
        return None
    return Place(bare(host), port, path, tls)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _scope(scopes: list[str], kind: str) -> str:
    start = f"onvif://www.onvif.org/{kind}/"
    told = (unquote(one[len(start) :]) for one in scopes if one.lower().startswith(start))
    return next(filter(None, (plain(one, 100) for one in told)), "")
