"""RTSP addresses: what people type, and how a camera's control attributes extend it.

Pure. Credentials are taken out at once, so that no other module holds an address with a secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322}
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]@\s]+)(?::(\d{0,5}))?")


class BadAddress(ValueError):
    """Not an address of a stream; the text never repeats a password."""


@dataclass(frozen=True, slots=True)
class Address:
    """A stream's address without credentials. `uri` is what goes into requests."""

    scheme: str
    host: str
    port: int
    uri: str

    def __str__(self) -> str:
        return self.uri


def parse_address(url: str) -> tuple[Address, str | None, str | None]:
    """The address, and the user and password that stood in it. Raises BadAddress.

    Passwords with `@`, `:`, `/` or `%` are understood raw as well as percent-encoded.
    """
    scheme, separator, rest = url.strip().partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in DEFAULT_PORTS:
        raise BadAddress("the address must begin with rtsp:// or rtsps://")
    authority, path = _split_authority(rest)
    path = path.replace(" ", "%20")  # it would end the address in a request
    userinfo, at, place = authority.rpartition("@")
    match = _HOST.fullmatch(place)
    if match is None:
        raise BadAddress("the address has no readable host after rtsp://")
    port = int(match[2]) if match[2] else DEFAULT_PORTS[scheme]
    if not 0 < port < 65_536:
        raise BadAddress(f"port {port} is not between 1 and 65535")
    name, colon, password = userinfo.partition(":")
    address = Address(scheme, match[1].strip("[]"), port, f"{scheme}://{place}{path}")
    return address, unquote(name) if at else None, unquote(password) if at and colon else None


def _split_authority(rest: str) -> tuple[str, str]:
    """Where the host ends; a raw slash in a password must not end it early."""
    cut = re.search(r"[/?]", rest)
    authority = rest[: cut.start()] if cut else rest
    if "@" not in authority and "@" in rest and not _HOST.fullmatch(authority):
        start = rest.rindex("@")
        cut = re.search(r"[/?]", rest[start:])
        end = start + cut.start() if cut else len(rest)
        return rest[:end], rest[end:]
    return authority, rest[len(authority) :]


def control_candidates(base: str, control: str) -> tuple[str, ...]:
    """The URIs a control attribute may mean, likeliest first.

    Cameras expect it appended to the whole base, behind a query string too, as live555 and
    libavformat do; some mean it behind the path, before the query.
    """
    control = control.strip()
    if control in ("", "*"):
        return (base,)
    if re.match(r"rtsps?://", control, re.IGNORECASE):
        return (control,)
    appended = _append(base, control)
    path, mark, query = base.partition("?")
    if not mark:
        return (appended,)
    return (appended, f"{_append(path, control)}?{query}")


def _append(base: str, control: str) -> str:
    if control.startswith("?"):
        return base + control
    return f"{base.removesuffix('/')}/{control.removeprefix('/')}"
