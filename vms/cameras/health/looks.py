"""What one picture looks like, in numbers that can be held against another's. Pure.

A look is taken from one decoded keyframe a minute. It keeps a thumbnail's structure, not the
picture: which of its cells hold edges, which way those run, how fine they are. `measure` holds a
look against the looks the camera usually has and against the one before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Luma = npt.NDArray[np.uint8]
"""H×W luma, 0 to 255 in either range; at least 32×32."""

_FINE = (640, 360)  # where sharpness is measured
_COARSE = (160, 90)  # where structure is
_CELLS_ACROSS, _CELLS_DOWN, _CELL = 16, 9, 10
_DIRECTIONS = 8
_BORDER = 1  # rows of cells at top and bottom, where cameras write name and time
_OSD = 45  # the same in rows of the fine picture; they may run on over a frozen one

_DARK, _BRIGHT = 40, 225
_NEARLY_ALL = 0.97
_FLAT = 4.0  # standard deviation within a cell: no structure, only noise
_STRUCTURED_MIN = 12  # cells; a camera that usually shows less can't be told covered or turned
_COVERED = 0.6  # of the cells that usually hold structure
_COVERED_BY_NIGHT = 0.9  # where only looks by daylight are known: much of them is dark anyway
_BLURRED = 0.72  # of the usual fineness
_MOVED = 3.0  # mean difference of a cell's pixels to a minute ago; noise and coding stay below
_SAME = 0.85  # of the pixels exactly as a minute ago: more than any sensor's noise leaves
_ALIKE, _EMPTY = 0.4, 0.005  # fewer will do where the pictures in between carry nothing
_COLOURED = 3.0  # mean distance from grey; with its infrared lamps on, a camera sends none

LIKE = 0.72
"""Correlation of two looks' edges from which on they show the same view."""


class Fault(StrEnum):
    """What can be wrong with a picture."""

    BLACK = "black"
    WHITE = "white"
    COVERED = "covered"
    BLURRED = "blurred"
    FROZEN = "frozen"
    TURNED = "turned"


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One picture's look.

    `dark`, `bright`: shares of the picture. `texture`: 9×16, standard deviation within each
    cell. `edges`: 9×16×8, edge strength by direction. `fineness`: how much of the edges' energy
    is at the finest scale. `pixels`: 135×320 of the luma, to see whether it changed at all; empty
    in a look that is kept. `coloured`: not by infrared light. `inter`: bytes of a picture between
    keyframes beside those of the keyframe; None where that is not known.
    """

    dark: float
    bright: float
    texture: npt.NDArray[np.float32]
    edges: npt.NDArray[np.float32]
    fineness: float
    pixels: Luma
    coloured: bool = True
    inter: float | None = None


class Measure(NamedTuple):
    """What a fault is told by. `value` beside `limit`; `bad`: it is on the wrong side."""

    bad: bool
    value: float
    limit: float


def is_coloured(u: Luma, v: Luma) -> bool:
    """Whether a picture has colour, from its two colour planes (128 is none)."""
    few = (plane[::8, ::8].astype(np.int16) for plane in (u, v))
    return max(float(np.abs(plane - 128).mean()) for plane in few) > _COLOURED


def look_at(luma: Luma, *, coloured: bool = True, inter: float | None = None) -> Look:
    """Take a picture's look: 1 to 2 ms for 1080p."""
    fine = _smaller(luma, _FINE)
    coarse = _smaller(fine, _COARSE).astype(np.float32)
    inner = coarse[_BORDER * _CELL : -_BORDER * _CELL]
    return Look(
        dark=float(np.mean(inner < _DARK)),
        bright=float(np.mean(inner > _BRIGHT)),
        texture=_cells(coarse).std(axis=(1, 3)),
        edges=_edges(coarse),
        fineness=_fineness(fine),
        pixels=fine[_OSD:-_OSD:2, ::2].copy(),
        coloured=coloured,
        inter=inter,
    )


