"""Painting a night street: the still background, its windows, and cars as sprites.

All positions are in units of 1/180 of the picture's height, so that main and sub stream show the
same street. Nothing here moves; `scene` does that.
"""

from __future__ import annotations

import colorsys
import random
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Canvas = npt.NDArray[np.float32]  # H×W×3, BGR, 0..255
Planes = tuple[npt.NDArray[np.uint8], ...]  # Y, U, V of 4:2:0

PAVEMENT, ROAD = 108, 118
LANES = (131, 147, 168)
"""Where the wheels of each lane stand."""


@dataclass(frozen=True, slots=True)
class Window:
    """A window that may be switched on and off: pixels, even, and its two colours in YUV."""

    x: int
    y: int
    width: int
    height: int
    lit: tuple[int, int, int]
    dark: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Sprite:
    """A car: Y, U, V and how much each covers (0..256)."""

    planes: Planes
    covers: tuple[npt.NDArray[np.uint16], ...]

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.planes[0].shape
        return width, height


def to_planes(canvas: Canvas) -> Planes:
    """Y, U, V of 4:2:0 (BT.601, limited range)."""
    height, width = canvas.shape[:2]
    picture = np.clip(canvas, 0, 255).astype(np.uint8)
    whole: Any = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
    luma = whole[:height].copy()
    chroma = whole[height:].reshape(2, height // 2, width // 2)
    return luma, chroma[0].copy(), chroma[1].copy()


def _bgr(hue: float, saturation: float, light: float) -> tuple[float, float, float]:
    red, green, blue = colorsys.hls_to_rgb(hue % 360 / 360, light / 100, saturation / 100)
    return blue * 255, green * 255, red * 255


class StreetPainter:
    """Paints one street of a seed at a size."""

    def __init__(self, width: int, height: int, seed: int) -> None:
        self.width, self.height = width, height
        self._unit = height / 180
        self._span = width / self._unit  # the picture's width in units
        self._rng = random.Random(seed)
        self._tone = 205 + self._rng.randint(-14, 34)
        self._canvas: Canvas = np.zeros((height, width, 3), np.float32)
        self._glow: Canvas = np.zeros((height, width, 3), np.float32)
        self._windows: list[Window] = []

    def paint(self) -> tuple[Planes, list[Window]]:
        """The still picture, and the windows that may change."""
        self._sky()
        self._skyline(far=True)
        self._skyline(far=False)
        self._ground()
        self._lamps()
        blurred = self._bloom(self._glow, 5) * 0.55 + self._bloom(self._glow, 16) * 0.5
        picture = self._canvas + blurred
        return to_planes(picture * self._vignette()), self._windows

    def _px(self, value: float) -> int:
        return round(value * self._unit)

    def _box(self, x: float, y: float, w: float, h: float, colour: Any, *, glow: float = 0) -> None:
        top, bottom = max(self._px(y), 0), max(self._px(y + h), 0)
        left, right = max(self._px(x), 0), max(self._px(x + w), 0)
        self._canvas[top:bottom, left:right] = colour
        if glow:
            self._glow[top:bottom, left:right] = np.array(colour, np.float32) * glow

    def _sky(self) -> None:
        above, below = _bgr(self._tone, 34, 5), _bgr(self._tone + 14, 26, 17)
        ramp = np.linspace(0, 1, self._px(ROAD), dtype=np.float32)[:, None] ** 1.6
        rows = np.array(above, np.float32) * (1 - ramp) + np.array(below, np.float32) * ramp
        self._canvas[: self._px(ROAD)] = rows[:, None, :]
        for _ in range(40):
            x, y = self._rng.uniform(0, self._span), self._rng.uniform(22, 62)
            size = self._rng.choice((0.5, 0.5, 0.8))
            self._box(x, y, size, size, _bgr(self._tone, 10, self._rng.randint(24, 52)))

    def _skyline(self, *, far: bool) -> None:
        x = -self._rng.uniform(4, 18)
        while x < self._span:
            width = self._rng.randint(16, 30) if far else self._rng.randint(26, 56)
            high = self._rng.randint(48, 84) if far else self._rng.randint(34, 76)
            light = self._rng.uniform(11, 13.5) if far else self._rng.uniform(9, 15)
            wall = _bgr(self._tone + self._rng.randint(-10, 10), 20 if far else 13, light)
            self._box(x, PAVEMENT - high, width, high, wall)
            self._box(x, PAVEMENT - high, width, 0.8, [c * 1.45 for c in wall])
            if far:
                self._far_windows(x, width, high)
            else:
                self._facade(x, width, high, wall)
            x += width + (self._rng.uniform(-3, 4) if far else self._rng.uniform(0, 9))

    def _far_windows(self, x: float, width: float, high: float) -> None:
        for _ in range(int(width * high / 70)):
            wx, wy = x + self._rng.uniform(1, width - 2), PAVEMENT - self._rng.uniform(10, high - 3)
            self._box(wx, wy, 1, 1.2, _bgr(38, 45, self._rng.uniform(22, 40)))

    def _facade(self, x: float, width: float, high: float, wall: Any) -> None:
        """Windows in a grid, a lit shop or a door at street level."""
        columns, step = max(int((width - 5) // 8), 1), 8.0
        left = x + (width - (columns - 1) * step - 4) / 2
        for row in range(int((high - 22) // 10)):
            for column in range(columns):
                self._window(left + column * step, PAVEMENT - high + 6 + row * 10, wall)
        if self._rng.random() < 0.6:
            hue = self._rng.choice((36, 40, 44, 40, 178, 345))
            shop = _bgr(hue, 48, self._rng.uniform(32, 44))
            self._box(x + 3, PAVEMENT - 10, width - 6, 8, shop, glow=0.8)
            self._box(x + 2, PAVEMENT - 12.4, width - 4, 2.6, _bgr(hue + 180, 30, 22))
            for cut in range(1, int((width - 6) // 7)):
                self._box(x + 3 + cut * 7, PAVEMENT - 10, 0.6, 8, wall)
        else:
            self._box(x + width / 2 - 2.5, PAVEMENT - 8, 5, 8, [c * 0.55 for c in wall])

    def _window(self, x: float, y: float, wall: Any) -> None:
        hue = self._rng.choice((36, 39, 42, 42, 45, 200))
        light = self._rng.uniform(38, 66)
        lit = _bgr(hue, 58 if hue < 100 else 25, light)
        dark = tuple(c * 0.62 for c in wall)
        on = self._rng.random() < 0.36
        self._box(x, y, 4, 5.4, lit if on else dark, glow=0.7 if on else 0)
        box = (self._px(x) & ~1, self._px(y) & ~1, self._px(4) & ~1, self._px(5.4) & ~1)
        inside = box[0] >= 0 and box[0] + box[2] <= self.width and min(box[2:]) >= 2
        if inside and self._rng.random() < 0.3:
            self._windows.append(Window(*box, lit=_yuv(lit), dark=_yuv(dark)))

    def _ground(self) -> None:
        road = self._px(ROAD)
        self._box(0, PAVEMENT, self._span + 1, ROAD - PAVEMENT, _bgr(self._tone, 8, 17))
        self._box(0, ROAD - 1.2, self._span + 1, 1.2, _bgr(self._tone, 6, 27))
        ramp = np.linspace(0, 1, self.height - road, dtype=np.float32)[:, None]
        near, far = (
            np.array(_bgr(212, 12, 7.5), np.float32),
            np.array(_bgr(212, 10, 11), np.float32),
        )
        self._canvas[road:] = (far * (1 - ramp) + near * ramp)[:, None, :]
        shift = self._rng.uniform(0, 20)
        for y, length, thick in ((136, 12, 0.9), (154.5, 17, 1.3)):
            for x in np.arange(-shift, self._span, length * 2):
                self._box(float(x), y, length, thick, _bgr(48, 8, 42))
        self._box(0, 174, self._span + 1, 0.9, _bgr(48, 6, 30))

    def _lamps(self) -> None:
        gap = self._rng.uniform(78, 110)
        warm = np.array(_bgr(38, 85, 68), np.float32)
        for x in np.arange(self._rng.uniform(10, 40), self._span + 20, gap):
            at = float(x)
            self._box(at, 70, 1.1, PAVEMENT + 4 - 70, _bgr(self._tone, 6, 25))
            self._box(at - 7, 69.4, 8, 1, _bgr(self._tone, 6, 25))
            self._box(at - 8.5, 70.2, 5, 1.5, _bgr(44, 90, 86), glow=2.6)
            self._pool(at - 6, 122, 34, 9, warm * 0.34)
            self._pool(at - 6, 92, 15, 30, warm * 0.13)

    def _pool(self, x: float, y: float, wide: float, high: float, colour: Any) -> None:
        """An ellipse of light that fades outwards, added."""
        top, bottom = max(self._px(y - high), 0), self._px(y + high)
        left, right = max(self._px(x - wide), 0), max(self._px(x + wide), 0)
        part = self._canvas[top:bottom, left:right]
        rows = (np.arange(top, top + part.shape[0]) / self._unit - y)[:, None] / high
        columns = (np.arange(left, left + part.shape[1]) / self._unit - x)[None, :] / wide
        strength = np.clip(1 - rows * rows - columns * columns, 0, 1) ** 1.5
        part += (strength[:, :, None] * colour).astype(np.float32)

    def _bloom(self, layer: Canvas, radius: float) -> Canvas:
        small: Any = cv2.resize(layer, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), max(radius * self._unit / 4, 0.5))
        full: Canvas = cv2.resize(small, (self.width, self.height))
        return full

    def _vignette(self) -> Canvas:
        rows = np.linspace(-1, 1, self.height, dtype=np.float32)[:, None] ** 2
        columns = np.linspace(-1, 1, self.width, dtype=np.float32)[None, :] ** 2
        return (1.06 - 0.2 * (rows + columns))[:, :, None]


def _yuv(colour: Any) -> tuple[int, int, int]:
    block = np.broadcast_to(np.array(colour, np.float32), (2, 2, 3))
    return tuple(int(plane[0, 0]) for plane in to_planes(block))  # type: ignore[return-value]


_SHARP = 4  # sprites are painted this much larger and shrunk


def paint_car(unit: float, hue: float, seed: int, *, leftwards: bool) -> Sprite:
    """A car with its lights; `unit`: pixels per unit of its lane. Wheels stand at the bottom."""
    rng = random.Random(seed)
    width, height = 62, 13
    scale = unit * _SHARP
    size = (round(height * scale), round(width * scale))
    colour = np.zeros((*size, 3), np.float32)
    cover = np.zeros(size, np.float32)
    _beam(colour, cover, scale)
    _body(colour, cover, scale, hue, rng)
    even = (max(round(width * unit) & ~1, 2), max(round(height * unit) & ~1, 2))
    small: Any = cv2.resize(colour, even, interpolation=cv2.INTER_AREA)
    alpha: Any = cv2.resize(cover, even, interpolation=cv2.INTER_AREA)
    if leftwards:
        small, alpha = small[:, ::-1], alpha[:, ::-1]
    half: Any = cv2.resize(alpha, (even[0] // 2, even[1] // 2), interpolation=cv2.INTER_AREA)
    covers = tuple((part * 256).astype(np.uint16) for part in (alpha, half, half))
    return Sprite(to_planes(np.ascontiguousarray(small)), covers)


def _beam(colour: Canvas, cover: npt.NDArray[np.float32], scale: float) -> None:
    """The headlight's light on the road, fading ahead, and a red shine behind."""
    height, width = cover.shape
    x = np.arange(width, dtype=np.float32)[None, :] / scale
    y = np.arange(height, dtype=np.float32)[:, None] / scale
    ahead = np.clip((x - 38) / 24, 0, 1)
    spread = np.clip(1 - np.abs(y - 8.6 - ahead * 1.8) / (0.8 + 3.4 * ahead), 0, 1)
    cover[:] = np.where(x > 38, spread * (1 - ahead) ** 1.3 * 0.5, 0)
    colour[:] = _bgr(46, 75, 82)
    behind = np.clip(1 - ((x - 14) / 9) ** 2 - ((y - 8.6) / 3.2) ** 2, 0, 1) * 0.3
    red = (x < 16) & (behind > 0)
    cover[:] = np.where(red, behind, cover)
    colour[np.broadcast_to(red, cover.shape)] = _bgr(2, 85, 42)


def _body(
    colour: Canvas, cover: npt.NDArray[np.float32], scale: float, hue: float, rng: random.Random
) -> None:
    def shape(points: Any, fill: Any) -> None:
        whole = (np.array(points, np.float32) * scale).round().astype(np.int32)
        cv2.fillPoly(colour, [whole], fill)
        cv2.fillPoly(cover, [whole], 1.0)

    paint, shade = _bgr(hue, 24, 36), _bgr(hue, 24, 24)
    tall = rng.choice((0.0, 0.0, 1.2))
    shadow = [(13, 11.6), (39, 11.6), (38, 12.9), (14, 12.9)]
    shape(shadow, (6, 6, 6))
    roof = [(18, 6.2), (20.6, 2.6 - tall), (30, 2.6 - tall), (34, 6.2)]
    shape(roof, shade)
    shape([(19.4, 6), (21.3, 3.4 - tall), (25, 3.4 - tall), (25, 6)], _bgr(205, 24, 20))
    shape([(26, 6), (26, 3.4 - tall), (29.4, 3.4 - tall), (32.4, 6)], _bgr(205, 24, 24))
    body = [(14, 7), (15, 6), (34, 6), (38, 7.2), (39, 8.6), (39, 11), (13.6, 11), (13.4, 8)]
    shape(body, paint)
    shape([(13.6, 9.6), (39, 9.6), (39, 11), (13.6, 11)], shade)
    for x in (18.6, 33.6):
        centre = (round(x * scale), round(10.9 * scale))
        for radius, fill in ((2.1, (12, 12, 12)), (1.0, (70, 72, 74))):
            cv2.circle(colour, centre, round(radius * scale), fill, -1)
            cv2.circle(cover, centre, round(radius * scale), 1.0, -1)
    shape([(37.4, 7.5), (39, 8), (39, 9.2), (37.4, 9)], _bgr(48, 90, 90))
    shape([(13.4, 7.4), (14.6, 7.4), (14.6, 9), (13.5, 9)], _bgr(2, 88, 50))
