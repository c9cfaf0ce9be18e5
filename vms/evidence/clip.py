"""Clips: one plain MP4 per camera and format, cut to the picture, coded bytes untouched.

Two passes over the segments. The first reads their heads and `moof`s and grows the clip's tables;
the second copies the samples and on the way checks each segment's SHA-256 against the index.
Memory does not grow with the span: numbers lie in spools, bytes go by in pieces.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from storage.cut import Cut, cut_of
from storage.facts import SegmentFacts
from storage.fmp4 import BadFile, FragmentFacts, TrackRun
from storage.fmp4.movie import Edit, Movie, MovieTrack
from storage.fmp4.tables import Spool, TrackTables
from storage.segment_file import FileHead, Placed, read_file_head, ticks_to_span, walk
from vms.core.clock import HOUR, SECOND, Instant
from vms.core.errors import StorageError
from vms.core.media import StreamFormat
from vms.core.model import Cause
from vms.evidence.boxes import Parting

PIECE = 1 << 18
"""Bytes read at once. Each costs a few changes of thread; larger ones have left the processor's
caches when they are written, which cost twice the time of the kernel."""

GAP_LONGEST = HOUR
"""A longer gap begins a new clip: nobody watches one picture stand for hours."""

_NEARLY = 2 * SECOND  # a picture may be shown a little after its segment ends (B-frames)


class Opens(Protocol):
    """What a clip needs of the archive. Raises StorageError."""

    def open(self, segment: SegmentFacts) -> int: ...


class Altered(StorageError):
    """A segment's bytes are not those of its row: it can't be handed out as proven."""

    def __init__(self, segment: SegmentFacts, detail: str) -> None:
        self.segment = segment
        super().__init__(Cause.FOOTAGE_DAMAGED, f"segment {segment.id}: {detail}")


@dataclass(frozen=True, slots=True)
class Part:
    """What a clip takes of one segment: samples [first, end) of each track.

    `whole`: all of them; `offset`, `taken`: where they stand in the clip's coded samples;
    `size`: bytes of the segment's file.
    """

    segment: SegmentFacts
    video: tuple[int, int]
    audio: tuple[int, int]
    whole: bool
    offset: int
    taken: int
    size: int


@dataclass(frozen=True, slots=True)
class Clip:
    """One MP4, ready to be written. [start, end): the time it shows."""

    format: StreamFormat
    parts: tuple[Part, ...]
    start: Instant
    end: Instant
    pictures: int
    sound: bool
    movie: Movie


def clips_of(
    archive: Opens,
    segments: Sequence[SegmentFacts],
    start: Instant,
    end: Instant,
    title: Callable[[Instant], str],
    spool: Spool,
) -> Iterator[Clip]:
    """The clips that show [start, end), one after the other: take the next when one is written.

    `title`: what players show as a clip's name, from its beginning. Raises Altered for a segment
    that can't be read as what it should be.
    """
    making: _Making | None = None
    for segment in segments:
        found = _read(archive, segment, start, end)
        if found is None:
            continue
        head, fragments, cut = found
        if making is not None and not making.goes_on_with(segment, head.init):
            yield making.clip(end, title)
            making = None
        if making is None:
            making = _Making(segment, head, cut.shown, spool)
        making.add(segment, fragments, cut)
    if making is not None:
        yield making.clip(end, title)


def _read(
    archive: Opens, segment: SegmentFacts, start: Instant, end: Instant
) -> tuple[FileHead, list[FragmentFacts], Cut] | None:
    """Head, fragments and cut of one segment; None if nothing of it is shown."""
    fd = archive.open(segment)
    try:
        head = read_file_head(fd)
        placed = list(walk(fd, segment.size, head.length))
        fragments = [_checked(one) for one in placed]
        cut = _cut(fragments, head.format, segment, start, end)
    except (BadFile, OSError) as error:
        raise Altered(segment, str(error)) from error
    finally:
        os.close(fd)
    return None if cut is None else (head, fragments, cut)


def _checked(placed: Placed) -> FragmentFacts:
    """A fragment whose samples stand as we write them: pictures, then sound, nothing else."""
    video, audio = placed.facts.video, placed.facts.audio
    begins = placed.facts.moof_size + 8
    first, last = video or audio, audio or video
    # `walk` has seen that the sizes of all samples fill the fragment.
    if first is None or last is None or first.offset != begins:
        raise BadFile("a fragment whose samples do not begin behind its head")
    if last.offset + last.size != placed.size:
        raise BadFile("a fragment whose samples do not end with it")
    return placed.facts


def _cut(
    fragments: Sequence[FragmentFacts],
    form: StreamFormat,
    segment: SegmentFacts,
    start: Instant,
    end: Instant,
) -> Cut | None:
    if not any(facts.video is not None for facts in fragments):
        return None
    if start <= segment.start and segment.end + _NEARLY <= end:
        runs = [facts.video for facts in fragments if facts.video is not None]
        video = sum(len(run.samples) for run in runs)
        audio = sum(len(facts.audio.samples) for facts in fragments if facts.audio is not None)
        return Cut((0, video), (0, audio), 0, runs[-1].end, whole=True)
    return cut_of(fragments, form, segment.start, start, end)


@dataclass
class _Making:
    """A clip while its tables grow. `first`: the segment its times count from."""

    first: SegmentFacts
    head: FileHead
    shown: int  # presentation time of the first picture shown, ticks since `first` begins
    spool: Spool
    parts: list[Part] = field(default_factory=list)
    taken: int = 0  # bytes of coded samples so far
    until: int = 0  # where the last picture ends, ticks since `first` begins
    ends: Instant = field(init=False)

    def __post_init__(self) -> None:
        self.video = _Track(TrackTables(self.spool), self.head.format.video.clock_rate)
        audio = self.head.format.audio
        self.audio = None if audio is None else _Track(TrackTables(self.spool), audio.clock_rate)
        self.ends = self.first.end

    def goes_on_with(self, segment: SegmentFacts, init: bytes) -> bool:
        return init == self.head.init and segment.start - self.ends <= GAP_LONGEST

    def add(self, segment: SegmentFacts, fragments: Sequence[FragmentFacts], cut: Cut) -> None:
        offset = self.taken
        since = segment.start - self.first.start
        video = audio = 0
        for facts in fragments:
            if facts.video is not None:
                self._run(self.video, facts.video, since, video, cut.video)
                video += len(facts.video.samples)
            if facts.audio is not None and self.audio is not None:
                self._run(self.audio, facts.audio, since, audio, cut.audio)
                audio += len(facts.audio.samples)
        part = Part(
            *(segment, cut.video, cut.audio, cut.whole and not segment.open),
            *(offset, self.taken - offset, segment.size),
        )
        self.parts.append(part)
        self.until = _ticks(since, self.video.rate) + cut.until
        self.ends = segment.end

    def _run(
        self, track: _Track, run: TrackRun, since: int, before: int, wanted: tuple[int, int]
    ) -> None:
        """The wanted samples of a fragment, of which `before` came before it in the segment."""
        first, end = max(0, wanted[0] - before), min(len(run.samples), wanted[1] - before)
        if first >= end:
            return
        time = run.time
        samples: Sequence[tuple[int, int, int, bool]] = run.samples
        if (first, end) != (0, len(samples)):
            time += sum(sample[0] for sample in samples[:first])
            samples = samples[first:end]
        time += _ticks(since, track.rate)
        if track.zero is None:
            track.zero = time
        self.taken += track.tables.add(time - track.zero, samples, self.taken)

    def clip(self, end: Instant, title: Callable[[Instant], str]) -> Clip:
        rate = self.video.rate
        start = Instant(self.first.start + ticks_to_span(self.shown, rate))
        until = min(self.until, -(-(end - self.first.start) * rate // SECOND))
        span = max(1, until - self.shown)
        self.video.tables.close()
        assert self.video.zero is not None
        edit = Edit(0, self.shown - self.video.zero, span)
        form = self.head.format
        tracks = [MovieTrack(form.video, self.video.tables, edit)]
        if form.audio is not None and self.audio is not None and self.audio.zero is not None:
            self.audio.tables.close()
            edit = self._sound_edit(self.audio, self.audio.zero, span)
            if edit.span > 0:
                tracks.append(MovieTrack(form.audio, self.audio.tables, edit))
        return Clip(
            form,
            tuple(self.parts),
            start,
            Instant(self.first.start + ticks_to_span(self.shown + span, rate)),
            self.video.tables.count,
            len(tracks) == 2,
            Movie(tuple(tracks), rate, start, title(start), self.taken),
        )

    def _sound_edit(self, audio: _Track, zero: int, span: int) -> Edit:
        """Sound begins with the first picture shown, or later if there is none that early."""
        begins = self.shown * audio.rate // self.video.rate - zero
        wait = -(begins * self.video.rate // audio.rate) if begins < 0 else 0
        media = max(0, begins)
        lasts = (audio.tables.end - media) * self.video.rate // audio.rate
        return Edit(wait, media, min(span - wait, lasts))


@dataclass
class _Track:
    tables: TrackTables
    rate: int
    zero: int | None = None  # decode time of the first sample, ticks since the first segment


def _ticks(span: int, rate: int) -> int:
    """Ticks of a number of nanoseconds, to the nearest."""
    return (span * rate + SECOND // 2) // SECOND


@dataclass(frozen=True, slots=True)
class Copied:
    """What was found while a part was copied. `coded`: SHA-256 of the samples taken."""

    part: Part
    coded: bytes
    sha256: bytes
    size: int


class Buffers:
    """Memory for pieces on their way, used again and again: fresh memory for each would cost the
    kernel more than the copying. A piece is good until `count` more were read; so who reads hands
    each on and counts it as one, or reads in buffers of its own."""

    def __init__(self, count: int) -> None:
        self._turns = itertools.cycle([memoryview(bytearray(PIECE)) for _ in range(count)])

    def read(self, fd: int, offset: int, size: int) -> Iterator[memoryview]:
        """The bytes of a file. Raises BadFile, OSError."""
        end = offset + size
        while offset < end:
            buffer = next(self._turns)
            filled = os.preadv(fd, [buffer[: end - offset]], offset)
            if not filled:
                raise BadFile(f"the file ends at {offset}, before {end}")
            offset += filled
            yield buffer[:filled]


def copy_part(
    archive: Opens, part: Part, shell: Callable[[memoryview], object], buffers: Buffers
) -> Iterator[list[memoryview] | Copied]:
    """The part's coded samples, as those of each piece that was read, and at last what was found.

    The whole file is read and compared with its SHA-256; `shell` is given what is not coded
    samples, if the part is whole. Raises Altered, possibly after pieces.
    """
    fd = archive.open(part.segment)
    try:
        whole, coded = hashlib.sha256(), None
        if part.whole:
            yield from _whole(fd, part, whole, shell, buffers)
        else:
            # In memory of its own: it hands nothing on, so nothing would stop it from going round
            # and over the pieces of the part before that still wait to be written.
            for piece in Buffers(1).read(fd, 0, part.size):
                whole.update(piece)
            coded = hashlib.sha256()
            for piece in _partial(fd, part, buffers):
                coded.update(piece)
                yield [piece]
    except (BadFile, OSError) as error:
        raise Altered(part.segment, str(error)) from error
    finally:
        os.close(fd)
    expected = part.segment.sha256
    if expected is not None and whole.digest() != expected:
        raise Altered(part.segment, "its bytes do not match the SHA-256 in the index")
    yield Copied(part, coded.digest() if coded is not None else b"", whole.digest(), part.size)


def _whole(
    fd: int,
    part: Part,
    whole: hashlib._Hash,
    shell: Callable[[memoryview], object],
    buffers: Buffers,
) -> Iterator[list[memoryview]]:
    parting, copied = Parting(), 0
    for piece in buffers.read(fd, 0, part.size):
        whole.update(piece)
        coded = list(_coded(parting, piece, shell))
        copied += sum(map(len, coded))
        yield coded  # even if there are none: who counts pieces counts buffers
    if copied != part.taken or not parting.whole:
        raise BadFile(f"{copied} bytes of coded samples instead of {part.taken}")


def _coded(
    parting: Parting, piece: memoryview, shell: Callable[[memoryview], object]
) -> Iterator[memoryview]:
    for coded, bytes_ in parting.take(piece):
        if coded:
            yield bytes_
        else:
            shell(bytes_)


def _partial(fd: int, part: Part, buffers: Buffers) -> Iterator[memoryview]:
    head = read_file_head(fd)
    video = audio = copied = 0
    for placed in walk(fd, part.size, head.length):
        facts = placed.facts
        for run, before, wanted in (
            (facts.video, video, part.video),
            (facts.audio, audio, part.audio),
        ):
            if run is None:
                continue
            first, end = max(0, wanted[0] - before), min(len(run.samples), wanted[1] - before)
            if first < end:
                sizes = [sample[1] for sample in run.samples]
                at = placed.offset + run.offset + sum(sizes[:first])
                for piece in buffers.read(fd, at, sum(sizes[first:end])):
                    copied += len(piece)
                    yield piece
        video += len(facts.video.samples) if facts.video is not None else 0
        audio += len(facts.audio.samples) if facts.audio is not None else 0
    if copied != part.taken:
        raise BadFile(f"{copied} bytes of coded samples instead of {part.taken}")
