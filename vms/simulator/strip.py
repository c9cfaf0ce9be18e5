"""The machine-readable strip at the top of each simulated picture: frame counter and UTC time.

Geometry, in fractions of the picture so that it survives scaling (W×H pixels, x right, y down):

- 2 rows of 50 cells over the whole width, at the very top. Cell (row r, column c) covers
  x in [c·W/50, (c+1)·W/50) and y in [r·H/36, (r+1)·H/36).
- Column 0 and column 49 are references: row 0 is light at the left and dark at the right, row 1
  dark at the left and light at the right. A cell is 1 where it is lighter than the mean of the
  four references; read the middle half of each cell only.
- Columns 1..48 of row 0, then of row 1, hold 96 bits, most significant first:
  counter (32 bits) · UTC in milliseconds since 1970 (48 bits) · CRC-16/CCITT-FALSE
  (polynomial 0x1021, start 0xFFFF, not reflected) of those ten bytes (16 bits).

A browser reads it from a canvas with the same numbers; docs/simulator.md has that code.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vms.core.clock import MILLISECOND, Instant

COLUMNS = 50
ROWS = 2
ROWS_PER_PICTURE = 36
DARK, LIGHT = 26, 112
_LEAST_CONTRAST = 16

Plane = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class StripReading:
    """What a strip says; `time` has milliseconds only."""

    counter: int
    time: Instant


def encode(counter: int, time: int) -> bytes:
    """The 12 bytes of a strip; `time` in nanoseconds of UTC."""
    body = (counter & 0xFFFFFFFF).to_bytes(4, "big") + (time // MILLISECOND).to_bytes(6, "big")
    return body + binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "big")


def draw(plane: Plane, counter: int, time: int) -> None:
    """Draw the strip into a luma plane (H×W, uint8), in place."""
    height, width = plane.shape
    cells = np.empty((ROWS, COLUMNS), np.uint8)
    cells[:, 0], cells[:, -1] = (1, 0), (0, 1)
    cells[:, 1:-1] = np.unpackbits(np.frombuffer(encode(counter, time), np.uint8)).reshape(ROWS, -1)
    columns = np.arange(width) * COLUMNS // width
    levels = np.where(cells, np.uint8(LIGHT), np.uint8(DARK))
    edges = [row * height // ROWS_PER_PICTURE for row in range(ROWS + 1)]
    for row in range(ROWS):
        plane[edges[row] : edges[row + 1]] = levels[row][columns]


def read(luma: npt.NDArray[Any]) -> StripReading | None:
    """Read the strip from a picture's luma (H×W, any scale); None if there is none."""
    height, width = luma.shape
    if width < 2 * COLUMNS or height < 2 * ROWS_PER_PICTURE:
        return None
    cells = np.array(
        [[_cell(luma, row, column) for column in range(COLUMNS)] for row in range(ROWS)]
    )
    light = (cells[0, 0] + cells[1, -1]) / 2
    dark = (cells[0, -1] + cells[1, 0]) / 2
    if light - dark < _LEAST_CONTRAST:
        return None
    bits = cells[:, 1:-1] > (light + dark) / 2
    data = np.packbits(bits.reshape(-1)).tobytes()
    if binascii.crc_hqx(data[:10], 0xFFFF) != int.from_bytes(data[10:], "big"):
        return None
    millis = int.from_bytes(data[4:10], "big")
    return StripReading(int.from_bytes(data[:4], "big"), Instant(millis * MILLISECOND))


def _cell(luma: npt.NDArray[Any], row: int, column: int) -> float:
    """The mean of the middle half of a cell, at least one pixel."""
    height, width = luma.shape
    top, left = (row + 0.25) * height / ROWS_PER_PICTURE, (column + 0.25) * width / COLUMNS
    bottom, right = top + height / ROWS_PER_PICTURE / 2, left + width / COLUMNS / 2
    y0, x0 = round(top), round(left)
    return float(luma[y0 : max(round(bottom), y0 + 1), x0 : max(round(right), x0 + 1)].mean())
