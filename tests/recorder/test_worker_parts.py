"""The worker's small parts: plans and reloads, patience, rates, the camera's clock, absences."""

from __future__ import annotations

import itertools
import random
import struct
from collections.abc import Callable
from typing import Any

import pytest

from recorder.absence import Absence
from recorder.camera_clock import CameraClock
from recorder.meter import Meter
from recorder.patience import Patience, SignIn
from recorder.plan import StreamPlan, changes, plans
from recorder.rtp.rtcp import parse_rtcp
from vms.core.clock import MILLISECOND, MINUTE, SECOND, FakeClock, Instant, Mono
from vms.core.config_camera import CameraSettings, ScheduleSettings
from vms.core.model import CameraId, Cause, StreamKey, StreamName, shard_of

GATE = StreamKey(CameraId("gate"))


def camera(name: str = "gate", **more: Any) -> CameraSettings:
    return CameraSettings.model_validate({"id": name, "source": "rtsp://10.0.0.5/main", **more})


def test_each_camera_is_of_exactly_one_worker_with_both_its_streams() -> None:
    cameras = [camera(f"c{i}", sub="rtsp://10.0.0.5/sub") for i in range(40)]
    shares = [plans(cameras, worker, 3) for worker in range(3)]
    assert sum(len(share) for share in shares) == 80
    for worker, share in enumerate(shares):
        assert {shard_of(key.camera, 3) for key in share} == {worker}


def test_sub_streams_and_cameras_switched_off_are_not_stored() -> None:
    found = plans([camera(sub="rtsp://10.0.0.5/sub", record="off")], 0, 1)
    assert [plan.stored for plan in found.values()] == [False, False]
    assert found[GATE].switched_off


def test_a_reload_touches_only_what_changed() -> None:
    before = plans([camera(), camera("yard"), camera("dock", password="a")], 0, 1)
    after = plans([camera(groups=("new",)), camera("dock", password="b"), camera("roof")], 0, 1)
    change = changes(before, after)
    assert {key.camera for key in change.stop} == {"yard", "dock"}
    assert {key.camera for key in change.start} == {"dock", "roof"}
    assert {key.camera for key in change.removed} == {"yard"}


def test_another_schedule_touches_no_connection() -> None:
    def by(*spans: str, **more: Any) -> dict[StreamKey, StreamPlan]:
        cameras = [camera(record="schedule:hours", **more), camera("yard")]
        return plans(cameras, 0, 1, [ScheduleSettings(name="hours", spans=spans)])

    before, after = by("mon 10:00-12:00"), by("tue 10:00-12:00")
    change = changes(before, after)
    assert (change.stop, change.start) == ((), ())
    assert [key.camera for key in change.choose] == ["gate"]
    moved = changes(before, by("tue 10:00-12:00", password="b"))
    assert (len(moved.stop), len(moved.start), moved.choose) == (1, 1, ())
    plain = plans([camera(), camera("yard")], 0, 1)
    for change in (changes(before, plain), changes(plain, before)):
        assert (change.stop, change.start) == ((), ())
        assert [key.camera for key in change.choose] == ["gate"]


class Door:
    """A camera that refuses, and what its streams do about it, second by second."""

    def __init__(self, *names: StreamName) -> None:
        self.clock = FakeClock()
        rng = random.Random(1)
        self.sign_in = SignIn(self.clock, rng)
        self.streams = {name: Patience(rng, self.sign_in, name) for name in names}
        self.next = dict.fromkeys(names, self.clock.monotonic())
        self.tries: list[tuple[StreamName, int]] = []
        self.begun = self.clock.monotonic()

    def passes(self, seconds: int, answer: Callable[[StreamName], Cause | None]) -> None:
        """`answer`: why a try fails, None where it succeeds and goes on."""
        for _ in range(seconds):
            due = [name for name, at in self.next.items() if at <= self.clock.monotonic()]
            tried = []
            for name in due:
                if not self.sign_in.left(name):
                    self.sign_in.begin(name)
                    tried.append(name)
                    at = (self.clock.monotonic() - self.begun) // SECOND
                    self.tries.append((name, at))
            for name in tried:
                self._answered(name, answer(name))
            self.clock.advance(SECOND)

    def _answered(self, name: StreamName, cause: Cause | None) -> None:
        if cause is None:
            self.sign_in.taken(name)
            self.next[name] = Mono(10**18)
            return
        self.streams[name].cause = cause
        self.next[name] = Mono(self.clock.monotonic() + self.streams[name].after(SECOND))

    def most(self, minutes: int) -> int:
        """The most tries within so many minutes."""
        times = [at for _, at in self.tries]
        return max(sum(1 for at in times if 0 <= at - one < minutes * 60) for one in times)


