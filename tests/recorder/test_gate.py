"""What a gate lets to disk: each picture once, from a keyframe on, and nothing that is private."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.choice import MARGIN, Choice
from recorder.runclock import Reading
from tests.recorder.scene import FIRST_MINUTE, FPS, SWEEP, Scene, events, week
from vms.core.clock import SECOND, FakeClock, Instant, rfc3339
from vms.core.model import Cause, State
from vms.core.notes import Note, note_of


@pytest.mark.parametrize("gop", [1, 25, 50, 120])
def test_an_event_has_its_pre_roll_from_a_keyframe_on_and_its_post_roll(gop: int) -> None:
    scene = Scene(events(), gop)
    scene.run(40)
    assert scene.kept == []
    assert scene.gate.condition() == (State.WAITING, Cause.NO_EVENT, None)
    at = scene.tell(seconds=3)
    scene.run(2)
    assert scene.gate.condition() == (State.RECORDING, None, None)
    scene.run(40)
    times = [scene.times[number] for number in scene.kept]
    assert times[0] <= at - 10 * SECOND
    assert times[0] > at - 13 * SECOND - gop * SECOND // FPS
    assert times[-1] >= at + 23 * SECOND - SECOND // FPS
    assert times[-1] < at + 23 * SECOND + gop * SECOND // FPS + SECOND
    assert scene.causes == [Cause.CONNECTING, Cause.NO_EVENT, Cause.NO_EVENT]
    assert scene.gate.dropped == 0
    scene.assert_well()


def test_overlapping_events_are_one_stretch_and_later_ones_join_it() -> None:
    scene = Scene(events())
    scene.run(30)
    scene.tell()
    scene.run(15)
    last = scene.tell()
    scene.run(30)
    assert len(scene.shelf.segments) == 1
    assert scene.times[scene.kept[-1]] >= last + 20 * SECOND - SECOND // FPS
    scene.tell(ago=1)
    scene.run(40)
    scene.assert_well()
    assert scene.kept == list(range(scene.kept[0], scene.kept[-1] + 1)), "all between them too"


def test_without_a_keyframe_in_time_a_stretch_ends_and_nothing_broken_follows() -> None:
    scene = Scene(events(), gop=25 * 100)
    scene.run(10)
    at = scene.tell()
    scene.run(75)
    times = [scene.times[number] for number in scene.kept]
    assert at + 64 * SECOND < times[-1] < at + 66 * SECOND
    scene.tell()
    scene.run(30)
    scene.assert_well()
    assert len(scene.shelf.segments) == 2, "from the keyframe 100 s after the first"
    assert scene.causes[-2:] == [Cause.NO_EVENT, Cause.BROKEN_STREAM], "what was wanted, and lost"


@pytest.mark.parametrize("gop", [250, 400, 500, 1_000])
def test_seldom_keyframes_cost_nothing_between_two_events(gop: int) -> None:
    scene = Scene(events(), gop=gop)
    scene.run(45)
    scene.tell()
    scene.run(32)  # and its post-roll, and 10 s more
    scene.tell()
    scene.run(60)
    scene.assert_well()
    assert scene.kept == list(range(scene.kept[0], scene.kept[-1] + 1))


def test_too_little_memory_shortens_the_pre_roll_and_is_said() -> None:
    scene = Scene(events(), gop=25, memory=60_000)
    scene.run(30)
    assert scene.memory.used <= 60_000
    assert [note_of(text) for text in scene.gate.notes] == [Note("pre_roll_cut")]
    at = scene.tell()
    scene.run(30)
    assert at - 7 * SECOND < scene.times[scene.kept[0]] < at - 3 * SECOND
    scene.assert_well()


def test_a_run_that_ends_in_an_event_keeps_what_came() -> None:
    scene = Scene(events())
    scene.run(30)
    scene.tell()
    scene.run(0.5)
    scene.stop()
    scene.gate.missing(Cause.SILENT)
    assert scene.kept[-1] == len(scene.times) - 1
    assert scene.causes[-1] is Cause.SILENT
    scene.run(0)
    scene.assert_well()
    assert scene.memory.used == 0


def test_a_schedule_begins_and_ends_at_its_border() -> None:
    scene = Scene(Choice("schedule", week(FakeClock(), 1, 2)))
    scene.run(30)
    condition = scene.gate.condition()
    begin = Instant(FIRST_MINUTE + 60 * SECOND)
    assert condition == (State.WAITING, Cause.NOT_SCHEDULED, begin), rfc3339(begin)
    scene.run(170)
    times = [scene.times[number] for number in scene.kept]
    assert begin - 3 * SECOND < times[0] <= begin + SWEEP
    assert begin + 60 * SECOND - 2 * SWEEP < times[-1] < begin + 60 * SECOND
    assert scene.causes == [Cause.NOT_SCHEDULED, Cause.NOT_SCHEDULED]
    scene.assert_well()


@pytest.mark.parametrize("mode", ["continuous", "events"])
def test_nothing_private_is_kept_shown_or_held(mode: str) -> None:
    privacy = week(FakeClock(), 1, 2)
    choice = (
        Choice("continuous", privacy=privacy) if mode == "continuous" else events(5, 5, privacy)
    )
    scene = Scene(choice)
    begin, end = FIRST_MINUTE + 60 * SECOND, FIRST_MINUTE + 120 * SECOND
    scene.run(70)
    for _ in range(30):
        scene.tell(seconds=1)
        scene.run(3.5)
    scene.stop()
    times = [scene.times[number] for number in scene.kept]
    assert any(at < begin for at in times)
    assert any(at >= end for at in times)
    shown = [scene.times[int.from_bytes(unit.data[:4], "big")] for unit in scene.shown]
    for at in times + shown:
        assert not begin <= at < end
    inside = [gap for gap in scene.shelf.gaps if gap.cause is Cause.PRIVACY]
    assert len(inside) == 1
    assert inside[0].start <= begin
    assert inside[0].end is not None
    assert inside[0].end >= end + MARGIN
    for segment in scene.shelf.segments:
        assert segment.end <= begin or segment.start >= end
    scene.assert_well()


def test_a_camera_that_begins_with_an_old_picture_shows_nothing_private() -> None:
    privacy = week(FakeClock(), 0, 1)
    scene = Scene(Choice("continuous", privacy=privacy))
    end = Instant(FIRST_MINUTE + 60 * SECOND)
    scene.clock.advance(end + 2 * SECOND - scene.clock.now())
    scene.connect()
    scene._since -= 8 * SECOND  # type: ignore[assignment]
    scene.run(10)
    assert scene.times[0] < end
    times = [scene.times[number] for number in scene.kept]
    assert times
    assert min(times) >= end


def test_privacy_begins_though_no_picture_comes() -> None:
    scene = Scene(Choice("continuous", privacy=week(FakeClock(), 1, 2)))
    scene.run(20)
    scene.clock.advance(FIRST_MINUTE + 70 * SECOND - scene.clock.now())
    scene.gate.tick(Reading(scene.clock.now(), scene.clock.monotonic()))
    assert scene.gate.private
    assert scene.causes[-1] is Cause.PRIVACY


def test_a_camera_that_fails_when_it_is_not_wanted_is_no_trouble() -> None:
    scene = Scene(Choice("schedule", week(FakeClock(), 5, 6)))
    scene.run(10)
    scene.stop()
    scene.gate.missing(Cause.UNREACHABLE, "no route")
    assert scene.causes[-1] is Cause.NOT_SCHEDULED
    scene.clock.advance(FIRST_MINUTE + 310 * SECOND - scene.clock.now())
    scene.gate.tick(Reading(scene.clock.now(), scene.clock.monotonic()))
    assert scene.causes[-1] is Cause.UNREACHABLE, "now it is"
    waiting = Scene(events())
    waiting.run(10)
    waiting.stop()
    waiting.gate.missing(Cause.UNREACHABLE, "no route")
    assert waiting.causes[-1] is Cause.UNREACHABLE, "an event may be missed"


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 130),
    st.integers(0, 12),
    st.integers(0, 12),
    st.lists(st.tuples(st.integers(1, 40), st.booleans(), st.integers(0, 8)), max_size=6),
)
def test_whatever_happens_each_picture_is_kept_once_and_time_is_tiled(
    gop: int, pre: int, post: int, steps: list[tuple[int, bool, int]]
) -> None:
    scene = Scene(events(pre, post, week(FakeClock(), 0, 1)), gop)
    for seconds, breaks, length in steps:
        scene.run(seconds)
        if breaks:
            scene.stop()
            scene.gate.missing(Cause.SILENT)
            scene.clock.advance(5 * SECOND)
            scene.connect()
        else:
            scene.tell(seconds=length)
    scene.stop()
    begin, end = FIRST_MINUTE, FIRST_MINUTE + 60 * SECOND
    assert not any(begin <= scene.times[number] < end for number in scene.kept)
    scene.assert_well()
