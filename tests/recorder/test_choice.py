"""What is recorded when: privacy before all, the clock's borders, events with their post-roll."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recorder.choice import (
    FOREVER,
    MARGIN,
    WARM,
    Choice,
    Verdict,
    choice_of,
    decide,
    wanted_until,
)
from vms.alarms.event import UNTOLD, Event
from vms.core.clock import HOUR, MINUTE, SECOND, Instant, Span, parse_rfc3339
from vms.core.config_camera import CameraSettings, ScheduleSettings
from vms.core.model import CameraId, Cause
from vms.core.schedule import WEEK_MINUTES, Weekly, WeekSpan, parse_week_spans

ZONE = "Europe/Berlin"
MONDAY = parse_rfc3339("2026-11-23T00:00:00+01:00")
ROLLS = {"pre_roll": Span(10 * SECOND), "post_roll": Span(20 * SECOND)}


def weekly(*spans: str) -> Weekly:
    return Weekly("hours", parse_week_spans(spans), ZONE)


def event(start: int, end: int | None = None, told: int | None = None) -> Event:
    told = told if told is not None else start
    until = Instant(end) if end is not None else None
    return Event(1, CameraId("gate"), "motion", Instant(start), until, "", Instant(told))


def camera(**more: object) -> CameraSettings:
    return CameraSettings.model_validate({"id": "gate", "source": "rtsp://10.0.0.5/", **more})


def test_a_camera_that_is_always_recorded_has_no_choice() -> None:
    assert choice_of(camera(), {}, ZONE) is None
    assert choice_of(camera(record="off"), {}, ZONE) is None


def test_what_nobody_can_know_is_decided_for_keeping_and_for_privacy() -> None:
    assert choice_of(camera(record="schedule:gone"), {}, ZONE) is None
    hidden = choice_of(camera(privacy="gone"), {}, ZONE)
    assert hidden is not None
    decision = decide(hidden, (), MONDAY)
    assert (decision.verdict, decision.cause, decision.again) == (
        Verdict.HIDE, Cause.PRIVACY, FOREVER
    )  # fmt: skip


def test_a_schedule_records_its_hours_and_warms_up_before_them() -> None:
    week = ScheduleSettings(name="office", spans=("mon-fri 08:00-18:00",)).weekly(ZONE)
    choice = choice_of(camera(record="schedule:office"), {"office": week}, ZONE)
    assert choice is not None
    eight = Instant(MONDAY + 8 * HOUR)
    before = decide(choice, (), MONDAY)
    assert (before.verdict, before.cause) == (Verdict.DROP, Cause.NOT_SCHEDULED)
    assert (before.until, before.again) == (eight, eight - WARM)
    assert decide(choice, (), before.again).verdict is Verdict.HOLD
    assert decide(choice, (), Instant(eight - 1)).verdict is Verdict.HOLD
    within = decide(choice, (), eight)
    assert (within.verdict, within.cause, within.until) == (
        Verdict.KEEP, None, eight + 10 * HOUR
    )  # fmt: skip


def test_an_event_wants_pictures_until_its_post_roll_is_over() -> None:
    choice = Choice("events", **ROLLS)
    at = MONDAY
    assert decide(choice, (), at).cause is Cause.NO_EVENT
    moment = event(at, at)
    assert decide(choice, [moment], at).verdict is Verdict.KEEP
    assert wanted_until(choice, [moment], at) == at + 20 * SECOND
    over = Instant(at + 20 * SECOND)
    assert decide(choice, [moment], over).verdict is Verdict.HOLD
    longer = event(at + 5 * SECOND, at + 15 * SECOND)
    assert wanted_until(choice, [moment, longer], Instant(at + 6 * SECOND)) == at + 35 * SECOND


def test_an_event_that_lasts_is_wanted_as_long_as_its_source_lives() -> None:
    choice = Choice("events", **ROLLS)
    lasts = event(MONDAY, None, told=MONDAY + MINUTE)
    end = Instant(MONDAY + MINUTE + UNTOLD + 20 * SECOND)
    assert decide(choice, [lasts], Instant(end - 1)).verdict is Verdict.KEEP
    assert decide(choice, [lasts], end).verdict is Verdict.HOLD


def test_privacy_is_wider_than_it_says_and_before_every_event() -> None:
    choice = Choice("events", privacy=weekly("mon 12:00-13:00"), **ROLLS)
    noon, one = Instant(MONDAY + 12 * HOUR), Instant(MONDAY + 13 * HOUR)
    happens = [event(noon - SECOND, None, told=noon)]
    assert decide(choice, happens, Instant(noon - MARGIN - 1)).again == noon - MARGIN
    for at in (noon - MARGIN, noon, one - 1, one, one + MARGIN - 1):
        decision = decide(choice, happens, Instant(at))
        assert (decision.verdict, decision.cause) == (Verdict.HIDE, Cause.PRIVACY)
        assert decision.until == one + MARGIN
    assert decide(choice, (), Instant(one + MARGIN)).cause is Cause.NO_EVENT


@st.composite
def weeks(draw: st.DrawFn) -> Weekly:
    edges = sorted(draw(st.sets(st.integers(0, WEEK_MINUTES), min_size=2, max_size=6)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return Weekly("hours", tuple(WeekSpan(*pair) for pair in pairs), ZONE)


# A year with both days on which the clocks change, and the borders of its weeks.
moments = st.one_of(
    st.integers(MONDAY // SECOND - 330 * 86_400, MONDAY // SECOND + 35 * 86_400),
    st.integers(0, 52).map(lambda week: MONDAY // SECOND - week * 7 * 86_400),
    st.integers(-7_200, 7_200).map(lambda s: parse_rfc3339("2026-03-29T01:00:00Z") // SECOND + s),
    st.integers(-7_200, 7_200).map(lambda s: parse_rfc3339("2026-10-25T01:00:00Z") // SECOND + s),
).map(lambda seconds: Instant(seconds * SECOND))


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    privacy = draw(st.none() | weeks())
    mode = draw(st.sampled_from(["continuous", "events", "schedule", "off"]))
    schedule = draw(weeks()) if mode == "schedule" else None
    return Choice(mode, schedule, privacy, **ROLLS)  # type: ignore[arg-type]


@given(choices(), moments, st.lists(st.tuples(st.integers(-90, 5), st.integers(0, 60)), max_size=3))
def test_no_moment_is_both_recorded_and_private(
    choice: Choice, at: Instant, spans: list[tuple[int, int]]
) -> None:
    events = [event(at + s * SECOND, at + (s + n) * SECOND) for s, n in spans]
    decision = decide(choice, events, at)
    private = choice.privacy is not None and any(
        choice.privacy.covers(Instant(at + near)) for near in (-MARGIN, 0, MARGIN)
    )
    assert private == (decision.verdict is Verdict.HIDE)
    assert (decision.cause is None) == (decision.verdict is Verdict.KEEP)
    if private:
        assert decision.cause is Cause.PRIVACY
    assert decision.until > at
    assert decision.again > at


@given(choices(), moments, st.integers(1, 10**6))
def test_a_decision_holds_until_it_says(choice: Choice, at: Instant, parts: int) -> None:
    decision = decide(choice, (), at)
    later = Instant(at + (min(decision.again, at + 8 * 24 * HOUR) - at - 1) * parts // 10**6)
    again = decide(choice, (), later)
    assert (again.verdict, again.cause) == (decision.verdict, decision.cause)


@given(weeks(), moments)
def test_a_schedule_keeps_exactly_its_hours(week: Weekly, at: Instant) -> None:
    kept = decide(Choice("schedule", week), (), at).verdict is Verdict.KEEP
    assert kept == week.covers(at)
