"""The strip is read back after scaling and coding, and never guessed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.core.clock import MILLISECOND
from vms.simulator import strip

NOW = 1_795_336_234_468_000_000


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**62))
def test_a_strip_reads_back(counter: int, time: int) -> None:
    plane = np.full((180, 320), 60, np.uint8)
    strip.draw(plane, counter, time)
    reading = strip.read(plane)
    assert reading == strip.StripReading(counter, time // MILLISECOND * MILLISECOND)


@pytest.mark.parametrize(
    "size", [(1920, 1080), (1280, 720), (640, 360), (320, 180), (301, 169), (240, 135)]
)
def test_a_strip_survives_scaling(size: tuple[int, int]) -> None:
    plane = np.full((1080, 1920), 60, np.uint8)
    strip.draw(plane, 123_456, NOW)
    scaled = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    assert strip.read(scaled) == strip.StripReading(123_456, NOW)


def test_a_picture_without_a_strip_reads_as_none() -> None:
    rng = np.random.default_rng(1)
    assert strip.read(np.zeros((180, 320), np.uint8)) is None
    assert strip.read(np.zeros((20, 30), np.uint8)) is None
    for _ in range(50):
        assert strip.read(rng.integers(0, 255, (180, 320), np.uint8)) is None


def test_the_geometry_is_as_documented() -> None:
    plane = np.zeros((360, 500), np.uint8)
    strip.draw(plane, 1 << 31, 0)
    assert plane[0, 0] == strip.LIGHT  # reference, row 0 left
    assert plane[0, 10] == strip.LIGHT  # the counter's highest bit
    assert plane[0, 20] == strip.DARK
    assert plane[0, 499] == strip.DARK
    assert plane[10, 0] == strip.DARK  # row 1 begins at 1/36 of the height
    assert plane[19, 499] == strip.LIGHT
    assert plane[20, 499] == 0
