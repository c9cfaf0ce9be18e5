"""The audit stamp: a user-data-unregistered SEI in each access unit of a simulated camera.

It carries stream, counter, capture time and a CRC-32 over the other NAL units of its access
unit (their bytes joined in order, headers included, without start codes or lengths). All is
ASCII and the UUID has no zero byte, so emulation prevention is never needed and a load
generator can patch counter and time in place:

    UUID(16) "gozcu1 " counter(8 hex) " " time_ns(16 hex) " " crc(8 hex) " " camera/stream
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from vms.core.clock import Instant
from vms.simulator.nal import Codec, is_slice

UUID = bytes.fromhex("9d3ac1e74b5f4e86a2d81f6b7c35e94a")
_TAG = b"gozcu1 "
_HEADERS: dict[Codec, bytes] = {"h264": b"\x06", "h265": b"\x4e\x01"}
_USER_DATA_UNREGISTERED = 5
_LONGEST_STREAM = 150  # keeps the payload size in one byte

COUNTER_OFFSET = len(UUID) + len(_TAG)
"""Where the counter's digits stand in the SEI payload; time, CRC and stream follow."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an access unit's SEI says. `stream`: `camera/main`; `counter` in sending order."""

    stream: str
    counter: int
    time: Instant
    crc: int


def fields(stamp: Stamp) -> bytes:
    """The part of the payload that changes: counter, time, CRC and stream as ASCII."""
    text = f"{stamp.counter & 0xFFFFFFFF:08x} {stamp.time:016x} {stamp.crc:08x} {stamp.stream}"
    return text.encode("ascii")


def make(codec: Codec, stamp: Stamp) -> bytes:
    """The SEI NAL unit (without start code)."""
    if not 0 < len(stamp.stream) <= _LONGEST_STREAM:
        raise ValueError(f"stream name of {len(stamp.stream)} characters does not fit an SEI")
    payload = UUID + _TAG + fields(stamp)
    return _HEADERS[codec] + bytes((_USER_DATA_UNREGISTERED, len(payload))) + payload + b"\x80"


def parse(unit: bytes) -> Stamp | None:
    """The stamp of a NAL unit, H.264 or H.265; None for any other unit."""
    for header in _HEADERS.values():
        if unit.startswith(header) and unit[len(header) + 2 :].startswith(UUID + _TAG):
            size = unit[len(header) + 1]
            payload = unit[len(header) + 2 : len(header) + 2 + size]
            return _parse_fields(payload[COUNTER_OFFSET:])
    return None


def _parse_fields(text: bytes) -> Stamp | None:
    parts = text.split(b" ", 3)
    if len(parts) != 4 or [len(part) for part in parts[:3]] != [8, 16, 8]:
        return None
    try:
        counter, time, crc = (int(part, 16) for part in parts[:3])
        return Stamp(parts[3].decode("ascii"), counter, Instant(time), crc)
    except ValueError:
        return None


def crc_of(units: Iterable[bytes]) -> int:
    """CRC-32 over the NAL units that are not a stamp, in order."""
    crc = 0
    for unit in units:
        if parse(unit) is None:
            crc = zlib.crc32(unit, crc)
    return crc


def stamped(codec: Codec, units: list[bytes], stamp: Stamp) -> list[bytes]:
    """The access unit with the stamp before its first slice (H.264 §7.4.1.2.3)."""
    at = next((i for i, unit in enumerate(units) if is_slice(codec, unit)), len(units))
    return [*units[:at], make(codec, stamp), *units[at:]]
