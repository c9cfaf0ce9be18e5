"""A camera before what keeps it, without a disk: each picture has its number and its time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from recorder.choice import Choice
from recorder.gate import Gate
from recorder.intake import Intake
from recorder.keeper import Keeper
from recorder.preroll import PreRollMemory
from recorder.runclock import Reading
from recorder.session import Rules
from storage.coverage import Coverage
from storage.facts import ClockFacts, Fragment, GapFacts, RunFacts, Sample
from storage.rows import DropGap, IndexChange, PutGap
from tests.recorder.streams import FORMAT
from vms.alarms.event import Event
from vms.core.clock import MILLISECOND, SECOND, FakeClock, Instant, Span
from vms.core.errors import StorageError
from vms.core.media import AccessUnit, StreamFormat, Track
from vms.core.model import CameraId, Cause, StreamKey
from vms.core.schedule import Weekly, parse_week_spans

GATE = StreamKey(CameraId("gate"))
FPS = 25
SWEEP = 300 * MILLISECOND


@dataclass
class Kept:
    """A segment as storage would have it."""

    start: Instant
    shelf: Shelf
    samples: list[Sample] = field(default_factory=list)
    end: Instant = Instant(0)  # noqa: RUF009 - a number
    failed: StorageError | None = None
    format: StreamFormat = FORMAT

    def append(self, fragment: Fragment, *, held: bool = False) -> bool:
        if not held:
            self.shelf.waiting += sum(len(sample.data) for sample in fragment.video)
            if self.shelf.waiting > self.shelf.room:
                return False
        self.samples += fragment.video
        ticks = fragment.video_time + sum(sample.duration for sample in fragment.video)
        self.end = Instant(self.start + ticks * SECOND // 90_000)
        return True

    def close(self, end: Instant, clock: ClockFacts | None = None) -> None:
        self.end = end
        self.shelf.coverage.close_segment(end)

    def units_since_keyframe(self) -> list[Sample]:
        return []


class Shelf:
    """What storage does with segments and gaps, without a disk; the tiling is storage's own."""

    def __init__(self) -> None:
        self.coverage = Coverage(GATE)
        self.waiting, self.room = 0, 1 << 40  # bytes since the last sweep, and how many may wait
        self.segments: list[Kept] = []
        self._gaps: dict[Instant, GapFacts] = {}

    def open_segment(
        self,
        stream: StreamKey,
        start: Instant,
        format: StreamFormat,  # noqa: A002 - the project's word
        run: RunFacts,
    ) -> Kept:
        self._apply(self.coverage.open_segment(start)[0])
        self.segments.append(Kept(start, self, format=format))
        return self.segments[-1]

    def open_gap(self, stream: StreamKey, start: Instant, cause: Cause, detail: str = "") -> None:
        self._apply(self.coverage.open_gap(start, cause, detail))

    def covered_until(self, stream: StreamKey) -> Instant | None:
        return self.coverage.until

    @property
    def gaps(self) -> list[GapFacts]:
        return [self._gaps[start] for start in sorted(self._gaps)]

    def _apply(self, changes: Sequence[IndexChange]) -> None:
        for change in changes:
            if isinstance(change, PutGap):
                self._gaps[change.gap.start] = change.gap
            elif isinstance(change, DropGap):
                self._gaps.pop(change.start, None)


