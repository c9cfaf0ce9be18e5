"""A camera's snapshot made small, for choosing a preset by eye. The snapshot is a stranger's."""

from __future__ import annotations

import cv2
import numpy as np

WIDTH = 320
_SIDE_MAX = 8_192
"""Larger pictures are not decoded: they would take the memory."""
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive (ITU-T T.81 B.1.1.3)
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})


def small(jpeg: bytes) -> bytes | None:
    """The picture, WIDTH wide, as a JPEG; None for what is no picture we take. Blocks, some ms."""
    size = size_of(jpeg)
    if size is None or not all(0 < side <= _SIDE_MAX for side in size):
        return None
    data = np.frombuffer(jpeg, np.uint8)
    try:
        picture = cv2.imdecode(data, cv2.IMREAD_REDUCED_COLOR_2)
        if picture is None:
            return None
        height = max(1, round(picture.shape[0] * WIDTH / picture.shape[1]))
        fit = cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA)
        done, coded = cv2.imencode(".jpg", fit, [cv2.IMWRITE_JPEG_QUALITY, 80])
    except cv2.error:
        return None
    return coded.tobytes() if done else None


def size_of(jpeg: bytes) -> tuple[int, int] | None:
    """Width and height as the frame header says; None for what is no JPEG. Pure."""
    if jpeg[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(jpeg):
        if jpeg[at] != 0xFF:
            return None
        marker = jpeg[at + 1]
        if marker == 0xFF:  # fill
            at += 1
        elif marker in _ALONE:
            at += 2
        elif marker in _FRAMES:
            height = int.from_bytes(jpeg[at + 5 : at + 7], "big")
            return int.from_bytes(jpeg[at + 7 : at + 9], "big"), height
        else:
            at += 2 + max(2, int.from_bytes(jpeg[at + 2 : at + 4], "big"))
    return None
