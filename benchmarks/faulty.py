"""Cameras whose pictures go bad at known minutes, by day, by night, and from day into night.

A street with the noise of a sensor and things that walk through it; each minute a group of pictures
is coded as a camera would. By night it is infrared: no colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

import av
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.planted import Painter, Plan, walks_of
from storage.facts import Sample
from vms.cameras.health.looks import Fault
from vms.core.media import VideoFormat

FPS = 5
_TICKS = 90_000
_BLACK, _WHITE, _PAINT = 14, 235, 70  # luma
_NOISE = 1.5
_BLUR = 1 / 100  # of the picture's height: clearly out of focus, yet shapes can be seen

Kind = Literal["day", "night", "dusk"]
Picture = npt.NDArray[np.uint8]  # I420: H*3/2 × W


@dataclass(frozen=True, slots=True)
class Spell:
    """Minutes [start, end) in which a fault is planted."""

    fault: Fault
    start: int
    end: int


def schedule(first: int, sick: int, well: int) -> list[Spell]:
    """Each fault once: `sick` minutes each, `well` in between, from `first` on."""
    step = sick + well
    return [
        Spell(fault, first + n * step, first + n * step + sick) for n, fault in enumerate(Fault)
    ]


class FaultyCamera:
    """One camera: a second of coded pictures for each minute."""

    def __init__(self, kind: Kind, seed: int, minutes: int, spells: Sequence[Spell]) -> None:
        plan = Plan("day", "CBR", 1920, 1080, FPS, gop=1, seconds=minutes * 60, seed=seed)
        self._kind, self._spells, self._dusk = kind, spells, minutes // 2
        walks = walks_of(plan)
        self._by_day = Painter(plan, walks)
        self._by_night = Painter(replace(plan, light="night"), walks)
        self._encoder: Any = _encoder(plan)
        self._rng = np.random.default_rng(seed)
        self._last = np.zeros((plan.height * 3 // 2, plan.width), np.uint8)
        self._held: Picture | None = None
        self._number = 0
        self.size = plan.width, plan.height

    def minute(self, number: int) -> tuple[VideoFormat, list[Sample]]:
        """The minute's group of pictures, its last one shown to the minute's end."""
        fault = next((s.fault for s in self._spells if s.start <= number < s.end), None)
        packets = []
        for step in range(FPS):
            frame = av.VideoFrame.from_ndarray(self._picture(number, step, fault), format="yuv420p")
            frame.pts, frame.time_base = self._number, Fraction(1, FPS)
            frame.pict_type = av.video.frame.PictureType.I if step == 0 else 0
            self._number += 1
            packets += self._encoder.encode(frame)
        return self._coded([bytes(packet) for packet in packets])

    def _picture(self, minute: int, step: int, fault: Fault | None) -> Picture:
        if fault is Fault.FROZEN:
            self._held = self._last.copy() if self._held is None else self._held
            return self._held
        self._held = None
        dark = self._kind == "night" or (self._kind == "dusk" and minute >= self._dusk)
        painter = self._by_night if dark else self._by_day
        seen = painter.picture(minute * 60 * FPS + step).copy()
        if dark:
            seen[self.size[1] :] = 128
        self._last = seen if fault is None else self._spoilt(seen, fault)
        return self._last

    def _spoilt(self, picture: Picture, fault: Fault) -> Picture:
        width, height = self.size
        luma = picture[:height]
        made: dict[Fault, Any] = {
            Fault.BLACK: lambda: self._flat(_BLACK),
            Fault.WHITE: lambda: self._flat(_WHITE),
            Fault.COVERED: lambda: self._flat(_PAINT),
            Fault.BLURRED: lambda: self._noisy(cv2.GaussianBlur(luma, (0, 0), height * _BLUR)),
            Fault.TURNED: lambda: cv2.warpAffine(
                luma,
                np.array([[1, 0, width / 3], [0, 1, height / 10]], np.float32),
                (width, height),
                borderMode=cv2.BORDER_REFLECT,
            ),
        }
        picture[:height] = made[fault]()
        if fault in (Fault.BLACK, Fault.WHITE, Fault.COVERED):
            picture[height:] = 128
        return picture

    def _flat(self, level: int) -> Picture:
        return self._noisy(np.full((self.size[1], self.size[0]), level, np.uint8))

    def _noisy(self, luma: Any) -> Picture:
        noise = self._rng.normal(0, _NOISE, luma.shape).astype(np.float32)
        noisy: Picture = np.clip(luma + noise, 0, 255).astype(np.uint8)
        return noisy

    def _coded(self, packets: Sequence[bytes]) -> tuple[VideoFormat, list[Sample]]:
        sets: dict[int, bytes] = {}
        samples = []
        for place, data in enumerate(packets):
            units = _units(data)
            sets |= {unit[0] & 0x1F: unit for unit in units if unit[0] & 0x1F in (7, 8)}
            body = b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)
            lasts = 60 * _TICKS - (len(packets) - 1) * _TICKS // FPS
            ticks = lasts if place == len(packets) - 1 else _TICKS // FPS
            samples.append(Sample(body, ticks, 0, key=place == 0))
        return VideoFormat("h264", *self.size, (sets[7],), (sets[8],)), samples


def _encoder(plan: Plan) -> Any:
    """As a camera codes: at once, a keyframe a second, at a constant rate."""
    context: Any = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = plan.width, plan.height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, plan.fps), Fraction(plan.fps)
    context.gop_size, context.thread_count = plan.gop * plan.fps, 1
    context.bit_rate = plan.bitrate
    rate = {"maxrate": str(plan.bitrate), "bufsize": str(plan.bitrate)}
    quality = {"preset": "superfast", "tune": "zerolatency", "forced-idr": "1"}
    context.options = {**quality, **rate, "x264-params": f"scenecut=0:qpmin={plan.qp_min}"}
    context.open()
    return context


def _units(data: bytes) -> list[bytes]:
    """NAL units between start codes."""
    parts = data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]
    return [part.rstrip(b"\0") for part in parts]
