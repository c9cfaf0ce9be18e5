"""A camera's zones as pixels of the small picture that is looked at. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vms.core.config_motion import WHOLE, MotionSettings, MotionZone

WIDTH, HEIGHT = 320, 180
"""The small picture's size: someone who fills a tenth of the height is 18 pixels tall in it."""

Mask = npt.NDArray[np.uint8]
"""HEIGHT×WIDTH; 255 or 0."""

# By sensitivity: which share of a zone must move.
_SHARES = {1: 0.03, 2: 0.01, 3: 0.003, 4: 0.0012, 5: 0.0006}
_LEAST_PIXELS = 12  # less is a speck, however small the zone


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """A zone that counts, without what is left out. `pixels`: its size; `limit`: the share of them
    from which on it moves."""

    name: str
    mask: Mask
    pixels: int
    limit: float

    def share(self, moving: Mask) -> float:
        """How much of it moves, 0 to 1."""
        return cv2.countNonZero(cv2.bitwise_and(moving, self.mask)) / max(1, self.pixels)


def areas_of(settings: MotionSettings) -> tuple[Area, ...]:
    """The zones that count; the whole picture where none is drawn.

    A zone that lies wholly in what is left out is there and never moves.
    """
    out = _drawn([zone for zone in settings.zones if not zone.include])
    counted = [zone for zone in settings.zones if zone.include]
    if not counted:
        return (_area(WHOLE, np.full((HEIGHT, WIDTH), 255, np.uint8), out, settings),)
    return tuple(_area(zone.name, _drawn([zone]), out, settings) for zone in counted)


def _area(name: str, mask: Mask, out: Mask, settings: MotionSettings) -> Area:
    left = np.asarray(cv2.bitwise_and(mask, cv2.bitwise_not(out)), np.uint8)
    pixels = int(cv2.countNonZero(left))
    return Area(
        name, left, pixels, max(_SHARES[settings.sensitivity], _LEAST_PIXELS / (pixels + 1))
    )


def _drawn(zones: Sequence[MotionZone]) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for zone in zones:
        corners = [[round(x * (WIDTH - 1)), round(y * (HEIGHT - 1))] for x, y in zone.points]
        polygon: Any = np.array([corners], np.int32)
        cv2.fillPoly(mask, polygon, 255)
    return mask
