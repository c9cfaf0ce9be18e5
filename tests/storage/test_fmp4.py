"""What is written reads back to the same values, whatever the values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.facts import ClockFacts, Fragment, GapFacts, RunFacts, Sample
from storage.fmp4 import (
    BadFile,
    Head,
    Tail,
    TailEntry,
    build_fragment,
    head_box,
    init_section,
    read_head,
    read_init,
    read_moof,
    read_tail,
    samples_of,
    tail_box,
)
from storage.fmp4.sps import h264_depth, h265_depth, unescape
from tests.storage.encoded import coded
from vms.core.clock import Instant
from vms.core.media import AudioFormat, StreamFormat, VideoFormat
from vms.core.model import CameraId, Cause, StreamKey

ticks = st.integers(1, 2**31 - 1)
video = st.lists(
    st.builds(
        Sample,
        st.binary(min_size=1, max_size=40),
        ticks,
        st.integers(-(2**31), 2**31 - 1),
        st.booleans(),
    ),
    min_size=1,
    max_size=30,
)
audio = st.lists(
    st.builds(Sample, st.binary(min_size=1, max_size=20), ticks, st.just(0), st.just(False)),
    max_size=30,
)
times = st.integers(0, 2**63 - 1)


@given(video, audio, times, times, st.integers(1, 2**32 - 1))
def test_a_fragment_reads_back(
    pictures: list[Sample], sound: list[Sample], at: int, sound_at: int, sequence: int
) -> None:
    data = build_fragment(Fragment(pictures, sound, at, sound_at), sequence)
    facts = read_moof(data)
    assert facts.video is not None
    assert samples_of(data, facts.video) == pictures
    assert (facts.video.time, facts.key) == (at, pictures[0].key)
    if sound:
        assert facts.audio is not None
        assert samples_of(data, facts.audio) == sound
        assert facts.audio.time == sound_at
    else:
        assert facts.audio is None
    moof = int.from_bytes(data[:4], "big")
    assert moof + int.from_bytes(data[moof : moof + 4], "big") == len(data)


@given(st.binary(max_size=200))
def test_garbage_is_refused_not_believed(data: bytes) -> None:
    for read in (read_moof, read_init, read_head, read_tail):
        try:
            read(data)
        except BadFile:
            continue


@given(st.data())
def test_a_damaged_file_is_refused_not_believed(draw: st.DataObject) -> None:
    form = coded("h264", seconds=1, audio="aac").format
    fragment = Fragment([Sample(b"abcde", 3_600, 0, True)] * 3, [], 0, 0)
    tail = tail_box(Tail(Instant(5), 900, (TailEntry(0, 900, 90, True),)))
    for whole, read in (
        (init_section(form), read_init),
        (build_fragment(fragment, 1), read_moof),
        (tail, read_tail),
    ):
        damaged = bytearray(whole)
        damaged[draw.draw(st.integers(0, len(whole) - 1))] ^= draw.draw(st.integers(1, 255))
        try:
            read(bytes(damaged[: draw.draw(st.integers(0, len(whole)))]))
        except BadFile:
            continue


@given(
    st.lists(st.tuples(times, st.integers(0, 2**60), st.integers(0, 2**32 - 1), st.booleans())),
    st.integers(0, 2**62),
    st.one_of(st.none(), st.builds(ClockFacts, st.integers(), st.integers(0), st.none())),
    st.booleans(),
)
def test_a_tail_reads_back_from_the_end_of_a_file(
    entries: list[tuple], end: int, clock: ClockFacts | None, recovered: bool
) -> None:
    tail = Tail(Instant(end), 900, tuple(TailEntry(*e) for e in entries), clock, recovered)
    assert read_tail(b"footage before it" + tail_box(tail)) == tail


@given(st.text(max_size=200), st.integers(0, 2**62), st.integers(1, 2**40))
def test_a_head_reads_back_with_its_gaps(detail: str, start: int, length: int) -> None:
    stream = StreamKey(CameraId("gate-north"), "sub")
    gap = GapFacts(stream, Instant(start), Instant(start + length), Cause.SILENT, detail)
    head = Head(stream, Instant(start + length), RunFacts(7, Instant(start)), (gap,))
    assert read_head(head_box(head)[8:]) == head


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("sound", [None, "aac", "pcma", "pcmu"])
def test_a_format_reads_back_and_equal_formats_are_equal_bytes(codec, sound) -> None:
    form = coded(codec, seconds=1, audio=sound).format
    assert read_init(init_section(form)) == form
    assert init_section(form) == init_section(read_init(init_section(form)))


def test_several_parameter_sets_and_a_rate_above_65535_read_back() -> None:
    base = coded("h264", seconds=1).format.video
    form = StreamFormat(
        VideoFormat("h264", 640, 480, base.sps * 2, base.pps * 3, clock_rate=1_000),
        AudioFormat("aac", 96_000, 2, bytes.fromhex("1010")),
    )
    assert read_init(init_section(form)) == form


def test_depths_come_from_real_parameter_sets() -> None:
    for codec, read in (("h264", h264_depth), ("h265", h265_depth)):
        depth = read(coded(codec, seconds=1).format.video.sps[0])
        assert (depth.chroma_format, depth.luma, depth.chroma) == (1, 8, 8)


@given(st.binary(min_size=1, max_size=60))
def test_a_damaged_parameter_set_is_taken_for_the_usual_depth(sps: bytes) -> None:
    for read in (h264_depth, h265_depth):
        depth = read(sps)
        assert depth.chroma_format <= 3
        assert depth.luma <= 15


def test_emulation_prevention_is_undone() -> None:
    assert unescape(bytes.fromhex("000003000003010003")) == bytes.fromhex("00000000010003")
