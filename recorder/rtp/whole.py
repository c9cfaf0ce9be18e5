"""Pictures that lie in the buffer whole, taken at once: the hot path of the whole recorder. Pure.

Most pictures are a few small NAL units and one large one in fragments of one size, one behind
the other, and a sweep mostly finds them whole. The fragments are found by one column of bytes,
checked and copied out by one `struct` call, so that a packet costs 0.3 µs instead of 3. A
picture is taken altogether or not at all; whatever is unusual, or not yet there, is left to
`recorder.rtp.video`, which comes to the same pictures packet by packet.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable

from recorder.rtp.flow import HEADER, Flow
from recorder.rtp.interleaved import DOLLAR, PREFIX
from recorder.rtp.nal import NalRules, Role
from recorder.rtp.picture import FIRST_SLICE, UNIT_MAX, Coded, PictureBuilder

_START, _END = 0x80, 0x40  # FU header: the first and the last fragment of a NAL unit
_MARKER = 0x80 << 16
_PLAIN = 0x8000 << 16  # no padding, no extension, no contributing sources
_PAYLOAD = PREFIX + HEADER
_LOW = 7  # where the low byte of the sequence number stands in a frame
_RUN_MAX = 64
_STRANGE = Role.UNKNOWN | Role.AGGREGATE | Role.FRAGMENT
_NEWS = Role.KEY | Role.PARAMETERS
_START_CODE = b"\x00\x00\x01"
_BYTES = [bytes((number,)) for number in range(256)]
_RISING, _ZEROS = bytes(range(256)), bytes(_RUN_MAX)


@functools.lru_cache(maxsize=1024)  # each size of packet with each length of run; one for most
def _layout(count: int, head: int, body: int) -> Callable[[bytearray, int], tuple[bytes, ...]]:
    """Reads `count` fragments of one size: of each what stands before its flags, and its body."""
    return struct.Struct(f"{head}sx{body}s" * count).unpack_from


class WholePictures:
    """Takes whole pictures of one video track past the builder, while that is between pictures."""

    def __init__(self, rules: NalRules, channel: int, flow: Flow, builder: PictureBuilder) -> None:
        self._rules, self._flow, self._builder = rules, flow, builder
        self._opening = DOLLAR << 8 | channel
        self._body = _PAYLOAD + rules.header + 1  # where a fragment's body stands in a frame
        # NAL headers are one number here, those of H.265 of two bytes.
        self._shift = rules.shift + 8 * (rules.header - 1)
        self._mask = rules.mask << self._shift
        self._kind = rules.roles.index(Role.FRAGMENT) << self._shift
        self._kept = (1 << 8 * rules.header) - 1 - self._mask
        # Channel; length; version, payload type and sequence; time and SSRC; NAL and FU header.
        self._unpack: Callable[[bytearray, int], tuple[int, int, int, int, int, int]] = (
            struct.Struct(">HHIQ" + ("BB" if rules.header == 1 else "HB")).unpack_from
        )
        self._slot = struct.Struct(">IB" if rules.header == 1 else ">IH").pack

    def take(self, buffer: bytearray, position: int, end: int) -> int:  # noqa: C901
        """Take the whole pictures that begin at `position`, to a keyframe; returns their bytes.

        Behind a keyframe others must wait: its sets may say how they are told apart. One function
        on purpose: a call and its arguments cost as much as a packet.
        """
        flow, builder, unpack, least = self._flow, self._builder, self._unpack, self._body
        rules, opening, kind, mask = self._rules, self._opening, self._kind, self._mask
        end = min(end, position + UNIT_MAX)
        first = done = position
        # Version, payload type and sequence number as one number; taking a packet adds one.
        before = expected = counted = _PLAIN | _MARKER | flow.payload_type << 16 | flow.expected
        picture, roles, slot, size, header = -1, 0, -1, 0, 0
        pieces: list[Coded] = []
        parameters: list[bytes] = []
        while end - position >= least:
            prefix, stride, number, source, head, flags = unpack(buffer, position)
            stride += PREFIX
            if (
                number | _MARKER != expected
                or prefix != opening
                or not least <= stride <= end - position
            ):
                break
            if source != picture and (
                roles or source & 0xFFFFFFFF != flow.ssrc or source >> 32 == builder.timestamp
            ):
                break
            picture = source
            if head & mask != kind:
                role = rules.roles[(head & mask) >> self._shift]
                nal = bytes(buffer[position + _PAYLOAD : position + stride])
                if slot >= 0 or roles & Role.PICTURE or role & _STRANGE or _START_CODE in nal:
                    break
                if role & Role.PARAMETERS:
                    parameters.append(nal)
                pieces += (len(nal).to_bytes(4, "big"), nal)
                roles |= role
                expected += 1
                position += stride
            elif flags & _END:
                if slot < 0 or flags & _START:
                    break
                pieces[slot] = self._slot(size + stride - least, header)
                pieces.append(buffer[position + least : position + stride])
                slot = -1
                expected += 1
                position += stride
            else:
                bodies = self._run(buffer, position, end, stride, number & 0xFF, flags)
                if not bodies or number == expected or (slot >= 0) == (flags >= _START):
                    break
                if flags >= _START:
                    role = rules.roles[flags & rules.mask]
                    again = roles & Role.PICTURE and bodies[0][0] & FIRST_SLICE
                    if again or not role & Role.PICTURE:
                        break
                    roles |= role
                    header = head & self._kept | (flags & rules.mask) << self._shift
                    slot, size = len(pieces), rules.header
                    pieces.append(b"")
                count = len(bodies)
                pieces += bodies
                size += count * (stride - least)
                expected += count
                position += count * stride
            if number & _MARKER and roles & Role.PICTURE:
                builder.whole(pieces, picture >> 32, roles, parameters)
                done, counted = position, expected
                if roles & _NEWS:
                    break
                picture, pieces, roles = -1, [], 0
        flow.move(counted - before)
        return done - first

    def _run(
        self, buffer: bytearray, position: int, end: int, stride: int, low: int, flags: int
    ) -> tuple[bytes, ...]:
        """The bodies of a fragment and of those of its size behind it; () if one is unusual."""
        flag, body = self._body - 1, stride - self._body
        if not body:
            return ()
        # Only the low byte of the sequence number, `low`, changes within a run.
        most = min((end - position) // stride, 256 - low, _RUN_MAX)
        alike = buffer[position + stride + flag : position + stride * most : stride]
        count = 1 + len(alike) - len(alike.lstrip(_BYTES[flags & ~_START]))
        fields = _layout(count, flag, body)(buffer, position)
        heads = bytearray().join(fields[::2])
        if heads[_LOW::flag] != _RISING[low : low + count]:
            return ()
        heads[_LOW::flag] = _ZEROS[:count]
        return fields[1::2] if heads == heads[:flag] * count else ()
