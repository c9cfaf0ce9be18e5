"""Payloads come back as the units they were cut from."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.client import Client
from vms.simulator import packets
from vms.simulator.nal import Codec, split_annexb, split_lengths


def nal(codec: Codec, kind: int, body: bytes) -> bytes:
    return (bytes((0x60 | kind,)) if codec == "h264" else bytes((kind << 1, 1))) + body


def joined(codec: Codec, payloads: list[bytes]) -> list[bytes]:
    client = Client("", 0)
    return [one for payload in payloads for one in client._depacketise(payload, codec == "h265")]


@pytest.mark.parametrize("codec", ["h264", "h265"])
@given(st.lists(st.integers(1, 5000), min_size=1, max_size=4), st.booleans())
def test_units_survive_packetising(codec: Codec, sizes: list[int], key: bool) -> None:
    sets = {"h264": (7, 8), "h265": (32, 33, 34)}[codec] if key else ()
    units = [nal(codec, kind, b"set") for kind in sets]
    units += [nal(codec, 1, bytes((i,)) * size) for i, size in enumerate(sizes)]
    payloads = packets.video_payloads(codec, units)
    assert max(map(len, payloads)) <= packets.MAX_PAYLOAD
    assert joined(codec, payloads) == units


def test_only_the_last_packet_has_the_marker_and_numbers_wrap() -> None:
    rtp = packets.rtp_packets([b"a", b"b", b"c"], 96, 65_535, 2**32 + 5, 7)
    assert [packet[1] for packet in rtp] == [96, 96, 96 | 0x80]
    assert [struct.unpack_from("!HII", packet, 2) for packet in rtp] == [
        (65_535, 5, 7),
        (0, 5, 7),
        (1, 5, 7),
    ]


def test_a_sender_report_has_ntp_time() -> None:
    report = packets.sender_report(1, 1_500_000_000, 90, 3, 4, "x@simulator")
    ssrc, seconds, part, ticks, count, octets = struct.unpack_from("!IIIIII", report, 4)
    assert (ssrc, seconds, part) == (1, 2_208_988_801, 1 << 31)
    assert (ticks, count, octets) == (90, 3, 4)
    assert len(report) % 4 == 0
    assert report[29] == 202


def test_aac_has_its_header() -> None:
    assert packets.aac_payload(b"x" * 300)[:4] == struct.pack("!HH", 16, 300 << 3)


def test_annexb_and_lengths_are_split() -> None:
    assert split_annexb(b"\0\0\0\1ab\0\0\1cd\0\0\0\1\0\0\1e") == [b"ab", b"cd", b"e"]
    assert list(split_lengths(b"\0\0\0\2ab\0\0\0\1c")) == [b"ab", b"c"]
    with pytest.raises(ValueError, match="leaves a sample"):
        list(split_lengths(b"\0\0\0\5ab"))
