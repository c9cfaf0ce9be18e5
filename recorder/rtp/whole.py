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

_START, _END = 0x80, 0x40  # FU header: first and last fragment of a NAL unit
_PAYLOAD = PREFIX + HEADER
_PLAIN = 0x8000  # no padding, no extension, no contributing sources
_MARKER = 0x80 << 16
# Of a frame's first eight bytes all but the length and the marker say which packet it is.
_WHICH = 0xFFFF_0000_FFFF_FFFF & ~_MARKER
_SOURCE = 0xFFFF_FFFF
_LOW = 7  # where the low byte of the sequence number stands in a frame
_RUN_MAX = 64
_PICTURE, _NEWS = Role.PICTURE, Role.KEY | Role.PARAMETERS
_STRANGE = Role.UNKNOWN | Role.AGGREGATE | Role.FRAGMENT
_START_CODE = b"\x00\x00\x01"
_BYTES = [bytes((number,)) for number in range(256)]
_NONE: list[bytes] = []  # parameter sets of a picture that has none; nobody adds to it
_length = struct.Struct(">I").pack


@functools.lru_cache(maxsize=1024)  # each size of packet with each length of run; one for most
def _layout(count: int, head: int, body: int) -> Callable[[bytearray, int], tuple[bytes, ...]]:
    """Reads `count` fragments of one size: of each what stands before its flags, and its body."""
    return struct.Struct(f"{head}sx{body}s" * count).unpack_from


class _Shape:
    """How a plain picture of this camera looks: at most one small NAL unit, then one in fragments.

    `lead`: bytes of the small one's frame, 0 without; `both`: reads it and the first fragment's
    headers at once. `head`, `flags`: those of the first fragment; `header`: of its NAL unit.
    """

    __slots__ = ("both", "flags", "head", "header", "kind", "lead")

    def __init__(self, lead: int, kind: int, head: int, flags: int, header: int, tail: str) -> None:
        self.lead, self.kind, self.head, self.flags, self.header = lead, kind, head, flags, header
        self.both = struct.Struct(f">QQ{max(lead - _PAYLOAD, 0)}sQQ{tail}").unpack_from


