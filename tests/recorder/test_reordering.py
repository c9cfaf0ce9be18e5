"""B-frames of few pictures a second are no clock that was set back."""

from __future__ import annotations

import pytest

from recorder.session import Session
from tests.recorder.streams import WALL, Tape, at, picture, record
from vms.core.clock import SECOND
from vms.core.media import AccessUnit

IBBP = (3, 1, 2)
PYRAMID_4 = (4, 2, 1, 3)
PYRAMID_8 = (8, 4, 2, 1, 3, 6, 5, 7)


def reordered(order: tuple[int, ...], fps: int, seconds: int) -> list[AccessUnit]:
    """Closed groups of about two seconds in decode order, from an encoder of the least delay."""
    subgroups = max(1, round(2 * fps / len(order)))
    shown = [0] + [turn * len(order) + place for turn in range(subgroups) for place in order]
    units: list[AccessUnit] = []
    for group in range(seconds * fps // len(shown)):
        for place in shown:
            number = group * len(shown) + place
            unit = picture(number, number / fps, key=place == 0)
            unit.arrival = at((len(units) + len(order) - 1) / fps)
            units.append(unit)
    return units


def errors(tape: Tape, fps: int) -> dict[int, float]:
    """How many seconds too late each picture is shown, by its number."""
    found = {}
    for segment in tape.segments:
        ticks = 0
        for sample in segment.video:
            number = int(sample.data[1:])
            lies = segment.start + (ticks + sample.composition) * SECOND // 90_000
            found[number] = (lies - WALL) / SECOND - number / fps
            ticks += sample.duration
    return found


def recorded(units: list[AccessUnit]) -> tuple[Tape, Session]:
    tape, session = record(list(units), sweep=0.3)
    assert tape.video == [unit.data for unit in units]
    return tape, session


@pytest.mark.parametrize(
    ("order", "fps"),
    [(IBBP, 1), (IBBP, 25), (PYRAMID_4, 1), (PYRAMID_4, 2), (PYRAMID_4, 12)]
    + [(PYRAMID_8, fps) for fps in (1, 2, 5, 8, 25)],
)
def test_b_frames_are_shown_when_they_were_taken_however_few(
    order: tuple[int, ...], fps: int
) -> None:
    tape, session = recorded(reordered(order, fps, 200))
    late = errors(tape, fps)
    first = {number: error for number, error in late.items() if number <= len(order)}
    rest = [error for number, error in late.items() if number > len(order)]
    assert session.leaps == 0
    assert max(map(abs, rest)) < 0.35, "a sweep, no more"
    assert max(map(abs, first.values())) < len(order) / fps, "how deep they are is to be seen first"


@pytest.mark.parametrize("fps", [1, 2, 5, 25])
def test_a_clock_set_back_is_still_put_right_at_once(fps: int) -> None:
    units = [picture(i, i / fps, key=i % (10 * fps) == 0) for i in range(60 * fps)]
    for unit in units[25 * fps + 1 :]:
        unit.pts -= 4 * 90_000
    tape, session = recorded(units)
    assert session.leaps == 1
    assert max(map(abs, errors(tape, fps).values())) < 0.7


def test_b_frames_whose_clock_is_set_back_are_put_right() -> None:
    units = reordered(PYRAMID_4, 5, 60)
    for unit in units[150:]:
        unit.pts -= 30 * 90_000
    tape, session = recorded(units)
    assert session.leaps == 1
    assert max(map(abs, errors(tape, 5).values())) < 1
