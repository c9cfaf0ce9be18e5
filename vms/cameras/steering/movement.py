"""One unbroken movement of a camera by one person: what the log keeps as one line. Pure.

It begins with a move while the camera stands, goes on with each further move (a key that is held
down, a drag that changes its speed), and ends when the camera is stopped, does something else or
is somebody else's. Each of its moves is told in `track`. Only what the log's line says is known
here; writing it is not.
"""

from __future__ import annotations

from dataclasses import dataclass

from vms.cameras.onvif.ptz_facts import Vector
from vms.core.clock import MILLISECOND, MINUTE, Instant, Span

LONGEST = Span(10 * MINUTE)
"""A movement of more than that goes on in another line: readers look back no further for one that
reaches into a span."""
COMMANDS_MAX = 600
"""Moves of one line, a minute of a drag: with each the line is written anew, with all its moves."""
_AXES = ("pan", "tilt", "zoom")


@dataclass(slots=True)
class Movement:
    """`low`, `high`: between which speeds each axis was; `commands`: moves that were sent.

    `track`: each of them, as ms since `begin` and its speeds: `0 0.1 0 0; 104 0.15 0 -0.2`.
    """

    operator: str
    purpose: str
    begin: Instant
    until: Instant
    first: Vector
    low: Vector
    high: Vector
    track: str
    commands: int = 1

    @classmethod
    def begun(cls, operator: str, purpose: str, speed: Vector, now: Instant) -> Movement:
        """With its first move, that the camera has answered."""
        return cls(operator, purpose, now, now, speed, speed, speed, _move(0, speed))

    def is_of(self, operator: str, purpose: str, now: Instant) -> bool:
        """Whether a move of this person, for this purpose, is a part of it."""
        mine = self.operator == operator and self.purpose == purpose
        lasts = 0 <= now - self.begin < LONGEST and self.commands < COMMANDS_MAX
        return mine and lasts

    def go_on(self, speed: Vector, now: Instant) -> None:
        """One more move, that the camera has answered."""
        self.low = Vector(*(min(pair) for pair in _pairs(self.low, speed)))
        self.high = Vector(*(max(pair) for pair in _pairs(self.high, speed)))
        self.track += f"; {_move(now - self.begin, speed)}"
        self.commands += 1
        self.until = max(self.until, now)

    @property
    def detail(self) -> str:
        """The first speed; behind it the axes whose speed changed, each with the span of it."""
        text = f"{self.first.pan:.3f} {self.first.tilt:.3f} {self.first.zoom:.3f}"
        changed = [
            f"{name} {low:.3f}..{high:.3f}"
            for name, (low, high) in zip(_AXES, _pairs(self.low, self.high), strict=True)
            if low != high
        ]
        return "; ".join([text, ", ".join(changed)]) if changed else text


def _move(after: int, speed: Vector) -> str:
    # Thousandths, as the first speed is told; + 0.0 makes -0.0 a zero without a sign.
    axes = (f"{round(getattr(speed, name), 3) + 0.0:g}" for name in _AXES)
    return f"{after // MILLISECOND} {' '.join(axes)}"


def _pairs(one: Vector, other: Vector) -> list[tuple[float, float]]:
    return [(getattr(one, name), getattr(other, name)) for name in _AXES]