class WholePictures:
    """Takes whole pictures of one video track past the builder, while that is between pictures."""

    def __init__(self, rules: NalRules, channel: int, flow: Flow, builder: PictureBuilder) -> None:
        self._flow, self._builder = flow, builder
        self._opening = DOLLAR << 8 | channel
        self._body = _PAYLOAD + rules.header + 1  # where a fragment's body stands in a frame
        # NAL headers are one number here, those of H.265 of two bytes.
        shift = rules.shift + 8 * (rules.header - 1)
        mask = rules.mask << shift
        # Channel, length, version, payload type, sequence; time and SSRC; NAL and FU header.
        self._tail = "BB" if rules.header == 1 else "HB"
        unpack: Callable[[bytearray, int], tuple[int, int, int, int]] = struct.Struct(
            ">QQ" + self._tail
        ).unpack_from
        slot = struct.Struct(">IB" if rules.header == 1 else ">IH").pack
        kind = rules.roles.index(Role.FRAGMENT) << shift
        # Looked up together, once a call: attribute by attribute they would cost as much as a
        # picture's packets.
        self._known = (unpack, slot, rules.roles, rules.mask, shift, mask, kind, rules.header)
        self._shape: _Shape | None = None  # of the last plain picture

    def take(self, buffer: bytearray, position: int, end: int) -> int:  # noqa: C901
        """Take the whole pictures that begin at `position`, to a keyframe; returns their bytes.

        Behind a keyframe others must wait: its sets may say how they are told apart. One function
        on purpose: a call and its arguments cost as much as a packet.
        """
        flow, builder, least = self._flow, self._builder, self._body
        unpack, fill, by_type, types, shift, mask, kind, header_size = self._known
        flag = least - 1  # where the FU header stands
        end = min(end, position + UNIT_MAX)
        first = done = position
        # What identifies a packet is one number; taking a packet adds one to it. Where the
        # sequence begins again at zero the sum fits nothing, and the slow way goes on.
        expected = self._opening << 48 | (_PLAIN | flow.payload_type) << 16 | flow.expected
        before = counted = expected
        if self._shape is not None:
            position, expected = self._take_alike(self._shape, buffer, position, end, expected)
            done, counted = position, expected
        ssrc, finished, parameters = flow.ssrc, builder.done, list[bytes]()
        lead = singles = units = kind_of_lead = first_head = first_flags = 0
        picture, roles, size, slot, header = -1, 0, -1, 0, 0
        pieces: list[Coded] = []
        while end - position >= least:
            word, source, head, flags = unpack(buffer, position)
            stride = (word >> 32 & 0xFFFF) + PREFIX
            if word & _WHICH != expected or position + stride > end or stride < least:
                break
            if source != picture:
                if picture >= 0 or source & _SOURCE != ssrc or source >> 32 == builder.timestamp:
                    break
                picture = source
            if head & mask != kind:  # a NAL unit of its own
                role = by_type[(head & mask) >> shift]
                nal = buffer[position + _PAYLOAD : position + stride]
                if size >= 0 or roles & _PICTURE or role & _STRANGE or nal.find(_START_CODE) >= 0:
                    break
                if role & Role.PARAMETERS:
                    parameters.append(bytes(nal))
                pieces += (_length(stride - _PAYLOAD), nal)
                lead, kind_of_lead = stride, nal[0]
                singles += 1
                roles |= role
                expected += 1
                position += stride
            elif flags & _END:
                if size < 0 or flags & _START:
                    break
                pieces[slot] = fill(size + stride - least, header)
                pieces.append(buffer[position + least : position + stride])
                size = -1
                expected += 1
                position += stride
            else:
                low, body = word & 0xFF, stride - least
                if not body or word & _MARKER or (size >= 0) == (flags >= _START):
                    break
                # Only the low byte of the sequence number changes within a run.
                most = (end - position) // stride  # min() is a call, and costs like one
                if most > _RUN_MAX:
                    most = _RUN_MAX
                if most > 256 - low:
                    most = 256 - low
                alike = buffer[position + stride + flag : position + stride * most : stride]
                count = 1 + len(alike) - len(alike.lstrip(_BYTES[flags & ~_START]))
                fields = _layout(count, flag, body)(buffer, position)
                before_low, behind_low = fields[0][:_LOW], fields[0][_LOW + 1 :]
                between = (behind_low + before_low).join(_BYTES[low : low + count])
                if b"".join(fields[::2]) != before_low + between + behind_low:
                    break
                if flags >= _START:
                    role = by_type[flags & types]
                    again = roles & _PICTURE and fields[1][0] & FIRST_SLICE
                    if again or not role & _PICTURE:
                        break
                    roles |= role
                    header = head & ~mask | (flags & types) << shift
                    first_head, first_flags = head, flags
                    units += 1
                    slot, size = len(pieces), header_size
                    pieces.append(b"")
                pieces += fields[1::2]
                size += count * body
                expected += count
                position += count * stride
            if word & _MARKER and roles & _PICTURE:
                time = source >> 32
                finished.append((b"".join(pieces), time, roles & Role.KEY != 0, parameters))
                builder.timestamp = time
                done, counted = position, expected
                if roles & _NEWS:
                    builder.news = True
                    break
                if units == 1 and singles <= 1 and slot == 2 * singles:
                    self._shape = _Shape(
                        lead, kind_of_lead, first_head, first_flags, header, self._tail
                    )
                picture, pieces, roles, lead, singles, units = -1, [], 0, 0, 0, 0
        if done != first:
            builder.went_past()
            flow.move(counted - before)
        return done - first

    def _take_alike(
        self, shape: _Shape, buffer: bytearray, position: int, end: int, expected: int
    ) -> tuple[int, int]:
        """Take the pictures that look like the last one; where they end, and what comes then.

        Nine of ten do, and what is known of them needs half the steps. Nothing is decided here:
        the first that differs is left to `take`.
        """
        unpack, fill, _, _, _, _, _, header_size = self._known
        both, lead, kind, header = shape.both, shape.lead, shape.kind, shape.header
        fu_head, opens = shape.head, shape.flags
        goes_on, ends = _BYTES[opens & ~_START], opens & ~_START | _END
        lead_word, least, flag = (lead - PREFIX) << 32, self._body, self._body - 1
        builder, ssrc = self._builder, self._flow.ssrc
        before, finished = builder.timestamp, builder.done
        while end - position >= lead + least:
            if lead:
                word, source, nal, then, same, head, flags = both(buffer, position)
                number = expected + 1
                if word != expected + lead_word or same != source or nal[0] != kind:
                    break
                if nal.find(_START_CODE) >= 0:
                    break
            else:
                then, source, head, flags = unpack(buffer, position)
                number, nal = expected, b""
            stride = (then >> 32 & 0xFFFF) + PREFIX
            if (
                then & _WHICH != number
                or then & _MARKER
                or head != fu_head
                or flags != opens
                or stride <= least
                or source & _SOURCE != ssrc
                or source >> 32 == before
            ):
                break
            start, low = position + lead, then & 0xFF
            most = (end - start) // stride
            if not most:
                break
            if most > _RUN_MAX:
                most = _RUN_MAX
            if most > 256 - low:
                most = 256 - low
            alike = buffer[start + stride + flag : start + stride * most : stride]
            count = 1 + len(alike) - len(alike.lstrip(goes_on))
            fields = _layout(count, flag, stride - least)(buffer, start)
            before_low, behind_low = fields[0][:_LOW], fields[0][_LOW + 1 :]
            between = (behind_low + before_low).join(_BYTES[low : low + count])
            if b"".join(fields[::2]) != before_low + between + behind_low:
                break
            start += count * stride
            if end - start < least:
                break
            size = header_size + count * (stride - least)
            word, same, head, flags = unpack(buffer, start)
            stride = (word >> 32 & 0xFFFF) + PREFIX
            if (
                word & _WHICH != number + count
                or not word & _MARKER
                or same != source
                or head != fu_head
                or flags != ends
                or stride < least
                or start + stride > end
            ):
                break
            slot = fill(size + stride - least, header)
            last = buffer[start + least : start + stride]
            pieces = (_length(lead - _PAYLOAD), nal, slot) if lead else (slot,)
            before = source >> 32
            finished.append((b"".join((*pieces, *fields[1::2], last)), before, False, _NONE))
            position, expected = start + stride, number + count + 1
        builder.timestamp = before
        return position, expected
