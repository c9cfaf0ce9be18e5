"""Builds what cameras send: NAL units, RTP packets, interleaved frames, sender reports."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from recorder.rtp.demux import Demuxer, TrackSetup
from recorder.rtp.nal import H264, NalRules
from recorder.rtp.parameters import ParameterSets
from recorder.source import Element, SourceStats
from vms.core.clock import MILLISECOND, Mono
from vms.core.media import AccessUnit, Track

# What x264 and x265 wrote for 1280x720 at 15 and 1920x1080 at 25 frames a second.
SPS = bytes.fromhex("6742c01fd9005005bb0110000003001000000301e0f1832480")
PPS = bytes.fromhex("68cb83cb20")
IDR = b"\x65\x88" + bytes(range(1, 200)) * 30
FRAME = b"\x41\x9a" + bytes(range(1, 250)) * 12
SECOND_SLICE = b"\x41\x4a" + bytes(range(1, 90))  # first_mb_in_slice is not 0
SEI = b"\x06\x05" + bytes(range(1, 120))
AUD = b"\x09\xf0"
HEVC_SEI = b"\x4e\x01\x05" + bytes(range(1, 100))
HEVC_AUD = b"\x46\x01\x50"

HEVC_VPS = bytes.fromhex("40010c01ffff016000000300900000030000030078959809")
HEVC_SPS = bytes.fromhex(
    "420101016000000300900000030000030078a003c08010e596566924caf0168080000003008000000c84"
)
HEVC_PPS = bytes.fromhex("4401c172b46240")
HEVC_IDR = b"\x26\x01\xaf" + bytes(range(1, 220)) * 20
HEVC_FRAME = b"\x02\x01\xd0" + bytes(range(1, 100)) * 9


@dataclass
class Packetiser:
    """One RTP track; `mtu` is the largest payload."""

    channel: int = 0
    payload_type: int = 96
    ssrc: int = 0x11223344
    sequence: int = 65_530  # wraps soon
    mtu: int = 500
    header: int = 1

    def rtp(self, payload: bytes, timestamp: int, *, marker: bool = False) -> bytes:
        """One interleaved frame."""
        head = struct.pack(
            ">BBHII", 0x80, marker << 7 | self.payload_type, self.sequence, timestamp, self.ssrc
        )
        self.sequence = (self.sequence + 1) & 0xFFFF
        return frame(self.channel, head + payload)

    def fragments(self, nal: bytes) -> list[bytes]:
        """The payloads of one NAL unit: itself, or FU-A / FU."""
        if len(nal) <= self.mtu:
            return [nal]
        step = self.mtu - self.header - 1
        parts = [nal[at : at + step] for at in range(self.header, len(nal), step)]
        payloads = []
        for index, part in enumerate(parts):
            flags = (index == 0) << 7 | (index == len(parts) - 1) << 6
            if self.header == 1:
                head = bytes((nal[0] & 0xE0 | 28, flags | nal[0] & 0x1F))
            else:
                kind = nal[0] >> 1 & 0x3F
                head = bytes((nal[0] & 0x81 | 49 << 1, nal[1], flags | kind))
            payloads.append(head + part)
        return payloads

    def picture(self, nals: Iterable[bytes], timestamp: int, *, marker: bool = True) -> list[bytes]:
        """The frames of one picture; the marker stands on the last."""
        payloads = [payload for nal in nals for payload in self.fragments(nal)]
        return [
            self.rtp(payload, timestamp, marker=marker and index == len(payloads) - 1)
            for index, payload in enumerate(payloads)
        ]


def frame(channel: int, packet: bytes) -> bytes:
    return struct.pack(">BBH", 0x24, channel, len(packet)) + packet


def sender_report(ssrc: int, unix: float, timestamp: int) -> bytes:
    seconds = int(unix) + 2_208_988_800
    fraction = int((unix % 1) * 2**32)
    return struct.pack(">BBHIIIIII", 0x80, 200, 6, ssrc, seconds, fraction, timestamp, 9, 9)


def lengths(*nals: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(nal)) + nal for nal in nals)


def demuxer(
    rules: NalRules = H264, sets: Iterable[bytes] = (), stats: SourceStats | None = None
) -> Demuxer:
    known = ParameterSets(rules)
    known.take(sets)
    return Demuxer(rules, TrackSetup(0, 1, 96, 90_000), known, stats or SourceStats())


def feed(demux: Demuxer, data: bytes, sizes: Iterable[int] = (), *, at: int = 0) -> list[Element]:
    """Feed `data` in reads of the given sizes (the rest in one), keeping the unread tail."""
    out: list[Element] = []
    tail, position = b"", 0
    for index, size in enumerate([*sizes, len(data)]):
        piece = tail + data[position : position + size]
        position += size
        buffer = bytearray(piece) + bytearray(b"\xee" * 64)  # what lies behind is never read
        done = demux.feed(buffer, len(piece), Mono(at + index * MILLISECOND), out)
        assert 0 <= done <= len(piece)
        tail = piece[done:]
        assert len(tail) <= 80 * 1024 + 4
    return out


def videos(elements: Iterable[Element]) -> list[AccessUnit]:
    return [e for e in elements if isinstance(e, AccessUnit) and e.track is Track.VIDEO]


def sounds(elements: Iterable[Element]) -> list[AccessUnit]:
    return [e for e in elements if isinstance(e, AccessUnit) and e.track is Track.AUDIO]
