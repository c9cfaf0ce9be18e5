"""Where segments begin and end: access units in, actions out. Pure.

A session lives as long as one run. It cuts fragments of less than a second, ends segments
before keyframes, and gives every unit it is fed either to exactly one fragment or to `dropped`.
Gaps are the business of `recorder.absence`, files that of storage. docs/recording.md states the
rules, docs/time.md what time a picture gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recorder.actions import Action
from recorder.footage import HOLE, Footage
from recorder.pictures import PictureQueue
from recorder.runclock import Reading, RunClock
from recorder.sound import SoundQueue
from recorder.source import Element, Hole
from storage.facts import RunFacts
from vms.core.clock import MILLISECOND, MINUTE, SECOND, Instant, Mono, Span
from vms.core.errors import CameraError
from vms.core.media import AccessUnit, StreamFormat, Track
from vms.core.model import Cause

FRAGMENT = Span(510 * MILLISECOND)
"""Less than the second that is allowed: a fragment, the picture behind it and a sweep together
are what a kill can cost, and that is promised to stay within a second."""

SETTLE = Span(500 * MILLISECOND)
"""A run's first fragment waits so long, so that its start is the best of several sweeps."""

JUMP = Span(3 * SECOND)  # a media clock that leaps further ahead of arrival is put right
BACK = Span(SECOND)  # further back than this only B-frames come; else the camera's clock was set
EARLY = Span(5 * SECOND)  # of a run: some cameras send an old keyframe first, then the present
EARLY_JUMP = Span(10 * SECOND)
KEYFRAME_PATIENCE = 10  # segments' lengths without a keyframe, then the run is broken
KEYFRAME_PATIENCE_MIN = Span(10 * MINUTE)  # however short segments are: "smart" codecs take minutes
_VIDEO = Track.VIDEO  # an enum's member costs 0.16 µs each time it is looked up
HELD_BYTES = 16 << 20  # of a run that has not settled yet; then it begins at once


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say. `segment`: nanoseconds a segment should last."""

    segment: Span = MINUTE


class Session:
    """One run of one stream.

    `not_before`: where the stream's footage ends so far; no segment starts earlier. `offset`: of
    that footage's time to the monotonic clock, where it is known.
    `dropped`: units that no fragment gets: before the first keyframe, of a failed segment,
    or behind a change of format without a keyframe.
    """

    def __init__(
        self,
        rules: Rules,
        reading: Reading,
        not_before: Instant | None = None,
        offset: int | None = None,
    ) -> None:
        self._dropped = 0
        self.pictures = 0  # that came, whatever became of them
        self.leaps = 0  # times the camera's clock was put right
        self.format: StreamFormat | None = None
        self.clock = RunClock(reading)
        self._rules = rules
        self._footage = Footage(
            self.clock, RunFacts(reading.wall, reading.wall), not_before, offset
        )
        self._rate = 90_000
        self._queue = self._new_queue()
        self._waiting = True  # for a keyframe
        self._began: Mono | None = None  # arrival of the first keyframe
        self._settled = False
        self._arrived = Mono(0)  # the last picture
        self._shift = 0  # ticks added to the camera's times since its clock leapt
        self._border: AccessUnit | None = None  # the keyframe that must begin a segment
        self._next_format: StreamFormat | None = None
        self._hole: Cause | None = None  # why pictures are missing before the next keyframe
        self._set_to: Reading | None = None  # the machine's clock was set
        self._typical = self._rate // 25
        self._keyframe: int | None = None  # time of the last one written
        self._gop = 0  # ticks between the last two

    @property
    def dropped(self) -> int:
        return self._dropped + self._footage.dropped

    @property
    def units(self) -> int:
        """How many units were handed to storage."""
        return self._footage.units

    @property
    def open(self) -> bool:
        """Whether a segment is open."""
        return self._footage.open

    @property
    def begun(self) -> bool:
        """Whether a keyframe has come to begin with, in a segment or still waiting for one."""
        return self._footage.open or bool(self._queue.units)

    @property
    def offset(self) -> int | None:
        """Of the footage's time to the monotonic clock, where the last segment ended."""
        return self._footage.offset

    @property
    def coming(self) -> StreamFormat | None:
        """The format of the pictures that come; of those that wait it may be an older one."""
        return self._next_format or self.format

    def feed(self, elements: Sequence[Element]) -> list[Action]:
        """Take what a sweep brought. Raises CameraError when no keyframe comes any more."""
        self._check_patience()
        out: list[Action] = []
        queue, newest, shift, others = self._queue, None, self._shift, 0
        for element in elements:
            if type(element) is not AccessUnit:
                others += 1
                if isinstance(element, StreamFormat):
                    self._take_format(element, out)
                    queue = self._queue
                elif isinstance(element, Hole):
                    self._hole = element.cause
            elif element.track is not _VIDEO:
                others += 1
                self._take_sound(element, out)
            else:
                newest, time = element, element.pts + shift
                if queue.highest < time < queue.limit and not element.key:
                    queue.units.append(element)
                    queue.shown.append(time)
                    queue.highest = time
                else:
                    self._take_picture(element, time, out)
                    shift = self._shift
        self.pictures += len(elements) - others
        if newest is not None and self._began is not None:
            self._arrived = newest.arrival
            media = (newest.pts + self._shift) * SECOND // self._rate
            self.clock.observe(newest.arrival, media)
        return out

    def glance(self, elements: Sequence[Element]) -> None:
        """Take a sweep of a stream that is only shown: its format and times, no actions."""
        for element in elements:
            if type(element) is AccessUnit:
                if element.track == Track.VIDEO:
                    self.pictures += 1
                    self.clock.observe(element.arrival, element.pts * SECOND // self._rate)
            elif isinstance(element, StreamFormat):
                self.format, self._rate = element, element.video.clock_rate
                if element.audio is not None and self._footage.sound.audio != element.audio:
                    self._footage.sound = SoundQueue(element.audio)

    def read_clock(self, reading: Reading) -> None:
        """Compare the machine's clock; a step begins a new segment at the next keyframe.

        Where nothing is kept (yet), it is followed at once. One taken back meanwhile never was.
        """
        self._set_to = reading if self.clock.read(reading) is not None else None
        if self._set_to is not None and self._began is None:
            self.clock.set_to(reading)
            self._footage.run, self._set_to = RunFacts(reading.wall, reading.wall), None

    def watcher(self, reading: Reading) -> Session:
        """A session of the same run that only watches, as well informed as this one."""
        other = Session(self._rules, reading)
        if self.coming is not None:
            other.feed([self.coming])
        if not self._shift:  # what was put right here is not there
            other.clock.learn(self.clock, reading.mono)
        other.pictures = self.pictures
        return other

    def cover(self, until: Instant | None, offset: int | None) -> None:
        """While no segment is open: the stream's time was accounted for by a gap up to `until`."""
        self._footage.cover(until, offset)

    def segment_lost(self, end: Instant | None) -> None:
        """The open segment failed and is kept up to `end` (None: not at all).

        What waits is dropped; the next keyframe begins another segment.
        """
        self._dropped += self._queue.clear()
        self._footage.lost(end)
        self._waiting, self._border, self._keyframe = True, None, None
        if self._next_format is not None:
            self._use_format(self._next_format)

    def finish(self, now: Mono | None = None) -> list[Action]:
        """The run is over: write what waits and close the segment, which does not end after now."""
        out: list[Action] = []
        if self._began is not None:
            self._flush(0, out, self._last_lasts(now))
            self._footage.write_sound(out, last=True)
            self._footage.close(out)
        return out

    def wall(self, unit: AccessUnit) -> Instant:
        """When a unit was taken, as far as is known."""
        if unit.track == Track.VIDEO:
            return self.clock.wall((unit.pts + self._shift) * SECOND // self._rate)
        return self.clock.wall(unit.pts * SECOND // self._footage.sound.rate)

    def pending(self) -> list[AccessUnit]:
        """Pictures not yet handed to storage, in decode order."""
        return list(self._queue.units)

    def stored_times(self) -> list[int]:
        """The camera's times of the current group's pictures that storage already has."""
        return self._footage.gop_times

    def _take_picture(self, unit: AccessUnit, time: int, out: list[Action]) -> None:
        if self._waiting:
            if not unit.key or self.format is None:
                self._dropped += 1
                return
            self._waiting = False
        if self._began is None:
            self._began = self._arrived = unit.arrival
            self._hole = None  # it was before our time
            self.clock.observe(unit.arrival, time * SECOND // self._rate)
        else:
            time = self._without_leap(unit, time)
            if unit.key and (self._hole or time - self._queue.highest > self._hole_ticks()):
                self._part_at_hole(unit, out)
        if unit.key and (self._set_to or self._next_format):
            self._border = self._border or unit
        self._queue.add(unit, time)
        self._arrived = unit.arrival
        if self._settled or self._settles(unit):
            while count := self._queue.ready():
                self._write(count, out)

    def _settles(self, unit: AccessUnit) -> bool:
        """Whether the run's start is known well enough to name the first segment by it."""
        assert self._began is not None
        self.clock.observe(unit.arrival, self._queue.highest * SECOND // self._rate)
        held = sum(len(waiting.data) for waiting in self._queue.units)
        self._settled = unit.arrival - self._began >= SETTLE or held > HELD_BYTES
        return self._settled

    def _without_leap(self, unit: AccessUnit, time: int) -> int:
        """Undo a leap of the camera's clock: from this unit on, go on where arrival says."""
        lag, highest = self.clock.least_lag, self._queue.highest
        assert lag is not None
        assert self._began is not None
        ahead = time * SECOND // self._rate + lag - unit.arrival
        back = (highest - time) * SECOND // self._rate
        early = unit.arrival - self._began < EARLY
        # No keyframe is shown before its past; B-frames of few pictures a second come from far.
        rewound = back > 0 if unit.key else back > BACK and not self._queue.reordered(time)
        if ahead <= (EARLY_JUMP if early else JUMP) and not rewound:
            return time
        passed = (unit.arrival - self._arrived) * self._rate // SECOND
        right = highest + max(passed, min(self._typical, self._rate), 1)
        self._shift += right - time
        self.leaps += 1
        return right

    def _take_sound(self, unit: AccessUnit, out: list[Action]) -> None:
        sound = self._footage.sound
        if self._waiting or sound.audio is None:
            self._dropped += 1
            return
        sound.add(unit)
        if sound.full:
            if self._footage.open:
                self._footage.write_sound(out)
            else:
                self._dropped += sound.clear()

    def _take_format(self, new: StreamFormat, out: list[Action]) -> None:
        if self.format is None:
            self._use_format(new)
            self._footage.sound = SoundQueue(new.audio)
        elif new != (self._next_format or self.format):
            # All but the last picture go to the old segment at once; how long the last one
            # stands is known when the first of the new format comes. Pictures before the new
            # format's keyframe can't be stored.
            rate_stays = new.video.clock_rate == self._rate
            self._flush(1 if rate_stays and not self._next_format else 0, out)
            if rate_stays:
                self._queue.hold()
                self._next_format, self._waiting = new, True
            else:
                self._footage.close(out)
                self._use_format(new)
                self._waiting = True

    def _use_format(self, new: StreamFormat) -> None:
        if self.format is None or new.video.clock_rate != self.format.video.clock_rate:
            self._rate = new.video.clock_rate
            self._queue = self._new_queue()
            self._typical = self._rate // 25
        self.format, self._next_format = new, None

    def _new_queue(self) -> PictureQueue:
        return PictureQueue(FRAGMENT * self._rate // SECOND, max(1, self._rate // 1_000))

    def _flush(self, leave: int, out: list[Action], last: int | None = None) -> None:
        """Write all but the last `leave` pictures, known or not what comes behind them.

        `last`: ticks of the one that none is behind; None: as those before it.
        """
        while (count := len(self._queue.units) - leave) > 0:
            self._write(self._queue.ready() or self._queue.whole(count), out, last)

    def _write(self, count: int, out: list[Action], last: int | None = None) -> None:
        first = self._queue.units[0]
        taken = self._queue.take(count, self._typical if last is None else last)
        self._typical = max(1, (taken.decode[-1] - taken.decode[0]) // count)
        if not self._footage.open or first is self._border:
            self._part(first)
            assert self.format is not None
            self._footage.begin(taken, self.format, out)
        elif first.key and self._is_time(taken.decode[0]):
            assert self.format is not None
            self._footage.begin(taken, self.format, out)
        if first.key:
            if self._keyframe is not None:
                self._gop = taken.decode[0] - self._keyframe
            self._keyframe = taken.decode[0]
        self._footage.write(taken, out)

    def _part(self, first: AccessUnit) -> None:
        """A segment that must begin here: of a new format, or by a clock that was set."""
        if first is self._border:
            self._border = None
            if self._next_format is not None:
                self._use_format(self._next_format)
        if self._set_to is not None:
            before = self.clock.offset
            self.clock.set_to(self._set_to)
            run = RunFacts(self._set_to.wall, self._set_to.wall)
            self._footage.part(run, Cause.CLOCK_STEP, before - self.clock.offset)
            self._set_to = None

    def _last_lasts(self, now: Mono | None) -> int:
        """Ticks that a run's last picture stands: as the ones before, but not into the future."""
        least, typical = self.clock.least_lag, min(self._typical, self._rate)
        if now is None or least is None:
            return typical
        return max(1, min(typical, (now - least) * self._rate // SECOND - self._queue.highest))

    def _hole_ticks(self) -> int:
        """A silence longer than this before a keyframe is a gap, not a long picture."""
        return max(HOLE * self._rate // SECOND, 10 * self._typical)

    def _part_at_hole(self, unit: AccessUnit, out: list[Action]) -> None:
        """The camera said nothing for seconds, or pictures are missing: that is no footage, though
        the run goes on."""
        cause, self._hole = self._hole or Cause.SILENT, None
        if not self._footage.open and (cause is Cause.SILENT or not self._queue.units):
            return
        self._flush(0, out)
        self._footage.close(out)
        wall = self.clock.wall((unit.pts + self._shift) * SECOND // self._rate)
        self._footage.part(RunFacts(wall, wall), cause)
        self._keyframe = None

    def _is_time(self, keyframe: int) -> bool:
        """Whether the segment must end here, so as not to last longer than it should.

        The next keyframe is expected as far away as this one is from the last; 1 % is let
        pass, because cameras keep their rate no better.
        """
        gop = (keyframe - self._keyframe if self._keyframe is not None else 0) * SECOND
        lasts = self._footage.lasts(keyframe)
        return lasts + gop // self._rate > self._rules.segment + self._rules.segment // 100

    def _check_patience(self) -> None:
        """Raises CameraError; before anything is taken in, so that no action is lost by it."""
        patience = max(KEYFRAME_PATIENCE * self._rules.segment, KEYFRAME_PATIENCE_MIN)
        if self._footage.lasts(self._queue.highest) > patience:
            minutes = patience // MINUTE
            raise CameraError(
                Cause.BROKEN_STREAM,
                f"The camera has sent no keyframe for {minutes} minutes; connecting anew asks "
                "for one.",
            )
