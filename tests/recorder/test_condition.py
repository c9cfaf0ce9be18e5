"""What a stream's status says over its runs: since when it is so, and counters that only rise."""

from __future__ import annotations

from recorder.condition import Condition
from recorder.intake import Intake
from recorder.preroll import PreRollMemory
from recorder.runclock import Reading
from recorder.session import Rules
from recorder.source import SourceStats
from vms.core.clock import SECOND, FakeClock, Instant
from vms.core.errors import CameraError
from vms.core.model import CameraId, Cause, State, StreamKey
from vms.core.status import StreamStatus

GATE = StreamKey(CameraId("gate"), "main")


class Told:
    """A condition and a clock to tell it by."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        intake = Intake(GATE, None, None, Rules(), PreRollMemory(0), self.clock)
        self.condition = Condition(intake, self.clock.now())

    def status(self) -> StreamStatus:
        reading = Reading(self.clock.now(), self.clock.monotonic())
        return self.condition.status(reading, None, 0)

    def fails(self, cause: Cause) -> None:
        self.condition.failed(CameraError(cause, "why"), Instant(self.clock.now() + SECOND))


def test_a_state_lasts_while_only_its_cause_changes() -> None:
    told = Told()
    told.clock.advance(SECOND)
    told.fails(Cause.UNREACHABLE)
    began = told.clock.now()
    assert (told.status().state, told.status().since) == (State.FAILED, began)
    told.clock.advance(SECOND)
    told.fails(Cause.SILENT)
    assert (told.status().cause, told.status().since) == (Cause.SILENT, began)
    told.clock.advance(SECOND)
    told.condition.cleared()
    status = told.status()
    assert (status.state, status.cause) == (State.CONNECTING, None)
    assert status.since == told.clock.now()


def test_counters_rise_over_all_runs() -> None:
    told = Told()
    for _ in range(2):
        told.condition.run_begins()
        told.condition.run_ends(SourceStats(units=3, bytes=10, lost=1))
    told.fails(Cause.SILENT)
    status = told.status()
    assert (status.runs, status.errors) == (2, 1)
    assert (status.units, status.bytes, status.lost) == (6, 20, 2)
