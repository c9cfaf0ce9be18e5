"""What a steered camera is, as values, and its answers read. Pure.

Outside of here a direction is always the same: pan and tilt −1 to 1 (left to right, down to up),
zoom −1 to 1 as a speed or a step and 0 to 1 as a position. Cameras that count in degrees or steps
are translated by the ranges they tell.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from vms.cameras.onvif import reading
from vms.cameras.onvif.port import OnvifError, Trouble
from vms.cameras.onvif.xml import Element

PRESETS_MAX = 256
"""More presets of one camera are not listed."""
TOKEN_MAX = 64
_FIELD_OF_VIEW = "TranslationSpaceFov"


@dataclass(frozen=True, slots=True)
class Vector:
    """A direction, a step or a place; see the module for the units."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 0.0


@dataclass(frozen=True, slots=True)
class Preset:
    """A view the camera keeps."""

    token: str
    name: str


@dataclass(frozen=True, slots=True)
class PtzStatus:
    """`position`: None when the camera does not tell; `moving`: None when it does not."""

    position: Vector | None
    moving: bool | None


@dataclass(frozen=True, slots=True)
class Range:
    """What the camera counts in, from `low` to `high`."""

    low: float
    high: float

    def speed(self, value: float) -> float:
        """A speed or step of ours in the camera's units; 0 stays 0.

        Some tell their speeds from 0 on, and turn back by negative ones all the same.
        """
        backwards = -self.low if self.low < 0 else self.high
        return value * (self.high if value >= 0 else backwards) + 0.0  # never -0

    def place(self, value: float, low: float) -> float:
        """A position of ours, from `low` to 1, in the camera's units."""
        share = (value - low) / (1 - low)
        return self.low + share * (self.high - self.low)

    def ours(self, place: float, low: float) -> float:
        """A position of the camera's as we count it, from `low` to 1; NaN of what is none."""
        if not math.isfinite(place):
            return math.nan
        if self.low == self.high:  # an axis that does not move
            return 0.0
        share = (place - self.low) / (self.high - self.low)
        return min(1.0, max(low, low + share * (1 - low)))


@dataclass(frozen=True, slots=True)
class Space:
    """One way a camera takes vectors. `y`: None for zoom. `uri`: empty where it tells none."""

    uri: str
    x: Range
    y: Range | None


@dataclass(frozen=True, slots=True)
class Spaces:
    """The ways of one kind of move; None where the camera has none."""

    pan_tilt: Space | None = None
    zoom: Space | None = None

    @property
    def some(self) -> bool:
        return self.pan_tilt is not None or self.zoom is not None


NO_SPACES = Spaces()
_GENERIC, _STILL = Range(-1.0, 1.0), Range(0.0, 0.0)


def usual_spaces(configuration: Element | None) -> Spaces:
    """How a head turns by the spaces that its PTZConfiguration names as the usual ones."""
    if configuration is None:
        return NO_SPACES
    turn = configuration.words("DefaultContinuousPanTiltVelocitySpace")
    lens = configuration.words("DefaultContinuousZoomVelocitySpace")
    return Spaces(
        Space(turn, _GENERIC, _GENERIC) if turn else None,
        Space(lens, _GENERIC, None) if lens else None,
    )


@dataclass(frozen=True, slots=True)
class PtzFacts:
    """What can be steered. `field`: steps told in halves of the picture, for click to centre."""

    profile: str
    node: str
    continuous: Spaces
    absolute: Spaces
    relative: Spaces
    field: Space | None
    home: bool
    presets_max: int


def unknown_node(profile: str, node: str) -> PtzFacts:
    """A head of which the camera does not tell more: it turns in the way all must know."""
    return PtzFacts(
        profile, node, Spaces(Space("", _GENERIC, _GENERIC), Space("", _GENERIC, None)),
        Spaces(), Spaces(), None, home=False, presets_max=PRESETS_MAX,
    )  # fmt: skip


