"""Real coded streams for tests: made once with PyAV, as a camera would send them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import av
import numpy as np
import numpy.typing as npt

from storage.facts import Fragment, Sample
from vms.core.media import AudioFormat, StreamFormat, VideoFormat

RATE = 90_000


@dataclass(frozen=True)
class Coded:
    """A stream's format and its samples in decode order, audio beside them."""

    format: StreamFormat
    video: list[Sample]
    audio: list[Sample]


def annex_b_units(data: bytes) -> list[bytes]:
    """NAL units between start codes."""
    parts = data.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")[1:]
    return [part.rstrip(b"\x00") for part in parts]


def with_lengths(units: list[bytes]) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


@functools.cache
def coded(
    codec: Literal["h264", "h265"] = "h264",
    *,
    seconds: int = 4,
    fps: int = 25,
    gop: int = 25,
    b_frames: int = 0,
    audio: Literal["aac", "pcma", "pcmu"] | None = None,
    size: tuple[int, int] = (320, 240),
) -> Coded:
    """Moving pictures with parameter sets in band, and a tone."""
    name = "libx264" if codec == "h264" else "libx265"
    context = av.CodecContext.create(name, "w")
    context.width, context.height = size
    context.pix_fmt = "yuv420p"
    context.time_base = Fraction(1, fps)
    context.framerate = Fraction(fps)
    context.gop_size = gop
    parameters = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_frames}:log-level=-1"
    if codec == "h265":
        parameters += ":repeat-headers=1:pools=1:frame-threads=1:open-gop=0"
        context.options = {"preset": "ultrafast", "x265-params": parameters}
    else:
        context.options = {"preset": "veryfast", "x264-params": parameters + ":threads=1"}
    context.max_b_frames = b_frames
    packets = []
    for number in range(seconds * fps):
        picture = np.full((size[1], size[0], 3), number % 200, np.uint8)
        picture[:, number % size[0]] = 255
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = number
        packets += context.encode(frame)
    packets += context.encode(None)
    video, sets = [], {}
    for number, packet in enumerate(packets):
        units = annex_b_units(bytes(packet))
        for unit in units:
            kind = unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F
            sets.setdefault(kind, unit)
        composition = (packet.pts - number) * RATE // fps
        video.append(Sample(with_lengths(units), RATE // fps, composition, packet.is_keyframe))
    if codec == "h264":
        form = VideoFormat("h264", *size, (sets[7],), (sets[8],))
    else:
        form = VideoFormat("h265", *size, (sets[33],), (sets[34],), (sets[32],))
    sound, samples = _sound(audio, seconds) if audio else (None, [])
    return Coded(StreamFormat(form, sound), video, samples)


def _sound(codec: str, seconds: int) -> tuple[AudioFormat, list[Sample]]:
    if codec == "aac":
        context = av.CodecContext.create("aac", "w")
        context.sample_rate, context.layout, context.format = 48_000, "mono", "fltp"
        context.time_base = Fraction(1, 48_000)
        context.open()
        tone = np.sin(np.arange(48_000 * seconds) * 0.05, dtype=np.float32)[None] * 0.3
        packets = []
        for at in range(0, tone.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(tone[:, at : at + 1024]), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = 48_000, at
            packets += context.encode(frame)
        packets += context.encode(None)
        config = bytes(context.extradata or b"")
        return AudioFormat("aac", 48_000, 1, config), [Sample(bytes(p), 1024) for p in packets]
    rng = np.random.default_rng(1)
    frames = [rng.integers(0, 255, 160, np.uint8).tobytes() for _ in range(50 * seconds)]
    name = "pcma" if codec == "pcma" else "pcmu"
    return AudioFormat(name, 8_000), [Sample(data, 160) for data in frames]


def fragments(stream: Coded, per: int = 25) -> list[Fragment]:
    """The stream in fragments of `per` pictures, sound along with them."""
    parts, video_time, audio_time, sound = [], 0, 0, 0
    rate = stream.format.audio.clock_rate if stream.format.audio else 1
    for at in range(0, len(stream.video), per):
        video = stream.video[at : at + per]
        until = video_time + sum(sample.duration for sample in video)
        audio, first = [], audio_time
        while sound < len(stream.audio) and audio_time * RATE < until * rate:
            audio.append(stream.audio[sound])
            audio_time += stream.audio[sound].duration
            sound += 1
        parts.append(Fragment(video, audio, video_time, first))
        video_time = until
    return parts


def still(luma: npt.NDArray[np.uint8], *, coloured: bool = True) -> tuple[VideoFormat, Sample]:
    """One keyframe of a picture given by its brightness, as a camera would code it."""
    height, width = luma.shape
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base = Fraction(1, 25)
    context.options = {"preset": "ultrafast", "crf": "23", "x264-params": "threads=1:log-level=-1"}
    colour = np.full((height // 2, width), 118 if coloured else 128, np.uint8)
    frame = av.VideoFrame.from_ndarray(np.vstack([luma, colour]), format="yuv420p")
    packets = [*context.encode(frame), *context.encode(None)]
    units = annex_b_units(b"".join(bytes(packet) for packet in packets))
    sets = {unit[0] & 0x1F: unit for unit in units}
    form = VideoFormat("h264", width, height, (sets[7],), (sets[8],))
    return form, Sample(with_lengths(units), RATE, 0, key=True)
