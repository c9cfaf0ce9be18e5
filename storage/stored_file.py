"""A stored file as the row it should have: what its head, tail, fragments and bytes say.

For whoever takes up files the index does not know: recovery at start, and rebuilding.
"""

from __future__ import annotations

import os

from storage.activity.meter import Pictures
from storage.fmp4 import BadFile, Tail, TailEntry
from storage.hashing import Digest
from storage.layout import Place
from storage.rows import PutSegment
from storage.segment_file import (
    FileHead,
    Placed,
    end_of,
    read_file_head,
    read_file_tail,
    time_of,
    walk,
)


def read_head_of(fd: int, place: Place) -> FileHead:
    """The head of an open file that must be of this stream and start. Raises BadFile."""
    head = read_file_head(fd)
    if not head.head.is_of(place.stream, place.start):
        raise BadFile(f"its head says {head.head.stream} at {head.head.start}")
    return head


def read_stored(fd: int, place: Place) -> tuple[FileHead, Tail]:
    """Head and tail of a complete file; the tail made anew if it has none. Raises BadFile."""
    head = read_head_of(fd, place)
    size = os.fstat(fd).st_size
    tail = read_file_tail(fd, size)
    if tail is not None:
        return head, tail
    whole = list(walk(fd, size, head.length))
    if not whole:
        raise BadFile("a file under its final name without a whole fragment")
    return head, tail_for(head, whole)


def tail_for(head: FileHead, whole: list[Placed]) -> Tail:
    """The tail of a file that never got one, from the fragments that are whole."""
    start = head.head.start
    end = max(end_of(placed, start, head.format) for placed in whole[-2:])
    entries = tuple(
        TailEntry(_video_ticks(placed, head), placed.offset, placed.size, placed.facts.key)
        for placed in whole
    )
    return Tail(end, head.length, entries, None, recovered=True)


def row_of(
    volume: str, head: FileHead, tail: Tail, digest: Digest, pictures: Pictures | None
) -> PutSegment:
    """The row of a file on a volume (its uuid). `pictures`: None where nobody looked at them."""
    return PutSegment(
        head.head.stream,
        head.head.start,
        tail.end,
        volume,
        head.init,
        head.head.run.run_id,
        digest.size,
        digest.sha256,
        tail.clock,
        None if pictures is None else len(pictures),
        pictures=pictures,
    )


def pictures_in(fd: int, size: int, head: FileHead) -> Pictures:
    """The pictures of a file, without reading their bytes."""
    pictures = Pictures()
    for placed in walk(fd, size, head.length):
        if placed.facts.video is not None:
            pictures.add(placed.facts.video.samples)
    return pictures


def _video_ticks(placed: Placed, head: FileHead) -> int:
    audio = head.format.audio
    if placed.facts.video is not None or audio is None:
        return time_of(placed)
    return time_of(placed) * head.format.video.clock_rate // audio.clock_rate