@pytest.mark.parametrize("names", [("main",), ("main", "sub")])
def test_a_wrong_password_never_comes_near_to_a_lock(names: tuple[StreamName, ...]) -> None:
    door = Door(*names)
    door.passes(6 * 3600, lambda _: Cause.REFUSED)
    assert door.most(30) <= 4  # the strictest lock at the fifth
    quick = [at for _, at in door.tries if at < 120]
    assert len(quick) == 3
    late = [at for _, at in door.tries if at > 3600]
    assert max(b - a for a, b in itertools.pairwise(late)) <= 18 * 60


def test_a_camera_that_can_t_be_reached_is_tried_each_five_seconds() -> None:
    door = Door("main", "sub")
    door.passes(60, lambda _: Cause.UNREACHABLE)
    times = [at for name, at in door.tries if name == "main"]
    assert all(5 <= b - a <= 7 for a, b in itertools.pairwise(times))
    door = Door("main")
    door.passes(30, lambda _: Cause.REFUSED)
    tried = len(door.tries)
    door.passes(120, lambda _: Cause.SILENT)  # it was switched off meanwhile
    times = [at for _, at in door.tries[tried:]]
    assert len(times) > 5
    assert all(5 <= b - a <= 7 for a, b in itertools.pairwise(times))


def test_when_one_stream_is_let_in_the_other_tries_at_once() -> None:
    door = Door("main", "sub")
    door.passes(3600, lambda _: Cause.REFUSED)
    tried = len(door.tries)
    door.passes(20 * 60, lambda _: None)
    (first, at), (second, then) = door.tries[tried:]
    assert {first, second} == {"main", "sub"}
    assert then - at <= 6


def test_a_stream_that_is_let_in_does_not_wait_for_one_that_is_refused() -> None:
    door = Door("main", "sub")
    door.passes(3600, lambda name: None if name == "main" else Cause.REFUSED)
    assert [name for name, _ in door.tries].count("main") == 1
    assert door.most(30) <= 5
    door.next["main"], tried = door.clock.monotonic(), len(door.tries)  # its cable was pulled
    door.passes(15, lambda name: Cause.UNREACHABLE)
    assert [name for name, _ in door.tries[tried:]].count("main") >= 2


@pytest.mark.parametrize("boots", [5, 60, 150])
def test_a_camera_that_refuses_while_it_boots_is_recorded_soon(boots: int) -> None:
    """It let us in before with this password; its main stream tries first."""
    door = Door("main", "sub")
    door.passes(600, lambda _: None)
    door.next = dict.fromkeys(door.next, door.clock.monotonic())  # it was switched off and on
    tried = len(door.tries)
    door.passes(boots, lambda _: Cause.REFUSED)
    refused = len(door.tries) - tried
    assert refused <= 4
    door.passes(300, lambda _: None)
    first, at = door.tries[tried + refused]
    assert first == "main"
    assert at - 600 <= boots + 72 + 24


def test_a_stream_that_is_always_refused_costs_the_other_nothing() -> None:
    door = Door("main", "sub")
    door.passes(7200, lambda name: None if name == "main" else Cause.REFUSED)
    door.next["main"] = door.clock.monotonic()
    door.passes(3, lambda _: Cause.REFUSED)  # it answers 401 once, and never again
    door.passes(60, lambda name: None if name == "main" else Cause.REFUSED)
    (_, again) = [at for name, at in door.tries if name == "main" and at >= 7200]
    assert again - 7200 <= 15


def test_a_new_plan_is_tried_at_once_and_a_lock_waited_for() -> None:
    door = Door("main", "sub")
    door.passes(3600, lambda _: Cause.REFUSED)
    assert door.sign_in.left("main") > 0
    door.sign_in.forget()
    assert door.sign_in.left("main") == door.sign_in.left("sub") == 0
    patience = door.streams["main"]
    patience.cause, patience.locked = Cause.REFUSED, True
    assert patience.after(SECOND) < 10 * SECOND
    assert door.sign_in.left("main") >= 31 * MINUTE
    assert door.sign_in.left("sub") >= 31 * MINUTE


