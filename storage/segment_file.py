"""Reading a segment's file: its head, its tail, and the fragments in between.

Works on closed files by one read of their end, on `.part` files by walking from box to box, a
few hundred bytes each second of footage. Reads only; nothing here knows the index.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from storage.facts import FragmentEntry, FragmentIndex
from storage.fmp4 import BadFile, FragmentFacts, Head, Tail, read_head, read_init, read_moof
from storage.fmp4 import read_tail as read_tail_bytes
from storage.fmp4.boxes import header_at
from storage.fmp4.house import MFRO_SIZE, TAIL_SIZE, mfra_length, own_length
from vms.core.clock import SECOND, Instant
from vms.core.media import StreamFormat

Read = Callable[[int, int], bytes]
"""At most so many bytes (first) from an offset (second), wherever a segment stands."""

_HEAD_READ = 16_384
_TAIL_READ = 8_192
# A fragment is 21 bytes of the tail, and 19 of `mfra` where it is a keyframe: this is a day of a
# keyframe a second four times over. What claims more is damage.
_TAIL_MAX = 16_777_216
_MOOF_READ = 4_096
# A moof describes at most a second or two; more than this is damage, not footage.
_MOOF_MAX = 4_194_304
_INIT_MAX = 1_048_576


@dataclass(frozen=True, slots=True)
class FileHead:
    """The beginning of a file. `init`: ftyp and moov; `length`: where fragments begin."""

    init: bytes
    head: Head
    format: StreamFormat
    length: int


@dataclass(frozen=True, slots=True)
class Placed:
    """A whole fragment at its place in a file; `size` with its mdat."""

    offset: int
    size: int
    facts: FragmentFacts


def read_file_head(fd: int) -> FileHead:
    """Head and format of an open file. Raises BadFile."""
    return head_by(partial(os.pread, fd))


def head_by(read: Read) -> FileHead:
    """The same of a segment that stands anywhere."""
    data = read(_HEAD_READ, 0)
    offset, init_end = 0, 0
    while True:
        if offset + 8 > len(data):
            raise BadFile("the file ends within its head")
        size, kind = header_at(data, offset)
        if size < 8 or offset + size > _INIT_MAX:
            raise BadFile(f"box {kind!r} of {size} bytes in the head")
        if offset + size > len(data):
            data = read(offset + size + 64, 0)
            if offset + size > len(data):
                raise BadFile("the file ends within its head")
        if kind == b"uuid":
            break
        if kind not in (b"ftyp", b"moov"):
            raise BadFile(f"unexpected box {kind!r} in the head")
        offset = init_end = offset + size
    init = data[:init_end]
    head = read_head(data[offset + 8 : offset + size])
    return FileHead(init, head, read_init(init), offset + size)


def read_file_tail(fd: int, size: int) -> Tail | None:
    """The tail of a closed file, by one read where it fits 8 KB; None if it has none."""
    return tail_by(partial(os.pread, fd), size)


def tail_by(read: Read, size: int) -> Tail | None:
    """The same of a segment that stands anywhere."""
    want = min(_TAIL_READ, size)
    data = read(want, size - want)
    if len(data) < want or want < MFRO_SIZE:
        return None
    length = _tail_length(read, data, size)
    if length is None or length > min(size, _TAIL_MAX):
        return None
    if length > want:
        data = read(length, size - length)
    return read_tail_bytes(data)


def _tail_length(read: Read, end: bytes, size: int) -> int | None:
    """How many bytes from the file's end the tail begins at; asks again where `mfra` is long."""
    mfra = mfra_length(end)
    if mfra is None or mfra + TAIL_SIZE > size:
        return None
    at = len(end) - mfra - TAIL_SIZE
    own = end[at : at + TAIL_SIZE] if at >= 0 else read(TAIL_SIZE, size - mfra - TAIL_SIZE)
    return mfra + own_length(own) if len(own) == TAIL_SIZE else None


def walk(fd: int, size: int, offset: int) -> Iterator[Placed]:
    """The whole fragments from `offset` on; ends where the next is cut, damaged, or the tail."""
    while offset + 16 <= size:
        data = os.pread(fd, min(_MOOF_READ, size - offset), offset)
        if len(data) < 16:
            return
        length, kind = header_at(data)
        if kind != b"moof" or not 16 <= length <= _MOOF_MAX or offset + length + 8 > size:
            return
        if length + 8 > len(data):
            data = os.pread(fd, length + 8, offset)
        try:
            facts = read_moof(data[:length])
        except BadFile:
            return
        body, kind = header_at(data, length)
        total = length + body
        carried = sum(run.size for run in (facts.video, facts.audio) if run is not None)
        if kind != b"mdat" or body != carried + 8 or offset + total > size:
            return
        yield Placed(offset, total, facts)
        offset += total


def time_of(placed: Placed) -> int:
    """Where a fragment begins, in ticks of its first track."""
    run = placed.facts.video or placed.facts.audio
    return run.time if run is not None else 0


def ticks_to_span(ticks: int, rate: int) -> int:
    """Nanoseconds of a number of ticks, rounded down."""
    return ticks * SECOND // rate


def start_of(placed: Placed, start: Instant, stream: StreamFormat) -> Instant:
    """The instant a fragment begins."""
    video = placed.facts.video
    rate = stream.video.clock_rate if video is not None else _audio_rate(stream)
    return Instant(start + ticks_to_span(time_of(placed), rate))


def end_of(placed: Placed, start: Instant, stream: StreamFormat) -> Instant:
    """The instant a fragment's pictures end (its sound's, where it has no pictures)."""
    run, rate = placed.facts.video, stream.video.clock_rate
    if run is None:
        run, rate = placed.facts.audio, _audio_rate(stream)
    return Instant(start + ticks_to_span(run.end if run is not None else 0, rate))


def _audio_rate(stream: StreamFormat) -> int:
    return stream.audio.clock_rate if stream.audio is not None else SECOND


def index_of_tail(tail: Tail, start: Instant, stream: StreamFormat) -> FragmentIndex:
    """The fragment index a closed file carries."""
    rate = stream.video.clock_rate
    return FragmentIndex(
        tail.init_length,
        tuple(
            FragmentEntry(Instant(start + ticks_to_span(time, rate)), offset, size, key)
            for time, offset, size, key in tail.entries
        ),
    )
