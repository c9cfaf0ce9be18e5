"""The drawn street: readable, moving, and redrawn only where it changes."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from vms.core.clock import SECOND
from vms.simulator import letters, strip
from vms.simulator.scene import Scene

NOW = 1_795_336_234_468_000_000


def planes(width: int = 320, height: int = 180) -> tuple[np.ndarray, ...]:
    half = (height // 2, width // 2)
    return np.zeros((height, width), np.uint8), np.zeros(half, np.uint8), np.zeros(half, np.uint8)


def test_a_scene_depends_on_seed_and_time_only() -> None:
    def drawn(seed: int, times: list[int]) -> np.ndarray:
        target = planes()
        scene = Scene(target, seed, "Kapı", ZoneInfo("Europe/Istanbul"))
        for number, time in enumerate(times):
            scene.draw(number, time)
        return target[0].copy()

    # A window may have been switched by then; cars, clock and strip may not differ.
    hasty = drawn(3, [NOW, NOW + SECOND // 10])
    steady = drawn(3, [NOW + SECOND // 20, NOW + SECOND // 10])
    road = slice(120, 180)
    assert np.array_equal(hasty[road], steady[road])
    assert not np.array_equal(hasty[road], drawn(4, [NOW, NOW + SECOND // 10])[road])


@pytest.mark.parametrize("size", [(64, 36), (96, 54), (160, 90)])
def test_the_smallest_pictures_that_are_taken_can_be_drawn(size: tuple[int, int]) -> None:
    target = planes(*size)
    scene = Scene(target, 3, "Kuzey Kapı", ZoneInfo("UTC"))
    for number in range(40):
        scene.draw(number, NOW + number * SECOND)
    assert target[0].any()


def test_cars_leave_no_trace() -> None:
    target = planes()
    scene = Scene(target, 3, "Kapı", ZoneInfo("UTC"))
    pictures = []
    for number in range(100):
        scene.draw(number, NOW + number * SECOND)
        pictures.append(target[0][120:].copy())
    still = np.median(np.stack(pictures), axis=0)
    changed = [np.mean(np.abs(picture - still) > 3) for picture in pictures]
    assert max(changed) < 0.35
    assert np.mean(changed[-10:]) < 2 * np.mean(changed[:10])


def test_the_clock_is_in_the_zone_and_the_strip_in_utc() -> None:
    target = planes(640, 360)
    scene = Scene(target, 3, "Kapı", ZoneInfo("Europe/Istanbul"))
    scene.draw(5, NOW)
    assert scene._clock(NOW) == "22.11.2026 11:30:34.468"
    assert strip.read(target[0]) == strip.StripReading(5, NOW)


def test_turkish_letters_have_shapes_of_their_own() -> None:
    assert not np.array_equal(letters.text_mask("ı", 40), letters.text_mask("i", 40))
    unknown = letters.text_mask("?", 40)
    for letter in "ığüşöçİĞÜŞÖÇ":
        mask = letters.text_mask(letter, 40)
        assert mask.any()
        assert mask.shape != unknown.shape or not np.array_equal(mask, unknown)
