"""From coded samples to a picture, and from a picture to a JPEG: the one place where pictures are
decoded, for screens, for health and to find motion.

libav does it with the interpreter lock released, each call in one thread: pictures of the past
must not take the recorder's cores.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Literal, NamedTuple

import av
import numpy as np
import numpy.typing as npt
from av.error import FFmpegError

from storage.facts import Sample
from vms.core.errors import NotFound, StorageError
from vms.core.media import VideoFormat
from vms.core.model import Cause

WIDTH_MAX = 3_840
_QUALITY = 4  # mjpeg's scale 2 (best) to 31; 4 shows no blocks at a glance
_START_CODE = b"\x00\x00\x00\x01"

Plane = npt.NDArray[np.uint8]


class Planes(NamedTuple):
    """A picture as brightness (H×W) and colour (each about H/2×W/2, 128 is none)."""

    luma: Plane
    u: Plane
    v: Plane


def decode(
    video: VideoFormat,
    samples: Sequence[Sample],
    pts: Sequence[int],
    target: int,
) -> av.VideoFrame:
    """The picture shown at `target`, or the last before it if that one is damaged.

    `samples`: in decode order from a keyframe on; `pts`: when each is shown, in ticks.
    Raises NotFound where nothing can be shown, StorageError for what no decoder takes.
    """
    return _shown(_decoder(video), video, samples, pts, target)


class RoughDecoder:
    """Decodes single pictures of many streams, for one thread, where no person looks at them.

    The borders of blocks may be seen, which costs a tenth less and no measure minds; and a decoder
    stays for the next picture with its memory, one for each codec.
    """

    def __init__(self) -> None:
        self._decoders: dict[str, av.VideoCodecContext] = {}

    def decode(
        self, video: VideoFormat, samples: Sequence[Sample], pts: Sequence[int], target: int
    ) -> av.VideoFrame:
        """As the function of this name; what one stream's picture broke does no other harm."""
        decoder = self._decoders.pop(video.codec, None) or _decoder(video, rough=True)
        frame = _shown(decoder, video, samples, pts, target)
        decoder.flush_buffers()
        self._decoders[video.codec] = decoder
        return frame


def _shown(
    decoder: av.VideoCodecContext,
    video: VideoFormat,
    samples: Sequence[Sample],
    pts: Sequence[int],
    target: int,
) -> av.VideoFrame:
    best: av.VideoFrame | None = None
    try:
        for frame in _frames(decoder, video, samples, pts):
            shown = frame.pts
            if shown is None or shown > target:
                continue
            if best is None or best.pts is None or best.pts < shown:
                best = frame
    except FFmpegError as error:
        raise StorageError(Cause.FOOTAGE_DAMAGED, f"it can't be decoded: {error}") from error
    if best is None:
        raise NotFound("no picture can be decoded here")
    return best


def planes_of(frame: av.VideoFrame) -> Planes:
    """A picture's numbers, whatever its pixel format; they are the frame's own memory if they can
    be, so it must live as long."""
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        frame = frame.reformat(format="yuv420p")
    luma, u, v = (
        np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[
            :, : plane.width
        ]
        for plane in frame.planes
    )
    return Planes(luma, u, v)


def scaled(frame: av.VideoFrame, width: int | None = None) -> av.VideoFrame:
    """`width`: in pixels, even, the height follows; never larger than the picture is."""
    wide, high = _size(frame, width)
    return frame.reformat(width=wide, height=high, format="yuvj420p")


def _size(frame: av.VideoFrame, width: int | None) -> tuple[int, int]:
    wide = min(width or frame.width, frame.width, WIDTH_MAX) & ~1 or 2
    return wide, max(2, round(frame.height * wide / frame.width) & ~1)


def jpeg(frame: av.VideoFrame, width: int | None = None) -> bytes:
    """`width`: in pixels, the height follows; never larger than the picture is.

    Raises StorageError for a picture that can't be coded.
    """
    wide, high = _size(frame, width)
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = wide, high
    encoder.pix_fmt = "yuvj420p"
    encoder.time_base = Fraction(1, 25)  # one picture needs none, the encoder does
    encoder.options = {"qscale": str(_QUALITY)}
    encoder.qmin = encoder.qmax = _QUALITY
    out = io.BytesIO()
    try:
        picture = frame.reformat(width=wide, height=high, format="yuvj420p")
        picture.pts = 0
        for packet in (*encoder.encode(picture), *encoder.encode(None)):
            out.write(bytes(packet))
    except FFmpegError as error:
        raise StorageError(Cause.FOOTAGE_DAMAGED, f"it can't be shown: {error}") from error
    return out.getvalue()


class StreamDecoder:
    """Decodes one live stream as it goes, from a keyframe on. Not for several threads at once.

    Pictures that no other needs (H.264's nal_ref_idc 0, H.265's sub-layer non-references) are left
    out by the decoder; all others must be decoded for the next to be right.
    """

    def __init__(self, video: VideoFormat) -> None:
        self._decoder = _decoder(video)
        self._decoder.skip_frame = "NONREF"
        self._head = _parameter_sets(video)
        self._begun = False

    def skip(self) -> None:
        """Pictures were left out: what follows is right again from the next keyframe on."""
        self._begun = False

    def feed(self, data: bytes, time: int, *, key: bool) -> list[av.VideoFrame]:
        """The pictures that a coded one completes, each with its `time` as pts.

        Nothing before a keyframe, and nothing for what is damaged: then it waits for the next.
        """
        if key and not self._begun:
            self._decoder.flush_buffers()
            self._begun = True
        if not self._begun:
            return []
        packet = av.Packet((self._head if key else b"") + annex_b(data))
        packet.pts = time
        try:
            return list(self._decoder.decode(packet))
        except FFmpegError:
            self._begun = False
            return []


def _decoder(video: VideoFormat, *, rough: bool = False) -> av.VideoCodecContext:
    name: Literal["hevc", "h264"] = "hevc" if video.codec == "h265" else "h264"
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    if rough:
        decoder.options = {"skip_loop_filter": "all"}
    decoder.thread_count = 1  # more threads hold pictures back and cost the recorder its cores
    return decoder


def _parameter_sets(video: VideoFormat) -> bytes:
    """For cameras that send them only in the SDP and leave them out of the samples."""
    return b"".join(_START_CODE + nal for nal in (*video.vps, *video.sps, *video.pps))


def _frames(
    decoder: av.VideoCodecContext, video: VideoFormat, samples: Sequence[Sample], pts: Sequence[int]
) -> Iterator[av.VideoFrame]:
    head = _parameter_sets(video)
    for sample, shown in zip(samples, pts, strict=True):
        packet = av.Packet(head + annex_b(sample.data))
        packet.pts, head = shown, b""
        yield from decoder.decode(packet)
    yield from decoder.decode(None)


def annex_b(data: bytes) -> bytes:
    """NAL units behind 4-byte lengths as NAL units behind start codes; a torn end is left out."""
    parts: list[bytes] = []
    at = 0
    while at + 4 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        if size > len(data) - at - 4:
            break
        parts += (_START_CODE, data[at + 4 : at + 4 + size])
        at += 4 + size
    return b"".join(parts)
