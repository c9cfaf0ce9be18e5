"""Looks at pictures and streams: planted faults are found, a healthy camera is left in peace."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from tests.cameras.streets import BEGIN, WIDTH, Street, planted
from vms.cameras.health.checks import RULES, Chart, Check, CheckState, Reading
from vms.cameras.health.connection import connection
from vms.cameras.health.flow import FlowWatch, keyframes
from vms.cameras.health.looks import Fault, faults, is_coloured, likeness, look_at
from vms.cameras.health.rates import UsualRates
from vms.cameras.health.trigger import Trigger
from vms.cameras.health.usual import LOOKS_MAX, Usual
from vms.cameras.reception import SaidTime
from vms.core.clock import DAY, HOUR, MILLISECOND, MINUTE, SECOND, Instant, Span
from vms.core.model import Cause, State
from vms.core.status import StreamStatus


def usual_of(street: Street) -> Usual:
    usual = Usual()
    for minute in range(3):
        look = look_at(street.picture(minute))
        usual = usual.taught(look, faults(usual.judged(look, None)))
    return Usual((*usual.looks, look_at(street.picture(3, day=True))))


@pytest.mark.parametrize("day", [False, True], ids=["night", "day"])
@pytest.mark.parametrize("fault", list(Fault))
def test_a_planted_fault_is_named(fault: Fault, day: bool) -> None:
    for seed in range(4):
        street = Street(seed)
        usual = usual_of(street)
        before = street.picture(9, day=day)
        picture = planted(street, fault, street.picture(10, day=day), before)
        assert faults(usual.judged(look_at(picture), look_at(before))) == {fault}


def test_a_healthy_camera_is_left_in_peace() -> None:
    for seed in range(4):
        street = Street(seed)
        usual, before = usual_of(street), None
        for minute in range(4, 16):
            look = look_at(street.picture(minute, day=minute % 5 == 0))
            assert faults(usual.judged(look, before)) == set()
            before = look


def test_a_picture_coded_anew_is_frozen_when_nothing_comes_between() -> None:
    street = Street(1)
    usual, before = usual_of(street), street.picture(9)
    coarse = np.clip(before.astype(np.int16) + np.arange(WIDTH) // 4 % 2, 0, 255).astype(np.uint8)
    for inter, found in ((0.002, {Fault.FROZEN}), (0.03, set()), (None, set())):
        look = look_at(coarse, inter=inter)
        assert faults(usual.judged(look, look_at(before))) == found


def test_a_street_without_noise_on_which_something_moves_is_not_frozen() -> None:
    street = Street(1)
    usual, still = usual_of(street), street.picture(9)
    moved = still.copy()
    moved[180:220, 100:160] = 200  # a car came
    told = usual.judged(look_at(moved, inter=0.001), look_at(still))
    assert not told[Fault.FROZEN].bad
    assert 0 < told[Fault.FROZEN].value < 0.1


def test_a_view_is_learnt_only_after_three_looks_alike() -> None:
    one, other = Street(1), Street(2)
    usual = Usual()
    for street in (one, one, other, one, one):
        usual = usual.taught(look_at(street.picture(0)), set())
        assert usual.looks == ()
    usual = usual.taught(look_at(one.picture(1)), set())
    assert len(usual.looks) == 1
    assert likeness(usual.looks[0], look_at(one.picture(2))) > 0.8


def test_infrared_light_is_no_fault_and_its_looks_are_learnt_beside_the_others() -> None:
    day, night = Street(1), Street(2)  # nothing of the one is seen in the other
    usual = Usual()
    for minute in range(3):
        usual = usual.taught(look_at(day.picture(minute)), set())
    for minute in range(3, 6):
        look = look_at(night.picture(minute), coloured=False)
        told = usual.judged(look, None)
        assert faults(told) == set()
        usual = usual.taught(look, faults(told))
    assert [one.coloured for one in usual.looks] == [True, False]
    turned = look_at(Street(3).picture(7), coloured=False)
    assert faults(usual.judged(turned, None)) == {Fault.TURNED}


def test_grey_paint_on_the_lens_by_day_is_not_taken_for_the_night() -> None:
    street = Street(1)
    usual = Usual()
    for minute in range(3):
        usual = usual.taught(look_at(street.picture(minute)), set())
    for minute in range(3, 8):
        painted = planted(street, Fault.COVERED, street.picture(minute), street.picture(0))
        told = usual.judged(look_at(painted, coloured=False), None)
        assert faults(told) == {Fault.COVERED}
        usual = usual.taught(look_at(painted, coloured=False), faults(told))
    assert len(usual.looks) == 1


def test_another_view_of_a_camera_that_a_person_moved_is_learnt() -> None:
    one, other = Street(1), Street(2)
    usual = usual_of(one)
    for minute in range(3):
        look = look_at(other.picture(minute))
        assert faults(usual.judged(look, None)) == {Fault.TURNED}
        told = usual.judged(look, None, steered=True)
        assert Fault.TURNED not in told
        usual = usual.taught(look, faults(told))
    for street in (one, other):
        assert faults(usual.judged(look_at(street.picture(5)), None)) == set()


def test_what_is_usual_is_bounded_and_outlives_the_process() -> None:
    first = look_at(Street(1).picture(0))
    usual = Usual((dataclasses.replace(first, fineness=0.5),), since=BEGIN)
    rng = np.random.default_rng(1)
    noise = rng.random((40, *first.edges.shape), np.float32) * float(first.edges.max()) * 0.45
    for one in noise:
        usual = usual.taught(dataclasses.replace(first, edges=first.edges + one), set())
    assert len(usual.looks) == LOOKS_MAX
    assert usual.looks[0].fineness == 0.5
    assert usual.looks[-1].pixels.size == 0
    again = Usual.from_bytes(usual.to_bytes())
    assert again.since == BEGIN
    assert likeness(again.looks[0], first) == pytest.approx(1, abs=1e-3)
    for damaged in (b"\0" * 100, usual.to_bytes()[:200], b"PK\x03\x04" + b"\0" * 60):
        with pytest.raises(ValueError, match="no usual looks"):
            Usual.from_bytes(damaged)


def test_colour_is_told_from_its_planes() -> None:
    grey = np.full((180, 320), 128, np.uint8)
    assert not is_coloured(grey, grey + 1)
    assert is_coloured(grey, grey + 20)


def test_a_trigger_waits_both_ways() -> None:
    trigger = Trigger(rises=3, falls=2)
    seen = [trigger.take(bad) for bad in (True, True, False, True, True, True, False, True, False)]
    assert seen == [False, False, False, False, False, True, True, True, True]
    assert trigger.take(False) is False


def test_a_chart_tells_a_change_once_and_since_its_first_look() -> None:
    chart, minutes = Chart(), [Instant(BEGIN + n * MINUTE) for n in range(9)]
    told = []
    for at, bad in zip(minutes, (False, True, True, None, True, True, False, False), strict=False):
        told += chart.take([Reading(Check.BLACK, bad, 1.0, 0.97, "it is black" if bad else "")], at)
    assert [(one.sick, one.since) for one in told] == [(True, minutes[1]), (False, minutes[6])]
    assert told[0].reading.detail == "it is black"
    black = chart.standing(Check.BLACK)
    assert (black.state, black.since, black.at) == (CheckState.WELL, minutes[6], minutes[7])


def test_what_nobody_can_look_at_is_not_called_well() -> None:
    chart = Chart()
    chart.take([Reading(Check.BLACK, False), Reading(Check.FPS, False)], BEGIN)
    state = {check: one.state for check, one in chart.told(Instant(BEGIN + 2 * MINUTE)).items()}
    assert state == {Check.BLACK: CheckState.WELL, Check.FPS: CheckState.UNKNOWN}
    for _ in range(RULES[Check.BLACK].rises):
        chart.take([Reading(Check.BLACK, True)], BEGIN)
    later = chart.told(Instant(BEGIN + 300 * MINUTE))
    assert later[Check.BLACK].state is CheckState.SICK  # the last that was seen of it


def test_a_camera_switched_off_has_nothing_wrong_with_it() -> None:
    chart = Chart.remembering({Check.TURNED: (True, BEGIN)})
    assert set(chart.sick()) == {Check.TURNED}
    (change,) = chart.rest(Instant(BEGIN + MINUTE))
    assert (change.check, change.sick, change.since) == (Check.TURNED, False, BEGIN + MINUTE)
    assert chart.told(BEGIN) == {}


WELL = {"reachable": False, "authenticated": False, "streaming": False}


@pytest.mark.parametrize(
    ("state", "cause", "told"),
    [
        (State.RECORDING, None, WELL),
        (State.WAITING, Cause.PRIVACY, WELL),
        (State.FAILED, Cause.UNREACHABLE, {"reachable": True}),
        (State.CONNECTING, Cause.UNREACHABLE, {"reachable": True}),
        (State.FAILED, Cause.REFUSED, {"reachable": False, "authenticated": True}),
        (State.FAILED, Cause.SILENT, WELL | {"streaming": True}),
        (State.FAILED, Cause.DISK_FULL, {}),
        (State.CONNECTING, Cause.CONNECTING, {}),
        (State.STOPPED, Cause.RECORDER_STOPPED, {}),
        (State.OFF, Cause.RECORDING_OFF, {}),
    ],
)
def test_a_state_says_how_far_a_connection_came(
    state: State, cause: Cause | None, told: dict[str, bool]
) -> None:
    found = {str(one.check): one.bad for one in connection(StreamStatus(state, BEGIN, cause))}
    assert found == told


def status(**changed: Any) -> StreamStatus:
    known = StreamStatus(State.RECORDING, BEGIN, fps=25.0, bitrate=4_000_000, units=0)
    return dataclasses.replace(known, **changed)


def looked(chart: Chart, watch: FlowWatch, minutes: range, **changed: Any) -> dict[Check, str]:
    """A look each ten seconds; what is wrong at the end."""
    for step in range(minutes.start * 6, minutes.stop * 6):
        at = Instant(BEGIN + MINUTE + step * 10 * SECOND)
        per = {name: value * step for name, value in changed.items() if name in COUNTERS}
        chart.take(watch.take(status(units=step * 250, **{**changed, **per}), at), at)
    return {check: one.detail for check, one in chart.sick().items()}


COUNTERS = ("damaged", "resyncs")


def test_rates_are_held_against_what_is_usual() -> None:
    chart, watch = Chart(), FlowWatch()
    assert looked(chart, watch, range(30)) == {}
    assert looked(chart, watch, range(30, 32), bitrate=1_200_000) == {}  # a quiet night
    found = looked(chart, watch, range(32, 34), fps=8.0)
    assert found.keys() == {Check.FPS}
    assert found[Check.FPS].startswith("8.0 pictures a second; usual are 25")
    assert chart.standing(Check.FPS).limit == pytest.approx(15, abs=1)
    assert looked(chart, watch, range(34, 36)) == {}
    assert looked(chart, watch, range(36, 38), bitrate=90_000).keys() == {Check.BITRATE}


def for_hours(chart: Chart, watch: FlowWatch, hours: range, **changed: Any) -> set[Check]:
    """A look each minute; what is wrong at the end."""
    for minute in range(hours.start * 60, hours.stop * 60):
        at = Instant(BEGIN + (minute + 1) * MINUTE)
        chart.take(watch.take(status(units=minute * 1500, **changed), at), at)
    return set(chart.sick())


def test_a_low_rate_never_becomes_the_usual_one() -> None:
    chart, watch = Chart(), FlowWatch()
    assert for_hours(chart, watch, range(24)) == set()
    low = {"fps": 12.0, "bitrate": 300_000}
    for day in range(1, 6):
        hours = range(day * 24, day * 24 + 24)
        assert for_hours(chart, watch, hours, **low) == {Check.FPS, Check.BITRATE}
    assert for_hours(chart, watch, range(144, 145)) == set()  # mended


def test_a_bit_rate_far_too_high_is_told_for_days_and_believed_at_last() -> None:
    chart, watch = Chart(), FlowWatch()
    assert for_hours(chart, watch, range(1), bitrate=400_000) == set()  # put up with a covered lens
    assert for_hours(chart, watch, range(1, 72)) == {Check.BITRATE}
    assert for_hours(chart, watch, range(72, 168)) == set()


def days(chart: Chart, watch: FlowWatch, numbers: range, night: dict[str, Any]) -> set[Check]:
    """A look each minute of whole days that are dark from 17 to 5 UTC; all that was told."""
    told: set[Check] = set()
    for minute in range(numbers.start * 1_440, numbers.stop * 1_440):
        at = Instant(FIRST_DAY + minute * MINUTE)
        dark = not 5 * 60 <= minute % 1_440 < 17 * 60
        now = status(since=Instant(FIRST_DAY - HOUR), units=minute * 1500, **night if dark else {})
        chart.take(watch.take(now, at), at)
        told |= chart.sick().keys()
    return told


FIRST_DAY = Instant(BEGIN - BEGIN % DAY + 12 * DAY)


def test_what_a_person_says_is_usual_by_night_is_so_every_night() -> None:
    chart, watch, night = Chart(), FlowWatch(), {"fps": 10.0, "bitrate": 200_000}
    assert days(chart, watch, range(1), {}) == set()
    assert days(chart, watch, range(1, 2), night) == {Check.FPS, Check.BITRATE}
    now = Instant(FIRST_DAY + 2 * DAY)
    watch.begin_anew(now)  # at midnight UTC: what was told since dusk is meant too
    chart.rest(now, (Check.FPS, Check.BITRATE))
    watch = FlowWatch(UsualRates.from_bytes(watch.usual.to_bytes()))
    assert days(chart, watch, range(2, 9), night) == set()
    worse = {"fps": 5.0, "bitrate": 10_000}
    assert days(chart, watch, range(9, 10), worse) == {Check.FPS, Check.BITRATE}


def test_rates_kept_by_an_older_release_are_taken_over() -> None:
    told = {"form": 1, "of": "", "since": 5, "fps": [25.0, 10**12], "bits": [4e6, 10**12]}
    usual = UsualRates.from_bytes(json.dumps(told).encode())
    assert (usual.known, usual.fps.mean.value, usual.since) == (True, 25.0, 5)
    short = {**json.loads(usual.to_bytes()), "fps_odd": []}
    with pytest.raises(ValueError, match="no usual rates"):
        UsualRates.from_bytes(json.dumps(short).encode())


def test_another_stream_of_the_camera_has_rates_of_its_own() -> None:
    low = {"fps": 8.0, "bitrate": 200_000}
    for other in ({"width": 640, "height": 360}, {"codec": "h265"}):
        chart, watch = Chart(), FlowWatch()
        assert looked(chart, watch, range(30), codec="h264", width=1920, height=1080) == {}
        known: dict[str, Any] = {"codec": "h264", "width": 1920, "height": 1080}
        assert looked(chart, watch, range(30, 60), **{**known, **other, **low}) == {}
        few = {**known, **other, "fps": 3.0, "bitrate": 200_000}
        assert looked(chart, watch, range(60, 63), **few).keys() == {Check.FPS}
    watch = FlowWatch()
    for step in range(400):
        at = Instant(BEGIN + MINUTE + step * 10 * SECOND)
        address = "rtsp://10.0.0.5/1" if step < 200 else "rtsp://10.0.0.5/2"
        found = watch.take(status(**low if step >= 200 else {}), at, address)
        assert not any(one.bad for one in found)


def test_usual_rates_outlive_the_process() -> None:
    watch = FlowWatch()
    looked(Chart(), watch, range(30))
    again = FlowWatch(UsualRates.from_bytes(watch.usual.to_bytes()))
    assert again.usual == watch.usual
    assert looked(Chart(), again, range(30, 33), fps=8.0).keys() == {Check.FPS}
    for damaged in (b"", b"{}", b"[" * 9, watch.usual.to_bytes()[:40], b'{"form": 2}'):
        with pytest.raises(ValueError, match="no usual rates"):
            UsualRates.from_bytes(damaged)
    for value, weight in ((-1.0, 1), (float("nan"), 1), (1.0, -1), (1.0, 10**18)):
        told = {"form": 1, "of": "", "since": 0, "fps": [25, 9], "bits": [value, weight]}
        with pytest.raises(ValueError, match="no usual rates"):
            UsualRates.from_bytes(json.dumps(told).encode())


def test_losses_and_resyncs_are_counted_between_two_looks() -> None:
    assert looked(Chart(), FlowWatch(), range(3), damaged=5) == {
        Check.LOSSES: "2.0% of the pictures come damaged"
    }
    found = looked(Chart(), FlowWatch(), range(3), resyncs=1)
    assert found == {Check.RESYNCS: "the stream had to be found again 6 times a minute"}


def test_a_clock_far_off_is_told_with_its_side() -> None:
    found = looked(
        Chart(), FlowWatch(), range(3), clock_offset_ms=-7_200_000.0, clock_error_ms=20.0
    )
    assert found == {Check.CLOCK: "its clock is 7200.0 s behind"}


IN_1970 = {"clock_offset_ms": -(BEGIN - 3_600 * SECOND) / 1e6, "clock_error_ms": 20.0}


def test_a_clock_in_1970_says_so() -> None:
    found = looked(Chart(), FlowWatch(), range(3), **IN_1970)
    assert found == {Check.CLOCK: "its clock says 1970-01-01, 57 years behind: it was never set"}


def test_where_the_stream_tells_no_time_the_cameras_own_word_counts() -> None:
    def said(offset: float) -> SaidTime:
        return SaidTime(Span(int(offset * SECOND)), Span(1_200 * MILLISECOND), BEGIN)

    def clock(of: SaidTime | None, **stream: float) -> Reading:
        found = FlowWatch().take(status(**stream), Instant(BEGIN + 2 * MINUTE), said=of)
        return next(one for one in found if one.check is Check.CLOCK)

    assert clock(None).bad is None
    assert clock(said(-0.9)).bad is False
    assert clock(said(-3.1)).bad is False  # whole seconds are all it says
    assert clock(said(3.4)).detail == "its clock is 3.4 s ahead"
    assert clock(said(60 - BEGIN / SECOND)).detail.startswith("its clock says 1970-01-01")
    last = (253_402_300_799 * SECOND - BEGIN) / SECOND  # the end of 9999
    assert clock(said(last)).bad is True  # and nobody else's health stands still for it
    assert clock(said(-0.9), **IN_1970).bad is False  # its stream counts from its own start
    assert clock(said(60), clock_offset_ms=12.0).value == 0.012


def test_keyframes_too_far_apart_are_told() -> None:
    assert keyframes(None).bad is None
    assert keyframes(2 * SECOND).bad is False
    assert keyframes(20 * SECOND).detail == "a keyframe only every 20.0 s"
