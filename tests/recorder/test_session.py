"""Where segments begin and end, and what is in them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.actions import Append, CloseSegment, OpenSegment
from recorder.runclock import Reading
from recorder.session import Rules, Session
from recorder.source import Element, Hole
from tests.recorder.streams import (
    FORMAT,
    OTHER,
    READING,
    WALL,
    WITH_SOUND,
    Tape,
    at,
    picture,
    pictures,
    record,
)
from vms.core.clock import MILLISECOND, SECOND, Instant, Mono, Span
from vms.core.errors import CameraError
from vms.core.media import AccessUnit, StreamFormat, Track
from vms.core.model import Cause


def lengths(tape: Tape) -> list[float]:
    return [
        round((segment.end - segment.start) / SECOND, 2)
        for segment in tape.segments
        if segment.end is not None
    ]


def names(units: list[AccessUnit]) -> list[bytes]:
    return [unit.data for unit in units]


def test_segments_of_a_minute_end_only_before_keyframes_and_join_exactly() -> None:
    units = pictures(25 * 150)
    tape, session = record(list(units))
    assert lengths(tape) == [60.0, 60.0, 30.0]
    assert tape.video == names(units)
    assert [a.end for a in tape.segments[:-1]] == [b.start for b in tape.segments[1:]]
    assert session.dropped == 0
    assert session.units == len(units)


def test_fragments_stay_below_a_second_and_a_keyframe_begins_one() -> None:
    tape, _ = record(list(pictures(25 * 30)))
    spans = [a.end - a.start for a in tape.segments[0].fragments]
    assert max(spans) <= SECOND
    assert len(spans) == 60  # four to a group of two seconds


def test_a_segment_ends_early_rather_than_late_when_keyframes_are_seldom() -> None:
    tape, _ = record(list(pictures(25 * 200, gop=25 * 25)))
    assert lengths(tape) == [50.0, 50.0, 50.0, 50.0]


def test_a_segment_goes_on_until_a_keyframe_comes() -> None:
    tape, _ = record(list(pictures(25 * 180, gop=25 * 80)))
    assert lengths(tape) == [80.0, 80.0, 20.0]


def test_a_camera_that_never_sends_another_keyframe_is_connected_anew() -> None:
    with pytest.raises(CameraError, match="no keyframe") as caught:
        record(list(pictures(25 * 610, gop=100_000)), segment=2 * SECOND)
    assert caught.value.cause is Cause.BROKEN_STREAM


def test_short_segments_make_nobody_impatient_with_seldom_keyframes() -> None:
    tape, _ = record(list(pictures(25 * 120, gop=25 * 100)), segment=2 * SECOND)
    assert lengths(tape) == [100.0, 20.0]


def test_pictures_before_the_first_keyframe_are_counted_not_kept() -> None:
    units = pictures(100)
    tape, session = record([*units[40:50], *units[50:]])
    assert tape.video == names(units[50:])
    assert session.dropped == 10


def test_the_start_of_a_run_is_the_best_of_its_sweeps() -> None:
    tape, _ = record(list(pictures(100)))
    # A sweep stamps with its own time; the last picture before it is at most 40 ms old.
    assert 0 <= tape.segments[0].start - WALL <= 41 * MILLISECOND


def test_a_new_format_begins_a_segment_without_a_hole() -> None:
    before, after = pictures(75, gop=25), pictures(50, first=75, since=3.0)
    tape, session = record([*before, OTHER, *after])
    assert [segment.format for segment in tape.segments] == [FORMAT, OTHER]
    assert tape.segments[0].end == tape.segments[1].start
    assert lengths(tape) == [3.0, 2.0]
    assert tape.video == names([*before, *after])
    assert session.dropped == 0


def test_pictures_of_a_new_format_wait_for_its_keyframe() -> None:
    late = [picture(50 + i, 2 + i / 25, key=i == 5) for i in range(30)]
    tape, session = record([*pictures(50), OTHER, *late])
    assert tape.video == names([*pictures(50), *late[5:]])
    assert session.dropped == 5


def test_the_same_format_said_again_changes_nothing() -> None:
    tape, _ = record([*pictures(50), FORMAT, *pictures(50, first=50, since=2.0)])
    assert len(tape.segments) == 1


def test_formats_that_flap_lose_no_picture() -> None:
    elements: list[Element] = []
    for turn in range(12):
        elements.append(OTHER if turn % 2 else FORMAT)
        elements += [picture(turn, turn * 0.04, key=True)]
    tape, session = record(elements)
    assert len(tape.video) == 12
    assert session.dropped == 0


def b_frames(groups: int) -> list[AccessUnit]:
    """I P B B P B B …: as RTP carries them, in decode order."""
    order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8, 10, 11]
    out = []
    for group in range(groups):
        for place, shown in enumerate(order):
            number = group * len(order) + place
            time = (group * len(order) + shown) / 25
            unit = picture(number, time, key=shown == 0)
            unit.arrival = at(number / 25 + 0.05)
            out.append(unit)
    return out


def test_b_frames_get_rising_decode_times_and_are_never_shown_before_they_are_decoded() -> None:
    units = b_frames(20)
    tape, _ = record(list(units), segment=4 * SECOND)
    assert tape.video == names(units)
    assert len(tape.segments) > 1
    for segment in tape.segments:
        decode, shown = 0, []
        for sample in segment.video:
            assert sample.composition >= 0
            shown.append(decode + sample.composition)
            decode += sample.duration
        assert sorted(shown) == list(range(shown[0], shown[0] + 3_600 * len(shown), 3_600))


def test_b_frames_are_shown_at_the_time_they_were_taken() -> None:
    tape, _ = record(b_frames(20), sweep=0.02)
    first = tape.segments[0]
    shown = first.start + first.video[0].composition * SECOND // 90_000
    assert abs(shown - WALL) < 100 * MILLISECOND


def test_equal_and_backward_times_are_given_the_least_length() -> None:
    units = pictures(60)
    units[10].pts = units[9].pts
    units[20].pts = units[4].pts  # written long ago or not: below what is decoded, or reordered
    tape, _ = record(list(units))
    assert tape.video == names(units)


@pytest.mark.parametrize("leap", [-20.0, 3_600.0, -5.0, 12.0])
def test_a_leap_of_the_cameras_clock_neither_loses_nor_moves_anything(leap: float) -> None:
    units = pictures(25 * 20)
    for unit in units[260:]:
        unit.pts += round(leap * 90_000)
    tape, _ = record(list(units))
    assert tape.video == names(units)
    assert lengths(tape) == pytest.approx([20.0], abs=0.4)


def test_a_silence_before_a_keyframe_is_a_gap_and_no_long_picture() -> None:
    before, after = pictures(50), pictures(50, first=50, since=7.0)
    session, tape = Session(Rules(), READING), Tape()
    actions = session.feed([FORMAT, *before, *after]) + session.finish()
    tape.play(actions)
    opens = [action for action in actions if isinstance(action, OpenSegment)]
    assert [action.hole for action in opens] == [None, Cause.SILENT]
    assert lengths(tape) == [2.0, 2.0]
    assert opens[1].start - opens[0].start == pytest.approx(7 * SECOND, abs=MILLISECOND)


@pytest.mark.parametrize("stream", [None, OTHER])
@pytest.mark.parametrize("begun", [0.2, 2.0])
def test_pictures_that_are_missing_are_a_gap_however_few(
    begun: float, stream: StreamFormat | None
) -> None:
    before = pictures(round(begun * 25))
    after = pictures(50, first=50, since=begun + 0.8)
    session, tape = Session(Rules(), READING), Tape()
    anew: list[Element] = [Hole(Cause.BROKEN_STREAM), *([stream] if stream else []), *after]
    actions = session.feed([FORMAT, *before]) + session.feed(anew) + session.finish()
    tape.play(actions)
    opens = [action for action in actions if isinstance(action, OpenSegment)]
    assert [action.hole for action in opens] == [None, Cause.BROKEN_STREAM]
    assert [action.format for action in opens] == [FORMAT, stream or FORMAT]
    assert lengths(tape) == [pytest.approx(begun, abs=0.01), 2.0]
    assert tape.video == names([*before, *after])


def test_what_is_missing_before_the_first_keyframe_parts_nothing() -> None:
    tape, _ = record([Hole(Cause.BROKEN_STREAM), *pictures(150)])
    assert len(tape.segments) == 1


def test_a_camera_of_one_picture_in_five_seconds_has_no_gaps() -> None:
    units = [picture(i, i * 5.0, key=True) for i in range(30)]
    tape, _ = record(list(units))
    assert tape.video == names(units)
    assert all(a.end == b.start for a, b in zip(tape.segments, tape.segments[1:], strict=False))


def test_footage_never_begins_before_the_footage_before_it_ended() -> None:
    later = Instant(WALL + 3_600 * SECOND)
    tape, _ = record(list(pictures(50)), not_before=later)
    assert tape.segments[0].start == later


def test_a_clock_set_forward_begins_a_segment_at_the_next_keyframe() -> None:
    session, tape = Session(Rules(), READING), Tape()
    first = session.feed([FORMAT, *pictures(60)])
    session.read_clock(Reading(Instant(WALL + 3_602 * SECOND), at(2)))
    second = session.feed(pictures(100, first=60, since=2.4, gop=25))
    tape.play(first + second + session.finish())
    opened = [action for action in first + second if isinstance(action, OpenSegment)]
    assert opened[-1].hole is Cause.CLOCK_STEP
    assert opened[-1].start - opened[0].start == pytest.approx(3_602.4 * SECOND, abs=MILLISECOND)
    assert len(tape.video) == 160


def test_a_clock_set_back_records_no_second_twice() -> None:
    session, tape = Session(Rules(), READING), Tape()
    tape.play(session.feed([FORMAT, *pictures(50)]))
    session.read_clock(Reading(Instant(WALL - 3_600 * SECOND), at(2)))
    tape.play(session.feed(pictures(50, first=50, since=2.0)) + session.finish())
    assert tape.segments[0].end == tape.segments[1].start


def sound(count: int, *, delay: float = 0.0) -> list[AccessUnit]:
    return [
        AccessUnit(Track.AUDIO, b"a%d" % i, i * 1_024, at(i * 0.064 + delay)) for i in range(count)
    ]


def mixed(*tracks: list[AccessUnit]) -> list[Element]:
    return sorted((unit for track in tracks for unit in track), key=lambda unit: unit.arrival)


@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_sound_lies_beside_its_pictures_across_segments(delay: float) -> None:
    heard = sound(300, delay=delay)
    tape, session = record(mixed(pictures(25 * 20), heard), segment=6 * SECOND, stream=WITH_SOUND)
    assert tape.sound == names(heard)
    assert session.dropped == 0
    for segment in tape.segments:
        first = next(append for append in segment.fragments if append.fragment.audio)
        number = int(first.fragment.audio[0].data[1:])
        lies = segment.start + first.fragment.audio_time * SECOND // 16_000
        shown = tape.segments[0].start + number * 64 * MILLISECOND
        assert abs(lies - shown) < 5 * MILLISECOND


def test_sound_goes_on_while_pictures_stand_still() -> None:
    tape, session = record(mixed(pictures(50), sound(1_000)), stream=WITH_SOUND)
    assert len(tape.sound) == 1_000
    assert session.dropped == 0


def test_sound_no_format_speaks_of_is_counted() -> None:
    _, session = record(mixed(pictures(50), sound(10)))
    assert session.dropped == 10


def test_after_a_failed_segment_the_next_keyframe_begins_another() -> None:
    session = Session(Rules(), READING)
    actions = session.feed([FORMAT, *pictures(60)])
    appended = [action for action in actions if isinstance(action, Append)]
    session.segment_lost(appended[0].end)
    rest = session.feed(pictures(100, first=60, since=2.4, gop=50)) + session.finish()
    assert isinstance(rest[0], OpenSegment)
    assert rest[0].start >= appended[0].end
    stored = sum(len(a.fragment.video) for a in appended) + sum(
        len(a.fragment.video) for a in rest if isinstance(a, Append)
    )
    assert stored + session.dropped == 160


def test_viewers_get_the_current_group_from_storage_and_from_what_waits() -> None:
    session = Session(Rules(), READING)
    units = pictures(70)
    session.feed([FORMAT, *units])
    times = session.stored_times() + [unit.pts for unit in session.pending()]
    assert times == [unit.pts for unit in units[50:]]


def test_nothing_kept_is_nothing_closed() -> None:
    session = Session(Rules(), READING)
    assert session.feed([FORMAT]) == []
    assert session.finish() == []


@st.composite
def cameras(draw: st.DrawFn) -> list[Element]:
    """Any camera: jitter, loss, leaps, lies, formats, sound, odd groups of pictures."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    fps, gop = draw(st.sampled_from([1, 10, 25, 60])), draw(st.integers(1, 90))
    lie = draw(st.sampled_from([0.0, 0.0, 0.02, 0.2]))
    has_sound = draw(st.booleans())
    out: list[Element] = []
    shift, time, heard = 0, 0.0, 0
    for number in range(draw(st.integers(1, 400))):
        time += 1 / fps
        if rng.random() < 0.01:
            time += rng.choice([0.5, 3, 8])
        if rng.random() < lie:
            shift += rng.choice([-900_000, 900_000, 9_000, -3_600, -40_000, 7])
        key = number % gop == 0 or rng.random() < 0.01
        if rng.random() < 0.02:
            continue
        if rng.random() < 0.01:
            out.append(rng.choice([FORMAT, OTHER, WITH_SOUND]))
        arrival = at(time + rng.random() * 0.05)
        data = b"v%d" % number
        out.append(AccessUnit(Track.VIDEO, data, round(time * 90_000) + shift, arrival, key))
        while has_sound and heard * 0.064 < time:
            out.append(AccessUnit(Track.AUDIO, b"a%d" % heard, heard * 1_024, arrival))
            heard += 1
    return out


