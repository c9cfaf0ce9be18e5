"""The viewer's name and the time, burnt into a picture: who passes it on is named by it.

Once in full at the lower edge, and faintly over the whole picture, so that cutting an edge off
does not take it away. The coded footage is never touched.
"""

from __future__ import annotations

import functools
import io

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from storage.decoding import jpeg
from vms.core.errors import StorageError
from vms.evidence.fonts import BOLD

_FAINT, _FULL = 0.22, 0.9  # how much of the mark covers the picture
_ROWS = 4
_LETTERS_MAX = 90

Mask = npt.NDArray[np.float32]


def marked(picture: av.VideoFrame, text: str) -> av.VideoFrame:
    """The picture with `text` over it. Its pixel format becomes yuvj420p."""
    wide, high = picture.width, picture.height
    out = picture.reformat(format="yuvj420p")
    plane = out.planes[0]
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(high, plane.line_size).copy()
    luma = lines[:, :wide].astype(np.float32)
    ink, edge = _masks(wide, high, text)
    luma *= 1 - edge
    luma += (255 - luma) * ink
    lines[:, :wide] = luma.astype(np.uint8)
    plane.update(lines.tobytes())
    return out


def marked_jpeg(coded: bytes, text: str) -> bytes | None:
    """A JPEG of ours with `text` over it; None for what is none."""
    try:
        with Image.open(io.BytesIO(coded), formats=["JPEG"]) as picture:
            frame = av.VideoFrame.from_ndarray(np.asarray(picture.convert("RGB")), format="rgb24")
        return jpeg(marked(frame, text))
    except (OSError, ValueError, StorageError):
        return None


def _masks(wide: int, high: int, text: str) -> tuple[Mask, Mask]:
    """How bright the letters make each pixel, and how dark their edges do: H×W, 0 to 1."""
    text = text[:_LETTERS_MAX]
    font = _font(max(9, min(wide // 36, high // 18)))
    ink, edge = (Image.new("L", (wide, high)) for _ in range(2))
    step = int(font.getlength(text)) + 3 * int(font.size)
    for row in range(_ROWS):
        y = (2 * row + 1) * high // (2 * _ROWS)
        for x in range(-(row % 2) * step // 2, wide, step):
            _write(ink, edge, (x, y), text, font, _FAINT)
    _write(ink, edge, (font.size * 0.6, high - font.size * 1.8), text, font, _FULL)
    return _share(ink), _share(edge)


def _write(
    ink: Image.Image,
    edge: Image.Image,
    at: tuple[float, float],
    text: str,
    font: ImageFont.FreeTypeFont,
    share: float,
) -> None:
    fill = int(255 * share)
    ImageDraw.Draw(edge).text(at, text, fill=fill, font=font, stroke_width=2, stroke_fill=fill)
    ImageDraw.Draw(ink).text(at, text, fill=fill, font=font)


def _share(mask: Image.Image) -> Mask:
    return np.asarray(mask, np.float32) / np.float32(255)


@functools.lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(BOLD, size)
