"""Scenes with planted motion: which seconds move is known, and how a camera would code them.

A still street with the noise of a sensor; things of several sizes walk through it at known times.
Only the sizes of the coded pictures are kept.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, NamedTuple

import av
import cv2
import numpy as np
import numpy.typing as npt

from vms.simulator.street import StreetPainter

_TICKS = 90_000
_QUIET_FIRST = 5  # seconds in which nothing happens yet
_NOISE = {"day": 1.4, "night": 1.9}  # what a camera's own noise reduction leaves, of 255
_QP_MIN = 22  # cameras let no picture be finer than that, however little happens
_HEIGHTS = (0.08, 0.15, 0.3)  # of the picture's: someone far off, someone near, a car

Light = Literal["day", "night"]
Rate = Literal["CBR", "VBR"]


class Coded(NamedTuple):
    """One coded picture: bytes, whether a keyframe, its composition offset in pictures."""

    size: int
    key: bool
    composition: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A scene and how it is coded. `gop` in seconds."""

    light: Light
    rate: Rate
    width: int = 640
    height: int = 360
    fps: int = 15
    gop: int = 2
    seconds: int = 360
    seed: int = 1
    bframes: int = 0
    qp_min: int = _QP_MIN

    @property
    def name(self) -> str:
        return f"{self.height}p {self.light} {self.rate}"

    @property
    def bitrate(self) -> int:
        """What a camera of this size is usually set to, in bit/s."""
        return 3_000_000 if self.height >= 1080 else 500_000


@dataclass(frozen=True, slots=True)
class Walk:
    """Something that crosses the picture: [start, end) in seconds, size and way in pixels."""

    start: float
    end: float
    width: int
    height: int
    x: float
    y: float
    dx: float
    dy: float
    look: int

    def at(self, time: float) -> tuple[float, float] | None:
        """Its upper left corner; None while it is not there."""
        if not self.start <= time < self.end:
            return None
        since = time - self.start
        return self.x + self.dx * since, self.y + self.dy * since


@dataclass(frozen=True, slots=True)
class Filmed:
    """What came of a plan. `moving`: per second True, False, or None where it is a matter of
    taste: something was in the picture for a part of it, or with less than half of itself."""

    plan: Plan
    pictures: tuple[Coded, ...]
    moving: tuple[bool | None, ...]


def walks_of(plan: Plan) -> list[Walk]:
    """Things of 8, 15 and 30 % of the picture's height, for 3 to 12 s, with quiet in between."""
    rng = random.Random(plan.seed)
    walks: list[Walk] = []
    at = _QUIET_FIRST + rng.uniform(0, 20)
    while at < plan.seconds - 15:
        height = max(8, round(plan.height * rng.choice(_HEIGHTS)))
        width = max(6, round(height * rng.choice((0.45, 1.0, 1.8))))
        lasts = rng.uniform(3, 12)
        # From a doorway: it stands wholly in the picture from its first moment to its last.
        speed = plan.width * rng.uniform(0.02, 0.08) * rng.choice((-1, 1))
        room = plan.width - width - abs(speed) * lasts
        if room > 0:
            left = rng.uniform(0, room) + (0 if speed > 0 else abs(speed) * lasts)
            top = rng.uniform(plan.height * 0.45, plan.height - height - 1)
            drift = rng.uniform(-0.002, 0.002) * plan.height
            walks.append(
                Walk(at, at + lasts, width, height, left, top, speed, drift, rng.randrange(1 << 30))
            )
        at += lasts + rng.uniform(4, 40)
    return walks


def truth_of(plan: Plan, walks: list[Walk]) -> tuple[bool | None, ...]:
    """Per second: does something move in it?"""
    seconds: list[bool | None] = []
    for second in range(plan.seconds):
        shares = [max(0.0, min(walk.end, second + 1) - max(walk.start, second)) for walk in walks]
        share = max(shares, default=0.0)
        # Whoever just went uncovers the ground behind: the picture after the last still changes.
        went = any(second <= walk.end < second + 1 for walk in walks)
        if share >= 0.5:
            seconds.append(True)
        else:
            seconds.append(None if share > 0 or went else False)
    return tuple(seconds)


