"""A camera's runs one behind the other, as a worker keeps them, without a disk: what time each
picture got beside the time it was taken."""

from __future__ import annotations

import itertools

from recorder.intake import Intake
from recorder.keeper import Keeper
from recorder.preroll import PreRollMemory
from recorder.runclock import Reading
from recorder.session import Rules
from recorder.source import Element
from tests.recorder.scene import GATE, SWEEP, Shelf
from tests.recorder.streams import FORMAT
from vms.core.clock import SECOND, FakeClock, Instant, Mono
from vms.core.media import AccessUnit, Track
from vms.core.model import Cause

RETRY = 5.0


class Line:
    """One stream. `taken`: when each picture was taken, by a clock that nobody ever set."""

    def __init__(self, fps: int = 25, gop: int = 50) -> None:
        self.fps, self.gop = fps, gop
        self.clock, self.shelf = FakeClock(), Shelf()
        self.keeper = Keeper(GATE, self.shelf, self.clock)
        self.intake = Intake(GATE, self.keeper, None, Rules(), PreRollMemory(0), self.clock)
        self.taken: list[Instant] = []
        self.fed: list[int] = []  # numbers of the pictures, run by run
        self._true = self.clock.now() - self.clock.monotonic()
        self.intake.missing(Cause.CONNECTING)

    def connect(self, age: float = 0.0, *, burst: bool = False, late: float = 0.0) -> None:
        """A run begins with a keyframe `age` seconds old; `burst`: and all pictures since.

        `late`: its first pictures come so many seconds late, and less and less over four seconds.
        """
        self._late = late
        now = self.clock.monotonic()
        self._origin = now - round(age * SECOND)
        self._number = 0
        self._next = self._origin
        self._lone = not burst and age > 0
        self._now = now
        self.intake.begin(self._reading())
        self.intake.feed([FORMAT])

    def record(self, seconds: float) -> None:
        """Let time pass, sweep by sweep, with a look at the clock each second."""
        end = self.clock.monotonic() + round(seconds * SECOND)
        looked = self.clock.monotonic()
        while self.clock.monotonic() < end:
            self.clock.advance(min(SWEEP, end - self.clock.monotonic()))
            self.intake.feed(self._pictures())
            if self.clock.monotonic() - looked >= SECOND:
                looked = self.clock.monotonic()
                self.intake.tick(self._reading())

    def lose(self, wait: float = RETRY, cause: Cause = Cause.BROKEN_STREAM) -> None:
        """The run ends, and after `wait` seconds the next may begin."""
        self.intake.end()
        self.intake.missing(cause)
        self.clock.advance(round(wait * SECOND))

    def be_silent(self, seconds: float) -> None:
        """No picture is taken for so long; the connection stays."""
        self.clock.advance(round(seconds * SECOND))
        self._next = self.clock.monotonic()
        self.intake.tick(self._reading())

    def restart(self) -> None:
        """Another recorder, which knows no more than the archive does."""
        self.keeper = Keeper(GATE, self.shelf, self.clock)
        self.intake = Intake(GATE, self.keeper, None, Rules(), PreRollMemory(0), self.clock)
        self.intake.missing(Cause.CONNECTING)

    def _pictures(self) -> list[Element]:
        units: list[Element] = []
        now = self.clock.monotonic()
        while self._next + self._lag() < now:
            number = len(self.taken)
            pts = (self._next - self._origin) * 90_000 // SECOND
            self.taken.append(Instant(self._next + self._true))
            self.fed.append(number)
            key = self._number % self.gop == 0
            units.append(AccessUnit(Track.VIDEO, number.to_bytes(4, "big"), pts, Mono(now), key))
            self._next = self._now if self._lone else self._next + SECOND // self.fps
            self._lone = False
            self._number += 1
        return units

    def _lag(self) -> int:
        """How long the next picture is on its way."""
        passed = (self._next - self._origin) / SECOND
        return round(self._late * max(0.0, 1 - passed / 4) * SECOND)

    def _reading(self) -> Reading:
        return Reading(self.clock.now(), self.clock.monotonic())

    def shown(self) -> dict[int, Instant]:
        """When each picture that was kept is shown."""
        found: dict[int, Instant] = {}
        for segment in self.shelf.segments:
            ticks = 0
            for sample in segment.samples:
                number = int.from_bytes(sample.data, "big")
                assert number not in found, "a picture was kept twice"
                at = (ticks + sample.composition) * SECOND // 90_000
                found[number] = Instant(segment.start + at)
                ticks += sample.duration
        return found

    def errors(self) -> dict[int, float]:
        """How many seconds too late each picture is shown."""
        return {number: (at - self.taken[number]) / SECOND for number, at in self.shown().items()}

    @property
    def end(self) -> Instant:
        """Of the footage."""
        return self.shelf.segments[-1].end

    def assert_tiled(self) -> None:
        """Segments and gaps join, none lies over another."""
        spans = [(one.start, one.end) for one in self.shelf.segments]
        spans += [(gap.start, gap.end or Instant(2**62)) for gap in self.shelf.gaps]
        for (_, end), (start, _) in itertools.pairwise(sorted(spans)):
            assert end == start
