"""What counts as motion in drawn scenes, and what does not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cameras.motion.scenes import BEGIN, HEIGHT, WIDTH, Street, Walker, seconds, watch
from vms.cameras.motion.areas import areas_of
from vms.cameras.motion.background import in_light_of, shift_of, structure
from vms.core.config_motion import WHOLE, MotionSettings, MotionZone

ALL = MotionSettings(sensitivity=4)
LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
RIGHT = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))


def zoned(*zones: MotionZone) -> MotionSettings:
    return MotionSettings(sensitivity=4, zones=zones)


@pytest.mark.parametrize("night", [False, True])
def test_someone_who_walks_by_is_one_motion_of_the_right_time(night: bool) -> None:
    street, walker = Street(night=night), Walker(4, 8)
    found, _ = watch(ALL, 14, lambda time: street.picture(time, walker))
    assert [(one.zone, one.on) for one in found] == [(WHOLE, True), (WHOLE, False)]
    assert 4 <= seconds(found[0]) <= 4.5
    assert 7.5 <= seconds(found[1]) <= 8.5


@pytest.mark.parametrize("sensitivity", [1, 3, 5])
@pytest.mark.parametrize("noise", [1.0, 3.0, 6.0])
def test_noise_is_no_motion(noise: float, sensitivity: int) -> None:
    street = Street(noise=noise, night=True)
    found, _ = watch(MotionSettings(sensitivity=sensitivity), 12, street.picture)
    assert found == []


LIGHTS = {
    "switched on": lambda time: (1.0, 0.0) if time < 6 else (1.5, 25.0),
    "switched off": lambda time: (1.0, 0.0) if time < 6 else (0.6, -5.0),
    "a cloud": lambda time: (1 - 0.3 * min(1, max(0, (time - 3) / 4)), 0.0),
    "flickering": lambda time: (1 + 0.1 * math.sin(7 * time), 0.0),
}


@pytest.mark.parametrize("name", LIGHTS)
def test_a_change_of_all_light_is_no_motion(name: str) -> None:
    street = Street()
    found, _ = watch(ALL, 12, lambda time: street.picture(time, light=LIGHTS[name](time)))
    assert found == []


def test_a_lamp_that_lights_a_part_of_the_picture_is_no_motion() -> None:
    street = Street()
    across, down = np.meshgrid(np.linspace(-1, 1, WIDTH), np.linspace(-1, 1, HEIGHT))
    cone = 1 + 0.5 * np.exp(-3 * (across**2 + down**2)).astype(np.float32)
    dark = street.ground

    def picture(time: float) -> object:
        street.ground = dark * cone if time > 5 else dark
        return street.picture(time)

    found, _ = watch(ALL, 10, picture)
    assert found == []


def test_after_the_light_changed_motion_is_still_found() -> None:
    street, walker = Street(), Walker(8, 12)
    found, _ = watch(
        ALL, 14, lambda time: street.picture(time, walker, light=LIGHTS["switched on"](time))
    )
    assert [one.on for one in found] == [True, False]


@pytest.mark.parametrize("depth", [1.0, 3.0])
def test_a_camera_that_shakes_in_the_wind_sees_no_motion(depth: float) -> None:
    street = Street()

    def picture(time: float) -> object:
        blows = depth if time > 4 else 0.0
        return street.picture(
            time, wind=(blows * math.sin(5.1 * time), blows / 2 * math.sin(3.3 * time))
        )

    found, _ = watch(ALL, 12, picture)
    assert found == []


def test_a_camera_that_is_turned_sees_no_motion_and_then_the_new_view() -> None:
    street, walker = Street(), Walker(13, 16)

    def picture(time: float) -> object:
        way = 25 * min(4.0, max(0.0, time - 4))
        return street.picture(time, walker, wind=(way, 0.3 * way))

    found, _ = watch(ALL, 20, picture)
    assert [seconds(one) > 12 for one in found] == [True, True]


def test_what_is_put_down_counts_until_it_belongs_to_the_view() -> None:
    street, box = Street(), Walker(4, 999, speed=0)
    found, _ = watch(ALL, 80, lambda time: street.picture(time, box))
    assert [one.on for one in found] == [True, False]
    assert 20 < seconds(found[1]) < 75


def test_only_the_zone_that_is_walked_through_moves() -> None:
    parts = zoned(MotionZone(name="sol", points=LEFT), MotionZone(name="sağ", points=RIGHT))
    street, walker = Street(), Walker(4, 7, x=30, speed=20)
    found, _ = watch(parts, 11, lambda time: street.picture(time, walker))
    assert [one.zone for one in found] == ["sol", "sol"]


def test_what_is_left_out_never_moves_whatever_else_is_drawn_there() -> None:
    parts = zoned(
        MotionZone(name="kapı", points=LEFT), MotionZone(name="ağaç", points=LEFT, include=False)
    )
    street, walker = Street(), Walker(4, 7, x=30)
    found, eye = watch(parts, 9, lambda time: street.picture(time, walker))
    assert found == []
    assert [zone.zone for zone in eye.zones] == ["kapı"]


def test_people_are_shown_the_cells_that_move() -> None:
    street, walker = Street(), Walker(3, 99, x=100, speed=15)
    _, eye = watch(ALL, 5, lambda time: street.picture(time, walker))
    rows, columns = np.nonzero(eye.cells)
    assert {10 <= row <= 14 for row in rows} == {True}
    assert {9 <= column <= 16 for column in columns} == {True}


def test_a_stream_that_is_gone_ends_what_moved() -> None:
    street, walker = Street(), Walker(3, 99)
    found, eye = watch(ALL, 5, lambda time: street.picture(time, walker))
    assert [one.on for one in found] == [True]
    (ended,) = eye.lose()
    assert (ended.on, seconds(ended)) == (False, 4.75)
    assert eye.look(street.picture(9), BEGIN) == []


def test_pictures_of_any_size_are_looked_at() -> None:
    big = np.full((1080, 1920), 90, np.uint8)
    found, eye = watch(ALL, 3, lambda _: big)
    assert found == []
    assert eye.view


corner = st.tuples(st.floats(0, 1), st.floats(0, 1))


@settings(max_examples=60, deadline=None)
@given(st.lists(corner, min_size=3, max_size=8), st.booleans(), st.integers(1, 5))
def test_whatever_is_drawn_a_share_is_a_share(
    points: list[tuple[float, float]], include: bool, sensitivity: int
) -> None:
    try:
        zone = MotionZone(name="z", points=tuple(points), include=include)
    except ValueError:
        return
    rng = np.random.default_rng(len(points))
    moving = np.where(rng.random((HEIGHT, WIDTH)) < 0.3, 255, 0).astype(np.uint8)
    (area,) = areas_of(MotionSettings(sensitivity=sensitivity, zones=(zone,)))
    assert 0 <= area.share(moving) <= 1
    assert area.limit > 0
    assert area.share(np.zeros_like(moving)) == 0


@settings(max_examples=30, deadline=None)
@given(st.floats(0.6, 1.6), st.floats(-30, 30), st.integers(1, 9))
def test_light_is_found_whatever_moves(gain: float, offset: float, seed: int) -> None:
    view = Street(seed).ground
    picture = view * gain + offset
    picture[60:120, 40:120] = 255  # a van
    away = np.abs(in_light_of(view, picture) - picture)
    assert np.median(away) < 2


def test_structure_is_the_same_in_other_light_and_where_there_is_none() -> None:
    view = Street().ground
    assert structure(view, view * 1.4 - 20)[0].min() > 0.75
    flat = np.full_like(view, 80)
    assert structure(flat, flat + 40)[0].min() > 0.99


def test_a_shift_is_found_with_its_sign() -> None:
    street = Street()
    moved = street.picture(0, wind=(5, -3)).astype(np.float32)
    across, down = shift_of(street.ground, moved)
    assert (round(across), round(down)) == (5, -3)
