"""One viewer's RTP: where it is in the stream's packets, under which numbers it got them.

The packets are the stream's (`web.live.ring`); a viewer only has a place in them. It may go back
to the last keyframe (at the start, and when the browser asks for one) or skip to the next one
(when it can't keep up), while its own sequence numbers and timestamps go on.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from aiortc.rtp import (
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
)

from vms.core.clock import SECOND, Clock
from web.live.ring import Chunk, PacketRing, Picture

_NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970 (RFC 5905 §6)
_SQUEEZE_ROOM = 700  # ticks of 90 kHz, 8 ms: less than a picture's time at 100 pictures a second
_FRESH = 3  # pictures: a keyframe this new needs no squeezing
_KEYFRAME_EVERY = SECOND
_LOSS_MAX = 0.25  # of a report's packets: beyond repair, the viewer waits for a keyframe
_RESEND_MAX = 4_096  # packets a second resent to one viewer; more is not loss but collapse


class Wire(Protocol):
    """What a sender needs of a channel."""

    def send_chunk(
        self, chunk: Chunk, sequence: int, timestamp: int, payload_type: int, ssrc: int
    ) -> bool: ...

    def send_packet(self, packet: bytes) -> bool: ...


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the answer promised: payload types and SSRCs; `rtx_type` None if not agreed."""

    payload_type: int
    ssrc: int
    rtx_type: int | None = None
    rtx_ssrc: int = 0
    first_sequence: int = 0
    first_timestamp: int = 0


