"""Where motion is looked for in a camera's picture: the settings that people draw.

Points are shares of the picture, from its left and its top, so that a zone stays where it is when
the stream's size changes. Nothing here changes what is connected to or what is stored.
"""

from __future__ import annotations

import itertools
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from vms.core.inventory import one_line

WHOLE = "*"
"""The zone of a camera without one: all of its picture. What events call it."""

ZONES_MAX = 16
POINTS_MAX = 40
_LEAST_AREA = 0.0002  # of the picture: a dozen pixels of those that are looked at


def _rounded(value: float) -> float:
    return round(value, 4)


def _zone_name(text: str) -> str:
    text = one_line(text)
    if not text or text == WHOLE:
        raise ValueError("needs a name, such as kapı; events call it so")
    return text


Share = Annotated[float, Field(ge=0, le=1), AfterValidator(_rounded)]
Point = tuple[Share, Share]


class MotionZone(BaseModel):
    """A polygon in which motion counts, or (`include` false) in which it never does.

    `points`: corners in order, (x, y) from 0 to 1; the last is joined to the first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(max_length=60), AfterValidator(_zone_name)]
    points: Annotated[tuple[Point, ...], Field(min_length=3, max_length=POINTS_MAX)]
    include: bool = True

    @model_validator(mode="after")
    def _has_room(self) -> MotionZone:
        if _area(self.points) < _LEAST_AREA:
            raise ValueError(f"the zone {self.name!r} has no area; give its corners in order")
        return self

    def __str__(self) -> str:
        corners = " ".join(f"{x:g},{y:g}" for x, y in self.points)
        return f"{self.name} ({'counts' if self.include else 'left out'}: {corners})"


class MotionSettings(BaseModel):
    """`motion` of a camera: its sub stream is looked at, and what moves in a zone is an event.

    `zones`: without one that counts, the whole picture does, except what is left out.
    `sensitivity`: 1, only what is large and clear, to 5, also what is small and faint.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sensitivity: Annotated[int, Field(ge=1, le=5)] = 3
    zones: Annotated[tuple[MotionZone, ...], Field(max_length=ZONES_MAX)] = ()

    @model_validator(mode="after")
    def _agree(self) -> MotionSettings:
        names = [zone.name for zone in self.zones]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two zones are called {twice!r}; events could not tell them apart")
        return self


def _area(points: tuple[Point, ...]) -> float:
    """Of a polygon, by the shoelace formula; a share of the picture."""
    pairs = itertools.pairwise((*points, points[0]))
    return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in pairs)) / 2