def test_rates_are_those_of_the_last_seconds() -> None:
    meter = Meter()
    assert (meter.fps, meter.bitrate) == (0.0, 0)
    for second in range(20):
        meter.look(Mono(second * SECOND), second * 25, second * 500_000)
    assert (meter.fps, meter.bitrate) == (25.0, 4_000_000)
    meter.look(Mono(20 * SECOND), 3, 10)
    assert meter.fps == 0.0


def test_the_cameras_clock_is_told_by_the_report_least_delayed() -> None:
    clock = CameraClock()
    assert clock.offset is None
    for delay in (80, 5, 60):
        taken = Instant(1_763_800_000 * SECOND)
        arrived = Instant(taken + delay * MILLISECOND)
        clock.report(Instant(taken + 1_500 * MILLISECOND + delay), taken, arrived, 0)
    assert clock.offset is not None
    assert clock.offset.error == 5 * MILLISECOND
    clock.report(Instant(0), Instant(1_763_800_000 * SECOND), Instant(0), 0)  # counts from 1970
    assert clock.offset.error == 5 * MILLISECOND


def test_a_clock_in_1970_is_told_to_people_and_kept_of_no_footage() -> None:
    clock, now = CameraClock(), Instant(1_763_800_000 * SECOND)
    clock.report(Instant(3_600 * SECOND), now, Instant(now + MILLISECOND), 0)
    assert clock.offset is None
    assert clock.told is not None
    assert clock.told.offset == 3_600 * SECOND - now
    clock.report(now, now, Instant(now + MILLISECOND), 0)  # a person set it
    assert clock.offset is not None
    assert clock.told == clock.offset
    clock.report(Instant(3_600 * SECOND), now, now, 0)  # and it lost its power
    assert clock.offset.offset == 0
    assert clock.told is not None
    assert clock.told.offset == 3_600 * SECOND - now


def test_a_stream_that_counts_from_its_own_start_tells_no_clock() -> None:
    clock, now = CameraClock(), Instant(1_763_800_000 * SECOND)
    (report,), _ = parse_rtcp(sender_report_of(seconds=3_600))
    clock.report(report.camera_time, now, now, 0)
    assert (clock.offset, clock.told) == (None, None)


def sender_report_of(seconds: int) -> bytes:
    """With a time of so many seconds of NTP."""
    return struct.pack(">BBHIIIIII", 0x80, 200, 6, 1, seconds, 0, 90_000, 0, 0)


class Ledger:
    """What a store would know: where time is accounted for to, and the gaps it was told."""

    def __init__(self, covered: int | None) -> None:
        self.covered = Instant(covered) if covered is not None else None
        self.told: list[tuple[int, Cause]] = []

    def open_gap(self, stream: StreamKey, start: Instant, cause: Cause, detail: str = "") -> None:
        self.told.append((start, cause))

    def covered_until(self, stream: StreamKey) -> Instant | None:
        return self.covered


def test_a_gap_is_told_once_for_each_cause() -> None:
    ledger = Ledger(100)
    absence = Absence(GATE, ledger)
    for at, cause in [(110, Cause.SILENT), (120, Cause.UNREACHABLE), (130, Cause.UNREACHABLE)]:
        absence.missing(Instant(at), Mono(at), cause)
    assert ledger.told == [(110, Cause.SILENT), (120, Cause.UNREACHABLE)]


def test_after_the_clock_was_set_back_time_goes_on_by_the_monotonic_clock() -> None:
    ledger = Ledger(1_000)
    absence = Absence(GATE, ledger)
    absence.missing(Instant(1_000), Mono(50), Cause.SILENT)
    absence.missing(Instant(400), Mono(60), Cause.UNREACHABLE)  # set back by 610 meanwhile
    assert (absence.covered, absence.offset) == (1_000, 950), "not 340, as the wall's"
    assert ledger.told[-1] == (1_000, Cause.UNREACHABLE)


def test_a_hole_within_a_run_is_told_before_the_next_segment() -> None:
    ledger = Ledger(1_000)
    absence = Absence(GATE, ledger)
    absence.begins(Instant(1_000), Cause.SILENT)
    assert ledger.told == []
    absence.begins(Instant(1_500), Cause.CLOCK_STEP)
    assert ledger.told == [(1_000, Cause.CLOCK_STEP)]