def facts_of(answer: Element, profile: str, node: str, usual: Spaces = NO_SPACES) -> PtzFacts:
    """GetNode. `usual`: how it turns by its configuration, if the node tells no way at all."""
    pan_tilt = _spaces(answer, "RelativePanTiltTranslationSpace")
    relative = [one for one in pan_tilt if not one.uri.endswith(_FIELD_OF_VIEW)]
    turns = any(one.name.endswith("Space") and one.children for one in answer.walk())
    presets = answer.words("MaximumNumberOfPresets")
    return PtzFacts(
        profile=profile,
        node=node,
        continuous=Spaces(
            _best(_spaces(answer, "ContinuousPanTiltVelocitySpace")),
            _best(_spaces(answer, "ContinuousZoomVelocitySpace")),
        )
        if turns
        else usual,
        absolute=Spaces(
            _best(_spaces(answer, "AbsolutePanTiltPositionSpace")),
            _best(_spaces(answer, "AbsoluteZoomPositionSpace")),
        ),
        relative=Spaces(_best(relative), _best(_spaces(answer, "RelativeZoomTranslationSpace"))),
        field=next((one for one in pan_tilt if one.uri.endswith(_FIELD_OF_VIEW)), None),
        home=answer.words("HomeSupported").lower() in ("true", "1"),
        # Untold, it may keep some: who asks for them sees.
        presets_max=min(int(presets[:9]), PRESETS_MAX) if presets.isdecimal() else PRESETS_MAX,
    )


def status_of(answer: Element, absolute: Spaces) -> PtzStatus:
    """GetStatus. A place that is no number counts as untold."""
    moves = {one.text.strip().upper() for name in ("PanTilt", "Zoom")
             for one in _below(answer, "MoveStatus", name)}  # fmt: skip
    moving = "MOVING" in moves if moves & {"MOVING", "IDLE"} else None
    return PtzStatus(_position(answer, absolute), moving)


def presets_of(answer: Element) -> list[Preset]:
    """GetPresets: those with a token, each once, at most PRESETS_MAX."""
    found: dict[str, Preset] = {}
    for one in answer.all("Preset"):
        token = one.attributes.get("token", "")
        if 0 < len(token) <= TOKEN_MAX:
            found.setdefault(token, Preset(token, reading.name_of(one, "Name") or token))
    return list(found.values())[:PRESETS_MAX]


def token_of(answer: Element) -> str:
    """SetPreset: the token the camera gave. Raises OnvifError."""
    token = answer.words("PresetToken")
    if not 0 < len(token) <= TOKEN_MAX:
        raise OnvifError(Trouble.BROKEN_ANSWER, f"SetPreset gives the token {token[:80]!r}")
    return token


def _below(answer: Element, parent: str, name: str) -> list[Element]:
    found = answer.first(parent)
    return [one for one in found.children if one.name == name] if found is not None else []


def _position(answer: Element, absolute: Spaces) -> Vector | None:
    pan_tilt = _below(answer, "Position", "PanTilt")
    zoom = _below(answer, "Position", "Zoom")
    turn, lens = absolute.pan_tilt, absolute.zoom
    pan = tilt = closer = 0.0
    if pan_tilt and turn is not None and turn.y is not None:
        pan = turn.x.ours(_float(pan_tilt[0], "x"), -1)
        tilt = turn.y.ours(_float(pan_tilt[0], "y"), -1)
    if zoom and lens is not None:
        closer = lens.x.ours(_float(zoom[0], "x"), 0)
    if not (pan_tilt or zoom) or not all(map(math.isfinite, (pan, tilt, closer))):
        return None
    return Vector(pan, tilt, closer)


def _spaces(answer: Element, name: str) -> list[Space]:
    found = (_space(one) for one in answer.all(name))
    return [one for one in found if one is not None]


def _space(one: Element) -> Space | None:
    """None for one whose ranges are empty or no numbers; one axis of a head may stand still."""
    x, y = _range(one, "XRange"), _range(one, "YRange")
    if x is None or y is None:
        return None
    if "PanTilt" in one.name:
        return Space(one.words("URI"), x, y) if x != _STILL or y != _STILL else None
    return Space(one.words("URI"), x, None) if x != _STILL else None


def _range(one: Element, name: str) -> Range | None:
    """_STILL where it is not told or empty; of speeds and steps without an end, -INF to INF, the
    usual one."""
    found = one.first(name)
    if found is None:
        return _STILL
    low, high = reading.float_of(found.words("Min")), reading.float_of(found.words("Max"))
    if "Absolute" not in one.name and low == -math.inf and high == math.inf:
        return _GENERIC
    if not math.isfinite(high - low) or low > high:
        return None
    return Range(low, high) if low < high else _STILL


def _best(spaces: list[Space]) -> Space | None:
    """The generic one, whose meaning is sure; else the first."""
    generic = (one for one in spaces if "Generic" in one.uri)
    return next(generic, spaces[0] if spaces else None)


def _float(one: Element, name: str) -> float:
    return reading.float_of(one.attributes.get(name, ""))
