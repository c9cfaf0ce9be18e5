"""Drawn scenes: a street as a camera sees it, its noise, its light, its wind, who walks there."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from vms.cameras.motion.deciding import Change
from vms.cameras.motion.eye import Eye
from vms.core.clock import SECOND, Instant
from vms.core.config_motion import MotionSettings
from vms.simulator.street import StreetPainter

WIDTH, HEIGHT = 320, 180
BEGIN = Instant(1_800_000_000 * SECOND)
LOOKS = 4  # a second


@dataclass(frozen=True)
class Walker:
    """Someone who walks from left to right between two seconds. `size`: width and height."""

    start: float
    end: float
    x: float = 60
    y: int = 110
    size: tuple[int, int] = (14, 30)
    speed: float = 20.0

    def draw(self, picture: npt.NDArray[np.float32], time: float) -> None:
        if self.start <= time < self.end:
            left = round(self.x + self.speed * (time - self.start))
            width, height = self.size
            body = picture[self.y : self.y + height, left : left + width]
            body[:] = np.where(np.arange(body.shape[0])[:, None] % 12 < 6, 40, 190)


class Street:
    """A still street. `light`: gain and offset at a second; `wind`: pixels at a second."""

    def __init__(self, seed: int = 1, noise: float = 2.0, *, night: bool = False) -> None:
        planes, _ = StreetPainter(WIDTH, HEIGHT, seed).paint()
        luma = planes[0].astype(np.float32)
        self.ground = luma if night else 60 + 1.1 * luma
        self._rng = np.random.default_rng(seed)
        self._noise = noise

    def picture(
        self,
        time: float,
        *walkers: Walker,
        light: tuple[float, float] = (1, 0),
        wind: tuple[float, float] = (0, 0),
    ) -> npt.NDArray[np.uint8]:
        luma = self.ground.copy()
        for walker in walkers:
            walker.draw(luma, time)
        if wind != (0, 0):
            matrix: Any = np.array([[1, 0, wind[0]], [0, 1, wind[1]]], np.float32)
            size = (WIDTH, HEIGHT)
            luma = cv2.warpAffine(luma, matrix, size, borderMode=cv2.BORDER_REFLECT)
        luma = luma * light[0] + light[1] + self._rng.normal(0, self._noise, luma.shape)
        return np.clip(luma, 0, 255).astype(np.uint8)


def seconds(change: Change) -> float:
    """Since the begin of a scene."""
    return (change.at - BEGIN) / SECOND


def watch(settings: MotionSettings, length: float, picture: Any) -> tuple[list[Change], Eye]:
    """Look at `picture(time)` for so many seconds."""
    eye, found = Eye(settings), list[Change]()
    for number in range(round(length * LOOKS)):
        at = Instant(BEGIN + number * SECOND // LOOKS)
        found += eye.look(picture(number / LOOKS), at)
    return found, eye


def write_film(path: Path, length: int, fps: int, walker: Walker) -> None:
    """A film of `length` seconds, H.264, a keyframe each second."""
    street = Street()
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.gop_size, stream.time_base = fps, Fraction(1, fps)
        stream.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "26"}
        for number in range(length * fps):
            luma = street.picture(number / fps, walker)
            planes = np.vstack([luma, np.full((HEIGHT // 2, WIDTH), 128, np.uint8)])
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
