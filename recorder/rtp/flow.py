"""Which RTP packets are ours and in order: identity, sequence, loss. Pure.

Cameras put other sessions' packets on our connection (Reolink RLC-410), name an SSRC in SETUP
and send another (Hikvision), and restart their sequence; none of it may end a recording.
"""

from __future__ import annotations

import enum
import struct

from recorder.source import SourceStats

HEADER = 12
_RTP = struct.Struct(">BBHII")
_ADOPT = 32
"""So many strangers in a row, and none of ours between, are the stream under a new name."""

Packet = tuple[bool, int, int, int, int, int, int]
"""Marker, payload type, sequence, timestamp, SSRC, and where the payload begins and ends."""


class Verdict(enum.Enum):
    """What a packet is to us."""

    NEXT = "next"
    AFTER_GAP = "after a gap"
    NEW_SESSION = "of a new session"
    REFUSED = "not ours, or a duplicate"


def parse_rtp(buffer: bytes | bytearray, start: int, stop: int) -> Packet | None:
    """Read one RTP header (RFC 3550 §5.1); None if it is none."""
    if stop - start < HEADER:
        return None
    first, second, sequence, timestamp, ssrc = _RTP.unpack_from(buffer, start)
    if first & 0xC0 != 0x80:
        return None
    begin = start + HEADER
    if first & 0x3F:
        begin += 4 * (first & 0x0F)
        if first & 0x10:
            if begin + 4 > stop:
                return None
            begin += 4 + 4 * (buffer[begin + 2] << 8 | buffer[begin + 3])
        if first & 0x20:
            stop -= buffer[stop - 1]
        if begin > stop:
            return None
    return second > 127, second & 0x7F, sequence, timestamp, ssrc, begin, stop


class Flow:
    """Follows one track's packets. The hot path reads and moves `expected` itself."""

    def __init__(self, payload_type: int, announced: int | None, stats: SourceStats) -> None:
        self.payload_type = payload_type
        self.ssrc: int | None = None
        self.expected = -1
        self.cycles = 0
        self.lost = 0
        self._announced = announced
        self._stats = stats
        self._stranger: tuple[int, int] | None = None
        self._strangers = 0
        self._rewound = (-1, -1)

    @property
    def highest(self) -> int:
        """The extended highest sequence number received (RFC 3550 §6.4.1)."""
        return (self.cycles << 16) + ((self.expected - 1) & 0xFFFF)

    def move(self, packets: int) -> None:
        """So many packets came in order."""
        expected = self.expected + packets
        self.expected = expected & 0xFFFF
        self.cycles += expected >> 16
        self._stats.packets += packets

    def judge(self, payload_type: int, sequence: int, ssrc: int) -> Verdict:
        """Decide on a packet and move on to the next one expected."""
        if ssrc != self.ssrc or payload_type != self.payload_type:
            if not self._adopt(payload_type, ssrc):
                self._stats.foreign += 1
                return Verdict.REFUSED
            return self._begin(sequence)
        self._strangers = 0
        ahead = (sequence - self.expected) & 0xFFFF
        if ahead >= 0x8000 and (sequence, self.expected) != self._rewound:
            # A second one in order, and none of the old count between (then they are doubles
            # of packets that the hot path took): it did start anew.
            self._rewound = ((sequence + 1) & 0xFFFF, self.expected)
            self._stats.late += 1
            return Verdict.REFUSED
        self._rewound = (-1, -1)
        if self.expected + ((ahead + 1) & 0xFFFF) > 0xFFFF:
            self.cycles += 1
        self.expected = (sequence + 1) & 0xFFFF
        if not ahead:
            return Verdict.NEXT
        if ahead < 0x8000:
            self.lost += ahead
            self._stats.lost += ahead
        return Verdict.AFTER_GAP

    def _begin(self, sequence: int) -> Verdict:
        first = self.expected < 0
        self.expected = (sequence + 1) & 0xFFFF
        return Verdict.NEXT if first else Verdict.NEW_SESSION

    def _adopt(self, payload_type: int, ssrc: int) -> bool:
        """Whether a stranger becomes ours: the first seen, the announced, or a lasting one."""
        if payload_type == self.payload_type and (self.ssrc is None or ssrc == self._announced):
            self.ssrc = ssrc
            return True
        if self._stranger != (payload_type, ssrc):
            self._stranger, self._strangers = (payload_type, ssrc), 0
        self._strangers += 1
        if self._strangers < _ADOPT:
            return False
        self.payload_type, self.ssrc, self._strangers = payload_type, ssrc, 0
        return True
