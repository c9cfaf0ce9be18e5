"""NAL units of H.264 and H.265: splitting Annex B and telling kinds apart.

The simulator has its own reading of these standards on purpose: it must not share the
recorder's misreadings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

Codec = Literal["h264", "h265"]

_PARAMETER_SETS = {"h264": frozenset({7, 8}), "h265": frozenset({32, 33, 34})}
_START = b"\x00\x00\x01"


def split_annexb(data: bytes) -> list[bytes]:
    """The NAL units of an Annex B byte stream, without start codes and trailing zeros."""
    units: list[bytes] = []
    start = data.find(_START)
    while start >= 0:
        begin = start + 3
        start = data.find(_START, begin)
        unit = (data[begin:start] if start >= 0 else data[begin:]).rstrip(b"\x00")
        if unit:
            units.append(unit)
    return units


def split_lengths(data: bytes) -> Iterator[bytes]:
    """The NAL units of a sample with 4-byte lengths. Raises ValueError when they do not fit."""
    at, end = 0, len(data)
    while at < end:
        size = int.from_bytes(data[at : at + 4], "big")
        if at + 4 + size > end:
            raise ValueError(f"NAL of {size} bytes at offset {at} leaves a sample of {end} bytes")
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


def nal_type(codec: Codec, unit: bytes) -> int:
    """nal_unit_type: 5 bits in H.264 (ITU-T H.264 §7.3.1), 6 in H.265 (H.265 §7.3.1.2)."""
    return unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F


def is_parameter_set(codec: Codec, unit: bytes) -> bool:
    return nal_type(codec, unit) in _PARAMETER_SETS[codec]


def is_slice(codec: Codec, unit: bytes) -> bool:
    """Whether the unit holds coded picture data (VCL)."""
    kind = nal_type(codec, unit)
    return 1 <= kind <= 5 if codec == "h264" else kind <= 31


def is_keyframe(codec: Codec, units: list[bytes]) -> bool:
    """Whether a decoder can start here: IDR, and for H.265 any IRAP picture (types 16-21)."""
    kinds = (nal_type(codec, unit) for unit in units)
    return any(kind == 5 if codec == "h264" else 16 <= kind <= 21 for kind in kinds)


def parameter_sets(codec: Codec, units: list[bytes]) -> tuple[bytes, ...]:
    """VPS (H.265), SPS and PPS among the units, in their order, each once."""
    return tuple(dict.fromkeys(unit for unit in units if is_parameter_set(codec, unit)))