class Scene:
    """A camera behind a gate: 25 pictures a second, each of them with its number and time."""

    def __init__(self, choice: Choice | None, gop: int = 50, memory: int = 1 << 30) -> None:
        self.clock, self.shelf = FakeClock(), Shelf()
        self.keeper = Keeper(GATE, self.shelf, self.clock)
        self.memory = PreRollMemory(memory)
        self.intake = Intake(GATE, self.keeper, choice, Rules(), self.memory, self.clock)
        self.times: list[Instant] = []
        self.shown: list[AccessUnit] = []
        self.gop = gop
        self.format = FORMAT
        self.formats: list[StreamFormat] = []  # of each picture
        self.skew = 0  # ticks by which the camera's clock was set
        self._told: list[Event] = []
        self.connect()

    @property
    def gate(self) -> Gate:
        assert self.intake.gate is not None
        return self.intake.gate

    def connect(self) -> None:
        self.intake.missing(Cause.CONNECTING)
        self.intake.begin(self.reading())
        self._fresh, self._since = True, self.clock.monotonic()
        self._number = 0

    def run(self, seconds: float) -> None:
        """Let time pass, sweep by sweep. Another `format` comes with the next keyframe."""
        end = self.clock.monotonic() + round(seconds * SECOND)
        while self.clock.monotonic() < end:
            self.clock.advance(SWEEP)
            self.shelf.waiting = 0
            units: list[StreamFormat | AccessUnit] = []
            now = self.clock.monotonic()
            while (taken := self._since + self._number * SECOND // FPS) < now:
                data = len(self.times).to_bytes(4, "big") + bytes(400)
                pts = self._number * 90_000 // FPS + self.skew
                key = self._number % self.gop == 0
                if key and (self._fresh or self.formats[-1] != self.format):
                    units.append(self.format)
                    self._fresh = False
                self.formats.append(self.format if key else self.formats[-1])
                units.append(AccessUnit(Track.VIDEO, data, pts, now, key))
                self.times.append(Instant(self.clock.now() - (now - taken)))
                self._number += 1
            shown = self.intake.feed(units)
            self.shown += [unit for unit in shown if isinstance(unit, AccessUnit)]
            if not self._number % 4:
                self.intake.tick(self.reading())

    def tell(self, seconds: float = 0, ago: float = 0) -> Instant:
        start = Instant(self.clock.now() - round(ago * SECOND))
        end = Instant(start + round(seconds * SECOND))
        self._told.append(Event(len(self._told), GATE.camera, "motion", start, end, "", start))
        if self.intake.gate is not None:
            self.intake.gate.hear(self._told)
        return start

    def choose(self, choice: Choice | None) -> None:
        """As a reload does it: then the new gate is told the events of before."""
        self.intake.choose(choice, (Cause.CONNECTING, ""))
        if self.intake.gate is not None:
            self.intake.gate.hear(self._told)

    def stop(self) -> None:
        self.intake.end()

    @property
    def kept(self) -> list[int]:
        """The numbers of the pictures on disk, in the order of the files."""
        return [
            int.from_bytes(sample.data[:4], "big")
            for segment in self.shelf.segments
            for sample in segment.samples
        ]

    @property
    def causes(self) -> list[Cause]:
        return [gap.cause for gap in self.shelf.gaps]

    def reading(self) -> Reading:
        return Reading(self.clock.now(), self.clock.monotonic())

    def assert_well(self) -> None:
        """Time is tiled, no picture is there twice, each segment begins with a keyframe."""
        assert self.kept == sorted(set(self.kept))
        assert all(segment.samples[0].key for segment in self.shelf.segments)
        spans = [(one.start, one.end) for one in self.shelf.segments]
        spans += [(gap.start, gap.end or Instant(2**62)) for gap in self.shelf.gaps]
        for (_, end), (start, _) in itertools.pairwise(sorted(spans)):
            assert end == start
        for segment in self.shelf.segments:
            numbers = [int.from_bytes(s.data[:4], "big") for s in segment.samples]
            assert {self.formats[number] for number in numbers} == {segment.format}
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "none left out"
            assert abs(segment.start - self.times[numbers[0]]) < SECOND // 10


def events(pre: int = 10, post: int = 20, privacy: Weekly | None = None) -> Choice:
    return Choice("events", None, privacy, Span(pre * SECOND), Span(post * SECOND))


def week(clock: FakeClock, begin: int, end: int) -> Weekly:
    """A span of today, `begin` to `end` minutes after the scene's first whole minute."""
    day = 1_763_800_000 // 86_400
    minute = (1_763_800_000 % 86_400) // 60 + 1
    name = ("thu", "fri", "sat", "sun", "mon", "tue", "wed")[day % 7]
    first, last = minute + begin, minute + end
    text = f"{name} {first // 60:02}:{first % 60:02}-{last // 60:02}:{last % 60:02}"
    return Weekly("hours", parse_week_spans([text]), "UTC")


FIRST_MINUTE = Instant((1_763_800_000 // 60 + 1) * 60 * SECOND)
