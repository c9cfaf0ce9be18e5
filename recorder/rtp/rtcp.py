"""RTCP: sender reports and goodbyes read, receiver reports written (RFC 3550 §6). Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from vms.core.clock import SECOND, Instant

_SENDER_REPORT, _RECEIVER_REPORT, _DESCRIPTION, _GOODBYE = 200, 201, 202, 203
_NTP_TO_UNIX = 2_208_988_800
_BLOCK = struct.Struct(">IIIIII")


@dataclass(frozen=True, slots=True)
class Reported:
    """One sender report as it stands on the wire. `ntp_middle` goes back in receiver reports."""

    ssrc: int
    camera_time: Instant
    timestamp: int
    ntp_middle: int


@dataclass(frozen=True, slots=True)
class Received:
    """What a receiver report says of one track. `delay`: since its last report, 1/65536 s."""

    ssrc: int
    highest: int
    lost: int
    ntp_middle: int = 0
    delay: int = 0


def parse_rtcp(data: bytes) -> tuple[list[Reported], bool]:
    """The sender reports of a compound packet, and whether it says goodbye.

    Whatever can't be parsed is passed over: recording never depends on RTCP.
    """
    reports: list[Reported] = []
    goodbye = False
    position = 0
    while position + 4 <= len(data) and data[position] >> 6 == 2:
        kind = data[position + 1]
        length = 4 * (1 + int.from_bytes(data[position + 2 : position + 4], "big"))
        if kind == _SENDER_REPORT and position + 20 <= len(data):
            ssrc = int.from_bytes(data[position + 4 : position + 8], "big")
            report = _sender_report(ssrc, data[position + 8 : position + 24])
            reports.extend([report] if report else [])
        goodbye = goodbye or kind == _GOODBYE
        position += length
    return reports, goodbye


def _sender_report(ssrc: int, body: bytes) -> Reported | None:
    if len(body) < 12:
        return None
    seconds, fraction, timestamp = struct.unpack_from(">III", body)
    if not seconds:
        return None  # the camera has no wall clock (RFC 3550 §6.4.1)
    # Era 1 of NTP begins in 2036; a camera that counts from 1970 stays in era 0.
    unix = seconds - _NTP_TO_UNIX + (1 << 32 if seconds < _NTP_TO_UNIX else 0)
    nanos = unix * SECOND + (fraction * SECOND >> 32)
    return Reported(ssrc, Instant(nanos), timestamp, (seconds & 0xFFFF) << 16 | fraction >> 16)


def receiver_report(ssrc: int, received: Received, name: str) -> bytes:
    """A receiver report with the source description every compound packet must carry."""
    block = _BLOCK.pack(
        received.ssrc, min(received.lost, 0x7FFFFF), received.highest & 0xFFFFFFFF, 0,
        received.ntp_middle, received.delay & 0xFFFFFFFF,
    )  # fmt: skip
    text = name.encode()[:255]
    item = struct.pack(">IBB", ssrc, 1, len(text)) + text + b"\0"
    item += b"\0" * (-len(item) % 4)
    return b"".join((
        struct.pack(">BBHI", 0x81, _RECEIVER_REPORT, 7, ssrc), block,
        struct.pack(">BBH", 0x81, _DESCRIPTION, len(item) // 4), item,
    ))  # fmt: skip
