"""What of a stream is kept and shown when not all of it is: between its pictures and its sessions.

A stream with a choice (`recorder.choice`) has one session that only watches, for its whole run, and
one that records for each stretch that is kept. Pictures that may be wanted in a moment wait in the
pre-roll; when they are, they go to disk in the order they came, each once, some at every sweep so
that no volume is flooded.
"""

from __future__ import annotations

from collections.abc import Sequence

from recorder.actions import Action
from recorder.choice import FOREVER, Choice, Decision, Verdict, decide, is_private
from recorder.keeper import Keeper
from recorder.preroll import PreRoll, PreRollMemory
from recorder.runclock import Reading
from recorder.session import Rules, Session
from recorder.source import Element
from vms.alarms.event import Event
from vms.core.clock import SECOND, Clock, Instant, Mono, Span
from vms.core.errors import CameraError
from vms.core.log import get_logger
from vms.core.media import AccessUnit, StreamFormat, Track
from vms.core.model import NOT_KEPT_BY_CHOICE, Cause, State, StreamKey
from vms.core.notes import Note

log = get_logger(__name__)

DRAIN = 384 << 10
"""Bytes of pre-roll written at a sweep beside what came in it: less than a volume takes of one
segment without asking (`storage.writer.BUFFER_PER_SEGMENT`), however many begin at once."""

LATE = Span(45 * SECOND)
"""A stretch ends before a keyframe, where the next can begin; longer it is not waited for. "Smart"
codecs send one each 400 pictures, at 10 a second each 40 s."""

_NO_KEYFRAME = (
    f"The camera has sent no keyframe for more than {LATE // SECOND} s. Set its interval of "
    "keyframes (I-frames) to a few seconds."
)

BLUR = Span(SECOND)
"""A picture arrives at most so much later than it was taken: a sweep, and the network. A stretch
goes on so much longer, for its post-roll to be whole."""

OLD = Span(10 * SECOND)
"""No picture is taken for older than this, whatever the camera's clock makes of it."""


