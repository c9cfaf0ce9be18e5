"""Steering over ONVIF PTZ: moves, stop, presets, home.

A continuous move always carries a Timeout: a camera whose operator is gone stops by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from vms.cameras.onvif import ptz_facts
from vms.cameras.onvif.asking import UNKNOWN_CALL, Asking
from vms.cameras.onvif.media import MediaService
from vms.cameras.onvif.port import OnvifError, Trouble
from vms.cameras.onvif.ptz_facts import Preset, PtzFacts, PtzStatus, Range, Space, Spaces, Vector
from vms.cameras.onvif.reading import PtzHead
from vms.cameras.onvif.xml import Element
from vms.core.clock import SECOND, Span


@dataclass(frozen=True, slots=True)
class _Axes:
    """The parts of a vector in the camera's units; None: not sent."""

    x: float | None = None
    y: float | None = None
    zoom: float | None = None


class PtzService:
    """Steers one camera; `source`: the one that shows this video source. What it can is asked
    once."""

    def __init__(self, asking: Asking, media: MediaService, source: str | None = None) -> None:
        self._asking, self._media, self._source = asking, media, source
        self._facts: PtzFacts | None = None

    async def facts(self) -> PtzFacts:
        """What can be steered. Raises OnvifError: NO_SERVICE for a camera that does not turn."""
        if self._facts is None:
            services = await self._asking.services()
            heads = await self._media.heads() if "tptz" in services else []
            if self._source is not None:
                heads = [one for one in heads if one.source == self._source]
            if not heads:
                of = "" if self._source is None else f" of the video source {self._source}"
                said = f"{self._asking.address} has no profile{of} that is steered"
                raise OnvifError(Trouble.NO_SERVICE, said)
            self._facts = await self._node(heads[0])
        return self._facts

    async def status(self) -> PtzStatus:
        """Where it looks, and whether it moves."""
        facts = await self.facts()
        return ptz_facts.status_of(await self._ask("GetStatus"), facts.absolute)

    # -- moves

    async def move(self, speed: Vector, timeout: Span) -> None:
        """Turn with `speed` until stopped, at most `timeout` (whole seconds, at least one)."""
        spaces = (await self.facts()).continuous
        self._require(spaces, "continuous moves")
        seconds = max(1, -(-timeout // SECOND))
        await self._ask(
            "ContinuousMove",
            f"<tptz:Velocity>{_vector(spaces, _speeds(spaces, speed))}</tptz:Velocity>"
            f"<tptz:Timeout>PT{seconds}S</tptz:Timeout>",
        )

    async def go(self, place: Vector) -> None:
        """Turn to a place."""
        spaces = (await self.facts()).absolute
        self._require(spaces, "absolute moves")
        vector = _vector(spaces, _places(spaces, place))
        await self._ask("AbsoluteMove", f"<tptz:Position>{vector}</tptz:Position>")

    async def turn(self, step: Vector) -> None:
        """Turn by a step."""
        spaces = (await self.facts()).relative
        self._require(spaces, "relative moves")
        vector = _vector(spaces, _speeds(spaces, step))
        await self._ask("RelativeMove", f"<tptz:Translation>{vector}</tptz:Translation>")

    async def centre(self, x: float, y: float) -> None:
        """Turn so that a point of the picture comes into its middle.

        `x`, `y`: −1 (left, bottom) to 1 (right, top). Raises OnvifError: NO_SERVICE for a camera
        that takes no steps in units of its picture.
        """
        field = (await self.facts()).field
        self._require(Spaces(field), "steps in the picture")
        axes = _speeds(Spaces(field), Vector(x, y))
        vector = _vector(Spaces(field), axes)
        await self._ask("RelativeMove", f"<tptz:Translation>{vector}</tptz:Translation>")

    async def stop(self) -> None:
        """Stop at once."""
        both = "<tptz:PanTilt>true</tptz:PanTilt><tptz:Zoom>true</tptz:Zoom>"
        await self._ask("Stop", both)

    # -- places it keeps

    async def presets(self) -> list[Preset]:
        """The views the camera keeps."""
        return ptz_facts.presets_of(await self._ask("GetPresets"))

    async def set_preset(self, name: str, token: str | None = None) -> str:
        """Keep the present view; `token`: in place of that one. The token it has."""
        body = f"<tptz:PresetName>{escape(name)}</tptz:PresetName>"
        if token is not None:
            body += f"<tptz:PresetToken>{escape(token)}</tptz:PresetToken>"
        answer = await self._ask("SetPreset", body)
        if answer.words("PresetToken"):
            return ptz_facts.token_of(answer)
        if token is not None:
            return token
        named = [one.token for one in await self.presets() if one.name == name]
        return named[-1] if named else ptz_facts.token_of(answer)

    async def goto_preset(self, token: str) -> None:
        """Turn to a view it keeps."""
        await self._ask("GotoPreset", f"<tptz:PresetToken>{escape(token)}</tptz:PresetToken>")

    async def remove_preset(self, token: str) -> None:
        """Forget a view."""
        await self._ask("RemovePreset", f"<tptz:PresetToken>{escape(token)}</tptz:PresetToken>")

    async def goto_home(self) -> None:
        """Turn to the home position."""
        await self._ask("GotoHomePosition")

    async def set_home(self) -> None:
        """Make the present view the home position."""
        await self._ask("SetHomePosition")

    # -- how

    async def _node(self, head: PtzHead) -> PtzFacts:
        profile, node = head.profile, head.node
        body = f"<tptz:NodeToken>{escape(node)}</tptz:NodeToken>"
        try:
            answer = await self._asking.ask("tptz", f"<tptz:GetNode>{body}</tptz:GetNode>")
        except OnvifError as error:
            if error.trouble not in UNKNOWN_CALL:
                raise
            return ptz_facts.unknown_node(profile, node)
        usual = ptz_facts.usual_spaces(head.configuration)
        return ptz_facts.facts_of(answer, profile, node, usual)

    async def _ask(self, name: str, more: str = "") -> Element:
        profile = escape((await self.facts()).profile)
        token = f"<tptz:ProfileToken>{profile}</tptz:ProfileToken>"
        return await self._asking.ask("tptz", f"<tptz:{name}>{token}{more}</tptz:{name}>")

    def _require(self, spaces: Spaces, what: str) -> None:
        if not spaces.some:
            raise OnvifError(Trouble.NO_SERVICE, f"{self._asking.address} offers no {what}")


def _speeds(spaces: Spaces, vector: Vector) -> _Axes:
    turn, lens = spaces.pan_tilt, spaces.zoom
    return _Axes(
        turn.x.speed(vector.pan) if turn is not None else None,
        _upright(turn).speed(vector.tilt) if turn is not None else None,
        lens.x.speed(vector.zoom) if lens is not None else None,
    )


def _places(spaces: Spaces, vector: Vector) -> _Axes:
    turn, lens = spaces.pan_tilt, spaces.zoom
    return _Axes(
        turn.x.place(vector.pan, -1) if turn is not None else None,
        _upright(turn).place(vector.tilt, -1) if turn is not None else None,
        lens.x.place(vector.zoom, 0) if lens is not None else None,
    )


def _upright(space: Space) -> Range:
    assert space.y is not None, "a space of pan and tilt has both"
    return space.y


def _vector(spaces: Spaces, axes: _Axes) -> str:
    """The elements of a vector, each naming the space it is told in."""
    parts = ""
    if spaces.pan_tilt is not None and axes.x is not None:
        space = _named(spaces.pan_tilt)
        parts += f'<tt:PanTilt x="{axes.x:.4f}" y="{axes.y:.4f}"{space}/>'
    if spaces.zoom is not None and axes.zoom is not None:
        parts += f'<tt:Zoom x="{axes.zoom:.4f}"{_named(spaces.zoom)}/>'
    return parts


def _named(space: Space) -> str:
    """The attribute that names a space; none means the camera's usual one."""
    return f" space={quoteattr(space.uri)}" if space.uri else ""
