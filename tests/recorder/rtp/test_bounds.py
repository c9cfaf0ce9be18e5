"""What a hostile or broken camera may cost: bounded time, bounded memory."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtp.nal import H264, split_annex_b
from recorder.rtp.picture import PictureBuilder
from recorder.source import SourceStats
from tests.recorder.rtp.wire import PPS, SPS, demuxer
from vms.core.clock import Mono
from vms.core.errors import CameraError
from vms.core.media import AccessUnit


def test_beginnings_of_messages_without_end_do_not_hold_up_the_other_cameras() -> None:
    garbage = bytearray(b"RTSP/1.0 " * 150_000)
    began = time.process_time()
    with pytest.raises(CameraError, match="not RTSP"):
        demuxer(stats=SourceStats()).feed(garbage, len(garbage), Mono(0), list[AccessUnit]())
    assert time.process_time() - began < 2


def test_a_packet_of_zeros_does_not_hold_up_the_other_cameras() -> None:
    began = time.process_time()
    assert split_annex_b(b"\0\0\1" + bytes(65_000)) == [bytes(65_000)]
    assert split_annex_b(bytes(65_000) + b"\1" + bytes(9)) == [bytes(9)]
    assert time.process_time() - began < 0.5


@given(st.lists(st.sampled_from([b"\0", b"\1", b"\2", b"\0\0\1"]), max_size=30))
def test_start_codes_take_the_zeros_before_them_along(parts: list[bytes]) -> None:
    data = b"".join(parts)
    assert split_annex_b(data) == [one for one in re.split(rb"\x00*\x00\x00\x01", data) if one]


def test_parameter_sets_without_a_picture_do_not_pile_up() -> None:
    builder = PictureBuilder(H264, SourceStats())
    builder.at(1)
    for _ in range(5_000):
        builder.add(SPS + bytes(1_000))
        builder.add(PPS)
    assert len(builder._parameters) <= 64