def _smaller(picture: Luma, size: tuple[int, int]) -> Luma:
    """About the mean of what falls on each pixel. `size`: width and height.

    Halved as often as it can be, for which OpenCV is fast; what is left, less than a half, by the
    two nearest. The exact mean in one step is four times the work (1080p), nine times (2160p).
    """
    while picture.shape[0] >= 2 * size[1] and picture.shape[1] >= 2 * size[0]:
        half = picture.shape[1] // 2, picture.shape[0] // 2
        picture = np.asarray(cv2.resize(picture, half, interpolation=cv2.INTER_AREA), np.uint8)
    if picture.shape == size[::-1]:
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _cells(coarse: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    shape = (_CELLS_DOWN, _CELL, _CELLS_ACROSS, _CELL)
    return coarse.reshape(shape)


# The first of the eight numbers of each pixel's cell, in the order of `Look.edges`.
_CELL_BINS = np.kron(
    np.arange(_CELLS_DOWN * _CELLS_ACROSS, dtype=np.int32).reshape(_CELLS_DOWN, _CELLS_ACROSS),
    np.full((_CELL, _CELL), _DIRECTIONS, np.int32),
)


def _edges(coarse: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Edge strength of each cell by direction; light changes strength, but not where edges are."""
    smooth: Any = cv2.GaussianBlur(coarse, (0, 0), 1.0)
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    strength, angle = cv2.cartToPolar(across, down)
    # Night and day turn a dark edge into a bright one: opposite directions are one.
    direction = (angle * (_DIRECTIONS / np.pi)).astype(np.int32) % _DIRECTIONS
    weights: Any = cv2.log(strength + 1)
    bins, weights = (_CELL_BINS + direction).reshape(-1), weights.reshape(-1)
    summed = np.bincount(bins, weights, _CELLS_DOWN * _CELLS_ACROSS * _DIRECTIONS)
    return summed.astype(np.float32).reshape(_CELLS_DOWN, _CELLS_ACROSS, _DIRECTIONS)


def _fineness(fine: Luma) -> float:
    """How strong the strongest edges are at the finest scale, beside the next coarser one.

    The strongest hundredth: edges, whatever share of the picture they are, and hardly noise.
    """
    half = _smaller(fine, (_FINE[0] // 2, _FINE[1] // 2))
    quarter = _smaller(half, (_FINE[0] // 4, _FINE[1] // 4))
    return _strongest(half) / (_strongest(quarter) + 4.0)


def _strongest(picture: Luma) -> float:
    rows = picture.shape[0] // 8  # without name and time, which no lens blurs
    inner = cv2.GaussianBlur(picture[rows:-rows], (3, 3), 0)
    edges = cv2.convertScaleAbs(cv2.Laplacian(inner, cv2.CV_16S, ksize=3))
    counts = cv2.calcHist([edges], [0], None, [256], [0, 256])
    return float(np.searchsorted(np.cumsum(counts), 0.99 * edges.size))


def likeness(one: Look, other: Look) -> float:
    """How alike two looks' structures are: 1 the same view, about 0 another one."""
    a, b = (look.edges[_BORDER:-_BORDER].reshape(-1) for look in (one, other))
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / scale if scale > 0 else 0.0


def measure(look: Look, usual: Sequence[Look], before: Look | None) -> dict[Fault, Measure]:
    """What can be told of a look. A fault that is missing could not be told.

    `usual`: looks this camera has when it is well; without them only black, white and frozen can
    be told, with none by the same kind of light only covered beside these. `before`: the look a
    minute ago, None when there was none.
    """
    flat = float(look.texture[_BORDER:-_BORDER].mean()) < _FLAT
    told = {
        Fault.BLACK: Measure(flat and look.dark > _NEARLY_ALL, look.dark, _NEARLY_ALL),
        Fault.WHITE: Measure(flat and look.bright > _NEARLY_ALL, look.bright, _NEARLY_ALL),
    }
    if any(one.bad for one in told.values()):
        return told
    alike = [one for one in usual if one.coloured == look.coloured]
    if alike:
        told |= _against_usual(look, alike)
    elif usual:
        told |= _covered(look, usual[0], _COVERED_BY_NIGHT)
    if before is not None and not flat:  # on paint nothing moves either
        told[Fault.FROZEN] = _frozen(look, before)
    return told


def faults(told: Mapping[Fault, Measure]) -> set[Fault]:
    """What is wrong, of what was told."""
    return {fault for fault, one in told.items() if one.bad}


def _frozen(look: Look, before: Look) -> Measure:
    """Told by how much of the picture changed: nothing did, and it has no sensor's noise either.

    Where nothing moves, a living picture still differs by its noise, here or between keyframes; a
    frozen one differs only by how coarsely it was coded.
    """
    apart = cv2.absdiff(look.pixels, before.pixels)
    cells = apart.reshape(_CELLS_DOWN, -1, _CELLS_ACROSS, apart.shape[1] // _CELLS_ACROSS)
    changed = float((cells.mean(axis=(1, 3)) > _MOVED).mean())
    same = float((apart == 0).mean())
    empty = look.inter is not None and look.inter < _EMPTY
    return Measure(changed == 0 and (same > _SAME or (same > _ALIKE and empty)), changed, 0.0)


def _against_usual(look: Look, usual: Sequence[Look]) -> dict[Fault, Measure]:
    """Each fault hides the next: what is covered can't be turned, what is turned not blurred."""
    likest = max(usual, key=lambda one: likeness(look, one))
    told = _covered(look, likest, _COVERED)
    if not told or told[Fault.COVERED].bad:
        return told
    alike = likeness(look, likest)
    told[Fault.TURNED] = Measure(alike < LIKE, alike, LIKE)
    if told[Fault.TURNED].bad:
        return told
    sharp = look.fineness / max(likest.fineness, 1e-6)
    told[Fault.BLURRED] = Measure(sharp < _BLURRED, sharp, _BLURRED)
    return told


def _covered(look: Look, usual: Look, limit: float) -> dict[Fault, Measure]:
    """Empty for a camera that usually shows too little to tell."""
    structured = usual.texture[_BORDER:-_BORDER] > 2 * _FLAT
    if int(structured.sum()) < _STRUCTURED_MIN:
        return {}
    gone = float((look.texture[_BORDER:-_BORDER][structured] < _FLAT).mean())
    return {Fault.COVERED: Measure(gone > limit, gone, limit)}
