"""A segment while it is being written: what the session holds, and what the writer knows of it.

The event loop appends; who has its file writes: the writer of a volume, or for a moment the
rescue that carries it to another volume. Each number has one thread that changes it; what changes
hands (`draft`, `writer`) does so under `lock`, which nobody holds over I/O.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from storage.draft import Draft
from storage.facts import ClockFacts, Fragment, RunFacts, Sample
from storage.fmp4 import BadFile, read_moof, samples_of
from vms.core.clock import SECOND, Instant
from vms.core.errors import StorageError
from vms.core.media import StreamFormat


class Taker(Protocol):
    """Who takes a segment's fragments: a volume's writer, or the rescue between two."""

    def take(self, segment: OpenSegment, size: int) -> bool:
        """Whether so many bytes more may wait."""

    def put(self, segment: OpenSegment) -> None:
        """Something waits in the segment, or it was closed. Saying it twice is harmless."""

    def release(self, size: int) -> None:
        """Bytes it took wait no more, whoever wrote them."""


class Waiting(NamedTuple):
    """A fragment that waits to be written; `taker`: whose buffer its bytes count in."""

    fragment: Fragment
    size: int
    taker: Taker


@dataclass(frozen=True, slots=True)
class Gop:
    """The pictures since the last keyframe. `time`: decode time of the first, in ticks."""

    time: int
    samples: list[Sample]


class OpenSegment:
    """One file being written. Made by `Store.open_segment`, ended by `close`."""

    def __init__(
        self,
        writer: Taker,
        draft: Draft,
        format: StreamFormat,  # noqa: A002 - the project's word
        run: RunFacts,
        init: bytes,
        head: bytes,
        expected: int,
        closed: Callable[[OpenSegment, Instant], None],
    ) -> None:
        self.stream, self.start, self.format, self.run = draft.stream, draft.start, format, run
        self.init, self.head, self.expected = init, head, expected
        self._closed = closed
        self.error: StorageError | None = None
        self.lock = threading.Lock()
        self.writer, self.draft = writer, draft
        self.waiting: deque[Waiting] = deque()  # bounded by the taker's limit in bytes
        # The loop's.
        self.taken = 0
        self.closing = False
        self.end: Instant = draft.start
        self.clock: ClockFacts | None = None
        self.released = 0  # who writes it

    @property
    def part(self) -> Path:
        """Where it is being written."""
        return self.draft.part

    @property
    def failed(self) -> StorageError | None:
        """Why nothing more is taken; its cause is the gap's."""
        return self.error

    def append(self, fragment: Fragment, *, held: bool = False) -> bool:
        """Hand over a fragment; False when it was not taken: failed, or the buffer is full.

        `held`: a pre-roll's memory holds it already, which has a bound of its own; it counts for
        nothing here, so that what must be written at once is not refused for being much.
        """
        if self.error is not None or self.closing:
            return False
        size = 0
        for sample in () if held else fragment.video:
            size += len(sample[0])
        for sample in () if held else fragment.audio:
            size += len(sample[0])
        writer = self.writer
        if not writer.take(self, size):
            if self.writer is writer:
                return False
            writer = self.writer  # a full volume was just left
            if not writer.take(self, size):
                return False
        self.waiting.append(Waiting(fragment, size, writer))
        self._tell(writer)
        video = fragment.video
        if video:
            ticks = fragment.video_time + sum([sample[1] for sample in video])
            self.end = Instant(self.start + ticks * SECOND // self.format.video.clock_rate)
        return True

    def close(self, end: Instant, clock: ClockFacts | None = None) -> None:
        """No more fragments; footage ends at `end`. The file becomes final within about 1 s."""
        if self.closing:
            return
        self.end, self.clock = end, clock
        self.closing = True  # last: who sees it finishes the file
        self._closed(self, end)
        self._tell(self.writer)

    def _tell(self, writer: Taker) -> None:
        writer.put(self)
        if self.writer is not writer:  # it moved in this moment
            self.writer.put(self)

    def oldest(self) -> Waiting | None:
        """What is to be written next."""
        try:
            return self.waiting[0]
        except IndexError:
            return None

    def let_go(self, draft: Draft, parts: list[bytes] | None = None) -> bool:
        """The oldest that waits was written into `draft`, or (without `parts`) is given up.

        False if the segment has another file by now: then it still waits for that one.
        """
        with self.lock:
            if self.draft is not draft:
                return False
            fragment, size, taker = self.waiting[0]
            if parts is not None:
                time = fragment.video_time if fragment.video else _as_video_ticks(self, fragment)
                draft.add(parts, fragment, time)
            self.waiting.popleft()
            self.released += size
        taker.release(size)
        return True

    def kept_end(self, draft: Draft) -> Instant:
        """Where footage ends in a file that may have failed before its segment was closed."""
        if self.error is None:
            return self.end
        ticks = draft.kept_ticks * SECOND // self.format.video.clock_rate
        return Instant(min(self.end, self.start + ticks))

    def gop(self) -> Gop:
        """The pictures since the last keyframe: flushed ones re-read, then those still waiting.

        Reading comes from the page cache: the bytes were written seconds ago.
        """
        waiting, draft = list(self.waiting), self.draft
        gop = Gop(0, [])
        if draft.fd >= 0:
            for offset, size in list(draft.since_key):
                gop = _extend(gop, *_read(draft.fd, offset, size))
        for fragment, _, _ in waiting:
            # A fragment the writer has just finished may be in both; times tell.
            done = gop.samples and fragment.video_time < _end(gop)
            if not done:
                gop = _extend(gop, fragment.video_time, fragment.video)
        return gop

    def units_since_keyframe(self) -> list[Sample]:
        """The samples of `gop`."""
        return self.gop().samples


def _read(fd: int, offset: int, size: int) -> tuple[int, list[Sample]]:
    try:
        data = os.pread(fd, size, offset)
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


def _as_video_ticks(segment: OpenSegment, fragment: Fragment) -> int:
    """Where a fragment without pictures begins, in the video track's ticks."""
    audio = segment.format.audio
    rate = audio.clock_rate if audio is not None else 1
    return fragment.audio_time * segment.format.video.clock_rate // rate
