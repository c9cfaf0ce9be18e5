"""A segment while it is being written: what the session holds, and what the writer knows of it.

Two threads share it without a lock. Each number has one thread that changes it: `taken` and
`closing` the event loop, `released`, `offset` and the lists the writer. `error` is set once.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from storage.facts import ClockFacts, Fragment, RunFacts, Sample
from storage.fmp4 import BadFile, TailEntry, read_moof, samples_of
from storage.layout import Stage, path_of
from vms.core.clock import SECOND, Instant
from vms.core.errors import StorageError
from vms.core.media import StreamFormat
from vms.core.model import StreamKey

if TYPE_CHECKING:
    from storage.writer import VolumeWriter


@dataclass(frozen=True, slots=True)
class Gop:
    """The pictures since the last keyframe. `time`: decode time of the first, in ticks."""

    time: int
    samples: list[Sample]


class OpenSegment:
    """One file being written. Made by `Store.open_segment`, ended by `close`."""

    def __init__(
        self,
        writer: VolumeWriter,
        stream: StreamKey,
        start: Instant,
        format: StreamFormat,  # noqa: A002 - the project's word
        run: RunFacts,
        init: bytes,
        head: bytes,
        expected: int,
        closed: Callable[[OpenSegment, Instant], None],
    ) -> None:
        self.stream, self.start, self.format, self.run = stream, start, format, run
        self.init, self.head, self.expected = init, head, expected
        self._writer, self._closed = writer, closed
        root = writer.volume.root
        self.part: Path = root / path_of(stream, start, Stage.PART)
        self.final: Path = root / path_of(stream, start, Stage.FINAL)
        self.error: StorageError | None = None
        # The loop's.
        self.taken = 0
        self.closing = False
        self.end: Instant = start
        self.clock: ClockFacts | None = None
        self._pending: deque[Fragment] = deque()  # bounded by the writer's limit in bytes
        # The writer's.
        self.released = 0
        self.fd = -1
        self.offset = 0
        self.kept_ticks = 0
        self.sequence = 0
        self.entries: list[TailEntry] = []
        self.since_key: list[tuple[int, int]] = []
        self.abandoned = False

    @property
    def failed(self) -> StorageError | None:
        """Why nothing more is taken; its cause is the gap's."""
        return self.error

    def append(self, fragment: Fragment) -> bool:
        """Hand over a fragment; False when it was not taken: failed, or the buffer is full."""
        if self.error is not None or self.closing:
            return False
        size = 0
        for sample in fragment.video:
            size += len(sample[0])
        for sample in fragment.audio:
            size += len(sample[0])
        if not self._writer.take(self, size):
            return False
        self._pending.append(fragment)
        self._writer.put_fragment(self, fragment, size)
        video = fragment.video
        if video:
            ticks = fragment.video_time + sum([sample[1] for sample in video])
            self.end = Instant(self.start + ticks * SECOND // self.format.video.clock_rate)
        return True

    def close(self, end: Instant, clock: ClockFacts | None = None) -> None:
        """No more fragments; footage ends at `end`. The file becomes final within about 1 s."""
        if self.closing:
            return
        self.closing = True
        self.end, self.clock = end, clock
        self._closed(self, end)
        self._writer.put_close(self)

    def written(self) -> None:
        """The writer has dealt with the oldest pending fragment."""
        self._pending.popleft()

    def gop(self) -> Gop:
        """The pictures since the last keyframe: flushed ones re-read, then those still waiting.

        Reading comes from the page cache: the bytes were written seconds ago.
        """
        pending = list(self._pending)
        gop = Gop(0, [])
        if self.fd >= 0:
            for offset, size in list(self.since_key):
                gop = _extend(gop, *self._read(offset, size))
        for fragment in pending:
            # A fragment the writer has just finished may be in both; times tell.
            done = gop.samples and fragment.video_time < _end(gop)
            if not done:
                gop = _extend(gop, fragment.video_time, fragment.video)
        return gop

    def units_since_keyframe(self) -> list[Sample]:
        """The samples of `gop`."""
        return self.gop().samples

    def _read(self, offset: int, size: int) -> tuple[int, list[Sample]]:
        try:
            data = os.pread(self.fd, size, offset)
            video = read_moof(data).video
            return (0, []) if video is None else (video.time, samples_of(data, video))
        except (OSError, BadFile):  # closed or cut in this moment: a viewer waits for the next key
            return 0, []


def _end(gop: Gop) -> int:
    return gop.time + sum(sample.duration for sample in gop.samples)


def _extend(gop: Gop, time: int, samples: list[Sample]) -> Gop:
    """The gop after more samples, beginning again at their last keyframe."""
    last = max((number for number, sample in enumerate(samples) if sample.key), default=None)
    if last is None:
        return Gop(gop.time, gop.samples + samples) if gop.samples else gop
    return Gop(time + sum(sample.duration for sample in samples[:last]), samples[last:])


def audio_as_video_ticks(segment: OpenSegment, fragment: Fragment) -> int:
    """Where a fragment without pictures begins, in the video track's ticks."""
    audio = segment.format.audio
    rate = audio.clock_rate if audio is not None else 1
    return fragment.audio_time * segment.format.video.clock_rate // rate
