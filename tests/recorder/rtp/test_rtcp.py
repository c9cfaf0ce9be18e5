"""Sender reports read, receiver reports written."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from recorder.rtp.rtcp import Received, parse_rtcp, receiver_report
from tests.recorder.rtp.wire import sender_report
from vms.core.clock import SECOND


def test_a_sender_report_tells_the_cameras_clock() -> None:
    reports, goodbye = parse_rtcp(sender_report(7, 1_763_800_000.5, 1234))
    assert [(r.ssrc, r.camera_time, r.timestamp) for r in reports] == [
        (7, 1_763_800_000 * SECOND + SECOND // 2, 1234)
    ]
    assert not goodbye


def test_a_camera_in_1970_and_one_after_2036() -> None:
    assert parse_rtcp(sender_report(7, 5.0, 0))[0][0].camera_time == 5 * SECOND
    late = struct.pack(">BBHIIIIII", 0x80, 200, 6, 7, 1000, 0, 0, 0, 0)
    assert parse_rtcp(late)[0][0].camera_time == (1000 + 2**32 - 2_208_988_800) * SECOND


def test_a_report_without_a_wall_clock_is_none() -> None:
    assert parse_rtcp(struct.pack(">BBHIIIIII", 0x80, 200, 6, 7, 0, 0, 5, 0, 0))[0] == []


def test_a_goodbye_in_a_compound() -> None:
    assert parse_rtcp(sender_report(7, 9.0, 0) + b"\x81\xcb\x00\x01" + b"\0\0\0\7")[1]


@given(st.binary(max_size=200))
def test_any_bytes_are_survived(data: bytes) -> None:
    parse_rtcp(data)


@given(st.integers(0, 2**33), st.integers(0, 2**25), st.integers(0, 2**34))
def test_a_receiver_report_is_well_formed(highest: int, lost: int, delay: int) -> None:
    data = receiver_report(9, Received(7, highest, lost, 5, delay), "gozcu")
    assert data[:4] == b"\x81\xc9\x00\x07"
    assert struct.unpack_from(">II", data, 4) == (9, 7)
    assert data[32:34] == b"\x81\xca"
    assert len(data) == 32 + 4 * (1 + struct.unpack_from(">H", data, 34)[0])
