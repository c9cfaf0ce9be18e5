"""Picture settings over ONVIF Imaging: what they are, what they may be, and the lens's focus."""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.sax.saxutils import escape

from vms.cameras.onvif import reading
from vms.cameras.onvif.asking import Asking
from vms.cameras.onvif.media import MediaService
from vms.cameras.onvif.port import OnvifError, Trouble
from vms.cameras.onvif.xml import Element
from vms.core.errors import BadRequest

NAMES = {
    "brightness": "Brightness",
    "contrast": "Contrast",
    "saturation": "ColorSaturation",
    "sharpness": "Sharpness",
}
"""Our word and ONVIF's, of what is a number."""
# The order of the schema (tt:ImagingSettings20): cameras that check it want it so.
_ORDER = ("brightness", "saturation", "contrast", "ir_cut", "sharpness")
IR_CUT = ("on", "off", "auto")
"""The infrared filter: on is for day, off for night."""


@dataclass(frozen=True, slots=True)
class Level:
    """A number that can be set, from `low` to `high`."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Imaging:
    """What the camera's picture is set to. Only what the camera offers is there.

    `ir_cut`: one of `ir_cuts`, or None; `focus`: whether the lens can be moved.
    """

    levels: dict[str, Level]
    ir_cut: str | None
    ir_cuts: tuple[str, ...]
    focus: bool


class ImagingService:
    """Reads and sets the picture of a video source; `source`: its token, None for the first."""

    def __init__(self, asking: Asking, media: MediaService, source: str | None = None) -> None:
        self._asking, self._media, self._wanted = asking, media, source
        self._source: str | None = None

    async def settings(self) -> Imaging:
        """What is set, and within which bounds."""
        now = await self._ask("GetImagingSettings")
        options = await self._ask("GetOptions")
        return imaging_of(now, options)

    async def set(self, wanted: dict[str, float], ir_cut: str | None = None) -> None:
        """Set some of it for good. Raises BadRequest for a value the camera does not take."""
        now = await self.settings()
        for name, value in wanted.items():
            level = now.levels.get(name)
            if level is None:
                raise BadRequest(f"the camera offers no {name}")
            if not level.low <= value <= level.high:
                raise BadRequest(f"{name} goes from {level.low:g} to {level.high:g}")
        if ir_cut is not None and ir_cut not in now.ir_cuts:
            raise BadRequest(f"ir_cut can be {', '.join(now.ir_cuts) or 'nothing'}")
        words = {name: (NAMES[name], _written(value)) for name, value in wanted.items()}
        if ir_cut is not None:
            words["ir_cut"] = ("IrCutFilter", ir_cut.upper())
        inner = "".join(
            f"<tt:{words[name][0]}>{words[name][1]}</tt:{words[name][0]}>"
            for name in _ORDER
            if name in words
        )
        await self._ask(
            "SetImagingSettings",
            f"<timg:ImagingSettings>{inner}</timg:ImagingSettings>"
            "<timg:ForcePersistence>true</timg:ForcePersistence>",
        )

    async def focus(self, speed: float) -> None:
        """Move the lens: −1 (near) to 1 (far), until `stop_focus`."""
        await self._ask(
            "Move",
            "<timg:Focus><tt:Continuous>"
            f"<tt:Speed>{speed:.2f}</tt:Speed></tt:Continuous></timg:Focus>",
        )

    async def stop_focus(self) -> None:
        """Stop the lens."""
        await self._ask("Stop")

    async def _ask(self, name: str, more: str = "") -> Element:
        if self._source is None:
            tokens = [one.token for one in await self._media.sources()]
            fitting = [one for one in tokens if self._wanted in (None, one)]
            if not fitting:
                which = "" if self._wanted is None else f" {self._wanted}"
                said = f"{self._asking.address} tells of no video source{which}"
                raise OnvifError(Trouble.NO_SERVICE, said)
            self._source = fitting[0]
        token = f"<timg:VideoSourceToken>{escape(self._source)}</timg:VideoSourceToken>"
        return await self._asking.ask("timg", f"<timg:{name}>{token}{more}</timg:{name}>")


def imaging_of(now: Element, options: Element) -> Imaging:
    """GetImagingSettings and GetOptions; what either leaves out is not offered. Pure."""
    levels = {}
    for name, word in NAMES.items():
        value = reading.float_of(now.words("ImagingSettings", word))
        low, high = (reading.float_of(options.words(word, end)) for end in ("Min", "Max"))
        if all(map(math.isfinite, (value, low, high))) and low < high:
            levels[name] = Level(value, low, high)
    offered = {one.text.strip().lower() for one in options.all("IrCutFilterModes")}
    cuts = tuple(one for one in IR_CUT if one in offered)
    cut = now.words("ImagingSettings", "IrCutFilter").lower()
    return Imaging(levels, cut if cut in cuts else None, cuts, options.first("Focus") is not None)


def _written(value: float) -> str:
    """As XML's float is read everywhere: no exponent, no digits that say nothing."""
    return f"{value:.6f}".rstrip("0").rstrip(".")
