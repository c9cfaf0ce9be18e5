"""Choices that come, change and go while a camera sends: no picture is lost by it or kept twice."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder import gate
from recorder.choice import Choice
from tests.recorder.scene import FPS, Scene, events, week
from tests.recorder.streams import FORMAT, OTHER
from vms.core.clock import SECOND, FakeClock
from vms.core.errors import StorageError
from vms.core.model import Cause, State

ALWAYS = Choice("schedule", week(FakeClock(), -1, 100))
NEVER = Choice("schedule", week(FakeClock(), 200, 300))
PRIVATE = Choice("continuous", privacy=week(FakeClock(), -1, 100))
LATER_PRIVATE = Choice("continuous", privacy=week(FakeClock(), 200, 300))


@pytest.mark.parametrize("choice", [ALWAYS, LATER_PRIVATE])
@pytest.mark.parametrize("seconds", [0.3, 4.7, 30])
def test_a_choice_that_wants_all_of_it_costs_no_picture(choice: Choice, seconds: float) -> None:
    scene = Scene(None)
    scene.run(seconds)
    for other in (choice, None, choice, None):
        scene.choose(other)
        scene.run(7.3)
        assert scene.intake.session is not None
        assert scene.intake.session.pictures == len(scene.times), "rates go on"
    scene.stop()
    scene.assert_well()
    assert scene.kept == list(range(len(scene.times)))
    assert set(scene.causes) <= {Cause.CONNECTING}
    assert scene.intake.dropped == 0
    assert len(scene.shelf.segments) <= 2, "none ended by it"


def test_what_a_choice_does_not_want_ends_at_once_and_begins_again_at_a_keyframe() -> None:
    scene = Scene(None, gop=25)
    scene.run(10)
    before = len(scene.times)
    scene.choose(NEVER)
    scene.run(20)
    assert scene.kept == list(range(before))
    assert scene.gate.condition() is not None
    assert scene.causes[-1:] == [Cause.NOT_SCHEDULED]
    back = len(scene.times)
    scene.choose(None)
    assert scene.causes[-1:] == [
        Cause.CONNECTING
    ]  # until the next keyframe it is no choice any more
    scene.run(10)
    assert scene.intake.keeps_all
    assert scene.intake.session is not None
    assert scene.intake.session.pictures == len(scene.times)
    assert back <= scene.kept[before] < back + 25
    scene.stop()
    scene.assert_well()


@pytest.mark.parametrize("gop", [25, 50, 120])
def test_an_event_right_after_has_its_pre_roll_whole(gop: int) -> None:
    scene = Scene(None, gop)
    scene.run(31)
    scene.choose(events(10, 5))
    scene.run(8)
    assert scene.gate.condition() == (State.WAITING, Cause.NO_EVENT, None)
    scene.tell(seconds=1)
    scene.run(3)
    assert scene.kept == list(range(len(scene.kept))), "from the first on, none left out"
    assert scene.kept[-1] > len(scene.times) - 2 * FPS
    scene.stop()
    scene.assert_well()


def test_an_event_that_lasts_goes_on_when_all_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "DRAIN", 10_000)
    scene = Scene(events(10, 5))
    scene.run(30)
    scene.tell(seconds=60)
    scene.run(0.3)  # its pre-roll is still being written
    assert len(scene.kept) < 5 * FPS
    scene.choose(None)
    scene.run(20)
    assert scene.intake.session is not None
    assert scene.intake.session.pictures == len(scene.times)
    scene.stop()
    scene.assert_well()
    assert scene.kept[-1] == len(scene.times) - 1
    assert scene.memory.used == 0
    assert len([cause for cause in scene.causes if cause is Cause.NO_EVENT]) == 1


def test_privacy_that_comes_hides_at_once_and_that_goes_shows_again() -> None:
    scene = Scene(None)
    scene.run(10)
    before = len(scene.times)
    scene.choose(PRIVATE)
    hidden = [scene.intake.hidden]
    scene.run(10)
    assert (len(scene.shown), scene.kept[-1]) == (before, before - 1)
    assert scene.causes[-1:] == [Cause.PRIVACY]
    scene.choose(None)
    hidden.append(scene.intake.hidden)
    assert hidden == [True, False]
    scene.run(10)
    scene.stop()
    scene.assert_well()
    assert scene.kept[-1] == len(scene.times) - 1


def test_a_camera_that_does_not_answer_says_so_when_it_is_wanted_again() -> None:
    scene = Scene(NEVER)
    scene.run(5)
    scene.stop()
    scene.intake.missing(Cause.UNREACHABLE, "no route")
    assert scene.causes[-1:] == [Cause.NOT_SCHEDULED]
    scene.intake.choose(None, (Cause.UNREACHABLE, "no route"))
    assert scene.causes[-1:] == [Cause.UNREACHABLE]
    scene.intake.choose(NEVER, (Cause.UNREACHABLE, "no route"))
    scene.intake.tick(scene.reading())
    assert scene.causes[-1:] == [Cause.NOT_SCHEDULED]


def test_a_stream_that_is_only_shown_may_get_privacy_hours() -> None:
    scene = Scene(None)
    scene.intake.keeper = None
    scene.run(5)
    seen = len(scene.shown)
    scene.choose(PRIVATE)
    scene.run(5)
    assert len(scene.shown) == seen
    scene.choose(None)
    scene.run(5)
    assert len(scene.shown) > seen
    assert scene.kept == []


@pytest.mark.parametrize("choice", [ALWAYS, LATER_PRIVATE])
def test_a_choice_that_comes_before_the_first_picture_costs_none(choice: Choice) -> None:
    scene = Scene(None)
    scene.choose(choice)
    scene.run(5)
    scene.choose(None)
    scene.run(5)
    scene.stop()
    scene.assert_well()
    assert scene.kept == list(range(len(scene.times)))


def test_what_is_held_goes_to_disk_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "DRAIN", 10_000)  # 25 pictures
    scene = Scene(events(30, 5))
    scene.run(40)
    scene.tell()
    scene.run(0.3)
    before = len(scene.kept)
    scene.choose(None)
    for _ in range(60):
        scene.run(0.3)
        assert len(scene.kept) - before <= 25 + 2 * FPS
        before = len(scene.kept)
    assert scene.intake.keeps_all
    scene.stop()
    scene.assert_well()
    assert scene.kept == list(range(scene.kept[0], len(scene.times)))


@pytest.mark.parametrize("ends", ["breaks", "never"])
def test_a_run_that_ends_while_the_pre_roll_is_written_keeps_all_of_it(
    ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "DRAIN", 10_000)
    scene = Scene(events(30, 5))
    scene.shelf.room = 40_000  # a tenth of what is held
    scene.run(40)
    scene.tell()
    scene.run(0.6)
    assert 0 < len(scene.kept) < 10 * FPS
    sent = len(scene.times)
    if ends == "breaks":
        scene.stop()
        scene.intake.missing(Cause.UNREACHABLE)
    else:
        scene.choose(NEVER)
        scene.run(0.3)
    assert scene.kept == list(range(scene.kept[0], sent))
    assert scene.causes[-1:] == [Cause.UNREACHABLE if ends == "breaks" else Cause.NOT_SCHEDULED]
    scene.assert_well()


def test_the_group_that_is_held_is_kept_when_all_is_wanted() -> None:
    scene = Scene(events(10, 5), gop=250)
    scene.run(31)
    at = len(scene.times)
    scene.choose(None)
    scene.run(30)
    scene.stop()
    scene.assert_well()
    assert scene.kept == list(range(scene.kept[0], len(scene.times)))
    assert scene.kept[0] <= at


@pytest.mark.parametrize("before", [PRIVATE, NEVER])
@pytest.mark.parametrize("after", [ALWAYS, None])
def test_a_format_that_changes_unseen_is_that_of_what_is_kept_then(
    before: Choice, after: Choice | None
) -> None:
    scene = Scene(None, gop=5)
    scene.run(10)
    scene.choose(before)
    scene.format = OTHER
    scene.run(10)
    scene.choose(after)
    scene.run(10)
    scene.format = FORMAT
    scene.run(10)
    scene.stop()
    scene.assert_well()
    assert [one.format for one in scene.shelf.segments] == [FORMAT, OTHER, FORMAT]


def test_a_format_that_comes_as_privacy_ends_is_seen() -> None:
    scene = Scene(PRIVATE, gop=25)
    scene.run(10)
    scene.choose(LATER_PRIVATE)
    scene.format = OTHER
    scene.run(10)
    scene.stop()
    scene.assert_well()
    assert [one.format for one in scene.shelf.segments] == [OTHER]


def test_what_is_recorded_goes_on_to_the_next_keyframe_however_late() -> None:
    scene = Scene(None, gop=30 * FPS)
    scene.run(35)
    scene.choose(events(10, 5))
    scene.run(17)
    scene.tell(seconds=1)
    scene.run(3)
    scene.stop()
    scene.assert_well()
    assert scene.kept == list(range(len(scene.times)))


def test_a_clock_that_stepped_while_nothing_was_kept_is_read_anew() -> None:
    scene = Scene(NEVER, gop=25)
    scene.run(10)
    scene.skew = -3 * 90_000 // 2
    scene.run(5)
    scene.choose(None)
    scene.run(10)
    scene.stop()
    scene.assert_well()


def test_pictures_that_come_are_no_trouble_of_before() -> None:
    scene = Scene(NEVER)
    scene.run(5)
    scene.intake.choose(None, (Cause.UNREACHABLE, "an hour ago"))
    assert scene.causes[-1:] == [Cause.CONNECTING]


CHOICES = (None, ALWAYS, NEVER, PRIVATE, LATER_PRIVATE, events(8, 6), events(0, 0))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 130),
    st.sampled_from(CHOICES),
    st.lists(
        st.tuples(
            st.sampled_from(CHOICES),
            st.integers(0, 300),
            st.sampled_from(("", "event", "break", "disk", "format")),
        ),
        max_size=8,
    ),
)
def test_whatever_is_chosen_each_picture_is_kept_once_and_time_is_tiled(
    gop: int, first: Choice | None, steps: list[tuple[Choice | None, int, str]]
) -> None:
    scene = Scene(first, gop)
    for choice, tenths, what in steps:
        if what == "break":
            scene.stop()
            scene.intake.missing(Cause.SILENT)
            scene.clock.advance(5 * SECOND)
        scene.choose(choice)
        if what == "break":
            scene.connect()
        if what == "event":
            scene.tell(seconds=2)
        if what == "format":
            scene.format = OTHER if scene.format is FORMAT else FORMAT
        if what == "disk" and scene.shelf.segments and scene.intake.session is not None:
            scene.shelf.segments[-1].failed = StorageError(Cause.DISK_FULL, "full")
            scene.intake.tick(scene.reading())
        scene.run(tenths / 10)
    scene.stop()
    scene.assert_well()
    assert scene.memory.used == 0
