"""A moving night street drawn straight into Y, U, V planes; only what changes is redrawn."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from vms.core.clock import SECOND
from vms.simulator import letters, street, strip
from vms.simulator.street import Planes, Sprite, Window

_WHITE, _BAR = 215, 22
_WINDOW_EVERY = 3 * SECOND
_CARS_PER_LANE = 3


@dataclass(frozen=True, slots=True)
class _Car:
    """`x` and `speed` in units and units a second; negative speed drives left."""

    sprite: Sprite
    x: float
    y: int
    speed: float


class Scene:
    """The picture of one stream. `planes` are written in place; they may be an encoder's.

    `bar`: the rows at the top that hold strip, name and clock.
    """

    bar: int

    def __init__(
        self, planes: Sequence[strip.Plane], seed: int, title: str, zone: ZoneInfo
    ) -> None:
        self._planes = planes
        self._height, self._width = planes[0].shape
        self._unit = self._height / 180
        self._zone, self._rng = zone, random.Random(seed)
        painter = street.StreetPainter(self._width, self._height, seed)
        self._still, self._windows = painter.paint()
        self._letters = letters.clock_masks(max(self._height // 26, 11))
        self._bar(title)
        self._cars = self._make_cars()
        self._touched: list[tuple[int, int, int, int]] = []
        self._clock_text = ""
        self._second = (-1, "")
        self._next_window = 0
        for plane, still in zip(self._planes, self._still, strict=True):
            plane[:] = still

    def draw(self, counter: int, wall: int) -> None:
        """Bring the picture to a moment: `wall` in nanoseconds of UTC."""
        for box in self._touched:
            self._restore(box)
        self._touched.clear()
        self._switch_window(wall)
        for car in self._cars:
            self._drive(car, wall)
        self._draw_clock(wall)
        strip.draw(self._planes[0], counter, wall)

    # -- prepared once

    def _bar(self, title: str) -> None:
        """The camera's name on a dark bar under the strip; the clock is drawn at its right."""
        luma, *chroma = self._still
        top = -(-2 * self._height // strip.ROWS_PER_PICTURE)
        top += top & 1
        name = letters.text_mask(title, max(self._height // 26, 11))
        bottom = (top + name.shape[0] + 1) & ~1
        luma[top:bottom] = _BAR
        for plane in chroma:
            plane[top // 2 : bottom // 2] = 128
        x = self._width // 60 & ~1
        room = name[:, : self._width // 2 - x]
        luma[top : top + room.shape[0], x : x + room.shape[1]] = _lit(room)
        self._clock_top = top
        self.bar = bottom

    def _make_cars(self) -> list[_Car]:
        cars: list[_Car] = []
        for lane, wheels in enumerate(street.LANES):
            unit = self._unit * (0.8, 1.0, 1.35)[lane]
            direction = -1 if lane == 0 else 1
            speed = direction * self._rng.uniform(22, 30) * (1.0, 1.1, 1.4)[lane]
            for place in range(_CARS_PER_LANE):
                hue = self._rng.uniform(0, 360)
                sprite = street.paint_car(
                    unit, hue, self._rng.getrandbits(20), leftwards=direction < 0
                )
                y = round(wheels * self._unit) - sprite.size[1]
                x = (place + self._rng.uniform(0.1, 0.6)) / _CARS_PER_LANE
                cars.append(_Car(sprite, x * self._loop(sprite), y & ~1, speed))
        return cars

    def _loop(self, sprite: Sprite) -> float:
        """How far a car drives until it comes again, in units."""
        width: float = (self._width + 2 * sprite.size[0]) / self._unit
        return width + 40

    # -- each picture

    def _restore(self, box: tuple[int, int, int, int]) -> None:
        left, top, right, bottom = box
        for plane, still, half in zip(self._planes, self._still, (0, 1, 1), strict=True):
            rows = slice(top >> half, bottom >> half)
            columns = slice(left >> half, right >> half)
            plane[rows, columns] = still[rows, columns]

    def _drive(self, car: _Car, wall: int) -> None:
        width, height = car.sprite.size
        loop = self._loop(car.sprite)
        # Integers first: a float of nanoseconds since 1970 has steps of 256 ns, which is enough.
        moved = (car.x + car.speed * (wall % (3600 * SECOND)) / SECOND) % loop
        left = (round(moved * self._unit) - width) & ~1
        right = min(left + width, self._width)
        skip, left = max(-left, 0), max(left, 0)
        if left >= right:
            return
        for plane, colour, cover, half in zip(
            self._planes, car.sprite.planes, car.sprite.covers, (0, 1, 1), strict=True
        ):
            target = plane[car.y >> half : (car.y + height) >> half, left >> half : right >> half]
            columns = slice(skip >> half, (skip >> half) + target.shape[1])
            part = cover[: target.shape[0], columns]
            shown = colour[: target.shape[0], columns].astype(np.uint16) * part
            target[:] = (target * (256 - part) + shown) >> 8
        self._touched.append((left, car.y, right, car.y + height))

    def _switch_window(self, wall: int) -> None:
        if wall < self._next_window or not self._windows:
            return
        self._next_window = wall + _WINDOW_EVERY
        window: Window = self._rng.choice(self._windows)
        colour = window.lit if self._rng.random() < 0.5 else window.dark
        box = (window.x, window.y, window.x + window.width, window.y + window.height)
        for still, value, half in zip(self._still, colour, (0, 1, 1), strict=True):
            still[box[1] >> half : box[3] >> half, box[0] >> half : box[2] >> half] = value
        self._restore(box)

    def _draw_clock(self, wall: int) -> None:
        text = self._clock(wall)
        x = self._width - self._width // 60
        x -= sum(self._letters[letter].shape[1] for letter in text)
        before = self._clock_text.ljust(len(text))
        for letter, old in zip(text, before, strict=True):
            mask = self._letters[letter]
            height, width = mask.shape
            if (
                letter != old and x >= 0
            ):  # a small picture has no room for the clock's first letters
                self._planes[0][self._clock_top : self._clock_top + height, x : x + width] = _lit(
                    mask
                )
            x += width
        self._clock_text = text

    def _clock(self, wall: int) -> str:
        seconds, nanos = divmod(wall, SECOND)
        if self._second[0] != seconds:
            moment = dt.datetime.fromtimestamp(seconds, self._zone)
            self._second = (seconds, moment.strftime("%d.%m.%Y %H:%M:%S"))
        return f"{self._second[1]}.{nanos // 1_000_000:03d}"


def _lit(mask: letters.Mask) -> Planes | letters.Mask:
    """White letters on the bar's shade."""
    return (_BAR + mask.astype(np.uint16) * (_WHITE - _BAR) // 255).astype(np.uint8)