@settings(max_examples=120, deadline=None)
@given(cameras(), st.sampled_from([2 * SECOND, 10 * SECOND, 60 * SECOND]), st.integers(0, 2**32))
def test_every_unit_is_kept_once_in_order_or_counted(
    elements: list[Element], segment: int, seed: int
) -> None:
    rng = random.Random(seed)
    session, tape = Session(Rules(Span(segment)), READING), Tape()
    tape.play(session.feed([WITH_SOUND]))
    at_once = list(elements)
    while at_once:
        count = rng.randint(1, 40)
        batch, at_once = at_once[:count], at_once[count:]
        try:
            tape.play(session.feed(batch))
        except CameraError:
            return
        if rng.random() < 0.1:
            session.read_clock(
                Reading(Instant(WALL + rng.randint(-9, 9) * SECOND), Mono(5 * 10**12))
            )
    tape.play(session.finish())
    units = [element for element in elements if isinstance(element, AccessUnit)]
    assert len(tape.video) + len(tape.sound) + session.dropped == len(units)
    assert session.units == len(tape.video) + len(tape.sound)
    numbers = [int(data[1:]) for data in tape.video]
    assert numbers == sorted(set(numbers))
    heard = [int(data[1:]) for data in tape.sound]
    assert heard == sorted(set(heard))
    assert all(segment.end is not None for segment in tape.segments)


def test_actions_close_what_they_open() -> None:
    session = Session(Rules(), READING)
    actions = [*session.feed([FORMAT, *pictures(60)]), *session.finish()]
    assert isinstance(actions[0], OpenSegment)
    assert isinstance(actions[-1], CloseSegment)