class Painter:
    """Draws a plan's pictures as I420."""

    def __init__(self, plan: Plan, walks: list[Walk]) -> None:
        self._plan, self._walks = plan, walks
        self._rng = np.random.default_rng(plan.seed)
        planes, _ = StreetPainter(plan.width, plan.height, plan.seed).paint()
        luma = planes[0].astype(np.float32)
        if plan.light == "day":
            luma = 60 + luma * 1.1 + self._texture(plan.height, plan.width, 6.0)
        self._ground = np.clip(luma, 16, 235).astype(np.int16)
        chroma = np.concatenate([plane.reshape(-1) for plane in planes[1:]])
        self._planes = np.zeros((plan.height * 3 // 2, plan.width), np.uint8)
        self._planes[plan.height :] = chroma.reshape(-1, plan.width)
        cv2.setRNGSeed(plan.seed)
        self._noise = np.zeros((plan.height, plan.width), np.int16)
        self._looks = [self._look(walk) for walk in walks]

    def _texture(self, height: int, width: int, depth: float) -> npt.NDArray[np.float32]:
        small = self._rng.normal(0, depth, (height // 4 + 1, width // 4 + 1)).astype(np.float32)
        grown: Any = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
        return np.asarray(grown, np.float32)

    def _look(self, walk: Walk) -> npt.NDArray[np.float32]:
        """Clothes: darker or lighter than the ground, with folds."""
        rng = np.random.default_rng(walk.look)
        rough = (max(2, walk.height // 6), max(2, walk.width // 6))
        folds = rng.normal(0, 14, rough).astype(np.float32)
        size = (walk.width, walk.height)
        grown: Any = cv2.resize(folds, size, interpolation=cv2.INTER_CUBIC)
        # At night nothing is darker than the ground.
        shades = (-35, 40, 60) if self._plan.light == "day" else (30, 45, 60)
        shaded: npt.NDArray[np.float32] = np.asarray(grown, np.float32) + rng.choice(shades)
        return shaded

    def picture(self, number: int) -> npt.NDArray[np.uint8]:
        """The picture of a number, planes one below the other; the next call writes over it."""
        plan, time = self._plan, number / self._plan.fps
        covered = []
        for walk, look in zip(self._walks, self._looks, strict=True):
            place = walk.at(time)
            if place is not None:
                covered.append(self._put(look, place))
        # Gain drifts: the noise is a tenth stronger and weaker within a quarter of an hour.
        gain = 1 + 0.1 * np.sin(2 * np.pi * time / 900 + plan.seed)
        cv2.randn(self._noise, np.zeros(1), np.array([_NOISE[plan.light] * gain]))
        cv2.add(self._ground, self._noise, self._planes[: plan.height], dtype=cv2.CV_8U)
        for part, before in covered:
            part[:] = before
        return self._planes

    def _put(
        self, look: npt.NDArray[np.float32], place: tuple[float, float]
    ) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
        """Draw a walker on the ground: the part it covers, and what was there."""
        height, width = look.shape
        x, y = int(place[0]), int(place[1])
        shift: Any = np.array([[1, 0, place[0] - x], [0, 1, place[1] - y]], np.float32)
        moved: Any = cv2.warpAffine(look, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
        part = self._ground[y : y + height, x : x + width]
        before = part.copy()
        part += np.asarray(moved, np.int16)[: part.shape[0], : part.shape[1]]
        return part, before


def pictures_of(plan: Plan, walks: list[Walk]) -> Iterator[npt.NDArray[np.uint8]]:
    """A plan's pictures as I420, one after the other; each is written over by the next."""
    painter = Painter(plan, walks)
    return (painter.picture(number) for number in range(plan.fps * plan.seconds))


def film(plan: Plan) -> Filmed:
    """Draw and code a plan's scene."""
    walks = walks_of(plan)
    pictures = tuple(_coded(plan, Painter(plan, walks)))
    return Filmed(plan, pictures, truth_of(plan, walks))


def _coded(plan: Plan, painter: Painter) -> Iterator[Coded]:
    context = _encoder(plan)
    dts = 0
    for number in range(plan.fps * plan.seconds + 1):
        frame = None
        if number < plan.fps * plan.seconds:
            frame = av.VideoFrame.from_ndarray(painter.picture(number), format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, plan.fps)
        for packet in context.encode(frame):
            yield Coded(packet.size, bool(packet.is_keyframe), (packet.pts or 0) - dts)
            dts += 1


def _encoder(plan: Plan) -> Any:
    context: Any = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = plan.width, plan.height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, plan.fps), Fraction(plan.fps)
    context.gop_size, context.thread_count = plan.gop * plan.fps, 1
    extra = f"scenecut=0:bframes={plan.bframes}:b-adapt=0:rc-lookahead=0:sync-lookahead=0:mbtree=0"
    extra += f":qpmin={plan.qp_min}"
    options = {"preset": "superfast", "maxrate": str(plan.bitrate), "bufsize": str(plan.bitrate)}
    if plan.rate == "CBR":
        context.bit_rate = plan.bitrate
    else:
        options |= {"crf": "27", "maxrate": str(plan.bitrate * 2)}
    context.options = options | {"x264-params": extra}
    context.open()
    return context
