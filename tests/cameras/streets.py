"""Pictures of a street as a camera sees it, and the same with a fault planted."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import numpy.typing as npt

from vms.cameras.health.looks import Fault, Luma
from vms.core.clock import MINUTE, SECOND, Instant
from vms.simulator.scene import Scene

WIDTH, HEIGHT = 640, 360
BEGIN = Instant(1_800_000_000 * SECOND)


class Street:
    """A simulated street's luma, by night or day, with its sensor's noise."""

    def __init__(self, seed: int) -> None:
        sizes = [(HEIGHT, WIDTH), (HEIGHT // 2, WIDTH // 2), (HEIGHT // 2, WIDTH // 2)]
        self._planes: list[Any] = [np.zeros(size, np.uint8) for size in sizes]
        self._scene = Scene(self._planes, seed, "Kamera", ZoneInfo("Europe/Istanbul"))
        self._rng = np.random.default_rng(seed)

    def picture(self, minute: int, *, day: bool = False) -> Luma:
        self._scene.draw(minute, BEGIN + minute * MINUTE)
        luma = self._planes[0].astype(np.float32)
        return self.noisy(70 + 0.62 * luma if day else luma)

    def noisy(self, luma: npt.NDArray[Any]) -> Luma:
        return np.clip(luma + self._rng.normal(0, 2, luma.shape), 0, 255).astype(np.uint8)


def planted(street: Street, fault: Fault, picture: Luma, before: Luma) -> Luma:
    """The picture with a fault; `before`: the one a minute ago."""
    blank = np.full_like(picture, 12)
    shifted = np.array([[1, 0, WIDTH // 3], [0, 1, HEIGHT // 10]], np.float32)
    made: dict[Fault, Any] = {
        Fault.BLACK: blank,
        Fault.WHITE: blank + 225,
        Fault.COVERED: street.noisy(blank + 70),
        Fault.BLURRED: street.noisy(cv2.GaussianBlur(picture, (0, 0), 3.5)),
        Fault.FROZEN: np.vstack([picture[:40], before[40:]]),  # its clock runs on
        Fault.TURNED: cv2.warpAffine(
            picture, shifted, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT
        ),
    }
    return np.asarray(made[fault], np.uint8)
