"""What a simulated PTZ camera sees of its street: the part its head looks at, at full size.

The bar above, with strip, name and clock, is the camera's own writing and stays where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2

from vms.simulator.onvif.head import View, part_seen
from vms.simulator.strip import Plane

Look = Callable[[], View]
"""Where the head looks now."""


def show(whole: Sequence[Plane], target: Sequence[Plane], bar: int, view: View) -> None:
    """Draw the part of `whole` (Y, U, V) that `view` sees into `target`, of the same size.

    `bar`: rows of Y that are not seen but written; even.
    """
    part = part_seen(view.zoom)
    for source, out, half in zip(whole, target, (0, 1, 1), strict=True):
        first = bar >> half
        height, width = source.shape[0] - first, source.shape[1]
        high, wide = round(height * part), round(width * part)
        left = round((width - wide) * (1 + view.pan) / 2)
        top = first + round((height - high) * (1 - view.tilt) / 2)
        out[:first] = source[:first]
        seen: Any = cv2.resize(source[top : top + high, left : left + wide], (width, height))
        out[first:] = seen
