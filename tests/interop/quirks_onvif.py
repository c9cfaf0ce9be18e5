"""Quirks of ONVIF: each a fault of a simulated device, and what our client must make of it.

`described`: everything an admin needs is learnt. `stated:<trouble>`: it ends with that trouble and
a sentence in both languages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.cameras.onvif.house import RIGHT, WRONG, client_of
from vms.cameras.onvif.port import OnvifError
from vms.cameras.onvif.sentences import SENTENCES
from vms.simulator.fleet import CameraSpec, Fleet, FleetSettings, VideoSpec

DESCRIBED = "described"
ONVIF = "ONVIF / discovery"
SMALL = VideoSpec(width=320, height=180, fps=12, bitrate=300_000, gop=12, profile="baseline")


@dataclass(frozen=True, slots=True)
class OnvifQuirk:
    """One behaviour: the fault that makes a simulated device show it."""

    name: str
    fault: str | None = None
    expect: str = DESCRIBED
    arguments: Mapping[str, Any] = field(default_factory=dict)
    wrong_password: bool = False
    seen: str = ""
    line: str = ONVIF


QUIRKS = (
    OnvifQuirk("signature refused when clocks differ", "jump-clock",
               arguments={"seconds": 90.0}),
    OnvifQuirk("ONVIF clock in 1970", "onvif-1970"),
    OnvifQuirk("foreign prefixes, line breaks around addresses", "onvif-prefixes"),
    OnvifQuirk("control characters inside addresses", "onvif-control"),
    OnvifQuirk("media answers at its own address only"),
    OnvifQuirk("names itself by an address of another network", "onvif-foreign-xaddr"),
    OnvifQuirk("huge answer of nested entities", "onvif-entities", "stated:hostile"),
    OnvifQuirk("elements in each other without end", "onvif-deep", "stated:hostile"),
    OnvifQuirk("answer that never ends", "onvif-endless", "stated:hostile"),
    OnvifQuirk("Content-Length promises too much", "onvif-length", "stated:broken_answer"),
    OnvifQuirk("HTML instead of SOAP", "onvif-html", "stated:not_onvif"),
    OnvifQuirk("redirects to an internal address", "onvif-redirect", "stated:redirected"),
    OnvifQuirk("no profile with video", "onvif-no-profile", "stated:no_profile"),
    OnvifQuirk("ONVIF refuses the password", expect="stated:refused", wrong_password=True),
    OnvifQuirk("account is locked", "onvif-lock", "stated:locked", {"after": 1},
               wrong_password=True),
)  # fmt: skip


async def outcomes(quirks: Sequence[OnvifQuirk] = QUIRKS) -> list[str]:
    """What became of each, all devices asked at the same time."""
    names = [f"quirk-{number}" for number in range(len(quirks))]
    cameras = tuple(CameraSpec(name, video=SMALL, sub=None, auth="digest") for name in names)
    async with Fleet(FleetSettings(cameras, onvif=True, discovery_port=0)) as fleet:
        asked = (_outcome(fleet, name, one) for name, one in zip(names, quirks, strict=True))
        return await asyncio.gather(*asked)


async def _outcome(fleet: Fleet, name: str, quirk: OnvifQuirk) -> str:
    if quirk.fault is not None:
        fleet.set_fault(name, quirk.fault, **quirk.arguments)
    client = client_of(fleet, WRONG if quirk.wrong_password else RIGHT, name, deadline_s=4)
    try:
        facts = await client.describe()
    except OnvifError as error:
        sentence = SENTENCES[error.trouble]
        told = error.detail and sentence.en and sentence.tr
        return f"stated:{error.trouble}" if told else "no sentence"
    right = facts.main.uri == fleet.url(name) and facts.device.serial == fleet.device(name).serial
    return DESCRIBED if right else f"described as {facts.main.uri}"
