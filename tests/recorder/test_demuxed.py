"""What libav demuxed becomes the same access units; its queue stays bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder import libav as libav_module
from recorder.demuxed import Converter, Framing, Packet, audio_format, read_extradata
from recorder.rtp.nal import H264, H265
from recorder.source import Element, SourceStats
from tests.recorder.rtp.wire import (
    FRAME,
    HEVC_PPS,
    HEVC_SPS,
    HEVC_VPS,
    IDR,
    PPS,
    SPS,
    lengths,
    sounds,
    videos,
)
from vms.core.clock import MILLISECOND, Mono
from vms.core.media import AccessUnit, AudioFormat, StreamFormat, Track

AVCC = (
    b"\x01\x42\xc0\x1f\xff\xe1" + len(SPS).to_bytes(2, "big") + SPS
    + b"\x01" + len(PPS).to_bytes(2, "big") + PPS
)  # fmt: skip
HVCC = b"\x01" + b"\0" * 20 + b"\xff\x03" + b"".join(
    bytes((0xA0 | kind, 0, 1)) + len(nal).to_bytes(2, "big") + nal
    for kind, nal in ((32, HEVC_VPS), (33, HEVC_SPS), (34, HEVC_PPS))
)  # fmt: skip


def converted(
    packets: list[Packet], framing: Framing, audio: AudioFormat | None = None
) -> list[Element]:
    it = Converter(H264, framing, 3_600, audio, SourceStats())
    return [element for packet in packets for element in it.take(packet)]


def video(data: bytes, pts: int | None, at: int) -> Packet:
    return Packet(Track.VIDEO, data, pts, Mono(at * 40 * MILLISECOND))


def test_extradata_of_files_and_of_streams() -> None:
    assert read_extradata(H264, AVCC) == Framing(4, [SPS, PPS])
    assert read_extradata(H265, HVCC) == Framing(4, [HEVC_VPS, HEVC_SPS, HEVC_PPS])
    annex_b = b"\0\0\0\1" + SPS + b"\0\0\0\1" + PPS
    assert read_extradata(H264, annex_b) == Framing(0, [SPS, PPS])
    assert read_extradata(H264, b"") == Framing(0, [])


@given(st.binary(max_size=80))
def test_any_extradata_is_survived(data: bytes) -> None:
    for rules in (H264, H265):
        read_extradata(rules, data)
        read_extradata(rules, b"\x01" + data)


def test_annex_b_becomes_lengths() -> None:
    start = b"\0\0\0\1"
    packets = [
        video(start + SPS + start + PPS + b"\0\0\1" + IDR, 900, 0),
        video(start + FRAME, 4_500, 1),
    ]
    units = converted(packets, Framing(0, []))
    assert isinstance(units[0], StreamFormat)
    assert [unit.data for unit in videos(units)] == [lengths(SPS, PPS, IDR), lengths(FRAME)]
    assert [unit.pts for unit in videos(units)] == [0, 3_600]
    assert [unit.key for unit in videos(units)] == [True, False]


def test_lengths_of_two_bytes_become_four() -> None:
    data = len(IDR).to_bytes(2, "big") + IDR
    assert videos(converted([video(data, 0, 0)], Framing(2, [SPS, PPS])))[0].data == lengths(IDR)


def test_the_first_picture_without_a_time_is_stamped() -> None:
    order = [None, 4, 2, 1, 3, 8, 6]
    packets = [
        video(lengths(IDR if t is None else FRAME), None if t is None else 10_000 + t * 3_600, at)
        for at, t in enumerate(order)
    ]
    units = videos(converted(packets, Framing(4, [SPS, PPS])))
    assert [unit.pts // 3_600 for unit in units] == [0, 4, 2, 1, 3, 8, 6]


def test_a_stream_without_any_time_is_paced_by_frames() -> None:
    packets = [video(lengths(IDR), None, at) for at in range(30)]
    units = videos(converted(packets, Framing(4, [SPS, PPS])))
    assert [unit.pts for unit in units] == [n * 3_600 for n in range(30)]


def test_sound_shares_the_pictures_zero() -> None:
    audio = AudioFormat("pcma", 8_000)
    packets = [
        video(lengths(IDR), 90_000, 0),
        Packet(Track.AUDIO, b"a" * 160, 8_000 + 80, Mono(0)),
        Packet(Track.AUDIO, b"b" * 160, 8_000 + 240, Mono(20 * MILLISECOND)),
    ]
    units = converted(packets, Framing(4, [SPS, PPS]), audio)
    assert [(unit.data[:1], unit.pts) for unit in sounds(units)] == [(b"a", 80), (b"b", 240)]


@given(st.lists(st.binary(max_size=60), max_size=8), st.sampled_from([0, 1, 2, 4]))
def test_any_packets_are_survived(packets: list[bytes], length: int) -> None:
    converted(
        [video(data, at * 3_600, at) for at, data in enumerate(packets)],
        Framing(length, [SPS, PPS]),
    )


def test_audio_formats() -> None:
    assert audio_format("pcm_alaw", 8_000, 1, b"") == AudioFormat("pcma", 8_000)
    assert audio_format("aac", 16_000, 1, b"") == AudioFormat("aac", 16_000, 1, b"\x14\x08")
    assert audio_format("opus", 48_000, 2, b"OpusHead") is None


def test_a_full_queue_drops_to_the_next_keyframe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libav_module, "QUEUE_UNITS", 3)
    stats = SourceStats()
    queue = libav_module._Queue(stats)

    def unit(number: int, *, key: bool = False) -> AccessUnit:
        return AccessUnit(Track.VIDEO, b"x", number, Mono(0), key)

    queue.put([unit(n) for n in range(6)])
    assert stats.dropped == 3
    assert len(queue.take()) == 3
    queue.put([unit(6), unit(7, key=True), unit(8)])
    assert [u.pts for u in queue.take() if isinstance(u, AccessUnit)] == [7, 8]
    assert stats.dropped == 4
