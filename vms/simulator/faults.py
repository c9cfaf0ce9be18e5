"""What can be made to go wrong with a simulated camera, by name, while it runs.

`Faults` only remembers what is on; server, stream and producer act on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vms.core.errors import BadRequest
from vms.simulator.quirks import QUIRKS


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One fault: what it does, and its arguments with their defaults."""

    text: str
    defaults: Mapping[str, Any] = field(default_factory=dict)


KINDS: Mapping[str, FaultKind] = {
    "stop": FaultKind("connections are closed and new ones refused"),
    "hang": FaultKind("connections stay open, nothing is sent or answered, no FIN"),
    "freeze": FaultKind("the same picture repeats"),
    "drop": FaultKind("RTP packets are lost at a rate", {"rate": 0.01}),
    "jump-clock": FaultKind(
        "the camera's clock is off; with rtp, RTP times jump as well",
        {"seconds": -3600.0, "rtp": False},
    ),
    "resolution": FaultKind("the picture changes its size", {"width": 640, "height": 360}),
    "garbage": FaultKind("random bytes between the packets", {"bytes": 2000, "every": 1.0}),
    "password": FaultKind("every sign-in is refused and connections are closed"),
    **{name: FaultKind(quirk.text) for name, quirk in QUIRKS.items()},
    "onvif-1970": FaultKind("ONVIF: the clock counts from 1970, as without a battery"),
    "onvif-html": FaultKind("ONVIF: a web page instead of SOAP"),
    "onvif-empty-matches": FaultKind("ONVIF: ProbeMatches without a match"),
    "onvif-entities": FaultKind("ONVIF: entities in entities that would fill the memory"),
    "onvif-deep": FaultKind("ONVIF: elements in elements without end", {"depth": 100_000}),
    "onvif-endless": FaultKind("ONVIF: an answer that never ends"),
    "onvif-length": FaultKind("ONVIF: Content-Length promises more than comes"),
    "onvif-redirect": FaultKind("ONVIF: sends the caller to an internal address"),
    "onvif-foreign-xaddr": FaultKind("ONVIF: names itself by an address of another network"),
    "onvif-no-profile": FaultKind("ONVIF: no profile has video"),
    "onvif-prefixes": FaultKind(
        "ONVIF: other prefixes than usual, and line breaks around addresses"
    ),
    "onvif-control": FaultKind("ONVIF: tabs and line breaks inside addresses"),
    "onvif-fixed": FaultKind("ONVIF: a camera that does not turn: no PTZ service"),
    "onvif-parameters": FaultKind(
        "ONVIF: subscriptions share one address and are told apart by reference parameters"
    ),
    "onvif-inline-backup": FaultKind("ONVIF: the backup stands in the answer, the older way"),
    "onvif-channels": FaultKind(
        "ONVIF: the device has several video sources; only the last one can be steered",
        {"count": 2},
    ),
    "onvif-fault-refusal": FaultKind(
        "ONVIF: a wrong sign-in is refused by a SOAP fault, not by HTTP 401", {"status": 400}
    ),
    "onvif-lock": FaultKind("ONVIF: the account is locked after wrong passwords", {"after": 3}),
}


def check_fault(name: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """The fault's arguments with defaults filled in. Raises BadRequest."""
    kind = KINDS.get(name)
    if kind is None:
        raise BadRequest(f"no fault is named {name!r}; there are {', '.join(KINDS)}")
    full = dict(kind.defaults)
    for key, value in args.items():
        if key not in full:
            known = ", ".join(full) or "none"
            raise BadRequest(f"fault {name} has no argument {key!r}; it has {known}")
        number = isinstance(value, int | float)
        if not number or (value < 0 and key != "seconds"):
            raise BadRequest(f"fault {name}: {key} = {value!r} is not a fitting number")
        full[key] = type(full[key])(value)
    if name == "resolution" and (full["width"] < 64 or full["height"] < 36):
        raise BadRequest(f"a picture of {full['width']}×{full['height']} is too small")
    return full


class Faults:
    """The faults of one camera that are on now; `changed` is called after each change."""

    def __init__(self) -> None:
        self._on: dict[str, dict[str, Any]] = {}
        self.changed: Callable[[], None] = lambda: None
        self._change = asyncio.Event()

    def set(self, name: str, **args: Any) -> None:
        """Switch a fault on (again, with other arguments). Raises BadRequest."""
        self._on[name] = check_fault(name, args)
        self._tell()

    def clear(self, name: str | None = None) -> None:
        """Switch one fault off, or all."""
        if name is None:
            self._on.clear()
        else:
            check_fault(name, {})
            self._on.pop(name, None)
        self._tell()

    async def over(self, name: str) -> None:
        """Wait until a fault is off."""
        while name in self._on:
            await self._change.wait()

    def _tell(self) -> None:
        self._change.set()
        self._change = asyncio.Event()
        self.changed()

    def get(self, name: str) -> dict[str, Any] | None:
        """The fault's arguments if it is on."""
        return self._on.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._on

    def as_dict(self) -> dict[str, dict[str, Any]]:
        return {name: dict(args) for name, args in self._on.items()}

    @property
    def jump(self) -> int:
        """Nanoseconds the camera's clock is off."""
        args = self._on.get("jump-clock")
        return int(args["seconds"] * 1_000_000_000) if args else 0

    @property
    def rtp_jump(self) -> int:
        """Nanoseconds the RTP times are off."""
        args = self._on.get("jump-clock")
        return self.jump if args and args["rtp"] else 0
