"""How one stream is, over all its runs: its state, since when and why; its counters and rates.

Counters only rise, over all runs; rates and the camera's clock are those of the run there is. A
state begins when it is first told, and goes on while only its cause changes, but for one that
waits: then each cause is its own. Whoever runs the stream says what happened; nothing here acts.
"""

from __future__ import annotations

from recorder.camera_clock import CameraClock
from recorder.intake import Intake
from recorder.meter import Meter
from recorder.runclock import Reading
from recorder.source import Source, SourceStats
from storage.facts import ClockFacts
from vms.core.clock import SECOND, Instant, Mono
from vms.core.errors import CameraError
from vms.core.model import Cause, State
from vms.core.ntp import NtpState
from vms.core.status import StreamStatus

STILL = SECOND  # without a picture for so long, rates are reckoned to now


class Condition:
    """`error`: why there are no pictures to keep or show; None when there are, or nobody knows yet.
    `retry_at`: when it is connected again."""

    def __init__(self, intake: Intake, now: Instant) -> None:
        self.error: CameraError | None = None
        self.retry_at: Instant | None = None
        self.last_picture: Mono | None = None
        self.camera_clock = CameraClock()
        self._intake = intake
        self._meter, self._past = Meter(), SourceStats()
        self._runs = self._errors = 0
        self._state, self._since = State.CONNECTING, now
        self._cause: Cause | None = None

    # -- what happened

    def run_begins(self) -> None:
        self._runs += 1
        self.camera_clock = CameraClock()
        self._meter.clear()

    def run_ends(self, stats: SourceStats) -> None:
        _add(self._past, stats)

    def failed(self, error: CameraError, retry_at: Instant) -> None:
        """A run, or a try at one, ended badly."""
        self._errors += 1
        self.error, self.retry_at = error, retry_at

    def cleared(self) -> None:
        """There are pictures."""
        self.error = None

    def measure(self, reading: Reading, pictures: int, size: int) -> None:
        """Once a second: how many pictures and bytes the run has brought so far.

        The counters stand as the last sweep left them; a camera that stands still shows as such.
        """
        seen = self.last_picture or reading.mono
        at = seen if reading.mono - seen < STILL else reading.mono
        self._meter.look(at, pictures, size)

    # -- how it is

    def clock_facts(self, ntp: NtpState) -> ClockFacts:
        """What goes with a segment."""
        best = self.camera_clock.offset
        if best is None:
            return ClockFacts(None, None, ntp.error)
        return ClockFacts(best.offset, best.error, ntp.error)

    def status(self, reading: Reading, source: Source | None, viewers: int) -> StreamStatus:
        """How it is right now, with the source of the run there is."""
        state, cause, detail, until = self._state_now()
        self._note_state(state, cause, reading.wall)
        session, stats = self._intake.session, self._stats(source)
        stream = session.format if session is not None else None
        best, seen = self.camera_clock.told, self.last_picture
        return StreamStatus(
            state,
            self._since,
            cause,
            detail,
            until=until,
            retry_at=self.retry_at,
            source=source.kind if source is not None else None,
            source_reason=source.reason if source is not None else None,
            notes=self._notes(source),
            codec=stream.video.codec if stream is not None else None,
            width=stream.video.width if stream is not None else None,
            height=stream.video.height if stream is not None else None,
            audio=stream.audio.codec if stream is not None and stream.audio is not None else None,
            fps=self._meter.fps,
            bitrate=self._meter.bitrate,
            last_frame=Instant(seen + reading.offset) if seen is not None else None,
            clock_offset_ms=best.offset / 1e6 if best is not None else None,
            clock_error_ms=best.error / 1e6 if best is not None else None,
            units=stats.units,
            bytes=stats.bytes,
            lost=stats.lost,
            damaged=stats.damaged,
            resyncs=stats.resyncs,
            dropped=stats.dropped + self._intake.dropped,
            runs=self._runs,
            errors=self._errors,
            viewers=viewers,
        )

    def _note_state(self, state: State, cause: Cause | None, now: Instant) -> None:
        if (state, cause) == (self._state, self._cause):
            return
        if state is not self._state or state is State.WAITING:
            self._since = now
        self._state, self._cause = state, cause

    def _state_now(self) -> tuple[State, Cause | None, str | None, Instant | None]:
        """State, its cause and detail, and until when it is so by choice."""
        session, keeper, gate = self._intake.session, self._intake.keeper, self._intake.gate
        if session is not None and keeper is not None and keeper.trouble is not None:
            return State.FAILED, keeper.trouble.cause, keeper.trouble.detail, None
        if session is not None and session.format is not None:
            chosen = gate.condition() if gate is not None else None
            if chosen is not None:
                return chosen[0], chosen[1], None, chosen[2]
            if keeper is None:
                return State.STREAMING, None, None, None
            if session.open:
                return State.RECORDING, None, None, None
        if self.error is not None:
            return State.FAILED, self.error.cause, self.error.detail, None
        return State.CONNECTING, None, None, None

    def _notes(self, source: Source | None) -> tuple[str, ...]:
        notes = source.notes if source is not None else ()
        return notes + (self._intake.gate.notes if self._intake.gate is not None else ())

    def _stats(self, source: Source | None) -> SourceStats:
        """Of all runs together."""
        stats = SourceStats()
        _add(stats, self._past)
        if source is not None:
            _add(stats, source.stats)
        return stats


def _add(total: SourceStats, part: SourceStats) -> None:
    for name in SourceStats.__dataclass_fields__:
        setattr(total, name, getattr(total, name) + getattr(part, name))
