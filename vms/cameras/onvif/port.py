"""What the house knows of a camera that speaks ONVIF: facts as values, troubles by name."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from vms.core.errors import VmsError
from vms.core.plain import plain


class Trouble(enum.StrEnum):
    """Why a camera could not be asked. The words stand in JSON; `sentences` explains each."""

    UNREACHABLE = "unreachable"
    SILENT = "silent"  # connected, and no complete answer in time
    FORBIDDEN_NETWORK = "forbidden_network"
    REDIRECTED = "redirected"
    NOT_ONVIF = "not_onvif"  # a web page, or no XML at all
    HOSTILE = "hostile"  # too large, too deep, entities
    BROKEN_ANSWER = "broken_answer"  # ends early, or lacks what it must have
    REFUSED = "refused"  # user or password
    LOCKED = "locked"
    SPARED = "spared"  # it refused us lately; one more try might lock the account
    CERTIFICATE = "certificate"  # not the one that the camera's settings take
    NO_PROFILE = "no_profile"
    NO_SERVICE = "no_service"  # no PTZ, imaging or events
    FAULT = "fault"  # the camera's own words, in `detail`


def bare(host: str) -> str:
    """A numeric address without its scope: `fe80::1` of `fe80::1%eth0` (RFC 4007 §11)."""
    return host.partition("%")[0]


def is_link_local(host: str) -> bool:
    """Whether a numeric address counts on one link only, and needs a scope if it is IPv6."""
    try:
        return ipaddress.ip_address(bare(host)).is_link_local
    except ValueError:
        return False


class OnvifError(VmsError):
    """A camera could not be asked; `detail` is one English line with peer and numbers."""

    def __init__(self, trouble: Trouble, detail: str) -> None:
        self.trouble, self.detail = trouble, plain(detail)
        super().__init__(self.detail)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a device is dialled: a numeric address and the port of its HTTP server.

    `tls`: the port speaks HTTPS. `name`: what the settings call the host, if that is no number.
    `certificate`: which ones are taken, in the words of the settings' `onvif_certificate`.
    """

    host: str
    port: int = 80
    tls: bool = False
    name: str = ""
    certificate: str = "any"

    @property
    def for_header(self) -> str:
        """As HTTP's `Host` says it: what our interface is called means nothing to the camera."""
        return str(replace(self, host=bare(self.host)))

    def __str__(self) -> str:
        host = self.name or self.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """Who the camera is. `clock_offset`: its clock minus ours, ns; whole seconds are all it says,
    and None where it tells no time that can be read.

    `mac`: lower case with colons, None when the camera does not tell.
    """

    make: str
    model: str
    firmware: str
    serial: str
    mac: str | None
    clock_offset: int | None


@dataclass(frozen=True, slots=True)
class Profile:
    """One stream the camera offers. `codec`: h264, h265, or what the camera calls it; a size of
    0×0: it does not tell.

    `source`: the token of the video source it shows; empty where the camera tells none.
    """

    token: str
    name: str
    codec: str
    width: int
    height: int
    fps: float
    service: Literal["media", "media2"]
    source: str = ""

    @property
    def size(self) -> str:
        """`1920×1080`; empty where it is not told."""
        return f"{self.width}×{self.height}" if self.width else ""


@dataclass(frozen=True, slots=True)
class VideoSource:
    """One lens of a device, or one input of an encoder or a recorder. `configurations`: tokens of
    what events name it by."""

    token: str
    configurations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """Where a profile is played, at the address we dialled; without user and password."""

    profile: Profile
    uri: str


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """Everything an admin needs to add the camera. `sub`: None when there is one size only.

    `source`: the token of the video source that main and sub show, its `number` from 1 on, and how
    many `sources` the device has; empty, 1, 1 where it tells none.
    """

    address: Address
    device: DeviceFacts
    main: StreamFacts
    sub: StreamFacts | None
    snapshot: str | None
    source: str = ""
    number: int = 1
    sources: int = 1


class OnvifCamera(Protocol):
    """One camera, asked. Every method raises OnvifError."""

    async def clock_offset(self) -> int: ...
    async def device(self) -> DeviceFacts: ...
    async def profiles(self) -> Sequence[Profile]: ...
    async def stream(self, profile: Profile) -> StreamFacts: ...
    async def snapshot(self, profile: Profile) -> str | None: ...
    async def set_time(self) -> None: ...
    async def set_ntp(self, server: str) -> None: ...
    async def reboot(self) -> None: ...
    async def backup(self) -> bytes: ...
    async def describe(self) -> CameraFacts: ...
