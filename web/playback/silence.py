"""A stored file for who may not hear: the same length, every offset the same, no sound. Pure.

The boxes of the sound's track become `free` (ISO/IEC 14496-12 §8.1.2) and what they and its
samples held becomes zeros, so the index of fragments and byte ranges hold for both forms. What
can't be read as a whole file's beginning or fragment is given out as zeros: never sound by error.
"""

from __future__ import annotations

import struct

from vms.core.media import Track
from web.playback.retime import boxes

_HEADER = 8
_BASE_IS_MOOF = 0x02_0000
_TRUN_OFFSET, _TRUN_DURATION, _TRUN_SIZE, _TRUN_FLAGS, _TRUN_COMPOSITION = (
    *(0x1, 0x100, 0x200),
    *(0x400, 0x800),
)


def silenced(data: bytes) -> bytes:
    """The beginning of a file, or fragments, of which the first box begins and the last ends it."""
    out = bytearray(data)
    try:
        _silence(out)
    except (struct.error, ValueError):
        return bytes(len(data))
    return bytes(out)


def _silence(out: bytearray) -> None:
    end = 0
    spans: list[tuple[int, int]] = []
    for kind, start, end in list(boxes(out, 0, len(out))):
        if kind == b"moov":
            _silence_moov(out, start, end)
        elif kind == b"moof":
            spans += _silence_moof(out, start, end)
        elif kind not in (b"ftyp", b"uuid", b"mdat", b"free"):
            raise ValueError(f"box {kind!r} in a fragment")
    if end != len(out):
        raise ValueError("a torn box")
    for first, last in spans:
        if last > len(out):
            raise ValueError("sound outside of its fragment")
        out[first:last] = bytes(last - first)


def _silence_moov(out: bytearray, start: int, end: int) -> None:
    for kind, begin, until in list(boxes(out, start, end)):
        if kind == b"trak" and _number(out, begin, until, b"tkhd", 12) == Track.AUDIO:
            _free(out, begin, until)
        elif kind == b"mvex":
            for inner, at, last in list(boxes(out, begin, until)):
                if inner == b"trex" and _u32(out, at + 4) == Track.AUDIO:
                    _free(out, at, last)


def _silence_moof(out: bytearray, start: int, end: int) -> list[tuple[int, int]]:
    """Where the samples of sound stand: [first, last) each."""
    found = []
    for kind, begin, until in list(boxes(out, start, end)):
        if kind == b"traf" and _number(out, begin, until, b"tfhd", 4) == Track.AUDIO:
            if _number(out, begin, until, b"tfhd", 0) != _BASE_IS_MOOF:
                raise ValueError("offsets that do not count from the fragment")
            for inner, at, _ in list(boxes(out, begin, until)):
                if inner == b"trun":
                    found.append(_samples(out, at, start - _HEADER))
            _free(out, begin, until)
    return found


def _samples(out: bytearray, at: int, moof: int) -> tuple[int, int]:
    """The bytes of a run (§8.8.8) whose entries state their sizes."""
    flags, count, offset = struct.unpack_from(">IIi", out, at)
    if not flags & _TRUN_OFFSET or not flags & _TRUN_SIZE:
        raise ValueError("a run of samples without their place or sizes")
    before = 4 if flags & _TRUN_DURATION else 0
    others = (_TRUN_SIZE, _TRUN_FLAGS, _TRUN_COMPOSITION)
    entry = before + sum(4 for one in others if flags & one)
    sizes = (_u32(out, at + 12 + number * entry + before) for number in range(count))
    return moof + offset, moof + offset + sum(sizes)


def _number(out: bytearray, start: int, end: int, kind: bytes, place: int) -> int:
    """The 32-bit number at `place` of the payload of a child."""
    for found, at, _ in boxes(out, start, end):
        if found == kind:
            return _u32(out, at + place)
    raise ValueError(f"no {kind!r}")


def _u32(out: bytearray, at: int) -> int:
    (number,) = struct.unpack_from(">I", out, at)
    return int(number)


def _free(out: bytearray, start: int, end: int) -> None:
    out[start - 4 : start] = b"free"
    out[start:end] = bytes(end - start)
