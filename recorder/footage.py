"""A run's footage as it goes to disk: segments without a hole between them. Pure.

Here ticks of the run become ticks of a file, at the pace the run's clock asks for, and here
the instants of segments are reckoned: a segment begins exactly where the one before it ended,
or, where a run or a gap lies between, where its pictures were taken (docs/time.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from recorder.actions import Action, Append, CloseSegment, OpenSegment
from recorder.pictures import Taken
from recorder.runclock import CALM, ONE, STEP, RunClock
from recorder.sound import SoundQueue
from storage.facts import Fragment, RunFacts, Sample
from vms.core.clock import SECOND, Instant, Span
from vms.core.media import StreamFormat
from vms.core.model import Cause

HOLE = Span(2 * SECOND)  # a picture does not stand for longer where it can be helped: that is a gap
GOP_TIMES = 4_096  # pictures of one group whose times are kept for viewers; beyond, none are


@dataclass(slots=True)
class _Segment:
    """The open segment. `base`: ticks of the run that lie at `base_ticks` of the file, from
    where it goes on at `pace`. `delay`: ticks that pictures are shown later than decoded.
    """

    start: Instant
    rate: int
    base: int
    delay: int
    base_ticks: int = 0
    pace: int = ONE
    end_ticks: int = 0
    until: int = 0  # time of the run at which the footage ends

    def ticks(self, time: int) -> int:
        """Where a time of the run lies in the file."""
        return self.base_ticks + ((time - self.base) * self.pace >> 32)

    def turn(self, time: int, pace: int) -> None:
        """From `time` on, go at `pace`."""
        self.base_ticks, self.base, self.pace = self.ticks(time), time, pace

    def instant(self, ticks: int) -> Instant:
        return Instant(self.start + ticks * SECOND // self.rate)

    def sound_ticks(self, media: int, rate: int) -> int:
        """Where sound of this media time (nanoseconds) lies, in ticks of the sound."""
        since = media - self.base * SECOND // self.rate
        file_time = (self.base_ticks + self.delay) * SECOND // self.rate + (since * self.pace >> 32)
        return (file_time * rate + SECOND // 2) // SECOND


class Footage:
    """Turns taken pictures and waiting sound into actions.

    `not_before`: no segment starts earlier; while one run goes on it is the end of the last.
    `offset`: of the footage's time to the monotonic clock, as it was last; None if not known.
    It is the wall's, until that is set back: footage goes on by its own.
    """

    def __init__(
        self,
        clock: RunClock,
        run: RunFacts,
        not_before: Instant | None,
        offset: int | None = None,
    ) -> None:
        self.clock, self.run, self.offset = clock, run, offset
        self.units = self.dropped = 0  # handed to storage; sound that no segment takes
        self.sound = SoundQueue(None)
        self._end = not_before  # of the footage so far
        self._lead = 0  # ns by which footage lies ahead of the wall on purpose
        self._joined = False  # the next segment begins exactly at `_end`
        self._segment: _Segment | None = None
        self._format: StreamFormat | None = None
        self._delay = 0
        self._hole: Cause | None = None  # why the next segment does not begin at `_end`
        self._gop_times: list[int] | None = None

    @property
    def open(self) -> bool:
        return self._segment is not None

    @property
    def gop_times(self) -> list[int]:
        """The camera's times of the current group's pictures that storage already has."""
        return list(self._gop_times or ())

    def lasts(self, time: int) -> int:
        """Nanoseconds of the open segment at a time of the run; 0 when none is open."""
        segment = self._segment
        return segment.ticks(time) * SECOND // segment.rate if segment is not None else 0

    def begin(self, taken: Taken, stream: StreamFormat, out: list[Action]) -> None:
        """Close the open segment and begin another with these pictures."""
        self.close(out)
        rate = stream.video.clock_rate
        self._delay = max(self._delay, _reordering(taken))
        start, older = self._end, 0
        if not self._joined or start is None:
            start, older = self._start(taken, rate)
        self._segment = _Segment(start, rate, taken.decode[0], self._delay, -older)
        self._format, self._joined, self._end = stream, True, start
        if self.sound.audio != stream.audio:
            self.dropped += self.sound.clear()
            self.sound = SoundQueue(stream.audio)
        self.sound.begin()
        out.append(OpenSegment(start, stream, self.run, self._hole))
        self._hole = None

    def write(self, taken: Taken, out: list[Action]) -> None:
        """One fragment: these pictures, and the sound that waits."""
        segment = self._segment
        assert segment is not None
        first = taken.decode[0]
        shown = segment.instant(segment.ticks(first) + segment.delay)
        pace = self.clock.pace(first * SECOND // segment.rate, shown, self._lead)
        segment.turn(first, pace)
        samples, end = _samples(segment, taken)
        segment.until = taken.decode[-1]
        sound, sound_start = self.sound.take(self._place)
        at, segment.end_ticks = segment.end_ticks, end
        self._append(Fragment(samples, sound, at, sound_start), at, out)
        self._note_times(taken)

    def write_sound(self, out: list[Action], *, last: bool = False) -> None:
        """The sound that waits alone: pictures stand still, or the run is over."""
        if self._segment is None:
            return
        samples, start = self.sound.take(self._place, last=last)
        self._append_sound(samples, start, out)

    def close(self, out: list[Action]) -> None:
        """End the open segment where its pictures end; sound that belongs to it goes first."""
        segment = self._segment
        if segment is None:
            return
        border = segment.end_ticks * self.sound.rate // segment.rate
        self._append_sound(*self.sound.take(self._place, border), out)
        self._end = segment.instant(segment.end_ticks)
        self._note_offset(segment)
        self._segment = None
        out.append(CloseSegment(self._end))

    def part(self, run: RunFacts, hole: Cause, back: int = 0) -> None:
        """The next segment is of another run and begins when its clock says; why it may be late.

        `back`: nanoseconds by which the wall was set back since the last.
        """
        self.run, self._joined, self._hole = run, False, hole
        self._lead = max(0, self._lead + back)

    def cover(self, until: Instant | None, offset: int | None) -> None:
        """Without an open segment: a gap has reached to `until`, and no segment joins the last."""
        if self._segment is None and until is not None:
            self._end, self.offset, self._joined = until, offset, False

    def lost(self, end: Instant | None) -> None:
        """The open segment failed and is kept up to `end`; what waits is dropped."""
        if self._segment is not None:
            self._note_offset(self._segment)
        self._segment, self._joined, self._gop_times = None, False, None
        self._end = end if end is not None else self._end
        self.dropped += self.sound.clear()

    def _start(self, taken: Taken, rate: int) -> tuple[Instant, int]:
        """Where a segment begins that joins no other, and how many ticks its first is older.

        Pictures from before the footage so far (an old keyframe, a burst) overlap it, and yet
        what follows can't be decoded without them: they get the least lengths there are, and the
        rest lies where it was taken.
        """
        self._lead = self._ahead(taken)
        shift = self._lead - self._delay * SECOND // rate
        times = [self.clock.wall(time * SECOND // rate) + shift for time in taken.decode]
        end = self._end
        if end is None or times[0] > end + CALM:
            return Instant(times[0]), 0
        fresh = next((number for number, time in enumerate(times) if time >= end), 0)
        start = end
        if times[fresh] - end > HOLE:
            start = Instant(times[fresh] - fresh * SECOND // rate)
        return start, max(0, start - times[0]) * rate // SECOND

    def _ahead(self, taken: Taken) -> int:
        """Nanoseconds by which the footage lies ahead of the wall, because that was set back.

        The stream's time then goes on by the monotonic clock. Who does not know it (the recorder
        was started meanwhile) goes on behind the footage so far.
        """
        wall, ahead = self.clock.offset, 0
        if self.offset is not None:
            ahead = self.offset - wall
        elif self._end is not None:
            ahead = self._end - (taken.units[0].arrival + wall)
        return ahead if ahead > STEP else 0

    def _note_offset(self, segment: _Segment) -> None:
        """What is left of the lead. A file may lie further off because its first pictures came
        late: that is its own error, which runs that follow must not add to theirs."""
        lies = segment.instant(segment.ticks(segment.until) + segment.delay)
        true = self.clock.wall(segment.until * SECOND // segment.rate)
        self._lead = max(0, min(self._lead, lies - true))
        self.offset = self.clock.offset + self._lead

    def _place(self, media: int) -> int:
        assert self._segment is not None
        return self._segment.sound_ticks(media, self.sound.rate)

    def _append_sound(self, samples: list[Sample], start: int, out: list[Action]) -> None:
        if samples:
            assert self._segment is not None
            at = self._segment.end_ticks
            self._append(Fragment([], samples, at, start), at, out)

    def _append(self, fragment: Fragment, at: int, out: list[Action]) -> None:
        segment = self._segment
        assert segment is not None
        self.units += len(fragment.video) + len(fragment.audio)
        out.append(Append(fragment, segment.instant(at), segment.instant(segment.end_ticks)))

    def _note_times(self, taken: Taken) -> None:
        if taken.units[0].key:
            self._gop_times = []
        if self._gop_times is not None:
            self._gop_times += [unit.pts for unit in taken.units]
            if len(self._gop_times) > GOP_TIMES:
                self._gop_times = None


def _samples(segment: _Segment, taken: Taken) -> tuple[list[Sample], int]:
    """The pictures with their lengths in the file, and where they end."""
    at = segment.end_ticks
    samples = []
    plain = taken.decode[:-1] == taken.shown and not segment.delay
    if plain and segment.pace == ONE and segment.ticks(taken.decode[1]) > at:
        # The common case without a call a picture: decode times rise, so do the file's.
        shift = segment.base_ticks - segment.base
        ends = [time + shift for time in taken.decode[1:]]
        starts = [at, *ends]
        samples = [
            Sample(unit.data, end - start, 0, unit.key)
            for unit, start, end in zip(taken.units, starts, ends, strict=False)
        ]
        return samples, ends[-1]
    if plain:
        for unit, following in zip(taken.units, taken.decode[1:], strict=True):
            after = max(segment.ticks(following), at + 1)
            samples.append(Sample(unit.data, after - at, 0, unit.key))
            at = after
        return samples, at
    for unit, following, shown in zip(taken.units, taken.decode[1:], taken.shown, strict=True):
        after = max(segment.ticks(following), at + 1)
        composition = max(0, segment.ticks(shown) + segment.delay) - at
        samples.append(Sample(unit.data, after - at, composition, unit.key))
        at = after
    return samples, at


def _reordering(taken: Taken) -> int:
    """Ticks by which pictures must be shown later so that none is shown before it is decoded."""
    return max(decode - shown for decode, shown in zip(taken.decode, taken.shown, strict=False))
