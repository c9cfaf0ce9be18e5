"""H.264 (RFC 6184) and H.265 (RFC 7798) in RTP: packets in, pictures out. Pure.

`take_run` takes much at once: whole pictures (`recorder.rtp.whole`), or the fragments of a part
of one, all of one size and one behind the other. Whatever is not exactly so goes the slow way,
`packet`, which alone decides on loss, strangers and quirks.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable
from typing import Any

from recorder.rtp.flow import HEADER, Flow, Packet, Verdict, parse_rtp
from recorder.rtp.interleaved import DOLLAR, PREFIX
from recorder.rtp.nal import NalRules, Role
from recorder.rtp.newcomer import Doubtful, Newcomer, opens
from recorder.rtp.picture import UNIT_MAX, PictureBuilder
from recorder.rtp.whole import WholePictures
from recorder.source import SourceStats
from vms.core.clock import Mono

_START, _END = 0x80, 0x40
_RUN_MAX = 64
_VERSION = 0x80  # no padding, no extension, no contributing sources
_PAYLOAD = PREFIX + HEADER
_RECENT = 10 * 90_000  # ticks that a double lies behind at most
_BYTES = [bytes((number,)) for number in range(256)]
_unpack_rtp = struct.Struct(">BBHII").unpack_from


@functools.lru_cache(maxsize=1024)  # each size of packet with each length of run; one for most
def _layout(count: int, head: int, body: int) -> Callable[[bytearray, int], tuple[Any, ...]]:
    """Reads `count` fragments of one size: prefix, sequence, head, flags and body of each."""
    return struct.Struct(">" + f"6sH{head}sB{body}s" * count).unpack_from


class VideoDepacketiser:
    """One video track of one connection. `builder.done` holds the pictures it completed."""

    def __init__(self, rules: NalRules, channel: int, flow: Flow, stats: SourceStats) -> None:
        self._rules, self._flow, self._stats = rules, flow, stats
        self.channel = channel
        self.builder = PictureBuilder(rules, stats)
        self._whole = WholePictures(rules, channel, flow, self.builder)
        self.arrival: Mono | None = None  # of the last packet that is ours
        self.ended: Mono | None = None  # when the picture that this packet ends was whole
        self.sound = -1  # the payload type of the sound, which is no picture on whatever channel
        self._newcomer: Newcomer | None = None  # to be played
        self._column = _PAYLOAD + rules.header  # where the FU header stands in a frame
        self._mask = rules.mask << rules.shift
        self._kind = rules.roles.index(Role.FRAGMENT) << rules.shift
        self._opening = bytes((DOLLAR, channel))
        self._unpack: Callable[[bytearray, int], tuple[bytes, int, bytes, int]] = struct.Struct(
            f">6sH{8 + rules.header}sB"
        ).unpack_from
        self._head = b""  # timestamp, SSRC, payload header of the open NAL unit's fragments

    def packet(self, buffer: bytearray, start: int, stop: int, arrival: Mono) -> bool:
        """Take the RTP packet between `start` and `stop`.

        False if it is none, or if the stream began anew and `newcomer` is to be played.
        """
        if stop - start < HEADER:
            return False
        first, second, sequence, timestamp, ssrc = _unpack_rtp(buffer, start)
        payload_type = second & 0x7F
        begin, finish = start + HEADER, stop
        if first != _VERSION:
            parsed = parse_rtp(buffer, start, stop)
            if parsed is None:
                return False
            begin, finish = parsed[-2:]
        flow = self._flow
        if sequence == flow.expected and ssrc == flow.ssrc and payload_type == flow.payload_type:
            flow.expected = (sequence + 1) & 0xFFFF
            flow.cycles += not flow.expected
        else:
            verdict = flow.judge(payload_type, sequence, ssrc)
            if verdict is Verdict.DOUBTFUL:
                packet = bytes(buffer[start:stop])
                return self._doubts(parse_rtp(packet, 0, stop - start), packet, arrival)
            if verdict is Verdict.AFTER_GAP:
                self.builder.gap()
        self._stats.packets += 1
        builder = self.builder
        if timestamp != builder.timestamp and not self._goes_on(buffer, begin, finish):
            self._at(timestamp)
        self.arrival = arrival
        if begin < finish:
            role = self._rules.roles[buffer[begin] >> self._rules.shift & self._rules.mask]
            if role == Role.FRAGMENT:
                self._fragment(buffer, begin, finish)
            else:
                self._unit(bytes(memoryview(buffer)[begin:finish]), role)
        if second > payload_type:
            builder.mark()
        return True

    def _goes_on(self, buffer: bytearray, begin: int, finish: int) -> bool:
        """Whether a packet goes on within the open NAL unit; some stamp each with its own time."""
        rules, at = self._rules, begin + self._rules.header
        if self.builder.slot < 0 or at >= finish or buffer[at] & _START:
            return False
        return rules.roles[rules.type_of(buffer[begin])] == Role.FRAGMENT

    def _at(self, timestamp: int) -> None:
        """What comes now is of this time; a picture that ends by it was whole before."""
        self.builder.at(timestamp)
        if self.builder.done:
            self.ended = self.arrival

    def _doubts(self, parsed: Packet | None, packet: bytes, arrival: Mono) -> bool:
        """Weigh a packet that is not the next one; False if the stream began anew with it."""
        assert parsed is not None  # it was read before
        _, payload_type, sequence, timestamp, ssrc, begin, finish = parsed
        if payload_type == self.sound != self._flow.payload_type:
            self._stats.foreign += 1
            return True
        again = (self.builder.timestamp - timestamp) & 0xFFFFFFFF < _RECENT
        self._newcomer = self._flow.weigh(
            Doubtful(
                payload_type, sequence, ssrc, packet, arrival,
                opens(self._rules, packet[begin:finish]), again,
            )
        )  # fmt: skip
        return self._newcomer is None

    def newcomer(self) -> Newcomer | None:
        """The packets with which the stream begins anew, once; the open picture is over."""
        newcomer, self._newcomer = self._newcomer, None
        if newcomer is not None:
            self.builder.begin_anew()
        return newcomer

    def take_run(self, buffer: bytearray, position: int, end: int, arrival: Mono) -> int:
        """Take a fragment, those of its size behind it, and the last one of their NAL unit.

        Only in order and without anything unusual; returns their bytes, 0 when the next frame
        must be looked at by itself. A whole picture is taken at once.
        """
        if self.builder.steady and (taken := self._whole.take(buffer, position, end)):
            self.arrival = arrival
            return taken
        if end - position <= self._column or buffer[position + _PAYLOAD] & self._mask != self._kind:
            return 0
        flow, builder = self._flow, self.builder
        prefix, sequence, head, flags = self._unpack(buffer, position)
        opens = flags & _START
        if (
            sequence != flow.expected
            or flags & _END
            or prefix[:2] != self._opening
            or prefix[4] != _VERSION
            or prefix[5] != flow.payload_type
            or (builder.slot >= 0 if opens else head != self._head or builder.slot < 0)
            or int.from_bytes(head[4:8], "big") != flow.ssrc
        ):
            return 0
        length = prefix[2] << 8 | prefix[3]
        stride, body = length + PREFIX, length + PREFIX - self._column - 1
        limit = min(end, position + stride * _RUN_MAX)
        column = buffer[position + stride + self._column : limit : stride]
        count = 1 + len(column) - len(column.lstrip(_BYTES[flags & ~_START]))
        count = min(count, (end - position) // stride, 0xFFFF - sequence)
        if count < 1 or body < 1 or builder.size + builder.nal_size + count * body > UNIT_MAX:
            return 0
        fields = _layout(count, len(head), body)(buffer, position)
        if (
            fields[0::5].count(prefix) != count
            or fields[2::5].count(head) != count
            or fields[1::5] != tuple(range(sequence, sequence + count))
        ):
            return 0
        if not opens:
            builder.pieces += fields[4::5]
            builder.nal_size += count * body
        else:
            self._at(int.from_bytes(head[:4], "big"))
            if not self._open(head, flags, fields[4]):
                return 0
            builder.pieces += fields[9::5]
            builder.nal_size += (count - 1) * body
        self.arrival = arrival
        flow.expected = sequence + count
        self._stats.packets += count
        return count * stride + self._last(buffer, position + count * stride, end)

    def _last(self, buffer: bytearray, position: int, end: int) -> int:
        """Take the last fragment of the open NAL unit, if it is here; returns its bytes, or 0."""
        if end - position <= self._column:
            return 0
        flow, builder = self._flow, self.builder
        prefix, sequence, head, flags = self._unpack(buffer, position)
        stop = position + PREFIX + (prefix[2] << 8 | prefix[3])
        if (
            stop > end
            or stop <= position + self._column
            or flags & (_START | _END) != _END
            or head != self._head
            or sequence != flow.expected
            or sequence == 0xFFFF
            or prefix[:2] != self._opening
            or prefix[4] != _VERSION
            or prefix[5] & 0x7F != flow.payload_type
        ):
            return 0
        flow.expected = sequence + 1
        self._stats.packets += 1
        builder.go_on(buffer[position + self._column + 1 : stop])
        builder.end()
        if prefix[5] & 0x80:
            builder.mark()
        return stop - position

    def _unit(self, payload: bytes, role: int) -> None:
        self.builder.end()
        if role == Role.AGGREGATE:
            self._aggregate(payload[self._rules.header :])
        else:
            self.builder.add(payload)

    def _aggregate(self, data: bytes) -> None:
        """STAP-A and AP: NAL units behind 2-byte sizes; a size that lies ends it."""
        position = 0
        while position + 2 <= len(data):
            size = data[position] << 8 | data[position + 1]
            nal = data[position + 2 : position + 2 + size]
            if len(nal) < size:
                self._stats.malformed += 1
                return
            if nal:
                self.builder.add(nal)
            position += 2 + size

    def _fragment(self, buffer: bytearray, begin: int, finish: int) -> None:
        """FU-A and FU. Only the first fragment's type counts: Tiandy changes it in the middle."""
        at = begin + self._rules.header
        if at >= finish:
            self._stats.malformed += 1
            return
        flags = buffer[at]
        body = buffer[at + 1 : finish]
        if not flags & _START:
            self.builder.go_on(body)
        elif not self._open(bytes(buffer[begin - 8 : at]), flags, body):
            self._stats.malformed += 1
            return
        if flags & _END:
            self.builder.end()

    def _open(self, head: bytes, flags: int, body: bytes | bytearray) -> bool:
        """Begin the NAL unit of a first fragment; False if no such unit can be in fragments."""
        rules, builder = self._rules, self.builder
        if rules.header == 1:
            header = _BYTES[head[8] & 0xE0 | flags & 0x1F]
        else:
            header = bytes((head[8] & 0x81 | (flags & 0x3F) << 1, head[9]))
        role = rules.roles[rules.type_of(header[0])]
        if role & (Role.UNKNOWN | Role.AGGREGATE | Role.FRAGMENT):
            return False
        builder.open(header, body, role)
        self._head = head
        return True
