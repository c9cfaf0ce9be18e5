"""A trial says what a stream is and what is wrong with it, over a real socket."""

from __future__ import annotations

import asyncio
import dataclasses
import random

from recorder.observation import Observation
from recorder.source import Target
from recorder.trial import Patience, try_stream
from tests.interop.quirk import BARE_SDP, REFUSED, frames
from tests.interop.scripted import OK, Camera, serving
from tests.recorder.rtp.wire import FRAME, IDR, PPS, SPS, Packetiser, frame, lengths, sender_report
from vms.cameras.trial import CameraTrial, Flaw, StreamTrial, warnings_of
from vms.cameras.trial_report import report
from vms.cameras.trial_words import FLAWS, PROBLEMS
from vms.core.clock import MILLISECOND, SECOND, Instant, Mono, Span, SystemClock
from vms.core.media import AccessUnit, AudioFormat, SenderReport, StreamFormat, Track, VideoFormat
from vms.core.model import CameraId, Cause, StreamKey
from vms.core.secret import Secret

KEY = StreamKey(CameraId("camera"))
CANARY = "kanarya-51b"
_MS = MILLISECOND
QUICK = Patience(Span(150 * _MS), Span(300 * _MS), Span(300 * _MS), answer=Span(100 * _MS))


def tried(camera: Camera) -> StreamTrial:
    async def scene() -> StreamTrial:
        async with serving(camera) as port:
            url = f"rtsp://127.0.0.1:{port}/x?password={{password}}"
            target = Target(KEY, url, "vms", Secret(CANARY))
            return await try_stream(target, SystemClock(), random.Random(1), QUICK)

    return asyncio.run(scene())


def two_groups() -> bytes:
    """Two groups of pictures, 20 a second by the camera's times."""
    track = Packetiser()
    nals = [[SPS, PPS, IDR], [FRAME], [FRAME]] * 2
    return b"".join(
        data for number, one in enumerate(nals) for data in track.picture(one, number * 4_500)
    )


def test_a_stream_that_can_be_recorded_is_described() -> None:
    now = SystemClock().now() / SECOND
    camera = Camera(media=two_groups() + frame(1, sender_report(0x11223344, now - 60, 0)))
    found = tried(camera)
    assert (found.problem, found.source, found.keep_alive) == (None, "native", True)
    assert found.format is not None
    assert found.format.codec == "h264"
    pictures = found.pictures
    assert pictures is not None
    assert (pictures.count, pictures.keys, pictures.fps_of_camera) == (6, 2, 20.0)
    assert pictures.key_distance == (3, Span(150 * MILLISECOND))
    assert pictures.first_key is not None
    assert (found.counters["lost"], found.sender_reports) == (0, 1)
    assert found.clock_offset is not None
    assert abs(found.clock_offset + 60 * SECOND) < SECOND
    assert Flaw.CLOCK_OFF in warnings_of(found)
    assert found.sdp is not None
    assert found.sdp.startswith("v=0")
    assert found.keyframe == lengths(SPS, PPS, IDR)
    assert camera.heard[-1].method == "TEARDOWN"


def test_what_was_lost_and_what_came_twice_is_counted() -> None:
    every = frames()
    found = tried(Camera(media=b"".join([*every[:20], *every[21:], every[24]])))
    assert (found.counters["lost"], found.counters["late"]) == (1, 1)
    assert Flaw.PACKETS_LOST in warnings_of(found)
    assert Flaw.NO_SENDER_REPORTS not in warnings_of(found)  # none need have come so soon
    longer = dataclasses.replace(found, watched=Span(8 * SECOND))
    assert Flaw.NO_SENDER_REPORTS in warnings_of(longer)


def test_a_keep_alive_that_is_not_answered_is_told() -> None:
    found = tried(Camera({"GET_PARAMETER": ""}, media=two_groups()))
    assert (found.problem, found.keep_alive) == (None, False)
    assert Flaw.KEEP_ALIVE_UNANSWERED in warnings_of(found)


def test_a_stream_that_can_not_be_recorded_says_why_and_what_was_said() -> None:
    refused = REFUSED + 'WWW-Authenticate: Digest realm="c", nonce="n"\r\n\r\n'
    found = tried(Camera({"DESCRIBE": refused}))
    assert (found.problem, found.pictures) == (Cause.REFUSED, None)
    assert any("401" in message for message in found.dialogue)
    found = tried(Camera(sdp=BARE_SDP))
    assert found.problem is Cause.SILENT
    found = tried(Camera({"DESCRIBE": OK + "\r\n"}))
    assert (found.problem, found.sdp) == (Cause.NO_VIDEO, None)


def test_a_report_is_read_by_people_and_holds_no_secret() -> None:
    camera = Camera(media=two_groups())
    trial = CameraTrial(Instant(0), "1.0", "gate", (tried(camera),), None)
    text = report(trial)
    assert any(CANARY in request.uri for request in camera.heard)
    assert CANARY not in text + repr(trial) + str(trial.as_json())
    assert "main: can be recorded." in text
    assert "RTP inside RTSP over TCP, native" in text
    assert "> PLAY rtsp://127.0.0.1:" in text
    assert trial.well


def test_rates_sizes_and_clock_are_reckoned_from_what_came() -> None:
    video = VideoFormat("h264", 320, 180, (SPS,), (PPS,), frame_rate_hint=25_000)
    seen = Observation(Mono(0), 1_000)
    seen.feed([StreamFormat(video, AudioFormat("pcma", 8_000))])
    for number in range(50):
        at = Mono(SECOND + number * SECOND // 10)
        size, key = (1_000, True) if number % 20 == 0 else (100, False)
        seen.feed([AccessUnit(Track.VIDEO, bytes(size), number * 9_000, at, key)])
        seen.feed([AccessUnit(Track.AUDIO, b"", 0, at)])
    seen.feed([SenderReport(Track.VIDEO, Instant(7_000), 0, Mono(3_000))])
    found = seen.pictures()
    assert found is not None
    assert (found.fps, found.fps_of_camera, found.declared) == (10.0, 10.0, 25.0)
    assert found.key_distance == (20, 2 * SECOND)
    assert (found.key_size, found.size_max, found.first_key) == (1_000, 1_000, SECOND)
    assert found.bitrate == round(8 * (49 * 100 + 2 * 900) / 4.9)
    assert (seen.sounds, seen.clock_offset) == (50, 3_000)


def test_every_flaw_and_every_problem_has_words_in_both_languages() -> None:
    assert set(FLAWS) == set(Flaw)
    for sentence in (*FLAWS.values(), *PROBLEMS.values()):
        assert sentence.en.endswith((".", "?"))
        assert sentence.tr.endswith((".", "?"))
        assert sentence.en != sentence.tr
