"""The lookout of one camera: live messages of its sub stream in, motion that begins and ends out.

Decodes with libav what must be decoded and looks at the newest picture of each round. Used by one
thread at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import av

from storage.decoding import StreamDecoder, decode, planes_of
from storage.facts import Sample
from vms.cameras.motion.deciding import Change
from vms.cameras.motion.eye import Eye
from vms.cameras.motion.sights import Sight, sight_of
from vms.core.clock import SECOND, Clock, Instant, Span
from vms.core.config_motion import MotionSettings
from vms.core.errors import NotFound, StorageError
from vms.core.live import FormatChanged, LiveMessage, LiveUnit, StreamDown
from vms.core.media import Track, VideoFormat

_BEHIND = Span(2 * SECOND)
"""Of pictures that waited longer, those before the newest keyframe are left out."""

_MEASURE = Span(5 * SECOND)


class Lookout:
    """`cost`: seconds of work a second, while every picture is decoded."""

    def __init__(self, settings: MotionSettings, clock: Clock) -> None:
        self.settings, self._clock = settings, clock
        self.cost = 0.0
        self._eye = Eye(settings)
        self._video: VideoFormat | None = None
        self._decoder: StreamDecoder | None = None
        self._shown: Instant | None = None  # when the last picture that was looked at was taken
        self._spent, self._measured = 0, clock.monotonic()

    def look(self, messages: Sequence[LiveMessage], *, seldom: bool) -> list[Change]:
        """What came since the last round. `seldom`: keyframes only."""
        began = self._clock.monotonic()
        changes: list[Change] = []
        frame: av.VideoFrame | None = None
        for message in _keyframe_only(messages) if seldom else _not_behind(messages):
            if type(message) is LiveUnit:
                frame = self._decoded(message, alone=seldom) or frame
            else:
                frame = None
                changes += self._turn(message)
        if frame is not None and frame.pts is not None:
            self._shown = Instant(frame.pts)
            changes += self._eye.look(planes_of(frame).luma, self._shown)
        self._count(self._clock.monotonic() - began, seldom=seldom)
        return changes

    def end(self) -> list[Change]:
        """It is not looked at any more."""
        self._video = self._decoder = self._shown = None
        return self._eye.lose()

    def sight(self, *, seldom: bool) -> Sight:
        """What it sees now."""
        return sight_of(self._eye, self._shown, seldom=seldom)

    def _turn(self, message: LiveMessage) -> list[Change]:
        """The stream begins or ends."""
        if isinstance(message, FormatChanged):
            self._video = message.format.video
            self._decoder = StreamDecoder(self._video)
            return []
        return self.end() if isinstance(message, StreamDown) else []

    def _decoded(self, message: LiveUnit, *, alone: bool) -> av.VideoFrame | None:
        if self._video is None or self._decoder is None:
            return None
        unit = message.unit
        if not alone:
            frames = self._decoder.feed(unit.data, message.wall, key=unit.key)
            return frames[-1] if frames else None
        self._decoder.skip()
        try:
            sample = Sample(unit.data, 0, 0, True)
            return decode(self._video, [sample], [message.wall], message.wall)
        except (NotFound, StorageError):
            return None

    def _count(self, spent: int, *, seldom: bool) -> None:
        now = self._clock.monotonic()
        self._spent += spent
        passed = now - self._measured
        if passed < _MEASURE:
            return
        # What often would cost is not known while it is seldom: in time it is tried again.
        self.cost = self.cost * 0.97 if seldom else (self.cost + self._spent / passed) / 2
        self._spent, self._measured = 0, now


def _pictures(messages: Sequence[LiveMessage]) -> list[LiveMessage]:
    return [one for one in messages if type(one) is not LiveUnit or one.unit.track is Track.VIDEO]


def _keyframe_only(messages: Sequence[LiveMessage]) -> list[LiveMessage]:
    """States, and of the pictures only the newest keyframe."""
    key = max((n for n, one in enumerate(messages) if _is_key(one)), default=-1)
    return [one for n, one in enumerate(messages) if type(one) is not LiveUnit or n == key]


def _not_behind(messages: Sequence[LiveMessage]) -> list[LiveMessage]:
    """Without the pictures before the newest keyframe, where they waited for too long."""
    found = _pictures(messages)
    walls = [one.wall for one in found if type(one) is LiveUnit]
    keys = [number for number, one in enumerate(found) if _is_key(one)]
    if not keys or max(walls) - min(walls) <= _BEHIND:
        return found
    return [one for n, one in enumerate(found) if type(one) is not LiveUnit or n >= keys[-1]]


def _is_key(message: LiveMessage) -> bool:
    return type(message) is LiveUnit and message.unit.key and message.unit.track is Track.VIDEO
