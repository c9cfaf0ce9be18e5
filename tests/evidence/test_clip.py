"""Clips: plain MP4 that other programs play as it was, coded bytes untouched."""

from __future__ import annotations

import io
import itertools
import json
import os
import subprocess
from pathlib import Path
from typing import Literal

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.fmp4.tables import TrackTables
from tests.evidence.house import GATE, START, Site, usual
from tests.storage.encoded import coded, fragments
from vms.core.clock import SECOND, Instant
from vms.evidence.clip import Altered, Buffers, Clip, Copied, clips_of, copy_part


def written(site: Site, start: float, end: float, folder: Path) -> list[tuple[Clip, Path]]:
    """The clips of [start, end), in seconds since START, as files."""
    a, b = (Instant(START + round(at * 1_000) * 1_000_000) for at in (start, end))
    segments = site.archive.segments(GATE, a, b)
    found, buffers = [], Buffers(1)
    for number, clip in enumerate(
        clips_of(site.archive, segments, a, b, lambda at: "Kuzey Kapı", io.BytesIO)
    ):
        path = folder / f"{number}.mp4"
        with path.open("wb") as out:
            for piece in clip.movie.front():
                out.write(piece)
            for part in clip.parts:
                for found_piece in copy_part(site.archive, part, lambda piece: None, buffers):
                    if not isinstance(found_piece, Copied):
                        out.writelines(found_piece)
        assert path.stat().st_size == clip.movie.size
        found.append((clip, path))
    return found


