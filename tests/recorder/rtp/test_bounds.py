"""What a hostile or broken camera may cost: bounded time, bounded memory."""

from __future__ import annotations

import time

import pytest

from recorder.rtp.nal import H264
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


def test_parameter_sets_without_a_picture_do_not_pile_up() -> None:
    builder = PictureBuilder(H264, SourceStats())
    builder.at(1)
    for _ in range(5_000):
        builder.add(SPS + bytes(1_000))
        builder.add(PPS)
    assert len(builder._parameters) <= 64
