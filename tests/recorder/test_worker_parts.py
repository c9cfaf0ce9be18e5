"""The worker's small parts: plans and reloads, rates, the camera's clock, absences."""

from __future__ import annotations

import struct
from typing import Any

from recorder.absence import Absence
from recorder.camera_clock import CameraClock
from recorder.meter import Meter
from recorder.plan import StreamPlan, changes, plans
from recorder.rtp.rtcp import parse_rtcp
from vms.core.clock import MILLISECOND, SECOND, Instant, Mono
from vms.core.config_camera import CameraSettings, ScheduleSettings
from vms.core.model import CameraId, Cause, StreamKey, shard_of

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