@dataclass(frozen=True, slots=True)
class _Squeeze:
    """Times for pictures that are older than now: close together, so that none is waited for.

    Pictures `first` to `last` go out `step` ticks apart from `base` on. A browser decodes them
    as fast as it can and shows the newest; their own times would make it play the past first.
    """

    first: int
    last: int
    base: int
    step: int

    def timestamp(self, picture: Picture) -> int:
        if self.first <= picture.number <= self.last:
            return self.base + (picture.number - self.first) * self.step
        return picture.timestamp


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Packets sent in one go: `packet` has the sequence number `sequence` (unwrapped)."""

    packet: int
    sequence: int
    squeeze: _Squeeze | None


class VideoSender:
    """Sends one viewer its packets; the outlet calls `advance`, the channel `rtcp`."""

    def __init__(self, ring: PacketRing, wire: Wire, numbers: Numbers, clock: Clock) -> None:
        self._ring, self._wire, self._numbers, self._clock = ring, wire, numbers, clock
        self._cursor = ring.end
        self._waiting = True
        self._catching_up_to = 0
        self._sequence = numbers.first_sequence
        self._rtx_sequence = numbers.first_sequence
        # The oldest stretches fall out: what they sent can't be resent any more.
        self._stretches: deque[_Stretch] = deque(maxlen=16)
        self._last_timestamp: int | None = None
        self._asked = -_KEYFRAME_EVERY
        self._allowance, self._allowed_at = _RESEND_MAX, clock.monotonic()
        self._heard = clock.monotonic()
        self.packets = self.payload_bytes = 0
        self.skips = self.resent = self.keyframe_requests = 0
        self.fraction_lost = 0.0

    @property
    def cursor(self) -> int:
        """The index of the chunk to be sent next."""
        return self._cursor

    @property
    def heard(self) -> int:
        """When the viewer last reported (monotonic ns)."""
        return self._heard

    def start(self) -> None:
        """Begin with the last keyframe, if there is one; else with the next."""
        if self._ring.keyframe is not None:
            self._rewind()

    def advance(self, released: int, budget: int) -> bool:
        """Send up to chunk `released`, about `budget` packets; True if more is left to send."""
        if self._waiting or self._cursor < self._ring.start:
            self._seek(released)
        while not self._waiting and self._cursor < released:
            if budget <= 0:
                return True
            chunk = self._ring[self._cursor]
            if not self._send(chunk):
                self._skip()
                return False
            budget -= chunk.count
        return False

    def report(self, wall: int, timestamp: int, cname: str) -> bytes:
        """A sender report (RFC 3550 §6.4.1): the capture time `wall` (ns) is `timestamp`."""
        seconds, rest = divmod(wall, SECOND)
        info = RtcpSenderInfo(
            ntp_timestamp=(seconds + _NTP_EPOCH) << 32 | (rest << 32) // SECOND,
            rtp_timestamp=timestamp + self._numbers.first_timestamp & 0xFFFFFFFF,
            packet_count=self.packets & 0xFFFFFFFF,
            octet_count=self.payload_bytes & 0xFFFFFFFF,
        )
        return bytes(RtcpSrPacket(ssrc=self._numbers.ssrc, sender_info=info)) + _sdes(
            self._numbers.ssrc, cname
        )

    def rtcp(self, packet: AnyRtcpPacket) -> None:
        """What the viewer's browser reports or asks for."""
        self._heard = self._clock.monotonic()
        if isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
            self._resend(packet.lost)
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
            self._keyframe_asked()
        elif isinstance(packet, RtcpRrPacket):
            for report in packet.reports:
                if report.ssrc == self._numbers.ssrc:
                    self._lost(report.fraction_lost / 256)

    def _send(self, chunk: Chunk) -> bool:
        squeeze = self._stretches[-1].squeeze
        timestamp = squeeze.timestamp(chunk.picture) if squeeze else chunk.picture.timestamp
        numbers = self._numbers
        sent = self._wire.send_chunk(
            chunk,
            self._sequence,
            timestamp + numbers.first_timestamp,
            numbers.payload_type,
            numbers.ssrc,
        )
        if not sent:
            return False
        self._last_timestamp = timestamp
        self._sequence += chunk.count
        self.packets += chunk.count
        self.payload_bytes += chunk.payload_bytes
        self._cursor = chunk.index + 1
        return True

    def _seek(self, released: int) -> None:
        """Go to the newest keyframe that may be sent, or wait for one."""
        keyframe = self._ring.keyframe
        if keyframe is None or keyframe < self._cursor or keyframe >= released:
            self._waiting = True
            self._cursor = max(self._cursor, self._ring.start)
            return
        newest = self._ring.newest
        assert newest is not None
        if newest.number - self._ring[keyframe].picture.number > _FRESH:
            self._rewind()
        else:
            self._begin(keyframe, None)

    def _skip(self) -> None:
        """The viewer can't keep up: nothing more until the next keyframe."""
        self.skips += 1
        self._waiting = True
        self._cursor += 1

    def _rewind(self) -> None:
        keyframe, newest = self._ring.keyframe, self._ring.newest
        if keyframe is None or newest is None:
            return
        first = self._ring[keyframe].picture
        count = newest.number - first.number + 1
        if count > _SQUEEZE_ROOM:  # half a minute of pictures: the next keyframe comes sooner
            return
        step = max(1, min(90, _SQUEEZE_ROOM // count))
        base = newest.timestamp - (count - 1) * step
        if self._last_timestamp is not None:
            base = max(base, self._last_timestamp + 1)
        self._catching_up_to = self._ring.end
        self._begin(keyframe, _Squeeze(first.number, newest.number, base, step))

    def _begin(self, chunk: int, squeeze: _Squeeze | None) -> None:
        self._waiting = False
        self._cursor = chunk
        self._stretches.append(_Stretch(self._ring[chunk].first, self._sequence, squeeze))

    def _keyframe_asked(self) -> None:
        """The browser lost its way (PLI): send the last keyframe and all since, once a second."""
        now = self._clock.monotonic()
        self.keyframe_requests += 1
        if self._waiting or now - self._asked < _KEYFRAME_EVERY:
            return
        if self._cursor < self._catching_up_to:  # the keyframe is on its way already
            return
        self._asked = now
        self._rewind()

    def _lost(self, fraction: float) -> None:
        """A report: twice in a row too much is no accident of a short report."""
        collapsed = min(fraction, self.fraction_lost) > _LOSS_MAX
        self.fraction_lost = fraction
        if collapsed and not self._waiting:
            self._skip()

    def _resend(self, lost: list[int]) -> None:
        now = self._clock.monotonic()
        gained = (now - self._allowed_at) * _RESEND_MAX // SECOND
        if gained:
            self._allowance = min(_RESEND_MAX, self._allowance + gained)
            self._allowed_at = now
        for sequence in lost[: self._allowance]:
            self._resend_one(sequence)
        self._allowance -= min(len(lost), self._allowance)

    def _resend_one(self, sequence: int) -> None:
        # Unwrap against the newest number sent: NACKs are about the recent past.
        full = self._sequence - 1 - ((self._sequence - 1 - sequence) & 0xFFFF)
        stretch = next((s for s in reversed(self._stretches) if s.sequence <= full), None)
        if stretch is None:
            return
        chunk = self._ring.find(stretch.packet + full - stretch.sequence)
        if chunk is None:
            return
        packet = stretch.packet + full - stretch.sequence
        marker = chunk.ends and packet == chunk.first + chunk.count - 1
        squeeze = stretch.squeeze
        timestamp = squeeze.timestamp(chunk.picture) if squeeze else chunk.picture.timestamp
        self._send_again(full, timestamp, marker, chunk.packet(packet))

    def _send_again(self, sequence: int, timestamp: int, marker: bool, payload: bytes) -> None:
        numbers = self._numbers
        timestamp = timestamp + numbers.first_timestamp & 0xFFFFFFFF
        mark = 0x80 if marker else 0
        if numbers.rtx_type is None:
            kind, ssrc, number = numbers.payload_type, numbers.ssrc, sequence
        else:  # RFC 4588 §4: a stream of its own, the old number before the payload
            kind, ssrc, number = numbers.rtx_type, numbers.rtx_ssrc, self._rtx_sequence
            self._rtx_sequence += 1
            payload = struct.pack("!H", sequence & 0xFFFF) + payload
        header = struct.pack("!BBHII", 0x80, kind | mark, number & 0xFFFF, timestamp, ssrc)
        if self._wire.send_packet(header + payload):
            self.resent += 1


class AudioSender:
    """Sends one viewer's G.711 packets as they come; nothing is kept or resent."""

    def __init__(self, wire: Wire, numbers: Numbers) -> None:
        self._wire, self._numbers = wire, numbers
        self._sequence = numbers.first_sequence
        self.packets = self.payload_bytes = 0

    def send(self, payload: bytes, timestamp: int) -> None:
        numbers = self._numbers
        header = struct.pack(
            "!BBHII",
            0x80,
            numbers.payload_type,
            self._sequence & 0xFFFF,
            timestamp + numbers.first_timestamp & 0xFFFFFFFF,
            numbers.ssrc,
        )
        self._sequence += 1
        self._wire.send_packet(header + payload)
        self.packets += 1
        self.payload_bytes += len(payload)


def _sdes(ssrc: int, cname: str) -> bytes:
    """A source description with the canonical name (RFC 3550 §6.5)."""
    text = cname.encode()
    items = bytes([1, len(text)]) + text + b"\0"
    items += bytes(-len(items) % 4)
    return struct.pack("!BBHI", 0x81, 202, 1 + len(items) // 4, ssrc) + items
