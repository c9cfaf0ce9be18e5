"""A stream that begins anew within a connection: under another SSRC, or counting anew.

Its first keyframe and what that says of the format are kept; strangers and doubles do no harm;
what is missing is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recorder.actions import CloseSegment, OpenSegment
from recorder.rtp.demux import Demuxer, TrackSetup
from recorder.rtp.g711 import G711Depacketiser
from recorder.rtp.newcomer import ADOPT, BYTES_MAX
from recorder.session import Rules, Session
from recorder.source import Element, Hole, SourceStats
from tests.recorder.rtp.wire import (
    FRAME,
    IDR,
    PPS,
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
from tests.recorder.streams import READING, Tape
from vms.core.clock import MILLISECOND, SECOND
from vms.core.errors import CameraError
from vms.core.media import AccessUnit, AudioFormat, SenderReport, StreamFormat
from vms.core.model import Cause

OTHER_SPS = bytes.fromhex("67640028acd940780227e5c044000003000400000300c83c60c658")
OLD, NEW = [SPS, PPS, IDR], [OTHER_SPS, PPS, IDR]
SMALL = b"\x41\x9a" + bytes(range(1, 100))  # a picture in one packet
SMALL_IDR = b"\x65\x88" + bytes(range(1, 200))
SWEEP = 300 * MILLISECOND


class Camera:
    """Pictures at their times, swept: `units` is what came of it all."""

    def __init__(self, fps: int = 25, stats: SourceStats | None = None) -> None:
        self.stats = stats or SourceStats()
        self.demux, self.units, self.fps = demuxer(stats=self.stats), list[Element](), fps
        self._now = self._number = 0
        self._waiting: list[bytes] = []

    @property
    def now(self) -> int:
        """Nanoseconds since the first picture."""
        return self._now

    def shows(self, track: Packetiser, *pictures: list[bytes], since: int = 0) -> None:
        """One picture after the other; `since`: what is added to their RTP times."""
        for nals in pictures:
            self.says(track.picture(nals, (since + self._number * 90_000 // self.fps) % (1 << 32)))
            self.passes(SECOND // self.fps)
            self._number += 1

    def says(self, frames: Iterable[bytes]) -> None:
        self._waiting += frames

    def passes(self, nanoseconds: int) -> None:
        end = self._now + nanoseconds
        while (sweep := self._now - self._now % SWEEP + SWEEP) <= end:
            self._now = sweep
            self.sweeps()
        self._now = end

    def sweeps(self) -> None:
        self.units += feed(self.demux, b"".join(self._waiting), at=self._now)
        self._waiting = []

    @property
    def pictures(self) -> list[AccessUnit]:
        return videos(self.units)

    def formats(self) -> list[tuple[int, list[bytes]]]:
        """The height of each format with the pictures under it."""
        out: list[tuple[int, list[bytes]]] = []
        for unit in self.units:
            if isinstance(unit, StreamFormat):
                out.append((unit.video.height, []))
            elif isinstance(unit, AccessUnit):
                out[-1][1].append(unit.data)
        return out


def recorded(units: Iterable[Element]) -> tuple[list[OpenSegment], list[CloseSegment]]:
    """What a session makes of it."""
    session, tape = Session(Rules(), READING), Tape()
    actions = [*session.feed(list(units)), *session.finish()]
    tape.play(actions)
    opens = [action for action in actions if isinstance(action, OpenSegment)]
    return opens, [action for action in actions if isinstance(action, CloseSegment)]


def rewound(track: Packetiser) -> Packetiser:
    track.sequence = 7
    return track


def jumped(track: Packetiser) -> Packetiser:
    track.sequence = (track.sequence + 20_000) & 0xFFFF
    return track


ANEW = {
    "another SSRC": lambda track: Packetiser(ssrc=9, sequence=300),
    "a sequence begun anew": rewound,
    "a sequence that goes on far ahead": jumped,
}


@pytest.mark.parametrize("how", ANEW)
@pytest.mark.parametrize("since", [0, 77_000_000, 4_294_000_000, -40_000])
def test_the_new_beginnings_keyframe_and_format_are_kept(how: str, since: int) -> None:
    camera, track = Camera(), Packetiser(sequence=20_000)
    camera.shows(track, OLD, *[[FRAME]] * 25)
    camera.shows(ANEW[how](track), NEW, *[[FRAME]] * 25, since=since)
    camera.passes(SECOND)
    assert camera.formats() == [
        (720, [lengths(*OLD), *[lengths(FRAME)] * 25]),
        (1080, [lengths(*NEW), *[lengths(FRAME)] * 25]),
    ]
    assert (camera.stats.damaged, camera.stats.foreign, camera.stats.late) == (0, 0, 0)
    times = [unit.pts for unit in camera.pictures]
    assert times == sorted(times)
    assert all(  # arrival blurs where the new beginning lies by a sweep
        abs(pts - number * 3_600) <= 90_000 * SWEEP // SECOND for number, pts in enumerate(times)
    )
    assert not any(isinstance(unit, Hole) for unit in camera.units)


def test_a_new_session_of_few_small_packets_is_followed_after_a_silence_without_loss() -> None:
    camera, track = Camera(fps=5), Packetiser()
    camera.shows(track, [SPS, PPS, SMALL_IDR], *[[SMALL]] * 14)
    new = Packetiser(ssrc=9)
    camera.shows(new, [OTHER_SPS, PPS, SMALL_IDR], *[[SMALL]] * 9, since=1 << 31)
    assert [height for height, _ in camera.formats()] == [720, 1080], "within two seconds"
    camera.shows(new, *[[SMALL]] * 5, since=1 << 31)
    camera.passes(SECOND)
    assert len(camera.formats()[0][1]) == 15
    assert len(camera.formats()[1][1]) == 15
    # Each as of when it came, though the decision came later; the first ones are ended by the next.
    lags = [unit.arrival - number * SECOND // 5 for number, unit in enumerate(camera.pictures)]
    assert max(lags) <= SWEEP + SECOND // 5
    opens, closes = recorded(camera.units)
    assert [one.hole for one in opens] == [None, None]
    assert opens[1].start == closes[0].end


def test_a_new_session_that_begins_within_a_group_is_a_gap_up_to_its_keyframe() -> None:
    camera, track = Camera(fps=5), Packetiser()
    camera.shows(track, [SPS, PPS, SMALL_IDR], *[[SMALL]] * 14)
    new = Packetiser(ssrc=9)
    camera.shows(new, *[[SMALL]] * 35, since=1 << 31)
    camera.shows(new, [OTHER_SPS, PPS, SMALL_IDR], *[[SMALL]] * 9, since=1 << 31)
    camera.passes(SECOND)
    assert [height for height, _ in camera.formats()] == [720, 1080]
    assert len(camera.formats()[0][1]) == 15
    assert camera.stats.damaged == 35
    opens, closes = recorded(camera.units)
    assert [one.hole for one in opens] == [None, Cause.BROKEN_STREAM]
    assert opens[1].start - closes[0].end == pytest.approx(7 * SECOND, abs=SWEEP)


@pytest.mark.parametrize("fps", [5, 25])
def test_what_is_refused_behind_a_rewind_is_a_gap_however_short(fps: int) -> None:
    """The camera's first keyframe behind it is lost."""
    camera, track = Camera(fps), Packetiser(sequence=20_000)
    camera.shows(track, OLD, *[[FRAME]] * (3 * fps - 1))
    camera.shows(rewound(track), *[[FRAME]] * fps)
    camera.shows(track, NEW, *[[FRAME]] * fps)
    camera.passes(SECOND)
    assert [height for height, _ in camera.formats()] == [720, 1080]
    assert len(camera.formats()[0][1]) == 3 * fps
    assert camera.stats.damaged == fps
    opens, closes = recorded(camera.units)
    assert [one.hole for one in opens] == [None, Cause.BROKEN_STREAM]
    assert opens[1].start - closes[0].end == pytest.approx(SECOND, abs=SECOND // fps + SWEEP)


def test_a_damaged_first_keyframe_lets_nothing_through_under_the_old_format() -> None:
    camera = Camera()
    camera.shows(Packetiser(), OLD, *[[FRAME]] * 24)
    new = Packetiser(ssrc=9)
    key = new.picture(NEW, 0)
    camera.says([*key[:5], *key[6:]])
    camera.passes(40 * MILLISECOND)
    camera.shows(new, *[[FRAME]] * 24, NEW, *[[FRAME]] * 5)
    camera.passes(SECOND)
    assert [height for height, _ in camera.formats()] == [720, 1080]
    assert len(camera.formats()[0][1]) == 25
    assert (camera.stats.lost, camera.stats.damaged) == (1, 25)
    assert recorded(camera.units)[0][1].hole is Cause.BROKEN_STREAM


@pytest.mark.parametrize("lost", [0, 1])
def test_a_first_keyframe_whose_sets_are_lost_is_not_taken_for_one_of_before(lost: int) -> None:
    camera, track = Camera(), Packetiser(sequence=20_000)
    camera.shows(track, OLD, *[[FRAME]] * 24)
    key = rewound(track).picture(NEW, 90_000)
    camera.says([*key[:lost], *key[lost + 1 :]])
    camera.passes(40 * MILLISECOND)
    camera.shows(track, *[[FRAME]] * 24, NEW, [FRAME], since=3_600)
    camera.passes(SECOND)
    assert [height for height, _ in camera.formats()] == [720, 1080]
    assert len(camera.formats()[0][1]) == 25
    assert recorded(camera.units)[0][1].hole is Cause.BROKEN_STREAM


def test_where_sets_never_come_in_band_a_keyframe_is_enough() -> None:  # Axis
    camera, track = Camera(), Packetiser(sequence=20_000)
    camera.demux = demuxer(sets=[SPS, PPS], stats=camera.stats)
    camera.shows(track, [IDR], *[[FRAME]] * 24)
    camera.shows(rewound(track), [IDR], *[[FRAME]] * 24)
    camera.passes(SECOND)
    assert len(camera.pictures) == 50


def test_where_keyframes_have_sets_no_more_the_second_is_taken() -> None:
    camera, track = Camera(fps=5), Packetiser(sequence=20_000)
    camera.shows(track, OLD, *[[FRAME]] * 9)
    camera.shows(rewound(track), *[[IDR], *[[FRAME]] * 9] * 3)
    camera.passes(SECOND)
    assert len(camera.pictures) == 10 + 20
    assert recorded(camera.units)[0][1].hole is Cause.BROKEN_STREAM


def test_another_payload_type_than_was_said_costs_no_keyframe() -> None:  # Bosch: 35
    camera = Camera()
    camera.shows(Packetiser(payload_type=35), OLD, *[[FRAME]] * 24)
    camera.passes(SECOND)
    assert [picture.data for picture in camera.pictures] == [lengths(*OLD)] + [lengths(FRAME)] * 24


def test_no_keyframe_at_all_behind_a_new_beginning_ends_the_run() -> None:
    camera = Camera()
    camera.shows(Packetiser(), OLD, *[[FRAME]] * 24)
    with pytest.raises(CameraError, match="began its stream anew") as caught:
        camera.shows(Packetiser(ssrc=9), *[[FRAME]] * 25 * 12)
    assert caught.value.cause is Cause.BROKEN_STREAM
    assert 10 * SECOND <= camera.now <= 13 * SECOND


def strangers(of: Packetiser) -> Iterator[bytes]:
    while True:
        yield from of.picture([OTHER_SPS, PPS, SMALL_IDR, SMALL], of.sequence)


@pytest.mark.parametrize("fps", [1, 5, 25])
@pytest.mark.parametrize("each", [1, 3, 20])
def test_a_stranger_beside_a_living_stream_is_refused_without_harm(fps: int, each: int) -> None:
    """However many there are in all, and though keyframes are among them."""
    camera, track, other = Camera(fps), Packetiser(), strangers(Packetiser(ssrc=9))
    for number in range(max(12, 2 * fps)):
        for index, packet in enumerate(track.picture([FRAME] if number else OLD, number * 900)):
            camera.says([packet, *(next(other) for _ in range(each if index % 3 == 0 else 0))])
        camera.passes(SECOND // fps)
    camera.passes(SECOND)
    assert [height for height, _ in camera.formats()] == [720]
    assert len(camera.pictures) >= max(12, 2 * fps) - 1
    assert (camera.stats.lost, camera.stats.damaged) == (0, 0)
    assert camera.stats.foreign > 0


def test_a_stranger_is_not_taken_for_ours_because_the_network_stood_still() -> None:
    camera, track, other = Camera(), Packetiser(), strangers(Packetiser(ssrc=9))
    camera.shows(track, OLD, *[[FRAME]] * 10)
    camera.passes(5 * SECOND)
    camera.says([next(other), next(other)])
    camera.sweeps()
    camera.shows(track, *[[FRAME]] * 10)
    camera.passes(SECOND)
    assert [height for height, _ in camera.formats()] == [720]
    assert len(camera.pictures) == 21


def test_a_goodbye_lets_the_next_session_in_at_once() -> None:
    camera = Camera(fps=5)
    camera.shows(Packetiser(), [SPS, PPS, SMALL_IDR], [SMALL], [SMALL])
    camera.says([frame(1, bytes((0x81, 203, 0, 1, 0x11, 0x22, 0x33, 0x44)))])
    camera.shows(Packetiser(ssrc=9), [OTHER_SPS, PPS, SMALL_IDR], [SMALL])
    camera.sweeps()
    assert [height for height, _ in camera.formats()] == [720, 1080]
    assert not camera.demux.goodbye


def test_the_announced_session_is_followed_at_once() -> None:  # Reolink RLC-410
    stats = SourceStats()
    camera = Camera(fps=5, stats=stats)
    camera.demux._flow._announced = 9
    camera.shows(Packetiser(), [SPS, PPS, SMALL_IDR], [SMALL])
    camera.shows(Packetiser(ssrc=9), [OTHER_SPS, PPS, SMALL_IDR], [SMALL])
    camera.sweeps()
    assert [height for height, _ in camera.formats()] == [720, 1080]


@pytest.mark.parametrize("far", [0, 600])
def test_doubles_in_blocks_begin_nothing(far: int) -> None:
    """Of packets of before, many in a row; and single ones out of order, as gateways send them."""
    camera, track = Camera(), Packetiser()
    before: list[bytes] = []
    for number in range(120):
        frames = track.picture([FRAME] if number else OLD, number * 3_600)
        if number > far // 7 + 30 and number % 10 == 0:
            frames = [*before[-7 - far : len(before) - far], *frames]
        before += frames
        camera.says(frames)
        camera.passes(40 * MILLISECOND)
    assert len(camera.pictures) >= 118
    assert camera.stats.damaged == 0
    assert not any(isinstance(unit, Hole) for unit in camera.units)


def test_two_late_packets_cost_their_picture_alone() -> None:
    camera, track = Camera(), Packetiser()
    camera.shows(track, OLD, *[[FRAME]] * 10)
    late = track.picture([FRAME], 11 * 3_600)
    camera.says([*late[:2], *late[4:6], *late[2:4], *late[6:]])
    camera.passes(40 * MILLISECOND)
    camera.shows(track, *[[FRAME]] * 10, since=3_600)
    camera.passes(SECOND)
    assert len(camera.pictures) == 21
    assert camera.stats.damaged == 1


def test_what_is_held_is_bounded() -> None:
    camera, other = Camera(), Packetiser(ssrc=9, mtu=60_000)
    camera.shows(Packetiser(), OLD, [FRAME])
    for number in range(2 * ADOPT):
        camera.says([other.rtp(bytes((0x41, 0x9A)) + bytes([7] * 59_000), number * 3_600)])
        camera.sweeps()
        newcomer = camera.demux._flow._newcomer
        held = sum(len(packet) for packet, _ in newcomer.packets) if newcomer else 0
        assert held <= BYTES_MAX + 60_000
    assert camera.demux._flow.ssrc == 9
    old = Packetiser(ssrc=9, sequence=(other.sequence - 200) & 0xFFFF)
    for _ in range(150):
        camera.says([old.rtp(SMALL, number * 3_600)])
        camera.sweeps()
        newcomer = camera.demux._flow._newcomer
        assert newcomer is not None
        assert len(newcomer.packets) <= ADOPT


def test_reports_of_a_stranger_say_nothing_of_our_clock() -> None:
    camera = Camera()
    camera.shows(Packetiser(), OLD, *[[FRAME]] * 3)
    camera.says([Packetiser(ssrc=9).rtp(SMALL, 77)])
    camera.says([frame(1, sender_report(ssrc, 1_763_800_000.0, 7_200)) for ssrc in (9, 5)])
    camera.sweeps()
    assert len([unit for unit in camera.units if isinstance(unit, SenderReport)]) == 1


def with_sound(stats: SourceStats) -> Demuxer:
    demux = demuxer(stats=stats)
    demux.add_audio(TrackSetup(2, 3, 8, 8_000), AudioFormat("pcma", 8_000), G711Depacketiser())
    return demux


@pytest.mark.parametrize("how", ANEW)
def test_no_sound_is_lost_when_it_begins_anew(how: str) -> None:
    camera = Camera()
    camera.demux = with_sound(camera.stats)
    video, audio = Packetiser(), Packetiser(2, 8, ssrc=5, sequence=20_000)
    for number in range(100):
        if number == 50:
            anew = ANEW[how](audio)
            audio = Packetiser(2, 8, anew.ssrc, anew.sequence)
        camera.says(video.picture([FRAME] if number else OLD, number * 3_600))
        camera.says([audio.rtp(bytes([number]) * 320, (number > 49) * 9_000_000 + number * 320)])
        camera.passes(40 * MILLISECOND)
    camera.passes(SECOND)
    heard = sounds(camera.units)
    assert [unit.data[0] for unit in heard] == list(range(heard[0].data[0], 100))
    assert heard[0].data[0] <= 1
    for number, unit in enumerate(heard, heard[0].data[0]):
        assert abs(unit.pts - number * 320) <= 8_000 * SWEEP // SECOND
    assert camera.stats.foreign == camera.stats.late == 0


def test_sound_is_laid_on_the_pictures_again_after_a_new_beginning() -> None:
    camera = Camera()
    camera.demux = with_sound(camera.stats)
    for turn, since in enumerate((0, 1 << 31)):
        video, audio = Packetiser(ssrc=turn), Packetiser(2, 8, ssrc=50 + turn)
        for number in range(75):
            if number == 50:
                unix = 1_763_800_000.0 + camera.now / SECOND
                # Of one moment: the sound is 200 ms behind where arrival laid it.
                camera.says([frame(1, sender_report(turn, unix, since + number * 3_600))])
                camera.says([frame(3, sender_report(50 + turn, unix - 0.2, number * 320))])
            camera.says(video.picture([FRAME] if number % 25 else OLD, since + number * 3_600))
            camera.says([audio.rtp(bytes([number]) * 320, number * 320)])
            camera.passes(40 * MILLISECOND)
        apart = sounds(camera.units)[-1].pts / 8_000 - camera.pictures[-1].pts / 90_000
        assert apart == pytest.approx(-0.2, abs=0.06)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_begins_anew_no_picture_stands_under_a_format_that_is_not_its_own(
    data: st.DataObject,
) -> None:
    """Sessions of two formats, each with slices of its own, that follow each other at will."""
    heights = {720: SPS, 1080: OTHER_SPS}
    marks = {720: b"\x41\x9a" + bytes([1]) * 150, 1080: b"\x41\x9a" + bytes([2]) * 150}
    camera = Camera(fps=10)
    turns = data.draw(st.integers(1, 5))
    track, ended = Packetiser(mtu=100), list[tuple[int, int]]()
    for turn in range(turns):
        height = data.draw(st.sampled_from([720, 1080]))
        if turn:
            begin = ANEW[data.draw(st.sampled_from(sorted(ANEW)))]
            sequence = begin(Packetiser(sequence=track.sequence)).sequence
            ssrc = turn if data.draw(st.booleans()) else track.ssrc
            track = Packetiser(mtu=100, ssrc=ssrc, sequence=sequence)
        frames: list[list[bytes]] = []
        for number in range(data.draw(st.integers(1, 20))):
            key = number % 12 == 0
            nals = [heights[height], PPS, b"\x65\x88" + marks[height][2:]] if key else []
            since = turn * 1_000_000_000
            frames.append(track.picture(nals or [marks[height]], since + number * 9_000))
        for _ in range(data.draw(st.integers(0, 3))):  # whole pictures of the beginning are lost
            if len(frames) > 1 and data.draw(st.booleans()):
                del frames[0]
        # Where its numbers may follow ours, all but one at the most, nothing tells it from them.
        number = int.from_bytes(frames[0][0][6:8], "big")
        assume(all(ssrc != track.ssrc or (number + 1 - at) & 0xFFFF > 3_000 for ssrc, at in ended))
        ended.append((track.ssrc, track.sequence))
        for one in frames:
            camera.says(one)
            camera.passes(SECOND // 10)
    camera.passes(SECOND)
    for height, pictures in camera.formats():
        for picture in pictures:
            assert picture.endswith(marks[height][-20:])
