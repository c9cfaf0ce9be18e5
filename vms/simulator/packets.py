"""RTP as a camera sends it: payloads cut from access units, headers, sender reports.

Pure: bytes in, bytes out. H.264 by RFC 6184 (single NAL, STAP-A for parameter sets, FU-A),
H.265 by RFC 7798 (AP, FU), AAC by RFC 3640 (AAC-hbr), G.711 by RFC 3551.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable

from vms.simulator.nal import Codec, is_parameter_set

_RTP = struct.Struct("!BBHII")
_NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970 (RFC 5905)
MAX_PAYLOAD = 1_400


def video_payloads(codec: Codec, units: list[bytes], limit: int = MAX_PAYLOAD) -> list[bytes]:
    """RTP payloads of one access unit, each at most `limit` bytes."""
    payloads: list[bytes] = []
    for is_set, group in itertools.groupby(units, lambda unit: is_parameter_set(codec, unit)):
        run = list(group)
        if is_set and len(run) > 1 and sum(len(unit) + 2 for unit in run) + 2 <= limit:
            payloads.append(_aggregate(codec, run))
            continue
        for unit in run:
            payloads.extend([unit] if len(unit) <= limit else _fragments(codec, unit, limit))
    return payloads


def _aggregate(codec: Codec, units: list[bytes]) -> bytes:
    """STAP-A (RFC 6184 §5.7.1) or AP (RFC 7798 §4.4.2)."""
    if codec == "h264":
        header = bytes((max(unit[0] & 0x60 for unit in units) | 24,))
    else:
        header = bytes((units[0][0] & 0x81 | 48 << 1, units[0][1]))
    return header + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


def _fragments(codec: Codec, unit: bytes, limit: int) -> Iterable[bytes]:
    """FU-A (RFC 6184 §5.8) or FU (RFC 7798 §4.4.3)."""
    if codec == "h264":
        indicator, kind, skip = bytes((unit[0] & 0xE0 | 28,)), unit[0] & 0x1F, 1
    else:
        indicator = bytes((unit[0] & 0x81 | 49 << 1, unit[1]))
        kind, skip = unit[0] >> 1 & 0x3F, 2
    room = limit - len(indicator) - 1
    for at in range(skip, len(unit), room):
        flags = (0x80 if at == skip else 0) | (0x40 if at + room >= len(unit) else 0)
        yield indicator + bytes((flags | kind,)) + unit[at : at + room]


def aac_payload(frame: bytes) -> bytes:
    """One AAC frame with its AU header: 13 bits size, 3 bits index (RFC 3640 §3.3.6)."""
    return struct.pack("!HH", 16, len(frame) << 3) + frame


def rtp_packets(
    payloads: list[bytes], payload_type: int, sequence: int, ticks: int, ssrc: int
) -> list[bytes]:
    """RTP packets (RFC 3550 §5.1); the last has the marker."""
    last = len(payloads) - 1
    ticks &= 0xFFFFFFFF
    pack = _RTP.pack
    return [
        pack(0x80, payload_type | (0x80 if i == last else 0), sequence + i & 0xFFFF, ticks, ssrc)
        + payload
        for i, payload in enumerate(payloads)
    ]


def interleaved(packets: Iterable[bytes], channel: int) -> bytes:
    """Packets behind `$`, channel and length (RFC 2326 §10.12), joined."""
    head = bytes((0x24, channel))
    return b"".join(head + len(packet).to_bytes(2, "big") + packet for packet in packets)


def sender_report(
    ssrc: int, camera_time: int, ticks: int, packets: int, octets: int, cname: str
) -> bytes:
    """A compound of sender report and CNAME (RFC 3550 §6.4.1, §6.5)."""
    seconds, nanos = divmod(camera_time, 1_000_000_000)
    report = struct.pack(
        "!BBHIIIIII",
        0x80,
        200,
        6,
        ssrc,
        seconds + _NTP_EPOCH & 0xFFFFFFFF,
        (nanos << 32) // 1_000_000_000,
        ticks & 0xFFFFFFFF,
        packets & 0xFFFFFFFF,
        octets & 0xFFFFFFFF,
    )
    name = cname.encode("ascii")
    chunk = struct.pack("!IBB", ssrc, 1, len(name)) + name
    chunk += bytes(4 - len(chunk) % 4)
    return report + struct.pack("!BBH", 0x81, 202, len(chunk) // 4) + chunk


def goodbye(ssrc: int) -> bytes:
    """RTCP BYE (RFC 3550 §6.6)."""
    return struct.pack("!BBHI", 0x81, 203, 1, ssrc)
