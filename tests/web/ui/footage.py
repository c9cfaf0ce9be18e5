"""Footage for the players' tests: real H.264 whose pictures carry their own time.

Each picture has a strip of 32 black or white cells in its top lines: the number of 40 ms steps
since the footage's base. What a browser shows can so be read from its canvas and compared with
what the player says it shows. Files are built by `storage.fmp4`, as the recorder builds them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from storage.facts import Fragment, Sample
from storage.fmp4.init import init_section
from storage.fmp4.moof import build_fragment
from vms.core.media import AudioFormat, StreamFormat, VideoFormat

CELL = 10
BITS = 32
STEP_MS = 40
RATE = 90_000
TICKS = RATE * STEP_MS // 1000
PER_FRAGMENT = 25


@functools.cache
def _ground(width: int, height: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x // 2 & 0xFF, y & 0xFF, np.full_like(x, 96)], axis=2).astype(np.uint8)


def picture(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """A still ground with a moving block, and `number` in the strip."""
    image = _ground(width, height).copy()
    left = number * 7 % (width - 60)
    image[height // 2 : height // 2 + 50, left : left + 50] = 220
    for bit in range(BITS):
        image[: 2 * CELL, bit * CELL : (bit + 1) * CELL] = 255 if number >> bit & 1 else 0
    return image


def nal_units(annex_b: bytes) -> list[bytes]:
    parts = annex_b.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part for part in parts if part]


def with_lengths(units: list[bytes]) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


class Encoder:
    """Numbers in, coded samples out; `bframes` reorders them as some cameras do."""

    def __init__(
        self, width: int, height: int, gop: int = 50, bframes: int = 0, codec: str = "h264"
    ) -> None:
        self.width, self.height = width, height
        self._gop, self._bframes, self._codec = gop, bframes, codec
        self._coder = self._open()
        # Parameter sets by NAL unit type, as last seen in band.
        self._sets: dict[int, bytes] = {}

    def _open(self) -> av.VideoCodecContext:
        coder = av.CodecContext.create("libx264" if self._codec == "h264" else "libx265", "w")
        assert isinstance(coder, av.VideoCodecContext)
        coder.width, coder.height, coder.pix_fmt = self.width, self.height, "yuv420p"
        coder.time_base = Fraction(1, 25)
        common = (
            f"keyint={self._gop}:min-keyint={self._gop}:scenecut=0:bframes={self._bframes}:"
            "open-gop=0:repeat-headers=1"
        )
        if self._codec == "h264":
            own = {"x264-params": f"{common}:threads=1"}
        else:
            own = {"x265-params": f"{common}:pools=1:frame-threads=1:log-level=error"}
        tune = {} if self._bframes else {"tune": "zerolatency"}
        coder.options = {"preset": "ultrafast", "crf": "30"} | own | tune
        return coder

    def encode(self, number: int, index: int) -> list[tuple[bytes, int, bool]]:
        frame = av.VideoFrame.from_ndarray(picture(number, self.width, self.height), "rgb24")
        frame.pts = index
        return [self._packet(packet) for packet in self._coder.encode(frame)]

    def flush(self) -> list[tuple[bytes, int, bool]]:
        packets = [self._packet(packet) for packet in self._coder.encode(None)]
        self._coder = self._open()
        return packets

    def _packet(self, packet: av.Packet) -> tuple[bytes, int, bool]:
        units = nal_units(bytes(packet))
        for unit in units:
            kind = unit[0] & 31 if self._codec == "h264" else unit[0] >> 1 & 63
            if kind in (7, 8, 32, 33, 34):
                self._sets[kind] = unit
        assert packet.pts is not None
        return with_lengths(units), packet.pts, packet.is_keyframe

    def format(self) -> VideoFormat:
        sets = self._sets
        size = (self.width, self.height)
        if self._codec == "h264":
            return VideoFormat("h264", *size, (sets[7],), (sets[8],))
        return VideoFormat("h265", *size, (sets[33],), (sets[34],), (sets[32],))


@dataclass(slots=True)
class File:
    """A stored segment as the server has it; grows while `open`. Times in ms."""

    start: int
    format: StreamFormat
    data: bytearray = field(default_factory=bytearray)
    fragments: list[tuple[float, int, int, int]] = field(default_factory=list)
    duration: int = 0
    open: bool = False
    init_length: int = 0

    def __post_init__(self) -> None:
        self.data += init_section(self.format)
        self.init_length = len(self.data)

    @property
    def end(self) -> int:
        return self.start + self.duration

    def append(self, samples: list[Sample], first: int) -> None:
        """Adds pictures from number `first` of this file on, with sound if the format has it."""
        audio = self.format.audio
        sound = []
        if audio is not None:
            sound = [Sample(b"\xd5" * 320, 320) for _ in samples]
        fragment = Fragment(samples, sound, first * TICKS, first * 320)
        built = build_fragment(fragment, len(self.fragments) + 1)
        key = 1 if samples[0].key else 0
        self.fragments.append((float(first * STEP_MS), len(self.data), len(built), key))
        self.data += built
        self.duration = first * STEP_MS + sum(one.duration for one in samples) * 1000 // RATE


def samples_of(packets: list[tuple[bytes, int, bool]]) -> list[Sample]:
    """Packets in decode order as samples, shown when the encoder was told (signed offsets)."""
    return [
        Sample(data, TICKS, (pts - i) * TICKS, key) for i, (data, pts, key) in enumerate(packets)
    ]


def record(
    base: int, start: int, seconds: int, encoder: Encoder, *, segment: int = 6, sound: bool = False
) -> Iterator[File]:
    """Abutting files from `start` (ms) on; pictures numbered from `base`."""
    audio = AudioFormat("pcma", 8000) if sound else None
    for begin in range(start, start + seconds * 1000, segment * 1000):
        first = (begin - base) // STEP_MS
        packets: list[tuple[bytes, int, bool]] = []
        for i in range(segment * 1000 // STEP_MS):
            packets += encoder.encode(first + i, i)
        packets += encoder.flush()
        file = File(begin, StreamFormat(encoder.format(), audio))
        samples = samples_of(packets)
        for i in range(0, len(samples), PER_FRAGMENT):
            file.append(samples[i : i + PER_FRAGMENT], i)
        yield file


def sparse(base: int, start: int, seconds: int, every: int) -> File:
    """One file of a camera that sends a picture each `every` steps, each the only one of its
    fragment; numbered from `base`."""
    encoder = Encoder(320, 180)
    first, count = (start - base) // STEP_MS, seconds * 1000 // (every * STEP_MS)
    packets = [one for i in range(count) for one in encoder.encode(first + i * every, i)]
    file = File(start, StreamFormat(encoder.format(), None))
    for i, (data, _, key) in enumerate(packets):
        file.append([Sample(data, every * TICKS, 0, key)], i * every)
    return file
