"""What becomes of a stream's pictures, run after run: all are kept, some by a choice, or none.

Without a choice a run's session feeds the keeper. With one the run's session only watches, and a
gate records each stretch that is wanted (`recorder.gate`). The choice may come, go and change
while the stream is connected: what is recorded then goes on without losing a picture.
"""

from __future__ import annotations

from collections.abc import Sequence

from recorder.choice import Choice
from recorder.gate import Gate
from recorder.keeper import Keeper
from recorder.preroll import PreRollMemory
from recorder.runclock import Reading
from recorder.session import Rules, Session
from recorder.source import Element
from vms.core.clock import Clock
from vms.core.model import Cause, StreamKey

Fault = tuple[Cause, str]
_ALL = Choice("continuous")


class Intake:
    """`keeper`: None for streams that are only shown. `session`: of the run there is, watching
    where `gate` decides."""

    def __init__(
        self,
        key: StreamKey,
        keeper: Keeper | None,
        choice: Choice | None,
        rules: Rules,
        memory: PreRollMemory,
        clock: Clock,
    ) -> None:
        self.keeper = keeper
        self.session: Session | None = None
        self._key, self._rules, self._memory, self._clock = key, rules, memory, clock
        self._dropped = 0
        self.gate = self._gate(choice) if choice is not None else None
        self._leaving = False  # all is wanted; the gate stays until what it holds is written

    @property
    def keeps_all(self) -> bool:
        """Whether every picture goes to disk at once; viewers are then served from there."""
        return self.keeper is not None and self.gate is None

    @property
    def hidden(self) -> bool:
        """Whether nothing may be shown just now."""
        return self.gate is not None and self.gate.hidden

    @property
    def dropped(self) -> int:
        """Units that were to be kept and were not, in all runs."""
        if self.keeper is None:
            return self._dropped
        now = self.session.dropped if self.session is not None else 0
        gate = self.gate.dropped if self.gate is not None else 0
        return self._dropped + self.keeper.dropped + now + gate

    def begin(self, reading: Reading) -> None:
        """A run begins."""
        self.session = self._fresh(reading)
        if self.gate is not None:
            self.gate.begin()

    def end(self) -> None:
        """The run is over: what waits is written."""
        session, self.session = self.session, None
        assert session is not None
        if self.gate is not None:
            self.gate.end()
        elif self.keeper is not None:
            self.keeper.play(session.finish(self._clock.monotonic()), session)
        if self.keeper is not None:
            self.keeper.trouble = None  # from here on it is the camera that fails
            self._dropped += session.dropped

    def feed(self, units: Sequence[Element]) -> Sequence[Element]:
        """Take what a sweep brought; gives what may be shown. Raises CameraError."""
        session, keeper = self.session, self.keeper
        assert session is not None
        if self.gate is not None:
            session.glance(units)
            seen = self.gate.feed(units, session)
            if self._leaving and not self.gate.holds:
                self._keep_all(self.gate, (Cause.CONNECTING, ""))
            return seen
        if keeper is None:
            session.glance(units)
        elif actions := session.feed(units):
            keeper.play(actions, session)
        return units

    def tick(self, reading: Reading) -> None:
        """Once a second, whether connected or not."""
        session, keeper = self.session, self.keeper
        if self.gate is not None:
            self.gate.tick(reading)
        if session is not None:
            session.read_clock(reading)
            if keeper is not None and self.gate is None:
                keeper.check(session)

    def missing(self, cause: Cause, detail: str = "", ago: int = 0) -> None:
        """There are no pictures; whether any were wanted, the choice says.

        `ago`: nanoseconds since it is so.
        """
        if self.gate is not None:
            self.gate.missing(cause, detail)
        elif self.keeper is not None:
            self.keeper.missing(cause, detail, ago)
            if self.session is not None:
                absence = self.keeper.absence
                self.session.cover(absence.covered, absence.offset)

    def choose(self, choice: Choice | None, fault: Fault) -> None:
        """Another choice holds, or none any more. `fault`: why there are no pictures, if none come.

        Raises StorageError.
        """
        gate, self._leaving = self.gate, False
        if choice is not None:
            if gate is None:
                self._keep_by(choice, fault)
            else:
                gate.choose(choice)
        elif gate is not None:
            if self.session is not None and self.keeper is not None and gate.holds:
                # It goes to disk a bit at every sweep, as the gate does it: at once, it would be
                # more than a volume takes.
                gate.choose(_ALL)
                self._leaving = True
            else:
                flows = self.session is not None and self.session.format is not None
                self._keep_all(gate, (Cause.CONNECTING, "") if flows else fault)

    def _keep_by(self, choice: Choice, fault: Fault) -> None:
        gate, running = self._gate(choice), self.session
        self.gate = gate
        if running is None:
            gate.missing(*fault)
            return
        if self.keeper is not None:
            self.session = running.watcher(self._reading())
        gate.adopt(running, fault)

    def _keep_all(self, gate: Gate, fault: Fault) -> None:
        recording, watching, keeper = gate.release(), self.session, self.keeper
        self._dropped += gate.dropped
        self.gate, self._leaving = None, False
        if keeper is None:
            return
        if recording is None:
            keeper.missing(*fault)
        if watching is not None:
            if recording is None:
                # It learns the clock anew: who only watches does not see when a camera's leaps.
                recording = self._fresh(self._reading())
                if watching.coming is not None:
                    recording.feed([watching.coming])
            recording.pictures = watching.pictures
            self.session = recording

    def _fresh(self, reading: Reading) -> Session:
        if self.keeper is None:
            return Session(self._rules, reading)
        absence = self.keeper.absence
        return Session(self._rules, reading, absence.covered, absence.offset)

    def _gate(self, choice: Choice) -> Gate:
        return Gate(self._key, choice, self.keeper, self._memory, self._rules, self._clock)

    def _reading(self) -> Reading:
        return Reading(self._clock.now(), self._clock.monotonic())
