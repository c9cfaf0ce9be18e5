"""The bytes of a connection in, access units out: order, quirks, garbage, bounds."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.rtp import picture as picture_module
from recorder.rtp.aac import AacDepacketiser, AacFraming
from recorder.rtp.demux import GARBAGE_MAX, TrackSetup
from recorder.rtp.g711 import G711Depacketiser
from recorder.rtp.nal import H264, H265
from recorder.rtsp.messages import Request, Response
from recorder.source import Element, SourceStats
from tests.recorder.rtp.wire import (
    AUD,
    FRAME,
    HEVC_AUD,
    HEVC_FRAME,
    HEVC_IDR,
    HEVC_PPS,
    HEVC_SEI,
    HEVC_SPS,
    HEVC_VPS,
    IDR,
    PPS,
    SECOND_SLICE,
    SEI,
    SPS,
    Packetiser,
    demuxer,
    feed,
    frame,
    lengths,
    sender_report,
    sounds,
    videos,
)
from vms.core.clock import SECOND, Mono
from vms.core.errors import CameraError
from vms.core.media import AudioFormat, SenderReport, StreamFormat

TICK = 3_600
HEVC_SETS = [HEVC_VPS, HEVC_SPS, HEVC_PPS]


def stream(pictures: int = 12, track: Packetiser | None = None, **options: bool) -> list[bytes]:
    """Frames of pictures, the first a keyframe with its sets."""
    track = track or Packetiser()
    frames: list[bytes] = []
    for number in range(pictures):
        nals = [SPS, PPS, IDR] if number % 6 == 0 else [FRAME]
        frames += track.picture(nals, number * TICK, **options)
    return frames


def expected(pictures: int = 12) -> list[bytes]:
    return [
        lengths(SPS, PPS, IDR) if number % 6 == 0 else lengths(FRAME) for number in range(pictures)
    ]


def test_pictures_come_out_as_they_went_in() -> None:
    stats = SourceStats()
    units = feed(demuxer(stats=stats), b"".join(stream()))
    assert isinstance(units[0], StreamFormat)
    assert (units[0].video.width, units[0].video.height) == (1280, 720)
    assert [unit.data for unit in videos(units)] == expected()
    assert [unit.pts for unit in videos(units)] == [n * TICK for n in range(12)]
    assert [unit.key for unit in videos(units)] == [n % 6 == 0 for n in range(12)]
    assert (stats.lost, stats.damaged, stats.garbage, stats.malformed) == (0, 0, 0, 0)


@given(st.lists(st.integers(1, 4_000), max_size=30), st.integers(40, 1_500))
@settings(max_examples=60, deadline=None)
def test_how_the_bytes_are_split_makes_no_difference(sizes: list[int], mtu: int) -> None:
    data = b"".join(stream(track=Packetiser(mtu=mtu)))
    assert [unit.data for unit in videos(feed(demuxer(), data, sizes))] == expected()


def test_packets_taken_in_runs_and_one_by_one_are_the_same() -> None:
    data = b"".join(stream(track=Packetiser(mtu=100)))
    in_runs = feed(demuxer(), data)
    assert videos(in_runs) == videos(feed(demuxer(), data, [len(data)]))
    for unit, other in zip(videos(in_runs), videos(feed(demuxer(), data, [99] * 400)), strict=True):
        assert (unit.data, unit.pts) == (other.data, other.pts)


@given(st.data(), st.integers(40, 400), st.booleans())
@settings(max_examples=300, deadline=None)
def test_the_hot_path_and_the_slow_one_agree_on_damaged_streams(
    data: st.DataObject, mtu: int, hevc: bool
) -> None:
    track = Packetiser(mtu=mtu, header=2 if hevc else 1, sequence=65_530 - 40)
    sets, idr, frame_ = (HEVC_SETS, HEVC_IDR, HEVC_FRAME) if hevc else ([SPS, PPS], IDR, FRAME)
    beside = data.draw(
        st.sampled_from([[], [HEVC_SEI if hevc else SEI], [HEVC_AUD if hevc else AUD]])
    )
    slices = data.draw(st.sampled_from([[], [SECOND_SLICE + bytes(range(1, 250)) * 2], [frame_]]))
    frames = [
        data_
        for number in range(12)
        for data_ in track.picture(
            [*beside, *sets, idr] if number % 8 == 0 else [*beside, frame_, *slices],
            number * TICK,
        )
    ]
    for _ in range(data.draw(st.integers(0, 3))):
        del frames[data.draw(st.integers(0, len(frames) - 1))]
    for _ in range(data.draw(st.integers(0, 3))):
        index = data.draw(st.integers(0, len(frames) - 1))
        at = data.draw(st.integers(0, 21))  # in the prefix, the RTP header or the payload's
        changed = bytearray(frames[index])
        changed[min(at, len(changed) - 1)] ^= 1 << data.draw(st.integers(0, 7))
        frames[index] = bytes(changed)
    wire = b"".join(frames)
    sizes = data.draw(st.lists(st.integers(1, 9_000), max_size=4))
    results = []
    for slow in (False, True):
        stats = SourceStats()
        demux = demuxer(H265 if hevc else H264, stats=stats)
        if slow:
            demux._video.take_run = lambda *_: 0  # type: ignore[method-assign]
        results.append((feed(demux, wire, sizes), stats, demux._video._flow.highest))
    assert results[0] == results[1]


@pytest.mark.parametrize("hevc", [False, True])
def test_plain_pictures_are_taken_at_once_up_to_a_keyframe(hevc: bool) -> None:
    track = Packetiser(header=2 if hevc else 1, sequence=250)
    sets, idr, frame_ = (HEVC_SETS, HEVC_IDR, HEVC_FRAME) if hevc else ([SPS, PPS], IDR, FRAME)
    sei = HEVC_SEI if hevc else SEI
    demux = demuxer(H265 if hevc else H264)
    for number in range(5):
        units = track.picture([*sets, idr] if number == 0 else [sei, frame_], number * TICK)
        feed(demux, b"".join(units))
    plain = [b"".join(track.picture([sei, frame_], number * TICK)) for number in range(5, 9)]
    key = b"".join(track.picture([sei, *sets, idr], 9 * TICK))
    wire = bytearray(b"".join([*plain, key, *track.picture([frame_], 10 * TICK)]))
    taken = demux._video.take_run(wire, 0, len(wire), Mono(0))
    assert taken == sum(map(len, plain)) + len(key)
    assert [picture[2] for picture in demux._video.builder.done] == [False] * 4 + [True]
    assert demux._video.builder.done[0][0] == lengths(sei, frame_)


def test_h265() -> None:
    track = Packetiser(header=2, mtu=300)
    frames = track.picture([HEVC_VPS, HEVC_SPS, HEVC_PPS, HEVC_IDR], 0)
    for number in range(1, 6):
        frames += track.picture([HEVC_FRAME], number * TICK)
    units = feed(demuxer(H265), b"".join(frames))
    assert [unit.data for unit in videos(units)] == [
        lengths(HEVC_VPS, HEVC_SPS, HEVC_PPS, HEVC_IDR),
        *[lengths(HEVC_FRAME)] * 5,
    ]
    assert isinstance(units[0], StreamFormat)
    assert units[0].video.codec == "h265"


def test_h265_aggregation_packets() -> None:
    sets = b"".join(len(nal).to_bytes(2, "big") + nal for nal in (HEVC_VPS, HEVC_SPS, HEVC_PPS))
    track = Packetiser(header=2)
    data = track.rtp(bytes((48 << 1, 1)) + sets, 0)
    data += b"".join(track.picture([HEVC_IDR], 0) + track.picture([HEVC_FRAME] * 2, TICK))
    units = videos(feed(demuxer(H265), data))
    assert units[0].data == lengths(HEVC_VPS, HEVC_SPS, HEVC_PPS, HEVC_IDR)


def test_stap_a() -> None:
    track = Packetiser()
    body = b"".join(len(nal).to_bytes(2, "big") + nal for nal in (SPS, PPS))
    data = track.rtp(b"\x78" + body, 0) + b"".join(track.picture([IDR], 0))
    data += b"".join(track.picture([FRAME], TICK))
    assert videos(feed(demuxer(), data))[0].data == lengths(SPS, PPS, IDR)


def test_nothing_before_a_keyframe() -> None:
    track = Packetiser()
    data = b"".join(track.picture([FRAME], 0) + track.picture([FRAME], TICK) + stream(2, track))
    units = feed(demuxer(), data)
    assert isinstance(units[0], StreamFormat)
    assert videos(units)[0].key


def test_sets_of_the_sdp_are_enough() -> None:  # Axis: IDR without parameter sets
    track = Packetiser()
    data = b"".join(track.picture([IDR], 0) + track.picture([FRAME], TICK))
    units = feed(demuxer(sets=[SPS, PPS]), data + b"".join(stream(1, track)))
    assert [unit.data for unit in videos(units)][:2] == [lengths(IDR), lengths(FRAME)]


def test_no_sets_at_all_is_an_error_after_a_while() -> None:
    track, demux = Packetiser(), demuxer()
    with pytest.raises(CameraError, match="parameter sets"):
        for second in range(15):
            feed(demux, b"".join(track.picture([IDR], second * 90_000)), at=second * SECOND)


@pytest.mark.parametrize("marker", [True, False])
def test_a_camera_that_never_marks(marker: bool) -> None:
    units = feed(demuxer(), b"".join(stream(marker=marker)))
    assert [unit.data for unit in videos(units)] == expected()[: 12 if marker else 11]


def test_a_marker_on_every_packet_of_sets() -> None:  # Tapo TC70, Reolink Duo 2
    track = Packetiser()
    frames: list[bytes] = []
    for number in range(12):
        if number % 6 == 0:
            frames += [track.rtp(nal, number * TICK, marker=True) for nal in (SPS, PPS)]
        frames += track.picture([IDR if number % 6 == 0 else FRAME], number * TICK)
    assert [unit.data for unit in videos(feed(demuxer(), b"".join(frames)))] == expected()


def test_a_marker_on_every_slice() -> None:
    track = Packetiser()
    frames: list[bytes] = []
    for number in range(12):
        for nal in (IDR if number % 6 == 0 else FRAME, SECOND_SLICE):
            frames += track.picture([nal], number * TICK)
    units = videos(feed(demuxer(sets=[SPS, PPS]), b"".join(frames)))
    assert [unit.data for unit in units] == [
        lengths(IDR if number % 6 == 0 else FRAME, SECOND_SLICE) for number in range(11)
    ]


def test_a_frozen_timestamp_still_separates_pictures() -> None:
    track = Packetiser()
    frames = track.picture([SPS, PPS, IDR], 5, marker=False)
    for _ in range(6):
        frames += track.picture([FRAME], 5, marker=False)
    units = videos(feed(demuxer(), b"".join(frames)))
    assert [unit.data for unit in units] == expected(6)


def test_sets_with_a_time_of_their_own_belong_to_the_next_picture() -> None:
    track = Packetiser()
    frames = track.picture([SPS], 1) + track.picture([PPS], 2) + track.picture([IDR], TICK)
    frames += track.picture([FRAME], 2 * TICK)
    assert videos(feed(demuxer(), b"".join(frames)))[0].data == lengths(SPS, PPS, IDR)


def test_a_picture_with_a_hole_is_dropped_and_the_next_is_kept() -> None:
    stats = SourceStats()
    frames = stream()
    data = b"".join(frames[:30] + frames[31:])
    units = videos(feed(demuxer(stats=stats), data))
    assert stats.lost == 1
    assert stats.damaged == 1
    assert len(units) == 11
    assert all(unit.data in (expected()[0], expected()[1]) for unit in units)


@given(st.sets(st.integers(0, 80), max_size=20), st.integers(60, 700))
@settings(max_examples=80, deadline=None)
def test_whatever_is_lost_only_whole_pictures_come_out(lost: set[int], mtu: int) -> None:
    stats = SourceStats()
    frames = stream(20, Packetiser(mtu=mtu))
    data = b"".join(f for index, f in enumerate(frames) if index not in lost)
    for unit in videos(feed(demuxer(sets=[SPS, PPS], stats=stats), data)):
        rest = unit.data
        for nal in (SPS, PPS):
            rest = rest.removeprefix(lengths(nal))
        assert rest in (lengths(IDR), lengths(FRAME))


def test_annex_b_inside_a_packet() -> None:  # V380
    track = Packetiser(mtu=9_000)
    data = track.rtp(b"\0\0\0\1" + SPS + b"\0\0\0\1" + PPS + b"\0\0\1" + IDR, 0, marker=True)
    data += b"".join(track.picture([FRAME], TICK))
    assert videos(feed(demuxer(), data))[0].data == lengths(SPS, PPS, IDR)


def test_sps_pps_and_picture_in_one_fragmented_unit() -> None:
    track = Packetiser()
    frames = track.picture([SPS + b"\0\0\0\1" + PPS + b"\0\0\0\1" + IDR], 0)
    frames += track.picture([FRAME], TICK)
    assert videos(feed(demuxer(), b"".join(frames)))[0].data == lengths(SPS, PPS, IDR)


def test_a_type_that_changes_in_the_middle_of_a_unit() -> None:  # Tiandy
    track = Packetiser()
    payloads = track.fragments(IDR)
    changed = [
        p if i == 0 else bytes((p[0], p[1] & 0xC0 | 1)) + p[2:] for i, p in enumerate(payloads)
    ]
    data = b"".join(track.rtp(p, 0, marker=i == len(changed) - 1) for i, p in enumerate(changed))
    data += b"".join(track.picture([FRAME], TICK))
    units = videos(feed(demuxer(sets=[SPS, PPS]), data))
    assert units[0].data == lengths(IDR)
    assert units[0].key


def test_a_fragment_that_starts_and_ends_at_once() -> None:
    track = Packetiser()
    data = track.rtp(bytes((IDR[0] & 0xE0 | 28, 0xC0 | IDR[0] & 0x1F)) + IDR[1:400], 0, marker=True)
    data += b"".join(track.picture([FRAME], TICK))
    assert videos(feed(demuxer(sets=[SPS, PPS]), data))[0].data == lengths(IDR[:400])


def test_empty_packets_fragments_and_unknown_types_are_passed_over() -> None:  # VStarcam: 31
    track, stats = Packetiser(), SourceStats()
    frames = track.picture([SPS, PPS, IDR], 0)
    odd = [b"", b"\x1f\x00", b"\x00", b"\x1c", b"\x7c\x01", b"\x78\xff\xff\x00", b"\x1e123"]
    frames += [track.rtp(payload, TICK) for payload in (b"", b"\x1f\x00", b"\x00\x11", b"\x1e12")]
    frames += track.picture([FRAME], TICK)
    frames += [track.rtp(payload, 2 * TICK) for payload in odd]
    frames += track.picture([FRAME], 3 * TICK) + track.picture([FRAME], 4 * TICK)
    units = videos(feed(demuxer(stats=stats), b"".join(frames)))
    assert [unit.data for unit in units][:2] == expected(2)
    assert stats.malformed >= 3


def test_a_change_of_parameters_is_announced_before_its_keyframe() -> None:
    other = bytes.fromhex("67640028acd940780227e5c044000003000400000300c83c60c658")
    track = Packetiser()
    frames = stream(3, track) + track.picture([other, PPS, IDR], 3 * TICK)
    frames += track.picture([FRAME], 4 * TICK) + track.picture([FRAME], 5 * TICK)
    units = feed(demuxer(), b"".join(frames))
    formats = [(i, u.video.height) for i, u in enumerate(units) if isinstance(u, StreamFormat)]
    assert formats == [(0, 720), (4, 1080)]


def test_messages_between_frames() -> None:
    frames = stream()
    demux = demuxer()
    said = b"RTSP/1.0 200 OK\r\nCSeq: 9\r\nContent-Length: 3\r\n\r\nabc"
    asked = b"OPTIONS rtsp://1.2.3.4/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"
    data = b"".join([*frames[:9], said, b"\r\n", frames[9], asked, *frames[10:]])
    assert [u.data for u in videos(feed(demux, data, [7] * 300))] == expected()
    answer, request = demux.messages
    assert isinstance(answer, Response)
    assert answer.body == b"abc"
    assert isinstance(request, Request)


def test_garbage_between_frames_is_skipped_and_counted() -> None:
    stats = SourceStats()
    frames = stream()
    garbage = b"\x00\xffgarbage $\x00 and $\x07 more R" * 20
    data = b"".join([*frames[:9], garbage, *frames[9:]])
    units = videos(feed(demuxer(stats=stats), data))
    assert [u.data for u in units] == expected()
    assert stats.resyncs >= 1
    assert len(garbage) - 30 <= stats.garbage <= len(garbage)


def test_endless_garbage_is_an_error() -> None:
    demux, rng = demuxer(), random.Random(3)
    with pytest.raises(CameraError, match="not RTSP"):
        for _ in range(GARBAGE_MAX // 4096 + 64):
            feed(demux, rng.randbytes(4096).replace(b"$", b"#"))


@given(st.binary(max_size=3_000), st.lists(st.integers(1, 500), max_size=10), st.integers(0, 40))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_survived(garbage: bytes, sizes: list[int], where: int) -> None:
    frames = stream()
    data = b"".join([*frames[:where], garbage, *frames[where:]])
    feed(demuxer(), data, sizes)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_damaged_bytes_are_survived(data: st.DataObject) -> None:
    wire = bytearray(b"".join(stream()))
    for _ in range(data.draw(st.integers(1, 30))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    feed(demuxer(), bytes(wire), data.draw(st.lists(st.integers(1, 900), max_size=8)))


def test_a_strangers_channel_is_skipped() -> None:
    stats = SourceStats()
    frames = stream()
    frames[5:5] = [frame(9, b"$" * 300)]
    assert [u.data for u in videos(feed(demuxer(stats=stats), b"".join(frames)))] == expected()
    assert stats.foreign == 1


def test_a_picture_without_end_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    stats, track = SourceStats(), Packetiser(mtu=9_000)
    demux = demuxer(stats=stats)
    feed(demux, track.rtp(bytes((0x7C, 0x85)) + b"\x88" * 8_000, 0))
    middle = bytes((0x7C, 0x05)) + b"\x88" * 8_000
    for _ in range(3 * picture_module.UNIT_MAX // 8_000):
        feed(demux, track.rtp(middle, 0))
        builder = demux._video.builder
        assert builder.size + builder.nal_size <= picture_module.UNIT_MAX + 9_000
    feed(demux, b"".join(stream(3, track)))
    assert stats.damaged == 1


def test_sender_reports_map_the_cameras_time_to_pts() -> None:
    frames = stream()
    report = frame(1, sender_report(0x11223344, 1_763_800_000.0, 9 * TICK))
    data = b"".join([report, *frames[:30], report, *frames[30:], report])
    reports = [u for u in feed(demuxer(), data) if isinstance(u, SenderReport)]
    assert len(reports) == 2
    assert {(r.pts, r.camera_time) for r in reports} == {(9 * TICK, 1_763_800_000 * SECOND)}


def with_sound() -> tuple[list[bytes], list[bytes]]:
    video, audio = Packetiser(), Packetiser(channel=2, payload_type=8, ssrc=5)
    frames = stream(6, video)
    voice = [bytes([n]) * 160 for n in range(4)]
    return frames, [audio.rtp(piece, 77 + n * 160) for n, piece in enumerate(voice)]


def test_sound_comes_after_the_first_keyframe() -> None:
    frames, voice = with_sound()
    demux = demuxer()
    demux.add_audio(TrackSetup(2, 3, 8, 8_000), AudioFormat("pcma", 8_000), G711Depacketiser())
    data = b"".join([voice[0], *frames, *voice[1:]])
    units = feed(demux, data)
    assert isinstance(units[0], StreamFormat)
    assert units[0].audio == AudioFormat("pcma", 8_000)
    assert [unit.data[0] for unit in sounds(units)] == [1, 2, 3]
    assert [unit.pts for unit in sounds(units)] == [160, 320, 480]


def test_aac_that_cannot_be_read_costs_only_itself() -> None:
    frames, _ = with_sound()
    stats = SourceStats()
    demux = demuxer(stats=stats)
    audio = Packetiser(channel=2, payload_type=97, ssrc=5)
    setup = TrackSetup(2, 3, 97, 16_000)
    demux.add_audio(
        setup, AudioFormat("aac", 16_000, 1, b"\x14\x08"), AacDepacketiser(AacFraming())
    )
    good = b"\x00\x10" + (5 << 3).to_bytes(2, "big") + b"sound"
    data = b"".join([*frames, audio.rtp(b"\xff", 0), audio.rtp(good, 1024)])
    assert [unit.data for unit in sounds(feed(demux, data))] == [b"sound"]
    assert stats.malformed == 1


def test_the_last_marked_picture_is_handed_out_at_the_end() -> None:
    demux = demuxer()
    assert videos(feed(demux, b"".join(stream(1)))) == []
    out: list = []  # type: ignore[type-arg]
    demux.finish(0, out)  # type: ignore[arg-type]
    assert [unit.data for unit in videos(out)] == expected(1)


@pytest.mark.parametrize("marker", [True, False])
def test_a_picture_came_with_its_own_last_packet_not_with_the_next_picture(marker: bool) -> None:
    """At one picture a second it would be taken for a second younger than it is."""
    demux, track = demuxer(), Packetiser()
    units: list[Element] = []
    for number in range(8):
        nals = [SPS, PPS, IDR] if number == 0 else [FRAME]
        data = b"".join(track.picture(nals, number * 90_000, marker=marker))
        units += feed(demux, data, at=number * SECOND)
    came = [round(unit.arrival / SECOND, 1) for unit in videos(units)]
    assert came == [float(number) for number in range(len(came))]
    assert [unit.pts for unit in videos(units)] == [n * 90_000 for n in range(len(came))]


@pytest.mark.parametrize("payload_type", [8, 96])
def test_sound_on_the_channel_of_few_pictures_takes_nothing_over(payload_type: int) -> None:
    """Between two pictures a second come fifty packets of it, and none of ours."""
    demux, track = demuxer(), Packetiser()
    demux.add_audio(TrackSetup(2, 3, 8, 8_000), AudioFormat("pcma", 8_000), G711Depacketiser())
    sound = Packetiser(payload_type=payload_type, ssrc=9)
    units: list[Element] = []
    for number in range(8):
        nals = [SPS, PPS, IDR] if number == 0 else [FRAME]
        units += feed(demux, b"".join(track.picture(nals, number * 90_000)), at=number * SECOND)
        for piece in range(50):
            data = sound.rtp(b"voice" * 32, piece * 160)
            units += feed(demux, data, at=number * SECOND + (piece + 1) * SECOND // 51)
    assert len(videos(units)) == 8


def test_sound_whose_clock_runs_away_stays_near_its_pictures() -> None:
    """G.711 of 16 kHz that is called 8 kHz: a day of it would lie a day behind."""
    demux, track = demuxer(), Packetiser()
    demux.add_audio(TrackSetup(2, 3, 8, 8_000), AudioFormat("pcma", 8_000), G711Depacketiser())
    sound, units = Packetiser(channel=2, payload_type=8, ssrc=9), list[Element]()
    for number in range(60):
        nals = [SPS, PPS, IDR] if number == 0 else [FRAME]
        units += feed(demux, b"".join(track.picture(nals, number * 90_000)), at=number * SECOND)
        data = b"".join(sound.rtp(b"x" * 320, (number * 50 + n) * 320) for n in range(50))
        units += feed(demux, data, at=number * SECOND)
    ahead = [unit.pts / 8_000 - unit.arrival / SECOND for unit in sounds(units)]
    assert -1 < min(ahead) < max(ahead) < 12
