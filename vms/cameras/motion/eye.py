"""What looks at one camera: its learnt view, its zones, and what moves in them. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vms.cameras.motion.areas import Mask, areas_of
from vms.cameras.motion.background import Background, Luma
from vms.cameras.motion.deciding import Change, Decider
from vms.core.clock import Instant
from vms.core.config_motion import MotionSettings

COLUMNS, ROWS = 32, 18
"""The grid in which people are shown what moves."""

_CELL_MOVES = 255 * 0.08  # mean of a cell's mask: eight of its hundred pixels


class Eye:
    """Looks at the pictures of one camera, one after the other.

    `zones`: each with its share now and since when it moves. `cells`: ROWS×COLUMNS, what moved in
    the last picture, inside zones and out. `view`: whether that picture could be compared.
    """

    def __init__(self, settings: MotionSettings) -> None:
        self.settings = settings
        self._areas = areas_of(settings)
        self._background = Background(settings.sensitivity)
        self.zones = tuple(Decider(area.name, area.limit) for area in self._areas)
        self.cells: npt.NDArray[np.bool_] = np.zeros((ROWS, COLUMNS), np.bool_)
        self.view = False

    def look(self, luma: Luma, at: Instant) -> list[Change]:
        """A picture's brightness, H×W of any size; what begins and ends by it."""
        moving, self.view = self._background.see(luma, at)
        self.cells = _cells(moving)
        if not self.view:
            return self._told(lambda zone, _: zone.rest(at))
        return self._told(lambda zone, number: zone.take(self._areas[number].share(moving), at))

    def lose(self) -> list[Change]:
        """The stream is gone: what moved is over, and the view must be learnt anew."""
        self._background.forget()
        self.view, self.cells = False, np.zeros((ROWS, COLUMNS), np.bool_)
        return self._told(lambda zone, _: zone.end())

    def _told(self, asked: Callable[[Decider, int], Change | None]) -> list[Change]:
        found = [asked(zone, number) for number, zone in enumerate(self.zones)]
        return [change for change in found if change is not None]


def _cells(moving: Mask) -> npt.NDArray[np.bool_]:
    shrunk: Any = cv2.resize(moving, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk > _CELL_MOVES, np.bool_)
