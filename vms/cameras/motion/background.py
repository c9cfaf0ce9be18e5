"""What a camera sees when nothing moves, learnt picture by picture; and what differs from it. Pure.

A running mean and, for each pixel, how much it usually strays. Pictures are held against it in the
light of now: a lamp, a cloud and the camera's own gain change brightness but not structure, and are
no motion; a camera that shakes in the wind or is turned shows another view, which is none either.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from vms.cameras.motion.areas import HEIGHT, WIDTH, Mask
from vms.core.clock import SECOND, Instant, Span

Luma = npt.NDArray[np.uint8]
Picture = npt.NDArray[np.float32]
"""HEIGHT×WIDTH brightness, 0 to 255."""

# By sensitivity: how far a pixel must be from what it usually is, besides its usual straying.
_FLOORS = {1: 28.0, 2: 20.0, 3: 14.0, 4: 10.0, 5: 7.0}
_STRAYS = 3.0  # times the usual straying
_STRAY_FIRST, _STRAY_MOST = 1.5, 20.0

_SETTLE = Span(SECOND)  # after a view is new, so long it is only learnt
_LEARN = Span(8 * SECOND)  # how slowly a pixel that is still follows, and
_LEARN_MOVING = Span(45 * SECOND)  # one that moves: what was put down becomes the view
_LEARN_STRAY, _LEARN_STRAY_MOVING = Span(20 * SECOND), Span(120 * SECOND)
_TOO_LONG = Span(10 * SECOND)  # without a picture: what was learnt is out of date
_SHAKES_MOST = Span(5 * SECOND)  # on end; then the camera was turned a little

_WHOLE = 0.5  # of the picture differs, or of its structure: the view itself is another
_TURNS = 0.2  # of the structure is lost within the first second of a view
_SHAKE_FROM = 0.003  # of the picture: below, it is not worth asking
_SHAKE_LEAST, _SHAKE_MOST = 0.7, 12.0  # pixels; beyond, the camera is being turned
_STRUCTURE = 9  # pixels across: the window in which structures are compared
_SAME_STRUCTURE = 0.75
_LOST = 0.5
_FLAT = 12.0  # variance in a window up to which there is no structure, only noise
_BUSY, _BUSY_LEAST = 100.0, 0.05  # variance of what is clearly structure; share of the picture


class Difference(NamedTuple):
    """`moving`: which pixels differ; `view`: False where the picture as a whole is not comparable
    (just begun, the light or the camera itself changed): then nothing can be said."""

    moving: Mask
    view: bool


class Background:
    """The learnt view of one camera."""

    def __init__(self, sensitivity: int) -> None:
        self._floor = _FLOORS[sensitivity]
        self._mean: Picture = np.zeros((HEIGHT, WIDTH), np.float32)
        self._stray: Picture = self._mean
        self._seen: Instant | None = None
        self._settled = Instant(0)
        self._shaken: Instant | None = None  # since when

    def forget(self) -> None:
        """The next picture is the first."""
        self._seen = None

    def see(self, luma: Luma, at: Instant) -> Difference:
        """Compare a picture, of any size, with the view, and learn from it."""
        picture = small(luma)
        before, self._seen = self._seen, at
        if before is None or not 0 <= at - before <= _TOO_LONG:
            return self._begin(picture, at)
        passed = Span(at - before)
        if at < self._settled:
            if self._differs(picture, self._mean)[1] > _TURNS:  # it is still being turned
                return self._begin(picture, at)
            self._learn(picture, np.zeros((HEIGHT, WIDTH), np.uint8), Span(passed * 8))
            return _nothing()
        lit = in_light_of(self._mean, picture)
        moving, lost = self._differs(picture, lit)
        share = _share(moving)
        if share > _SHAKE_FROM:
            still = self._if_shaken(picture, lit, share, at)
            if still is not None:
                return still
        self._shaken = None
        if max(share, lost) > _WHOLE:
            return self._begin(picture, at)
        self._learn(picture, moving, passed)
        return Difference(moving, True)

    def _begin(self, picture: Picture, at: Instant) -> Difference:
        self._mean = picture.copy()
        self._stray = np.full((HEIGHT, WIDTH), _STRAY_FIRST, np.float32)
        self._settled = Instant(at + _SETTLE)
        self._shaken = None
        return _nothing()

    def _differs(self, picture: Picture, lit: Picture) -> tuple[Mask, float]:
        """Pixels that nothing within one pixel of them in the view explains, in other structure;
        and how much of the view's own structure is not there any more, 0 to 1."""
        above = cv2.subtract(picture, cv2.dilate(lit, _SQUARE))
        below = cv2.subtract(cv2.erode(lit, _SQUARE), picture)
        beyond = cv2.subtract(cv2.max(above, below), _STRAYS * self._stray)
        mask: Any = np.where(beyond > self._floor, np.uint8(255), np.uint8(0))
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, _CROSS)
        if not cv2.countNonZero(mask):
            return np.asarray(mask, np.uint8), 0.0
        alike, held = structure(picture, lit)
        # An object's inside may be as flat as the ground, its rim is not: so the rim is widened.
        other: Any = np.where(alike < _SAME_STRUCTURE, np.uint8(255), np.uint8(0))
        mask = cv2.bitwise_and(mask, cv2.dilate(other, _SQUARE))
        busy = held > _BUSY
        lost = float(np.mean(alike[busy] < _LOST)) if busy.mean() > _BUSY_LEAST else 0.0
        return np.asarray(mask, np.uint8), lost

    def _if_shaken(
        self, picture: Picture, lit: Picture, share: float, at: Instant
    ) -> Difference | None:
        """What still differs once the view is moved as the camera was; None if it was not."""
        across, down = shift_of(lit, picture)
        away = max(abs(across), abs(down))
        if away < _SHAKE_LEAST:
            return None
        matrix: Any = np.array([[1, 0, across], [0, 1, down]], np.float32)
        moved = cv2.warpAffine(lit, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        moving, _ = self._differs(picture, np.asarray(moved, np.float32))
        if _share(moving) > share / 2:
            return None
        if self._shaken is None:
            self._shaken = at
        if away > _SHAKE_MOST or at - self._shaken > _SHAKES_MOST:
            return self._begin(picture, at)
        margin = int(np.ceil(away)) + 1
        inner = np.zeros_like(moving)
        inner[margin:-margin, margin:-margin] = moving[margin:-margin, margin:-margin]
        return Difference(inner, True)

    def _learn(self, picture: Picture, moving: Mask, passed: Span) -> None:
        away = np.abs(picture - self._mean)
        np.minimum(away, _STRAY_MOST, out=away)
        still: Any = cv2.bitwise_not(moving)
        cv2.accumulateWeighted(picture, self._mean, min(1.0, passed / _LEARN), still)
        cv2.accumulateWeighted(picture, self._mean, min(1.0, passed / _LEARN_MOVING), moving)
        cv2.accumulateWeighted(away, self._stray, min(1.0, passed / _LEARN_STRAY), still)
        cv2.accumulateWeighted(away, self._stray, min(1.0, passed / _LEARN_STRAY_MOVING), moving)


_SQUARE = np.ones((3, 3), np.uint8)
_CROSS: Any = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_HALF = (WIDTH // 2, HEIGHT // 2)
_WINDOW: Any = cv2.createHanningWindow(_HALF, cv2.CV_32F)


def small(luma: Luma) -> Picture:
    """The picture at the size that is looked at, without its finest noise."""
    shrunk = cv2.resize(luma, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.blur(shrunk, (3, 3)), np.float32)


def in_light_of(view: Picture, picture: Picture) -> Picture:
    """The view as it would look in the picture's light: one gain and one offset for all of it.

    Found by least squares over every fourth pixel, without those that fit worst: they may move.
    """
    x, y = view[::4, ::4].ravel(), picture[::4, ::4].ravel()
    gain, offset = 1.0, float(np.median(y - x))
    for _ in range(2):
        away = np.abs(y - gain * x - offset)
        good = away <= max(2.0, 2 * float(np.median(away)))
        x, y = x[good], y[good]
        spread = float(x.var())
        if spread < 1.0:
            break
        gain = min(2.5, max(0.4, float(np.mean((x - x.mean()) * (y - y.mean()))) / spread))
        offset = float(y.mean() - gain * x.mean())
    lit: Any = np.clip(view * np.float32(gain) + np.float32(offset), 0, 255)
    return np.asarray(lit, np.float32)


def structure(one: Picture, other: Picture) -> tuple[Picture, Picture]:
    """How alike two pictures are around each pixel, -1 to 1, whatever their brightness there: the
    structure term of SSIM (Wang et al., 2004). Where neither has any they are alike. And the
    other's variance there."""
    window = (_STRUCTURE, _STRUCTURE)
    mean_one, mean_other = cv2.blur(one, window), cv2.blur(other, window)
    both = cv2.blur(one * other, window) - mean_one * mean_other
    vary_one = np.maximum(cv2.sqrBoxFilter(one, -1, window) - mean_one * mean_one, 0)
    vary_other = np.maximum(cv2.sqrBoxFilter(other, -1, window) - mean_other * mean_other, 0)
    alike = (both + _FLAT) / (np.sqrt(vary_one * vary_other) + _FLAT)
    return np.asarray(alike, np.float32), np.asarray(vary_other, np.float32)


def shift_of(view: Picture, picture: Picture) -> tuple[float, float]:
    """How far the picture is moved against the view, in pixels to the right and down."""
    pair = (view, picture)
    halves = [np.asarray(cv2.resize(one, _HALF, interpolation=cv2.INTER_AREA)) for one in pair]
    (across, down), sure = cv2.phaseCorrelate(halves[0], halves[1], _WINDOW)
    return (2 * across, 2 * down) if sure > 0.1 else (0.0, 0.0)


def _share(moving: Mask) -> float:
    return cv2.countNonZero(moving) / (WIDTH * HEIGHT)


def _nothing() -> Difference:
    return Difference(np.zeros((HEIGHT, WIDTH), np.uint8), False)
