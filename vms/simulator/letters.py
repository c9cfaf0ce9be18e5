"""Text for drawn pictures: coverage masks of names and of the clock's digits.

OpenCV's own font is used because a fresh machine may have none; it has the Turkish letters.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.uint8]
# A FontFace keeps its size and weight inside: two threads in it at once draw each other's letters.
_drawing = threading.Lock()
CLOCK_LETTERS = "0123456789.: "


@functools.cache
def _font() -> Any:
    return cv2.FontFace("sans")


def text_mask(text: str, size: int, weight: int = 600) -> Mask:
    """How much each pixel is covered (0..255), cut to even width; height about 1.4 × size."""
    height = (int(size * 1.4) + 1) & ~1
    canvas = np.zeros((height, size * (len(text) + 1), 3), np.uint8)
    where = (1, int(size * 1.05))
    with _drawing:
        cv2.putText(canvas, text, where, (255, 255, 255), _font(), size, weight)
    end = _right_edge(canvas)
    return canvas[:, : (end + 3) & ~1, 0].copy()


@functools.cache
def clock_masks(size: int) -> dict[str, Mask]:
    """Masks of the clock's letters; digits all have one width, so nothing jumps."""
    masks = {letter: text_mask(letter, size, 500) for letter in CLOCK_LETTERS}
    digit = (size * 64 // 100 + 1) & ~1
    wide = {}
    for letter, mask in masks.items():
        width = digit if letter.isdigit() else max(size * 34 // 100, 4) & ~1
        cell = np.zeros((mask.shape[0], width), np.uint8)
        ink = mask[:, : _right_edge(mask) + 1]
        left = max((width - ink.shape[1]) // 2, 0)
        part = ink[:, : width - left]
        cell[:, left : left + part.shape[1]] = part
        wide[letter] = cell
    return wide


def _right_edge(picture: npt.NDArray[np.uint8]) -> int:
    """The last column with ink."""
    columns = np.flatnonzero(picture.reshape(len(picture), picture.shape[1], -1).max(axis=(0, 2)))
    return int(columns[-1]) if len(columns) else 0
