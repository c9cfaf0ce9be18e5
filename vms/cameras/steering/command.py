"""What a person may do with a camera's head: as values that a log can keep and a client can run."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from vms.cameras.onvif.ptz_facts import Vector
from vms.core.clock import SECOND, Span
from vms.core.errors import BadRequest

MOVE_LASTS = Span(2 * SECOND)
"""A move ends by itself after it; whoever holds a key sends it again and again before."""
NAME_MAX = 60

Word = Literal[
    "move", "stop", "absolute", "relative", "centre", "preset_save", "preset_goto",
    "preset_remove", "home_goto", "home_save", "take", "release", "patrol_start", "patrol_stop",
]  # fmt: skip


class Head(Protocol):
    """What turns: `vms.cameras.onvif.ptz.PtzService`."""

    async def move(self, speed: Vector, timeout: Span) -> None: ...
    async def go(self, place: Vector) -> None: ...
    async def turn(self, step: Vector) -> None: ...
    async def centre(self, x: float, y: float) -> None: ...
    async def stop(self) -> None: ...
    async def set_preset(self, name: str, token: str | None = None) -> str: ...
    async def goto_preset(self, token: str) -> None: ...
    async def remove_preset(self, token: str) -> None: ...
    async def goto_home(self) -> None: ...
    async def set_home(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Command:
    """`word` and `detail` are what the log keeps; `run` carries it out and gives what it gives.

    `turns`: with this speed the camera moves until it is stopped.
    """

    word: Word
    detail: str
    run: Callable[[Head], Awaitable[str | None]]
    turns: Vector | None = None


def move(speed: Vector) -> Command:
    """Turn with a speed until stopped. All zero is a stop."""
    _check(speed, zoom_low=-1)
    if speed == Vector():
        return stop()
    return Command("move", _told(speed), lambda head: head.move(speed, MOVE_LASTS), turns=speed)


def stop() -> Command:
    """Stop at once."""
    return Command("stop", "", lambda head: head.stop())


def absolute(place: Vector) -> Command:
    """Turn to a place."""
    _check(place, zoom_low=0)
    return Command("absolute", _told(place), lambda head: head.go(place))


def relative(step: Vector) -> Command:
    """Turn by a step."""
    _check(step, zoom_low=-1)
    return Command("relative", _told(step), lambda head: head.turn(step))


def centre(x: float, y: float) -> Command:
    """Bring a point of the picture into its middle; shares of it from its left and its top."""
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise BadRequest("x and y are shares of the picture, from 0 to 1")
    return Command("centre", f"{x:.3f} {y:.3f}", lambda head: head.centre(2 * x - 1, 1 - 2 * y))


def save_preset(name: str, token: str | None) -> Command:
    """Keep the present view; gives its token."""
    words = " ".join(name.split())
    if not 0 < len(words) <= NAME_MAX or not words.isprintable():
        raise BadRequest(f"a preset's name has 1 to {NAME_MAX} letters")
    return Command("preset_save", words, lambda head: head.set_preset(words, token))


def goto_preset(token: str) -> Command:
    """Turn to a view the camera keeps."""
    return Command("preset_goto", token, lambda head: head.goto_preset(token))


def remove_preset(token: str) -> Command:
    """Forget a view."""
    return Command("preset_remove", token, lambda head: head.remove_preset(token))


def goto_home() -> Command:
    """Turn to the home position."""
    return Command("home_goto", "", lambda head: head.goto_home())


def save_home() -> Command:
    """Make the present view the home position."""
    return Command("home_save", "", lambda head: head.set_home())


def _check(vector: Vector, zoom_low: float) -> None:
    axes = (vector.pan, vector.tilt)
    if not all(map(math.isfinite, (*axes, vector.zoom))):
        raise BadRequest("pan, tilt and zoom must be numbers")
    if not all(-1 <= one <= 1 for one in axes) or not zoom_low <= vector.zoom <= 1:
        raise BadRequest(f"pan and tilt go from -1 to 1, zoom from {zoom_low:g} to 1")


def _told(vector: Vector) -> str:
    return f"{vector.pan:.3f} {vector.tilt:.3f} {vector.zoom:.3f}"
