"""Coding drawn pictures and sound with libav. Nothing else here imports PyAV but `replay`.

The picture's planes belong to the encoder: the drawing code writes into them in place, so no
picture is ever copied on our side.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import av
import numpy as np
import numpy.typing as npt

from vms.simulator.nal import is_keyframe, is_parameter_set, parameter_sets, split_annexb
from vms.simulator.spec import VideoSpec

Plane = npt.NDArray[np.uint8]
_TICKS = 90_000

_X265 = (
    "pools=none:frame-threads=1:log-level=none:wpp=0:info=0:me=dia:subme=0:ref=1:no-sao=1"
    ":max-merge=1:early-skip=1:aq-mode=0:ctu=32:min-cu-size=16:no-weightp=1:scenecut=0"
)


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One coded picture in sending order; parameter sets stand before every keyframe."""

    units: list[bytes]
    pts: int
    key: bool


class PictureEncoder:
    """One coded picture stream. `planes`: writable Y, U, V of the next picture (4:2:0).

    `quality`: "live" for least CPU, "rate" to fill the spec's bit rate (load loops).
    """

    def __init__(self, spec: VideoSpec, quality: Literal["live", "rate"] = "live") -> None:
        self.spec = spec
        self._context = _open(spec, quality)
        units = split_annexb(bytes(self._context.extradata or b""))
        self.parameter_sets = parameter_sets(spec.codec, units)
        self._frame = av.VideoFrame(spec.width, spec.height, "yuv420p")
        self._frame.time_base = Fraction(1, _TICKS)
        sizes = ((spec.width, spec.height), *2 * ((spec.width // 2, spec.height // 2),))
        self.planes: tuple[Plane, ...] = tuple(
            np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:height, :width]  # type: ignore[call-overload]
            for plane, (width, height) in zip(self._frame.planes, sizes, strict=True)
        )

    def encode(self, pts: int, *, key: bool = False) -> list[CodedPicture]:
        """Code the planes as they are; `pts` in 1/90000 s, rising."""
        self._frame.pts = pts
        kind = av.video.frame.PictureType
        self._frame.pict_type = kind.I if key else kind.NONE
        return [self._coded(packet) for packet in self._context.encode(self._frame)]

    def flush(self) -> list[CodedPicture]:
        """What B-frames held back; the encoder is spent then."""
        return [self._coded(packet) for packet in self._context.encode(None)]

    def _coded(self, packet: Any) -> CodedPicture:
        codec = self.spec.codec
        units = [unit for unit in split_annexb(bytes(packet)) if not is_parameter_set(codec, unit)]
        key = is_keyframe(codec, units)
        if key:
            units = [*self.parameter_sets, *units]
        return CodedPicture(units, packet.pts or 0, key)


def _open(spec: VideoSpec, quality: str) -> Any:
    name = {"h264": "libx264", "h265": "libx265"}[spec.codec]
    context: Any = av.CodecContext.create(name, "w")
    context.width, context.height, context.pix_fmt = spec.width, spec.height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, _TICKS), Fraction(spec.fps)
    context.gop_size, context.thread_count = spec.gop, 1
    context.flags |= av.codec.context.Flags.global_header
    rate = {"maxrate": str(spec.bitrate), "bufsize": str(spec.bitrate)}
    options = {"preset": "ultrafast", "forced-idr": "1", **rate}
    if spec.bframes == 0:
        options["tune"] = "zerolatency"
    if quality == "rate":
        context.bit_rate = spec.bitrate
    else:
        options["crf"] = "25"
    if spec.codec == "h264":
        extra = {"baseline": "", "main": "cabac=1", "high": "cabac=1:8x8dct=1"}[spec.profile]
        extra += f":bframes={spec.bframes}:b-adapt=0:scenecut=0:sliced-threads=0"
        options["x264-params"] = extra.lstrip(":")
    else:
        options["x265-params"] = f"{_X265}:bframes={spec.bframes}:b-adapt=0"
    context.options = options
    context.open()
    return context


@dataclass(frozen=True, slots=True)
class CodedSound:
    """A loop of sound, coded once. `samples`: of each frame."""

    codec: str
    rate: int
    frames: tuple[bytes, ...]
    samples: int
    config: bytes = b""


def encode_sound(codec: str, pcm: npt.NDArray[np.int16], rate: int) -> CodedSound:
    """Code mono PCM as AAC (1024 samples a frame) or G.711 (40 ms a packet)."""
    name = {"aac": "aac", "pcma": "pcm_alaw", "pcmu": "pcm_mulaw"}[codec]
    samples = 1024 if codec == "aac" else rate // 25
    context: Any = av.CodecContext.create(name, "w")
    context.sample_rate, context.layout = rate, "mono"
    context.format = "fltp" if codec == "aac" else "s16"
    context.time_base = Fraction(1, rate)
    if codec == "aac":
        context.bit_rate = 32_000
        context.flags |= av.codec.context.Flags.global_header
    context.open()
    frames: list[bytes] = []
    for at in range(0, len(pcm) - samples + 1, samples):
        piece = pcm[at : at + samples].reshape(1, -1)
        if codec == "aac":
            shaped = np.ascontiguousarray(piece.astype(np.float32) / 32_768)
            frame = av.AudioFrame.from_ndarray(shaped, format="fltp", layout="mono")
        else:
            whole = np.ascontiguousarray(piece)
            frame = av.AudioFrame.from_ndarray(whole, format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate, at
        frame.time_base = Fraction(1, rate)
        frames += [bytes(packet) for packet in context.encode(frame)]
    frames += [bytes(packet) for packet in context.encode(None)]
    if codec == "aac":
        del frames[0]  # the encoder's priming; without it the loop has its exact length
    return CodedSound(codec, rate, tuple(frames), samples, bytes(context.extradata or b""))
