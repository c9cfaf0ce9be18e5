"""Fragments on another clock: the same bytes, but their times count from an earlier instant. Pure.

Each stored file counts from zero. Software that plays several files as one (ffmpeg's HLS reader
among it) does not add what it should at the borders, so for playlists the decode times are moved
while the bytes are sent; lengths and offsets stay what they are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from vms.core.clock import SECOND
from vms.core.media import StreamFormat, Track

_HEADER = 8
_FULL_HEADER = 12


def shifts(form: StreamFormat, span: int) -> dict[int, int]:
    """`span` nanoseconds in the ticks of each track."""
    ticks = {int(Track.VIDEO): _ticks(span, form.video.clock_rate)}
    if form.audio is not None:
        ticks[int(Track.AUDIO)] = _ticks(span, form.audio.clock_rate)
    return ticks


def retimed(fragment: bytes, ticks: Mapping[int, int]) -> bytes:
    """The fragment with each track's `tfdt` (§8.8.12) moved by its ticks."""
    out = bytearray(fragment)
    for kind, start, end in boxes(out, 0, len(out)):
        if kind != b"moof":
            continue
        for inner, begin, until in boxes(out, start, end):
            if inner == b"traf":
                _retime_traf(out, begin, until, ticks)
    return bytes(out)


def _retime_traf(out: bytearray, start: int, end: int, ticks: Mapping[int, int]) -> None:
    track = 0
    for kind, at, _ in boxes(out, start, end):
        if kind == b"tfhd":
            (track,) = struct.unpack_from(">I", out, at + _FULL_HEADER - _HEADER)
        elif kind == b"tfdt" and out[at] == 1:  # our writer's version, 64 bits
            place = at + _FULL_HEADER - _HEADER
            (time,) = struct.unpack_from(">Q", out, place)
            struct.pack_into(">Q", out, place, time + ticks.get(track, 0))


def boxes(data: bytearray, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, where its payload begins, where it ends) of each box; stops at what is torn."""
    while start + _HEADER <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        if size < _HEADER or start + size > end:
            return
        yield kind, start + _HEADER, start + size
        start += size


def _ticks(span: int, rate: int) -> int:
    # Rounded down, as storage does: two files of one run meet exactly.
    return span * rate // SECOND
