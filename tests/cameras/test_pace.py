"""A keyframe goes undecoded only where its coded form says that nothing is new."""

from __future__ import annotations

import dataclasses

import pytest

from tests.storage.house import FORMAT
from vms.cameras.health.pace import Coded, tells_nothing_new
from vms.core.clock import MINUTE, SECOND, Span

LAST = Coded(FORMAT.video, 150_000, 0.04)


def test_two_pictures_alike_in_a_row_are_left_out_and_the_third_is_not() -> None:
    left_out = [tells_nothing_new(LAST, LAST, Span(minutes * MINUTE)) for minutes in (1, 2, 3)]
    assert left_out == [True, True, False]


@pytest.mark.parametrize(
    "coded",
    [
        LAST._replace(size=75_000),  # covered, blurred, dark
        LAST._replace(size=220_000),
        LAST._replace(inter=0.004),  # it stands still
        LAST._replace(inter=0.2),  # something happens
        LAST._replace(inter=None),  # nothing between keyframes was looked at
        LAST._replace(video=dataclasses.replace(FORMAT.video, width=1280)),
    ],
)
def test_what_takes_other_bytes_is_looked_at_at_once(coded: Coded) -> None:
    assert not tells_nothing_new(coded, LAST, Span(MINUTE))
    assert not tells_nothing_new(LAST, coded, Span(MINUTE))


def test_traffic_and_clouds_are_nothing_new() -> None:
    assert tells_nothing_new(LAST._replace(size=130_000, inter=0.1), LAST, Span(MINUTE))
    assert tells_nothing_new(LAST._replace(inter=None), LAST._replace(inter=None), Span(MINUTE))


def test_a_picture_from_before_the_last_one_is_looked_at() -> None:
    assert not tells_nothing_new(LAST, LAST, Span(-SECOND))  # the clock was set back
    assert not tells_nothing_new(LAST, LAST, Span(0))
