"""Stored files are what others expect: ffprobe has nothing to say, every coded byte is there."""

import json
import subprocess
from pathlib import Path

import av
import pytest

from storage.facts import RunFacts
from storage.recording import Store
from tests.storage.encoded import RATE, coded, fragments
from tests.storage.house import key, open_archive, open_store
from vms.core.clock import SECOND, FakeClock, Instant

CASES = {
    "H.264 and AAC": ("h264", "aac", 0),
    "H.264 with B-frames": ("h264", None, 2),
    "H.264 and PCMA": ("h264", "pcma", 0),
    "H.265 and PCMU": ("h265", "pcmu", 0),
    "H.265 with B-frames": ("h265", None, 2),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def stored(request, tmp_path: Path):
    codec, audio, b_frames = request.param
    stream = coded(codec, audio=audio, b_frames=b_frames)
    clock = FakeClock()
    start = clock.now()
    with open_store(tmp_path, clock) as store:
        write(store, stream, start)
        clock.advance(5 * SECOND)
        store.pump()
        (segment,) = open_archive(tmp_path, clock).segments(key("gate"), start, clock.now())
        yield stream, segment, open_archive(tmp_path, clock)


def write(store: Store, stream, start: Instant) -> None:
    segment = store.open_segment(key("gate"), start, stream.format, RunFacts(1, start))
    for fragment in fragments(stream):
        assert segment.append(fragment)
    segment.close(Instant(start + 4 * SECOND))


def probe(path: Path, *more: str) -> dict:
    run = subprocess.run(
        ["ffprobe", "-v", "warning", "-of", "json", *more, str(path)],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert run.stderr == ""
    return json.loads(run.stdout)


def test_ffprobe_finds_duration_and_every_packet(stored) -> None:
    stream, segment, _ = stored
    facts = probe(segment.path, "-show_format", "-show_streams", "-count_packets")
    assert float(facts["format"]["duration"]) == pytest.approx(4, abs=0.03)
    assert int(facts["streams"][0]["nb_read_packets"]) == len(stream.video)
    assert float(facts["streams"][0]["duration"]) == pytest.approx(4, abs=0.001)
    if stream.audio:
        wanted = {"aac": "aac", "pcma": "pcm_alaw", "pcmu": "pcm_mulaw"}
        assert facts["streams"][1]["codec_name"] == wanted[stream.format.audio.codec]
        assert int(facts["streams"][1]["nb_read_packets"]) == sum(
            len(fragment.audio) for fragment in fragments(stream)
        )


def test_ffmpeg_decodes_without_a_word(stored) -> None:
    _, segment, _ = stored
    run = subprocess.run(
        ["ffmpeg", "-v", "warning", "-i", str(segment.path), "-f", "null", "-"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert run.stderr == ""


def test_every_coded_byte_and_time_comes_back(stored) -> None:
    stream, segment, _ = stored
    with av.open(str(segment.path)) as container:
        video = [packet for packet in container.demux(video=0) if packet.size]
        assert [bytes(packet) for packet in video] == [sample.data for sample in stream.video]
        shift = min(0, *(sample.composition for sample in stream.video))
        times, at = [], 0
        for sample in stream.video:
            times.append(at + sample.composition - shift)
            at += sample.duration
        assert [packet.pts for packet in video] == times
        assert [packet.is_keyframe for packet in video] == [s.key for s in stream.video]


def test_the_picture_of_an_instant_is_the_right_one(stored) -> None:
    stream, segment, archive = stored
    pts, at = [], 0
    for sample in stream.video:
        pts.append(at + sample.composition)
        at += sample.duration
    for number in (0, 1, 24, 25, 37, 99):
        wanted = sorted(pts)[number]
        instant = Instant(segment.start + wanted * SECOND // RATE)
        picture = archive.keyframe_at(key("gate"), instant)
        if number == 0 and wanted > 0:
            continue
        assert picture is not None
        assert (picture.target, picture.time) == (wanted, instant)
        assert picture.samples[0].key
        assert _decodes(picture, stream, number)


def _decodes(picture, stream, number: int) -> bool:
    """Whether the samples given are enough for a decoder to show exactly that picture."""
    context = av.CodecContext.create("h264" if stream.format.video.codec == "h264" else "hevc", "r")
    frames = []
    for sample, pts in zip(picture.samples, picture.pts, strict=True):
        data, at = b"", 0
        while at < len(sample.data):
            size = int.from_bytes(sample.data[at : at + 4], "big")
            data += b"\x00\x00\x00\x01" + sample.data[at + 4 : at + 4 + size]
            at += 4 + size
        packet = av.Packet(data)
        packet.pts = pts
        frames += context.decode(packet)
    frames += context.decode(None)
    shown = [frame for frame in frames if frame.pts == picture.target]
    # Each picture is a grey of its own with a white line; the grey tells which it is.
    grey = shown[0].to_ndarray(format="gray")[:, (number + 100) % 320].mean()
    return abs(grey - (number % 200)) < 16


def test_the_fragment_index_names_playable_ranges(stored) -> None:
    _, segment, archive = stored
    index = archive.fragments(segment)
    data = segment.path.read_bytes()
    assert [entry.start for entry in index.fragments] == [
        segment.start + second * SECOND for second in range(4)
    ]
    assert data[4:8] == b"ftyp"
    assert data[index.init_length + 4 : index.init_length + 8] == b"moof"
    for entry, following in zip(index.fragments, index.fragments[1:], strict=False):
        assert entry.offset + entry.size == following.offset
    last = index.fragments[-1]
    assert data[last.offset + last.size :][4:8] == b"uuid"
