"""Made-up cameras for the session's tests: elements with the times a real one would have."""

from __future__ import annotations

from dataclasses import dataclass, field

from recorder.actions import Action, Append, CloseSegment, OpenSegment
from recorder.runclock import Reading
from recorder.session import Rules, Session
from recorder.source import Element
from storage.facts import Sample
from vms.core.clock import SECOND, Instant, Mono
from vms.core.media import AccessUnit, AudioFormat, StreamFormat, Track, VideoFormat

WALL = Instant(1_763_800_000 * SECOND)
MONO = Mono(5_000 * SECOND)
READING = Reading(WALL, MONO)
VIDEO = VideoFormat("h264", 640, 360, (b"\x67\x64\x00\x1f",), (b"\x68",))
FORMAT = StreamFormat(VIDEO)
WITH_SOUND = StreamFormat(VIDEO, AudioFormat("aac", 16_000, 1, b"\x14\x08"))
OTHER = StreamFormat(VideoFormat("h264", 1280, 720, (b"\x67\x64\x00\x20",), (b"\x68",)))


def at(seconds: float) -> Mono:
    return Mono(MONO + round(seconds * SECOND))


def picture(
    number: int,
    time: float,
    *,
    key: bool,
    delay: float = 0.0,
    pts: int | None = None,
    size: int = 0,
) -> AccessUnit:
    """Picture `number`, taken `time` seconds after the run's start, arrived `delay` later."""
    data = b"v%d" % number + bytes(size)
    ticks = round(time * 90_000) if pts is None else pts
    return AccessUnit(Track.VIDEO, data, ticks, at(time + delay), key)


def pictures(
    count: int, *, fps: int = 25, gop: int = 50, first: int = 0, since: float = 0.0
) -> list[AccessUnit]:
    """An honest camera's pictures; `first` is the first one's number, `since` its time."""
    return [picture(first + i, since + i / fps, key=i % gop == 0) for i in range(count)]


@dataclass
class Kept:
    """A segment as storage would hold it."""

    start: Instant
    format: StreamFormat
    run: int
    fragments: list[Append] = field(default_factory=list)
    end: Instant | None = None

    @property
    def video(self) -> list[Sample]:
        return [sample for append in self.fragments for sample in append.fragment.video]

    @property
    def sound(self) -> list[Sample]:
        return [sample for append in self.fragments for sample in append.fragment.audio]


class Tape:
    """Plays a session's actions and checks what must always hold."""

    def __init__(self) -> None:
        self.segments: list[Kept] = []
        self._open: Kept | None = None

    def play(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case OpenSegment(start, stream, run):
                    assert self._open is None, "a segment opened inside another"
                    if self.segments:
                        before = self.segments[-1].end
                        assert before is not None
                        assert start >= before
                    self._open = Kept(start, stream, run.run_id)
                    self.segments.append(self._open)
                case Append():
                    self._append(action)
                case CloseSegment(end):
                    assert self._open is not None
                    assert self._open.fragments, "an empty segment"
                    assert end == self._open.fragments[-1].end
                    assert end > self._open.start
                    self._open.end, self._open = end, None

    def _append(self, action: Append) -> None:
        assert self._open is not None
        fragments = self._open.fragments
        fragment = action.fragment
        expected = fragments[-1].end if fragments else self._open.start
        assert action.start == expected, "a hole between fragments"
        assert action.end >= action.start
        assert fragment.video or fragment.audio
        if not fragments:
            assert fragment.video[0].key, "a segment that begins without a keyframe"
            assert fragment.video_time == 0
        assert all(not sample.key for sample in fragment.video[1:]), "a keyframe inside a fragment"
        assert all(sample.duration > 0 for sample in (*fragment.video, *fragment.audio))
        ticks = sum(sample.duration for sample in fragment.video)
        rate = self._open.format.video.clock_rate
        reach = (fragment.video_time + ticks) * SECOND // rate
        if fragment.video:
            assert self._open.start + reach == action.end
        if self._open.format.audio is None:
            assert not fragment.audio
        sound_end = 0
        for earlier in fragments:
            if earlier.fragment.audio:
                sound_end = earlier.fragment.audio_time + sum(
                    sample.duration for sample in earlier.fragment.audio
                )
        if fragment.audio:
            assert fragment.audio_time >= sound_end, "sound over sound"
        fragments.append(action)

    @property
    def video(self) -> list[bytes]:
        return [sample.data for segment in self.segments for sample in segment.video]

    @property
    def sound(self) -> list[bytes]:
        return [sample.data for segment in self.segments for sample in segment.sound]


def record(
    elements: list[Element],
    *,
    segment: int = 60 * SECOND,
    sweep: float = 0.2,
    stream: StreamFormat = FORMAT,
    not_before: Instant | None = None,
) -> tuple[Tape, Session]:
    """Feed a session as a worker would: each sweep what arrived until then; then finish."""
    session, tape = Session(Rules(segment), READING, not_before), Tape()  # type: ignore[arg-type]
    tape.play(session.feed([stream]))
    batch: list[Element] = []
    due = at(sweep)
    for element in elements:
        while isinstance(element, AccessUnit) and element.arrival >= due:
            tape.play(session.feed(batch))
            batch, due = [], Mono(due + round(sweep * SECOND))
        if isinstance(element, AccessUnit):
            # What waits in the socket is stamped when the sweep takes it.
            element = AccessUnit(element.track, element.data, element.pts, due, element.key)
        batch.append(element)
    tape.play(session.feed(batch))
    tape.play(session.finish())
    return tape, session
