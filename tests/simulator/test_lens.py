"""A simulated head's moves are seen in the picture, and its writing stays where it is."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np

from tests.simulator.test_scene import NOW, planes
from vms.simulator import strip
from vms.simulator.lens import show
from vms.simulator.onvif.head import View
from vms.simulator.scene import Scene


def seen(view: View) -> tuple[np.ndarray, ...]:
    whole, target = planes(), planes()
    scene = Scene(whole, 3, "Kapı", ZoneInfo("UTC"))
    scene.draw(7, NOW)
    show(whole, target, scene.bar, view)
    assert np.array_equal(target[0][: scene.bar], whole[0][: scene.bar])
    return target


def test_each_way_of_moving_changes_the_picture() -> None:
    home = seen(View())
    for view in (View(pan=0.5), View(tilt=-0.5), View(zoom=0.5)):
        assert np.mean(np.abs(seen(view)[0].astype(int) - home[0])) > 2, view


def test_pan_moves_the_street_the_other_way() -> None:
    left, right = seen(View(pan=-0.1))[0][40:], seen(View(pan=0.1))[0][40:]
    shift = round(320 * 0.3 / 0.7 * 0.1)
    moved = np.mean(np.abs(left[:, shift:].astype(int) - right[:, :-shift]))
    assert moved < np.mean(np.abs(left.astype(int) - right))


def test_the_strip_is_read_wherever_the_head_looks() -> None:
    for view in (View(), View(1, 1, 1), View(-1, -1, 0.3)):
        found = strip.read(seen(view)[0])
        assert found is not None
        assert found.counter == 7
