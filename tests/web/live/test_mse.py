"""Live MP4 as a viewer gets it, read back by PyAV, and the outlet's promises."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import av
import pytest

from tests.web.live.coded import Clip, clip
from vms.core.live import StreamDown
from vms.core.media import Track
from vms.core.model import Cause
from web.live.mse import MseOutlet, SilentMseOutlet
from web.live.source import TimedUnit

WALL = 1_763_800_000_000_000_000


class Viewer:
    """Reads the frames as RFC 6455 §5.2 says."""

    def __init__(self, *, informed: bool = True) -> None:
        self.informed = informed
        self.texts: list[str] = []
        self.binaries: list[bytes] = []
        self.keys: list[bool] = []

    def state(self, frames: bytes) -> None:
        self._read(frames)

    def media(self, frames: bytes, key: bool) -> None:
        self.keys.append(key)
        self._read(frames)

    def _read(self, frames: bytes) -> None:
        at = 0
        while at < len(frames):
            kind, size = frames[at] & 0xF, frames[at + 1]
            at += 2
            if size >= 126:
                width = 2 if size == 126 else 8
                size = int.from_bytes(frames[at : at + width], "big")
                at += width
            data = frames[at : at + size]
            at += size
            if kind == 1:
                self.texts.append(data.decode())
            else:
                self.binaries.append(data)

    @property
    def file(self) -> bytes:
        """Everything since the last init section."""
        starts = [i for i, data in enumerate(self.binaries) if data[4:8] == b"ftyp"]
        return b"".join(self.binaries[starts[-1] :])


def units(coded: Clip, start: int = 90_000) -> list[TimedUnit]:
    ticks = 90_000 // coded.rate
    found = [
        TimedUnit(Track.VIDEO, data, start + pts * ticks, key, WALL + pts * 40_000_000, False)
        for data, pts, key in coded.pictures
    ]
    audio = coded.format.audio
    if audio is None or audio.codec != "aac":
        return found
    mixed: list[TimedUnit] = []
    frame = 0
    for number, unit in enumerate(found):
        while frame * 1_024 < number * 16_000 / coded.rate and frame < len(coded.sound):
            time = 16_000 + frame * 1_024
            mixed.append(TimedUnit(Track.AUDIO, coded.sound[frame], time, False, WALL, False))
            frame += 1
        mixed.append(unit)
    return mixed


def play(coded: Clip, outlet: MseOutlet | None = None) -> tuple[MseOutlet, Viewer]:
    outlet, viewer = outlet or MseOutlet(), Viewer()
    outlet.format_changed(coded.format)
    outlet.add(viewer)
    for unit in units(coded):
        outlet.unit(unit)
    return outlet, viewer


@pytest.mark.parametrize("b_frames", [0, 2])
def test_every_picture_is_decoded_in_order(b_frames: int) -> None:
    coded = clip(width=320, height=240, b_frames=b_frames, pictures=40, gop=20)
    _, viewer = play(coded)
    with av.open(io.BytesIO(viewer.file)) as container:
        times = [frame.pts for frame in container.decode(video=0)]
    assert len(times) == 40
    assert times == [90_000 + number * 3_600 for number in range(40)]


def test_with_b_frames_decode_times_rise_and_no_picture_is_shown_before_it_is_decoded() -> None:
    coded = clip(width=320, height=240, b_frames=2, pictures=40, gop=20)
    _, viewer = play(coded)
    with av.open(io.BytesIO(viewer.file)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    decode = [packet.dts for packet in packets]
    assert decode == sorted(set(decode))
    assert all(p.pts >= p.dts for p in packets if p.pts is not None and p.dts is not None)


def test_aac_travels_with_the_pictures_and_g711_stays_out() -> None:
    _, viewer = play(clip(width=320, height=240, sound="aac"))
    assert viewer.texts[0].startswith('video/mp4; codecs="avc1.')
    assert viewer.texts[0].endswith(',mp4a.40.2"')
    with av.open(io.BytesIO(viewer.file)) as container:
        assert sum(1 for _ in container.decode(audio=0)) > 20
    _, viewer = play(clip(width=320, height=240, sound="pcma"))
    assert "mp4a" not in viewer.texts[0]
    with av.open(io.BytesIO(viewer.file)) as container:
        assert not container.streams.audio


def test_who_may_not_hear_gets_the_pictures_alone() -> None:
    coded = clip(width=320, height=240, sound="aac")
    _, viewer = play(coded, SilentMseOutlet())
    assert "mp4a" not in viewer.texts[0]
    with av.open(io.BytesIO(viewer.file)) as container:
        assert not container.streams.audio
        assert sum(1 for _ in container.decode(video=0)) == len(coded.pictures)
    assert not any(sound in viewer.file for sound in coded.sound if len(sound) > 8)


def test_h265_is_told_as_such() -> None:
    _, viewer = play(clip(codec="h265", width=320, height=240, pictures=10, gop=10))
    assert viewer.texts[0].startswith('video/mp4; codecs="hvc1.1.6.')
    with av.open(io.BytesIO(viewer.file)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 10


def test_a_late_viewer_begins_with_the_last_keyframe_and_its_clock() -> None:
    coded = clip(width=320, height=240, pictures=40, gop=25)
    outlet, first = play(coded)
    late = Viewer()
    outlet.add(late)
    assert late.keys == [True]
    assert len(late.binaries) == 1 + 15
    clock = json.loads(late.texts[1])["clock"]
    assert clock == {"wall_ms": WALL // 1_000_000 + 1_000, "media": 2.0}
    with av.open(io.BytesIO(late.file)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 15
    assert first.keys.count(True) == 2


def test_who_did_not_ask_gets_the_mime_type_first_and_then_pictures_only() -> None:
    outlet, told = play(clip(width=320, height=240, pictures=40, gop=25))
    outlet.down(StreamDown(Cause.UNREACHABLE, "no route to 10.0.0.5"))
    plain = Viewer(informed=False)
    outlet.add(plain)
    assert plain.texts == []
    coded = clip(width=640, height=360, pictures=20, gop=10)
    outlet.format_changed(coded.format)
    for unit in units(coded, 900_000):
        outlet.unit(unit)
    assert [text.partition(";")[0] for text in plain.texts] == ["video/mp4"]
    assert len(plain.binaries) == 1 + 20
    outlet.down(StreamDown(Cause.UNREACHABLE, "no route to 10.0.0.5"))
    assert len(plain.texts) == 1
    assert sum(text.startswith("{") for text in told.texts) == 2 + 1 + 2 + 1


def test_an_outage_is_told_and_a_new_format_begins_anew() -> None:
    outlet, viewer = play(clip(width=320, height=240))
    outlet.down(StreamDown(Cause.UNREACHABLE, "no route to 10.0.0.5"))
    assert json.loads(viewer.texts[-1]) == {
        "down": {"cause": "unreachable", "detail": "no route to 10.0.0.5"}
    }
    late = Viewer()
    outlet.add(late)
    assert json.loads(late.texts[0])["down"]["cause"] == "unreachable"
    assert late.binaries == []
    coded = clip(width=640, height=360, pictures=10, gop=10)
    outlet.format_changed(coded.format)
    for unit in units(coded, 900_000):
        outlet.unit(unit)
    with av.open(io.BytesIO(viewer.file)) as container:
        assert [frame.width for frame in container.decode(video=0)] == [640] * 10


def announced(viewer: Viewer) -> list[int]:
    """How long each picture sent so far is said to last, in ticks."""
    init = viewer.binaries[0]
    found: list[int] = []
    for fragment in viewer.binaries[1:]:
        with av.open(io.BytesIO(init + fragment)) as container:
            found += [int(p.duration or 0) for p in container.demux(video=0) if p.size]
    return found


@pytest.mark.parametrize(("rate", "gop"), [(25, 20), (8, 16), (1, 4), (5, 1)])
def test_the_first_picture_is_as_long_as_the_camera_is_slow(rate: int, gop: int) -> None:
    _, viewer = play(clip(width=320, height=240, rate=rate, gop=gop, pictures=8))
    assert announced(viewer) == [90_000 // rate] * 8


def test_with_b_frames_no_picture_lies_further_than_twice_the_length_of_the_one_before() -> None:
    _, viewer = play(clip(width=320, height=240, rate=10, b_frames=2, pictures=40, gop=20))
    with av.open(io.BytesIO(viewer.file)) as container:
        decode = [int(p.dts) for p in container.demux(video=0) if p.size and p.dts is not None]
    lengths = announced(viewer)[-len(decode) :]
    assert all(b - a <= 2 * n for a, b, n in zip(decode, decode[1:], lengths, strict=False))


def test_after_an_outage_the_first_picture_waits_for_no_second() -> None:
    coded = clip(width=320, height=240, rate=8, pictures=16, gop=16)
    outlet, viewer = play(coded)
    outlet.down(StreamDown(Cause.SILENT, ""))
    outlet.format_changed(coded.format)
    viewer.binaries.clear()
    outlet.add(viewer)
    outlet.unit(units(coded, 900_000)[0])
    assert announced(viewer) == [90_000 // 8]


def test_a_pause_of_the_camera_announces_no_long_picture() -> None:
    coded = clip(width=320, height=240, pictures=20, gop=20)
    outlet, viewer = MseOutlet(), Viewer()
    outlet.format_changed(coded.format)
    outlet.add(viewer)
    for number, unit in enumerate(units(coded)):
        outlet.unit(replace(unit, time=unit.time + (5 * 90_000 if number >= 10 else 0)))
    assert announced(viewer) == [3_600] * 20


def test_nothing_is_sent_before_a_keyframe() -> None:
    coded = clip(width=320, height=240)
    outlet, viewer = MseOutlet(), Viewer()
    outlet.add(viewer)
    outlet.format_changed(coded.format)
    for unit in units(coded)[1:10]:
        outlet.unit(unit)
    assert viewer.keys == []


def test_a_huge_group_is_not_kept_but_goes_on_live() -> None:
    coded = clip(width=320, height=240)
    outlet, viewer = play(coded)
    data = (4_000_000).to_bytes(4, "big") + b"\x41" + bytes(3_999_999)
    before = len(viewer.binaries)
    for number in range(6):
        time = 90_000 * 10 + number * 3_600
        outlet.unit(TimedUnit(Track.VIDEO, data, time, False, WALL, False))
    assert len(viewer.binaries) == before + 6
    late = Viewer()
    outlet.add(late)
    assert late.keys == []
