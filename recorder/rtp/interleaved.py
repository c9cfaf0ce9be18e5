"""Where frames begin in the bytes of an RTSP connection, and where again after garbage. Pure.

A frame is `$`, channel, length, packet (RFC 2326 §10.12); between frames stand RTSP messages,
and from some cameras blank lines, wrong lengths or rubbish.
"""

from __future__ import annotations

from collections.abc import Container

DOLLAR = 0x24
PREFIX = 4
_BLANKS = b"\r\n\0 "
_SMALLEST = 8  # an empty receiver report
_VERSION_MASK, _VERSION = 0xC0, 0x80


def skip_blanks(buffer: bytes | bytearray, start: int, end: int) -> int:
    """Behind the blank bytes at `start`; cameras send line ends before and after messages."""
    while start < end and buffer[start] in _BLANKS:
        start += 1
    return start


def resync(
    buffer: bytes | bytearray,
    start: int,
    end: int,
    channels: Container[int],
    messages_from: int = 0,
) -> int:
    """Where the next frame or message plausibly begins; `end` if nowhere.

    A place too near to `end` to be judged counts as plausible. Messages are looked for from
    `messages_from` on.
    """
    message = buffer.find(b"RTSP/1.", max(start, messages_from), end)
    limit = message if message >= 0 else end
    place = buffer.find(b"$", start, limit)
    while place >= 0:
        if may_be_frame(buffer, place, end, channels):
            return place
        place = buffer.find(b"$", place + 1, limit)
    return limit


def may_be_frame(buffer: bytes | bytearray, place: int, end: int, channels: Container[int]) -> bool:
    """Whether a frame of one of our channels may begin at `place`, as far as it can be seen."""
    if place + 1 < end and buffer[place + 1] not in channels:
        return False
    if place + PREFIX >= end:
        return True
    length = buffer[place + 2] << 8 | buffer[place + 3]
    return length >= _SMALLEST and buffer[place + PREFIX] & _VERSION_MASK == _VERSION
