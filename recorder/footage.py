"""A run's footage as it goes to disk: segments without a hole between them. Pure.

Here ticks of the run become ticks of a file, at the pace the run's clock asks for, and here
the instants of segments are reckoned: a segment begins exactly where the one before it ended.
"""

from __future__ import annotations

from dataclasses import dataclass

from recorder.actions import Action, Append, CloseSegment, OpenSegment
from recorder.pictures import Taken
from recorder.runclock import ONE, RunClock
from recorder.sound import SoundQueue
from storage.facts import Fragment, RunFacts, Sample
from vms.core.clock import SECOND, Instant
from vms.core.media import StreamFormat
from vms.core.model import Cause

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
    """

    def __init__(self, clock: RunClock, run: RunFacts, not_before: Instant | None) -> None:
        self.clock, self.run = clock, run
        self.units = self.dropped = 0  # handed to storage; sound that no segment takes
        self.sound = SoundQueue(None)
        self._end = not_before  # of the footage so far
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
        first = taken.decode[0]
        start = self._end
        if not self._joined or start is None:
            best = Instant(self.clock.wall(first * SECOND // rate) - self._delay * SECOND // rate)
            start = best if start is None else max(best, start)
        self._segment = _Segment(start, rate, first, self._delay)
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
        segment.turn(first, self.clock.pace(first * SECOND // segment.rate, shown))
        samples, end = _samples(segment, taken)
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
        self._segment = None
        out.append(CloseSegment(self._end))

    def part(self, run: RunFacts, hole: Cause) -> None:
        """The next segment is of another run and begins when its clock says; why it may be late."""
        self.run, self._joined, self._hole = run, False, hole

    def lost(self, end: Instant | None) -> None:
        """The open segment failed and is kept up to `end`; what waits is dropped."""
        self._segment, self._joined, self._gop_times = None, False, None
        self._end = end if end is not None else self._end
        self.dropped += self.sound.clear()

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
        composition = segment.ticks(shown) + segment.delay - at
        samples.append(Sample(unit.data, after - at, composition, unit.key))
        at = after
    return samples, at


def _reordering(taken: Taken) -> int:
    """Ticks by which pictures must be shown later so that none is shown before it is decoded."""
    return max(decode - shown for decode, shown in zip(taken.decode, taken.shown, strict=False))
