"""Real coded pictures for tests: PyAV encodes once, a source replays them as a camera would."""

from __future__ import annotations

import asyncio
import fractions
import functools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import av
import numpy as np

from vms.core.clock import SECOND, Clock, Instant, Mono
from vms.core.live import FormatChanged, LiveMessage, LiveUnit, StreamDown
from vms.core.media import AccessUnit, AudioFormat, StreamFormat, Track, VideoFormat
from vms.core.model import StreamKey

CODE_BITS = 32
CELL = 8
"""A picture's strip: 32 cells of 8 pixels in the top 8 lines, black or white, number in binary."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Coded pictures of one GOP after another, with their format; `rate` pictures a second."""

    format: StreamFormat
    pictures: tuple[tuple[bytes, int, bool], ...]  # data, pts in pictures, key
    rate: int
    sound: tuple[bytes, ...] = ()


def _lengths(annexb: bytes) -> list[bytes]:
    """NAL units of an Annex-B stream."""
    parts = annexb.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part for part in parts if part]


def picture(number: int, width: int, height: int) -> np.ndarray:
    """A moving texture with `number` in the strip."""
    y, x = np.mgrid[0:height, 0:width]
    image = np.empty((height, width, 3), np.uint8)
    image[..., 0] = (x + 4 * number) & 0xFF
    image[..., 1] = (y + 2 * number) & 0xFF
    image[..., 2] = ((x * y) // 97 + number) & 0xFF
    for bit in range(CODE_BITS):
        value = 255 if number >> bit & 1 else 0
        image[:CELL, bit * CELL : (bit + 1) * CELL] = value
    return image


@functools.cache
def clip(
    *,
    codec: str = "h264",
    width: int = 640,
    height: int = 360,
    rate: int = 25,
    gop: int = 25,
    pictures: int = 50,
    bitrate: int = 1_000_000,
    b_frames: int = 0,
    sound: str | None = None,
) -> Clip:
    """Encode a clip; `sound` is "aac" or "pcma"."""
    encoder = av.CodecContext.create("libx264" if codec == "h264" else "libx265", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = fractions.Fraction(1, rate)
    encoder.framerate = fractions.Fraction(rate)
    encoder.bit_rate = bitrate
    encoder.gop_size = gop
    encoder.options = (
        {"preset": "ultrafast", "bf": str(b_frames), "sc_threshold": "0", "slices": "1"}
        if codec == "h264"
        else {"preset": "ultrafast", "x265-params": f"keyint={gop}:bframes=0:log-level=none"}
    )
    coded: list[tuple[bytes, int, bool]] = []
    for number in range(pictures):
        frame = av.VideoFrame.from_ndarray(picture(number, width, height), format="rgb24")
        frame.pts = number
        coded += [(bytes(p), int(p.pts or 0), bool(p.is_keyframe)) for p in encoder.encode(frame)]
    coded += [(bytes(p), int(p.pts or 0), bool(p.is_keyframe)) for p in encoder.encode(None)]
    units = _lengths(coded[0][0])
    kinds = [unit[0] & 0x1F if codec == "h264" else unit[0] >> 1 & 0x3F for unit in units]
    numbers = {"h264": (-1, 7, 8), "h265": (32, 33, 34)}[codec]
    vps, sps, pps = (
        tuple(unit for unit, kind in zip(units, kinds, strict=True) if kind == wanted)
        for wanted in numbers
    )
    video = VideoFormat("h264" if codec == "h264" else "h265", width, height, sps, pps, vps)
    audio, frames = _sound(sound)
    data = tuple((_with_lengths(unit), pts, key) for unit, pts, key in coded)
    return Clip(StreamFormat(video, audio), data, rate, frames)


def _with_lengths(annexb: bytes) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in _lengths(annexb))


def _sound(kind: str | None) -> tuple[AudioFormat | None, tuple[bytes, ...]]:
    if kind is None:
        return None, ()
    if kind == "pcma":
        tone = bytes(0xD5 ^ (i // 8 % 2 * 0x40) for i in range(160))
        return AudioFormat("pcma", 8_000), (tone,) * 50
    encoder = av.CodecContext.create("aac", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = 16_000, "mono", "fltp"
    frames: list[bytes] = []
    for number in range(40):
        samples = np.sin(np.arange(1_024) / 8 + number).astype(np.float32)[None] * 0.2
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16_000, number * 1_024
        frames += [bytes(p) for p in encoder.encode(frame)]
    return AudioFormat("aac", 16_000, 1, bytes(encoder.extradata or b"")), tuple(frames)


class ClipSource:
    """A fake of LiveClient: replays a clip for ever, in step with the clock."""

    def __init__(self, clip: Clip, clock: Clock) -> None:
        self.clip, self._clock = clip, clock
        self.epoch = 1
        self.subscribed = 0
        self._started = clock.now()
        self.down: StreamDown | None = None
        self._changed = asyncio.Event()

    def begin_again(self, clip: Clip | None = None) -> None:
        """A new run, perhaps of another format."""
        self.clip = clip or self.clip
        self.epoch += 1
        self.down = None
        self._started = self._clock.now()
        self._changed.set()

    def fail(self, down: StreamDown) -> None:
        self.down = down
        self._changed.set()

    @asynccontextmanager
    async def subscribe(self, stream: StreamKey) -> AsyncIterator[AsyncIterator[LiveMessage]]:
        self.subscribed += 1
        try:
            yield self._messages(stream)
        finally:
            self.subscribed -= 1

    async def _messages(self, stream: StreamKey) -> AsyncIterator[LiveMessage]:
        while True:
            self._changed.clear()
            if self.down is not None:
                yield self.down
                await self._changed.wait()
                continue
            yield FormatChanged(stream, self.clip.format, self.epoch)
            async for unit in self._units():
                yield unit
                if self._changed.is_set():
                    break

    async def _units(self) -> AsyncIterator[LiveUnit]:
        clip = self.clip
        gop = next((i for i, (_, _, key) in enumerate(clip.pictures[1:], 1) if key), 1)
        step = SECOND // clip.rate
        now = (self._clock.now() - self._started) // step + gop
        # As if the camera ran since `gop` pictures before our start.
        number = now - now % gop
        while True:
            due = self._started + (number - gop) * step
            wait = due - self._clock.now()
            if wait > 0:
                await asyncio.sleep(wait / SECOND)
            if self._changed.is_set():
                return
            for unit in self._at(number, due, cached=number < now):
                yield unit
            number += 1

    def _at(self, number: int, due: int, *, cached: bool) -> Sequence[LiveUnit]:
        clip = self.clip
        rounds, index = divmod(number, len(clip.pictures))
        data, pts, key = clip.pictures[index]
        ticks = clip.format.video.clock_rate // clip.rate
        shown = rounds * len(clip.pictures) + pts
        arrival = Mono(self._clock.monotonic())
        units = [
            LiveUnit(
                AccessUnit(Track.VIDEO, data, shown * ticks, arrival, key), Instant(due), cached
            )
        ]
        audio = clip.format.audio
        if audio is not None:
            size = 1_024 if audio.codec == "aac" else 160
            before = number * audio.clock_rate // clip.rate // size
            after = (number + 1) * audio.clock_rate // clip.rate // size
            for frame in range(before, after):
                sound = clip.sound[frame % len(clip.sound)]
                units.append(
                    LiveUnit(
                        AccessUnit(Track.AUDIO, sound, frame * size, arrival), Instant(due), cached
                    )
                )
        return units
