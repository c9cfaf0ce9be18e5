"""The head of a simulated PTZ camera: where it looks, where it goes, its presets.

Pan and tilt are −1 to 1, zoom 0 to 1 (the generic spaces of ONVIF PTZ §5). Moves take time: the
position is a function of the clock, so nothing has to run while nobody looks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from vms.core.clock import SECOND, Clock

_SPEED = 0.5
"""Full speed, in units of the spaces a second."""
PRESETS_MAX = 64
_WIDEST, _NARROWEST = 0.7, 0.2


def part_seen(zoom: float) -> float:
    """Which part of the street's width and height is seen, by zoom."""
    return _WIDEST - (_WIDEST - _NARROWEST) * zoom


@dataclass(frozen=True, slots=True)
class View:
    """A direction: pan, tilt, zoom."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 0.0

    def clipped(self) -> View:
        return View(
            min(1.0, max(-1.0, self.pan)), min(1.0, max(-1.0, self.tilt)),
            min(1.0, max(0.0, self.zoom)),
        )  # fmt: skip

    def plus(self, other: View, factor: float = 1.0) -> View:
        return View(
            self.pan + factor * other.pan,
            self.tilt + factor * other.tilt,
            self.zoom + factor * other.zoom,
        ).clipped()


class Head:
    """Moves and remembers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._from, self._began = View(), 0
        self._velocity: View | None = None  # a continuous move, until `_ends`
        self._target: View | None = None
        self._ends: int | None = None
        self.home = View()
        self.presets: dict[str, tuple[str, View]] = {}

    @property
    def view(self) -> View:
        """Where the head looks now."""
        now = self._clock.monotonic()
        if self._velocity is not None:
            until = now if self._ends is None else min(now, self._ends)
            return self._from.plus(self._velocity, _SPEED * (until - self._began) / SECOND)
        if self._target is None:
            return self._from
        reach = _SPEED * (now - self._began) / SECOND
        return View(*(
            start + max(-reach, min(reach, end - start))
            for start, end in (
                (self._from.pan, self._target.pan),
                (self._from.tilt, self._target.tilt),
                (self._from.zoom, self._target.zoom),
            )
        ))  # fmt: skip

    @property
    def moving(self) -> bool:
        if self._velocity is not None:
            return self._ends is None or self._clock.monotonic() < self._ends
        return self._target is not None and self.view != self._target

    def go(self, target: View) -> None:
        """An absolute move."""
        self._begin()
        self._target = target.clipped()

    def turn(self, by: View) -> None:
        """A relative move."""
        self.go(self.view.plus(by))

    def centre(self, x: float, y: float) -> None:
        """Bring a point of the picture into its middle; −1 and 1 are the picture's edges."""
        part = part_seen(self.view.zoom)
        # Half a picture is part/2 of the street; from pan −1 to 1 it moves by the rest, 1 − part.
        self.turn(View(x * part / (1 - part), y * part / (1 - part)))

    def drive(self, velocity: View, nanoseconds: int | None) -> None:
        """A continuous move: −1 to 1 per axis, until stopped or the time is over."""
        self._begin()
        self._velocity = velocity
        self._ends = None if nanoseconds is None else self._began + nanoseconds

    def stop(self) -> None:
        self._begin()

    def remember(self, token: str, name: str) -> str:
        """Keep the present view as a preset; its token. Raises ValueError when all are taken."""
        if token not in self.presets and len(self.presets) >= PRESETS_MAX:
            raise ValueError(f"all {PRESETS_MAX} presets are taken")
        free = (f"preset-{number}" for number in range(1, PRESETS_MAX + 1))
        token = token or next(one for one in free if one not in self.presets)
        self.presets[token] = (name or token, self.view)
        return token

    def settle_home(self) -> None:
        """The present view is home from now on."""
        self.home = replace(self.view)

    def _begin(self) -> None:
        self._from, self._began = self.view, self._clock.monotonic()
        self._velocity = self._target = self._ends = None
