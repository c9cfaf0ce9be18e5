"""NAL units: what their types mean, start codes, and the payload formats that carry them.

One table for each codec (H.264 table 7-1 and RFC 6184, H.265 table 7-1 and RFC 7798), so that
one depacketiser serves both. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal


class Role:
    """What a NAL unit is for, as bits; the roles of a picture are those of its units together.

    Plain integers: `&` of an IntFlag costs 2 µs, more than all else done for a packet.
    """

    PICTURE = 1  # coded slices
    KEY = 2  # of a picture that needs no other
    PARAMETERS = 4  # VPS, SPS, PPS
    OPENING = 8  # may only stand before the first slice: a delimiter
    OTHER = 16  # SEI, filler, end of sequence: kept as sent
    UNKNOWN = 32  # no such type can stand in a stream: dropped, counted
    AGGREGATE = 64
    FRAGMENT = 128


@dataclass(frozen=True, slots=True)
class NalRules:
    """How one codec writes NAL headers. `roles` is indexed by the type."""

    codec: Literal["h264", "h265"]
    header: int
    shift: int
    mask: int
    roles: tuple[int, ...]
    vps: int
    sps: int
    pps: int

    def type_of(self, first: int) -> int:
        """The type in the first byte of a NAL header."""
        return (first >> self.shift) & self.mask


def _roles(size: int, table: dict[int, tuple[int, ...]]) -> tuple[int, ...]:
    roles = [Role.UNKNOWN] * size
    for role, types in table.items():
        for number in types:
            roles[number] = role
    return tuple(roles)


H264 = NalRules(
    "h264", header=1, shift=0, mask=0x1F, vps=-1, sps=7, pps=8,
    roles=_roles(32, {
        Role.PICTURE: (1, 2, 3, 4),
        Role.PICTURE | Role.KEY: (5,),
        Role.PARAMETERS: (7, 8),
        Role.OPENING: (9,),
        Role.OTHER: (6, *range(10, 24)),
        Role.AGGREGATE: (24,),
        Role.FRAGMENT: (28,),
    }),
)  # fmt: skip

H265 = NalRules(
    "h265", header=2, shift=1, mask=0x3F, vps=32, sps=33, pps=34,
    roles=_roles(64, {
        Role.PICTURE: tuple(range(10)),
        Role.PICTURE | Role.KEY: tuple(range(16, 22)),
        Role.PARAMETERS: (32, 33, 34),
        Role.OPENING: (35,),
        Role.OTHER: (*range(36, 48),),
        Role.AGGREGATE: (48,),
        Role.FRAGMENT: (49,),
    }),
)  # fmt: skip

RULES = {"H264": H264, "H265": H265}


def is_annex_b(data: bytes | bytearray) -> bool:
    """Whether `data` begins with a start code."""
    return data.startswith((b"\x00\x00\x01", b"\x00\x00\x00\x01"))


def split_annex_b(data: bytes | bytearray) -> list[bytes]:
    """The NAL units between start codes; what stands before the first code counts as one."""
    # A pattern that takes the zeros before a code too would cost minutes for a packet of zeros.
    *before, last = bytes(data).split(b"\x00\x00\x01")
    pieces = [piece.rstrip(b"\x00") for piece in before]
    return [piece for piece in (*pieces, last) if piece]


def split_lengths(data: bytes, size: int = 4) -> Iterator[bytes]:
    """The NAL units behind big-endian lengths of `size` bytes; stops at a length that lies."""
    position = 0
    while position + size <= len(data):
        length = int.from_bytes(data[position : position + size], "big")
        position += size
        if not length or position + length > len(data):
            return
        yield data[position : position + length]
        position += length


def join_lengths(nals: list[bytes]) -> bytes:
    """NAL units behind 4-byte lengths, as `AccessUnit.data` holds them."""
    return b"".join(part for nal in nals for part in (len(nal).to_bytes(4, "big"), nal))
