"""Which RTP packets are ours and in order: identity, sequence, loss. Pure.

Cameras put other sessions' packets on our connection (Reolink RLC-410), name an SSRC in SETUP
and send another (Hikvision), and restart their sequence; none of it may end a recording, or cost
the keyframe with which the stream goes on (`recorder.rtp.newcomer`).
"""

from __future__ import annotations

import enum
import struct

from recorder.rtp.newcomer import Doubtful, Newcomer
from recorder.source import SourceStats

HEADER = 12
_RTP = struct.Struct(">BBHII")
_DROPOUT = 3_000
"""So many packets are not lost at once (RFC 3550 §A.1): rather was the count begun anew."""

Packet = tuple[bool, int, int, int, int, int, int]
"""Marker, payload type, sequence, timestamp, SSRC, and where the payload begins and ends."""


class Verdict(enum.Enum):
    """What a packet is to us."""

    NEXT = "next"
    AFTER_GAP = "after a gap"
    DOUBTFUL = "not ours, or a duplicate, or of our stream begun anew"


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
        self._newcomer: Newcomer | None = None
        self._gone = -1  # what had come when the sender said goodbye

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

    def goodbye(self) -> None:
        """The sender said that it ends."""
        self._gone = self.highest

    def is_stranger(self, ssrc: int) -> bool:
        """Whether packets of that name came which are not taken for ours, as yet."""
        newcomer = self._newcomer
        return newcomer is not None and ssrc == newcomer.name[1] != self.ssrc

    def judge(self, payload_type: int, sequence: int, ssrc: int) -> Verdict:
        """Decide on a packet and move on to the next one expected; what is doubtful is weighed."""
        if ssrc != self.ssrc or payload_type != self.payload_type:
            if self.ssrc is not None or payload_type != self.payload_type:
                return Verdict.DOUBTFUL
            self.ssrc, self.expected = ssrc, sequence  # the first seen
        ahead = (sequence - self.expected) & 0xFFFF
        if ahead > _DROPOUT:
            return Verdict.DOUBTFUL
        self.cycles += sequence < self.expected or sequence == 0xFFFF
        self.expected = (sequence + 1) & 0xFFFF
        self.lost += ahead
        self._stats.lost += ahead
        return Verdict.AFTER_GAP if ahead else Verdict.NEXT

    def weigh(self, doubtful: Doubtful) -> Newcomer | None:
        """Hold a doubtful packet until those of its kind prove to be our stream begun anew.

        Then they are given back, this one the last, and the first of them is the next expected.
        """
        name = (doubtful.payload_type, doubtful.ssrc)
        beside, newcomer = self.highest, self._newcomer
        renumbered = name == (self.payload_type, self.ssrc)
        if newcomer is None or not newcomer.goes_on(doubtful, beside):
            behind = (doubtful.sequence - self.expected) & 0xFFFF >= 0x8000
            newcomer = self._newcomer = Newcomer(
                doubtful, beside, newcomer, renumbered=renumbered, behind=behind
            )
        newcomer.hold(doubtful)
        promised = name == (self.payload_type, self._announced) and not renumbered
        gone, alone = self._gone == beside, self.ssrc is None
        if not (promised or newcomer.convinces(doubtful, gone=gone, alone=alone)):
            self._stats.late += renumbered
            self._stats.foreign += not renumbered
            return None
        self._newcomer = None
        self._adopt(newcomer)
        return newcomer

    def _adopt(self, newcomer: Newcomer) -> None:
        """Go on with the first of its packets. What was refused of it is ours, and lost."""
        stats, refused = self._stats, newcomer.missed + len(newcomer.packets) - 1
        stats.lost += newcomer.missed
        if newcomer.renumbered:
            missing = (newcomer.first - self.expected) & 0xFFFF
            missing = missing if missing < 0x8000 else 0  # as far as the numbers tell
            stats.late -= refused
            stats.lost += missing
            self.lost += missing + newcomer.missed
            self.cycles += 1
        else:
            stats.foreign -= refused
            self.payload_type, self.ssrc = newcomer.name
            self.cycles, self.lost = 0, newcomer.missed
        self.expected = newcomer.first
