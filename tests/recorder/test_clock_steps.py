"""The machine's clock is set while streams flow: what is shown and what is kept follow it."""

from __future__ import annotations

import pytest

from recorder.actions import OpenSegment
from recorder.runclock import Reading
from recorder.session import Rules, Session
from tests.recorder.line import Line
from tests.recorder.scene import FPS, Scene, events
from tests.recorder.streams import FORMAT, READING, WALL, Tape, at, pictures
from vms.core.clock import SECOND, Instant
from vms.core.model import Cause

MINUTES = 5 * 60 * SECOND


@pytest.mark.parametrize("step", [MINUTES, -MINUTES])
def test_a_stream_that_is_only_shown_follows_the_clock_at_once(step: int) -> None:
    session = Session(Rules(), READING)
    units = pictures(100)
    session.glance([FORMAT, *units])
    session.read_clock(Reading(Instant(WALL + 2 * SECOND + step), at(2)))
    assert session.wall(units[75]) - (WALL + 3 * SECOND + step) == 0


@pytest.mark.parametrize("step", [MINUTES, -MINUTES])
def test_a_stream_kept_by_events_is_watched_by_the_clock_as_it_was_set(step: int) -> None:
    scene = Scene(events(), gop=25)
    scene.run(20)
    scene.clock.step(step)
    scene.run(20)
    watching = scene.intake.session
    assert watching is not None
    assert abs(watching.wall(scene.shown[-1]) - scene.times[-1]) < SECOND // FPS
    at_event = scene.tell()
    scene.run(40)
    shown = [scene.times[number] for number in scene.kept]
    assert shown[0] <= at_event - 10 * SECOND
    assert shown[-1] >= at_event + 19 * SECOND


def test_a_step_taken_back_before_the_next_keyframe_changes_nothing() -> None:
    session, tape = Session(Rules(), READING), Tape()
    actions = session.feed([FORMAT, *pictures(60, gop=100)])
    session.read_clock(Reading(Instant(WALL + MINUTES + 2 * SECOND), at(2)))
    actions += session.feed(pictures(15, first=60, since=2.4, gop=100)[1:])
    session.read_clock(Reading(Instant(WALL + 3 * SECOND), at(3)))
    actions += session.feed(pictures(100, first=75, since=3.0, gop=50)) + session.finish()
    tape.play(actions)
    assert [action.hole for action in actions if isinstance(action, OpenSegment)] == [None]
    assert tape.segments[0].end == pytest.approx(WALL + 7 * SECOND, abs=SECOND // 10)


def test_a_step_before_the_first_keyframe_is_no_gap() -> None:
    line = Line()
    line.connect()
    line.clock.step(MINUTES)
    line.be_silent(2)
    line.record(10)
    line.intake.end()
    assert Cause.CLOCK_STEP not in [gap.cause for gap in line.shelf.gaps]
    line.assert_tiled()