class Gate:
    """The choice of one stream, over all its runs. `keeper`: None if it is only shown.

    `hidden`: nothing may be shown just now. `dropped`: units that were to be kept and were not.
    """

    def __init__(
        self,
        stream: StreamKey,
        choice: Choice,
        keeper: Keeper | None,
        memory: PreRollMemory,
        rules: Rules,
        clock: Clock,
    ) -> None:
        self._stream, self.choice, self._keeper = stream, choice, keeper
        self._rules, self._clock = rules, clock
        self._roll = PreRoll(choice.pre_roll, memory)
        self._events: tuple[Event, ...] = ()
        self._decided = clock.now()
        self._decision = decide(choice, (), self._decided)
        self._recording: Session | None = None
        self._format: StreamFormat | None = None  # after the last sweep
        self._until = Instant(0)  # what is recorded now is wanted for so long
        self._fault: tuple[Cause, str] | None = (Cause.CONNECTING, "")
        self._told_cut, self._late = False, LATE
        self._broke_off = False  # a stretch ended without a keyframe, and none came since
        self._dropped = 0
        self.hidden = choice.privacy is not None  # until a keyframe is known to lie outside

    # -- what is known

    @property
    def dropped(self) -> int:
        return self._dropped + (self._recording.dropped if self._recording is not None else 0)

    @property
    def private(self) -> bool:
        """Whether these are hours that nobody may see."""
        return self._decision.verdict is Verdict.HIDE

    @property
    def open(self) -> bool:
        """Whether a segment is open."""
        return self._recording is not None and self._recording.open

    @property
    def holds(self) -> bool:
        """Whether pictures wait in the pre-roll."""
        return bool(self._roll)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the camera's page should mention."""
        if not self._roll.cut:
            return ()
        return (str(Note("pre_roll_cut")),)

    def condition(self) -> tuple[State, Cause | None, Instant | None] | None:
        """Its state while pictures come, and until when; None: by the sessions' own state."""
        if self.open:
            return State.RECORDING, None, None
        cause, until = self._decision.cause, self._decision.until
        if cause in NOT_KEPT_BY_CHOICE:
            return State.WAITING, cause, until if until < FOREVER else None
        if self._keeper is None:
            return State.STREAMING, None, None
        if self._keeper.absence.cause in NOT_KEPT_BY_CHOICE:  # a keyframe is still to come
            return State.WAITING, self._keeper.absence.cause, None
        return None

    def hear(self, events: Sequence[Event]) -> None:
        """The events of this camera that last or just ended."""
        heard = tuple(events)
        if heard != self._events:
            self._events, self._decided = heard, FOREVER

    def choose(self, choice: Choice) -> None:
        """Another choice holds from now on; the pictures that come go on coming."""
        self.choice, self._decided = choice, FOREVER
        self._roll.reach(choice.pre_roll)
        if self._recording is None:
            self._roll.trim(self._clock.monotonic())  # it may be wanted now, at once

    # -- a run

    def begin(self) -> None:
        """A run begins: of its first pictures one does not know how old they are."""
        self.hidden, self._format = self.choice.privacy is not None, None

    def adopt(self, running: Session, fault: tuple[Cause, str]) -> None:
        """The choice comes while a run goes on: what is recorded of it ends as the choice says.

        Where only an event or an hour to come would want it, it goes on to the next keyframe, where
        the pre-roll can begin. A run without a format has nothing yet, and is not taken over.
        `fault`: why there are no pictures then.
        """
        self._fault = fault if running.format is None else None
        self._format = running.coming
        self.hidden = self.choice.privacy is not None and running.pictures == 0
        if self._keeper is not None and running.format is not None:
            self._recording, self._until = running, self._clock.now()
            self._late = Span(FOREVER)  # the session itself ends what never has a keyframe
        self._decide(self._clock.now())

    def release(self) -> Session | None:
        """The choice is over, and nothing is held: what is recorded; None if nothing is."""
        recording, self._recording = self._recording, None
        self._roll.clear()
        return recording

    def feed(self, units: Sequence[Element], watch: Session) -> Sequence[Element]:
        """Take what a sweep brought and `watch` has seen; gives what may be shown.

        Raises CameraError as a session does.
        """
        reading = Reading(self._clock.now(), self._clock.monotonic())
        decision = self._decide(reading.wall)
        if watch.format is not None:
            self._fault = None
        if decision.verdict is Verdict.HIDE:
            self._format = watch.format
            return ()
        seen = self._outside_privacy(units, watch, reading.wall) if self.hidden else units
        if seen and watch.format is not None and self._keeper is not None:
            self._keep(seen, self._format or watch.format, watch, decision, reading)
        self._format = watch.format
        return seen

    def tick(self, reading: Reading) -> None:
        """Once a second, whether connected or not: borders pass without pictures, too."""
        self._decide(reading.wall)
        recording, keeper = self._recording, self._keeper
        if recording is not None and keeper is not None:
            recording.read_clock(reading)
            keeper.check(recording)
        if self._roll.cut and not self._told_cut:
            log.warning("pre-roll is cut: its memory is full", stream=str(self._stream))
        self._told_cut = self._roll.cut
        self._explain()

    def end(self) -> None:
        """The run is over: what was wanted is written."""
        self._stop()
        self._roll.clear()

    def missing(self, cause: Cause, detail: str = "") -> None:
        """There are no pictures, for this cause; it is the gap's where they were wanted."""
        self._fault = cause, detail
        self._explain()

    # -- deciding

    def _decide(self, now: Instant) -> Decision:
        """What holds now. Where pictures stop being wanted, what is recorded ends at once."""
        if not self._decided <= now < self._decision.again:
            self._decided, self._decision = now, decide(self.choice, self._events, now)
        verdict = self._decision.verdict
        if verdict is Verdict.KEEP:
            self._until = Instant(self._decision.until + BLUR)
        elif verdict is not Verdict.HOLD:
            self._stop()
            self._roll.clear()
            self.hidden = self.hidden or verdict is Verdict.HIDE
        return self._decision

    def _outside_privacy(
        self, units: Sequence[Element], watch: Session, now: Instant
    ) -> Sequence[Element]:
        """From the first keyframe on that was taken outside of privacy, by all that is known.

        A camera may begin with a picture of some seconds ago; arrival would call it new.
        """
        for number, unit in enumerate(units):
            if type(unit) is not AccessUnit or not unit.key or unit.track is not Track.VIDEO:
                continue
            if not is_private(self.choice, Instant(max(watch.wall(unit), now - OLD))):
                self.hidden = False
                if number and isinstance(units[number - 1], StreamFormat):
                    number -= 1
                return units[number:]
        return ()

    def _explain(self, ago: int = 0) -> None:
        """The cause of the gap there is now: the choice's where nothing was wanted anyway.

        `ago`: nanoseconds since it is so.
        """
        keeper, cause = self._keeper, self._decision.cause
        if keeper is None or self._recording is not None:
            return
        if self._fault is not None and cause in (None, Cause.NO_EVENT):
            keeper.missing(*self._fault)
        elif cause is not None:
            keeper.missing(cause, ago=ago)

    # -- keeping

    def _keep(
        self,
        units: Sequence[Element],
        stream: StreamFormat,
        watch: Session,
        decision: Decision,
        reading: Reading,
    ) -> None:
        recording = self._recording
        if recording is not None and not self._roll and reading.wall < self._until:
            self._play(recording.feed(units), recording)  # the usual way of what is recorded
            return
        before = self._roll.size
        wanted = recording is not None or decision.verdict is not Verdict.DROP
        for unit in units if wanted else ():
            stream = unit if isinstance(unit, StreamFormat) else stream
            self._roll.add(unit, stream, goes_on=recording is not None)
        if recording is None and decision.verdict is Verdict.KEEP:
            recording = self._start(watch, reading)
        if recording is None:
            first = self._roll.first()
            if first is None and self._broke_off and decision.verdict is Verdict.KEEP:
                keeper = self._keeper
                assert keeper is not None
                keeper.missing(Cause.BROKEN_STREAM, _NO_KEYFRAME)
                return
            self._broke_off = self._broke_off and first is None
            self._explain(reading.mono - _taken(first, watch, reading) if first is not None else 0)
            self._roll.trim(reading.mono)
            return
        self._drain(recording, DRAIN + max(0, self._roll.size - before), reading)

    def _start(self, watch: Session, reading: Reading) -> Session | None:
        """Begin to record with what is held; None while there is no keyframe."""
        first, stream, keeper = self._roll.first(), self._roll.format, self._keeper
        if first is None or stream is None or keeper is None:
            return None
        taken = _taken(first, watch, reading)
        then = Reading(Instant(taken + reading.offset), taken)
        absence = keeper.absence
        recording = Session(self._rules, then, absence.covered, absence.offset)
        if type(first) is AccessUnit and watch.wall(first) - reading.offset == taken:
            recording.clock.learn(watch.clock, reading.mono)
        self._play(recording.feed([stream]), recording)
        self._recording, self._late = recording, LATE
        return recording

    def _drain(self, recording: Session, most: int, reading: Reading) -> None:
        """Hand over what is held, in order, up to where it is wanted."""
        left = self._roll.size - most
        out: list[Element] = []
        ends = False
        while (unit := self._roll.first()) is not None and (self._roll.size > left or left <= 0):
            if type(unit) is AccessUnit:
                passed = unit.arrival + reading.offset - self._until
                key = unit.key and unit.track is Track.VIDEO
                ends = passed >= self._late or (passed >= 0 and key)
                if ends:
                    break
            out.append(self._roll.take())
        self._play(recording.feed(out), recording)
        if ends:
            self._finish(recording)

    def _stop(self) -> None:
        """End what is recorded, with all that is held of it: it came while it was wanted."""
        if self._recording is not None:
            self._write_held(self._recording)
            self._finish(self._recording)

    def _write_held(self, recording: Session) -> None:
        """All at once: there will be no further sweep to do it bit by bit."""
        rest: list[Element] = []
        while self._roll:
            rest.append(self._roll.take())
        try:
            self._play(recording.feed(rest), recording, held=True)
        except CameraError:  # it waited too long for a keyframe; this stretch is over anyway
            self._dropped += len(rest)

    def _finish(self, recording: Session) -> None:
        keeper = self._keeper
        assert keeper is not None
        self._play(recording.finish(self._clock.monotonic()), recording)
        self._dropped += recording.dropped
        self._recording, keeper.trouble = None, None
        self._explain()
        first = self._roll.first()
        if type(first) is AccessUnit and not first.key:
            self._roll.clear()  # no keyframe came in time: what follows can't begin here
            self._broke_off = True

    def _play(self, actions: list[Action], recording: Session, *, held: bool = False) -> None:
        if actions and self._keeper is not None:
            self._keeper.play(actions, recording, held=held)


def _taken(unit: Element, watch: Session, reading: Reading) -> Mono:
    """When a unit was taken: as the run's clock says, while that is near its arrival."""
    if type(unit) is not AccessUnit:
        return reading.mono
    said = watch.wall(unit) - reading.offset
    return Mono(min(unit.arrival, max(said, unit.arrival - BLUR)))
