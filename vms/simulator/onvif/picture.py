"""The snapshot of a simulated device: its street, seen through where the head looks."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import cv2
import numpy as np

from vms.simulator.lens import show
from vms.simulator.onvif.head import View
from vms.simulator.scene import Scene

_WIDTH, _HEIGHT = 640, 360


def snapshot(seed: int, title: str, zone: ZoneInfo, view: View, wall: int) -> bytes:
    """A JPEG of `wall`, nanoseconds of UTC. Takes some 50 ms: not for a loop."""
    planes = [np.empty((_HEIGHT >> half, _WIDTH >> half), dtype=np.uint8) for half in (0, 1, 1)]
    scene = Scene(planes, seed, title, zone)
    scene.draw(0, wall)
    seen = [np.empty_like(plane) for plane in planes]
    show(planes, seen, scene.bar, view)
    joined = np.concatenate([plane.ravel() for plane in seen]).reshape(_HEIGHT * 3 // 2, _WIDTH)
    done, coded = cv2.imencode(".jpg", cv2.cvtColor(joined, cv2.COLOR_YUV2BGR_I420))
    assert done, "a picture of 640×360 can always be coded"
    return coded.tobytes()