def probe(path: Path, *what: str) -> dict[str, list[dict[str, str]]]:
    """What ffprobe says; it has nothing to complain about."""
    argv = ["ffprobe", "-v", "warning", *what, "-of", "json", str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    facts: dict[str, list[dict[str, str]]] = json.loads(done.stdout)
    return facts


def shown(path: Path) -> list[float]:
    """Times of the pictures that a player shows, in seconds."""
    frames = probe(path, "-select_streams", "v", "-show_entries", "frame=pts_time")["frames"]
    return [float(frame["pts_time"]) for frame in frames]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return usual(tmp_path_factory.mktemp("site"))


def test_a_clip_begins_with_the_picture_on_show_and_ends_before_the_end(
    site: Site, tmp_path: Path
) -> None:
    ((clip, path), _) = written(site, 2.53, 22.41, tmp_path)
    assert clip.start == START + 2_520_000_000  # 25 pictures a second: on show since 2.52
    times = shown(path)
    assert times[0] == 0
    assert len(times) == len({*times})
    # 2.52 to 12, nothing for 5 s, 17 to 21.
    assert len(times) == 237 + 100
    assert clip.end == START + 21 * SECOND


def test_gaps_keep_their_length(site: Site, tmp_path: Path) -> None:
    ((clip, path), _) = written(site, 2.52, 22, tmp_path)
    steps = [b - a for a, b in itertools.pairwise(shown(path))]
    assert [round(step, 3) for step in steps if step > 0.05] == [5.04]
    streams = probe(path, "-show_entries", "stream=duration,start_time")["streams"]
    for stream in streams:
        assert float(stream["duration"]) == pytest.approx(
            (clip.end - clip.start) / SECOND, abs=0.03
        )
        assert float(stream["start_time"]) == pytest.approx(0, abs=0.001)


def test_another_format_begins_another_clip(site: Site, tmp_path: Path) -> None:
    clips = written(site, 0, 25, tmp_path)
    assert [(clip.format.video.width, clip.sound) for clip, _ in clips] == [
        (320, True),
        (640, False),
    ]
    assert clips[1][0].start == START + 21 * SECOND
    assert len(shown(clips[1][1])) == 100


def test_a_gap_of_more_than_an_hour_begins_another_clip(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.record(coded())
    site.gap(3_700)
    site.record(coded())
    clips = written(site, 0, 3_708, tmp_path)
    assert [clip.start for clip, _ in clips] == [START, START + 3_704 * SECOND]
    site.close()


@pytest.mark.parametrize(
    ("codec", "b_frames", "sound"),
    [
        ("h264", 0, None),
        ("h264", 0, "pcma"),
        ("h264", 2, "pcmu"),
        ("h264", 2, "aac"),
        ("h265", 0, "aac"),
        ("h265", 2, None),
    ],
)
def test_every_coded_byte_is_the_cameras(
    codec: Literal["h264", "h265"], b_frames: int, sound: str | None, tmp_path: Path
) -> None:
    stream = coded(codec, b_frames=b_frames, audio=sound)
    site = Site(tmp_path)
    site.record(stream)
    site.record(stream)
    ((clip, path),) = written(site, 0, 8, tmp_path)
    probe(path, "-show_streams")
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert packets == [sample.data for sample in stream.video] * 2
    if sound is not None:
        with av.open(str(path)) as container:
            packets = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
        recorded = [sample.data for fragment in fragments(stream) for sample in fragment.audio]
        assert packets == recorded * 2
    assert all(part.whole for part in clip.parts)
    site.close()


def test_sound_stays_beside_its_pictures(site: Site, tmp_path: Path) -> None:
    """The n-th packet of each track plays when it did in the camera's stream."""
    stream = coded(b_frames=2, audio="aac")
    ((clip, path), _) = written(site, 5.3, 22, tmp_path)
    with av.open(str(path)) as container:
        for packet in container.demux(audio=0):
            if not packet.size:
                continue
            assert packet.pts is not None
            at = float(packet.pts * packet.time_base) + (clip.start - START) / SECOND
            within = (at - (17 if at > 16.9 else 0)) % 4
            number = min(
                range(len(stream.audio)),
                key=lambda n: abs(n * 1024 / 48_000 - within),
            )
            assert abs(number * 1024 / 48_000 - within) < 0.000_1 or within > 3.9
            if within <= 3.9:
                assert bytes(packet) == stream.audio[number].data


def test_a_segment_that_changed_its_bytes_is_not_handed_out(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.record(coded())
    (segment,) = site.archive.segments(GATE, START, site.at)
    data = bytearray(segment.path.read_bytes())
    data[len(data) // 2] ^= 1
    segment.path.chmod(0o640)
    segment.path.write_bytes(data)
    with pytest.raises(Altered, match="do not match"):
        written(site, 0, 4, tmp_path)
    site.close()


def test_footage_still_being_written_is_handed_out_as_far_as_it_is(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.record(coded())
    stream = coded()
    segment = site.store.open_segment(GATE, site.at, stream.format, site.run)
    for fragment in fragments(stream)[:3]:
        assert segment.append(fragment)
    site.store.pump()
    site.clock.advance(3 * SECOND)
    ((clip, path),) = written(site, 2, 7, tmp_path)
    assert [part.whole for part in clip.parts] == [False, False]
    assert len(shown(path)) == 125
    site.close()


def test_vlc_plays_a_clip_to_its_end_without_an_error(site: Site, tmp_path: Path) -> None:
    ((_, path), _) = written(site, 2.53, 22, tmp_path)
    for made in (tmp_path, *tmp_path.parents):
        if "pytest-" in str(made):
            made.chmod(0o755)
    done = subprocess.run(
        ["cvlc", "-v", "--intf", "dummy", "--vout", "dummy", "--aout", "dummy", "--rate", "8",
         "--play-and-exit", "--no-video-title-show", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        user="nobody" if os.geteuid() == 0 else None,
        env={**os.environ, "HOME": str(tmp_path)},
        check=True,
    )  # fmt: skip
    assert "end of playlist" in done.stderr
    told = [line for line in done.stderr.splitlines() if "error" in line]
    about_us = [line for line in told if "interface" not in line]  # no display, no D-Bus
    assert about_us == []


@given(
    st.lists(
        st.tuples(
            st.integers(-300, 2_000),
            st.lists(
                st.tuples(st.integers(1, 500), st.integers(-600, 600)), min_size=1, max_size=9
            ),
        ),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=200)
def test_tables_keep_every_presentation_time(
    runs: list[tuple[int, list[tuple[int, int]]]],
) -> None:
    """However segments overlap or leave gaps, pictures stay at their own times."""
    tables = TrackTables(io.BytesIO)
    wanted: list[int] = []
    time = 0
    for gap, samples in runs:
        time = max(0, time + (gap if wanted else 0))
        tables.add(time, [(d, 10, c, False) for d, c in samples], 0)
        for duration, composition in samples:
            wanted.append(time + composition)
            time += duration
    tables.close()
    durations = expanded(tables.durations.numbers)
    compositions = expanded(tables.compositions.numbers, signed=True)
    decode = [0, *itertools.accumulate(durations)]
    assert len(durations) == len(compositions) == len(wanted) == tables.count
    assert all(duration > 0 for duration in durations)
    assert decode[-1] == tables.end
    assert [at + c for at, c in zip(decode, compositions, strict=False)] == wanted
    assert tables.lowest == min(0, *compositions)


def expanded(numbers: object, *, signed: bool = False) -> list[int]:
    data = b"".join(numbers.pieces())  # type: ignore[attr-defined]
    values = [
        int.from_bytes(data[at : at + 4], "big", signed=signed and at % 8 == 4)
        for at in range(0, len(data), 4)
    ]
    return [
        value for count, value in zip(values[::2], values[1::2], strict=True) for _ in range(count)
    ]
