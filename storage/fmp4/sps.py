"""The few bits of a sequence parameter set that avcC and hvcC repeat: chroma format and depths.

A full reading of parameter sets (size, timing) belongs to the depacketisers; what this can't
read is taken as 8-bit 4:2:0, because a wrong hint in a box must not cost a camera its recording.
"""

from __future__ import annotations

from dataclasses import dataclass

_EIGHT_BIT_420 = (1, 8, 8)


@dataclass(frozen=True, slots=True)
class SampleDepth:
    """`chroma_format` as chroma_format_idc (0 to 3), bits of luma and chroma samples."""

    chroma_format: int
    luma: int
    chroma: int


def unescape(unit: bytes) -> bytes:
    """A NAL unit without its emulation prevention bytes (H.264 §7.4.1, H.265 §7.4.2)."""
    if b"\x00\x00\x03" not in unit:
        return unit
    out = bytearray()
    zeros = 0
    for byte in unit:
        if zeros >= 2 and byte == 3:
            zeros = 0
            continue
        zeros = zeros + 1 if byte == 0 else 0
        out.append(byte)
    return bytes(out)


class _Bits:
    """Bits from the front; IndexError past the end."""

    def __init__(self, data: bytes) -> None:
        self._bits = f"{int.from_bytes(data, 'big'):0{len(data) * 8}b}" if data else ""
        self._at = 0

    def skip(self, count: int) -> None:
        self._at += count

    def u(self, count: int) -> int:
        end = self._at + count
        if end > len(self._bits):
            raise IndexError("parameter set is cut off")
        value = int(self._bits[self._at : end], 2)
        self._at = end
        return value

    def ue(self) -> int:
        """Exp-Golomb (H.264 §9.1)."""
        zeros = 0
        while self.u(1) == 0:
            zeros += 1
        return (1 << zeros) - 1 + (self.u(zeros) if zeros else 0)


def h264_depth(sps: bytes) -> SampleDepth:
    """From an SPS of a high profile (H.264 §7.3.2.1.1)."""
    bits = _Bits(unescape(sps)[4:])
    try:
        bits.ue()  # seq_parameter_set_id
        chroma_format = bits.ue()
        if chroma_format == 3:
            bits.skip(1)  # separate_colour_plane_flag
        return _checked(chroma_format, 8 + bits.ue(), 8 + bits.ue())
    except IndexError:
        return SampleDepth(*_EIGHT_BIT_420)


def h265_depth(sps: bytes) -> SampleDepth:
    """From an SPS (H.265 §7.3.2.2.1)."""
    data = unescape(sps)[2:]
    bits = _Bits(data)
    try:
        bits.skip(4)
        sub_layers = bits.u(3)
        bits.skip(1 + 96)  # nesting flag, general profile_tier_level
        flags = [(bits.u(1), bits.u(1)) for _ in range(sub_layers)]
        if sub_layers:
            bits.skip(2 * (8 - sub_layers))
        for profile, level in flags:
            bits.skip(88 * profile + 8 * level)
        bits.ue()  # sps_seq_parameter_set_id
        chroma_format = bits.ue()
        if chroma_format == 3:
            bits.skip(1)
        bits.ue()  # width
        bits.ue()  # height
        if bits.u(1):  # conformance window
            for _ in range(4):
                bits.ue()
        return _checked(chroma_format, 8 + bits.ue(), 8 + bits.ue())
    except IndexError:
        return SampleDepth(*_EIGHT_BIT_420)


def _checked(chroma_format: int, luma: int, chroma: int) -> SampleDepth:
    if chroma_format > 3 or luma > 15 or chroma > 15:
        return SampleDepth(*_EIGHT_BIT_420)
    return SampleDepth(chroma_format, luma, chroma)
