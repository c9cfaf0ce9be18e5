"""One picture of the past as a JPEG: coded samples in, the decoded picture out.

The only module of the web that decodes. libav does it with the interpreter lock released; two at
a time at most, so that scrubbing over many cameras can't take the recorder's cores.
"""

from __future__ import annotations

import io
import struct
import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Literal

import av
from av.error import FFmpegError

from storage.archive import Archive
from storage.facts import Sample
from vms.core.clock import Instant, rfc3339
from vms.core.errors import NotFound, StorageError
from vms.core.media import VideoFormat
from vms.core.model import Cause, StreamKey

WIDTH_MAX = 3_840
_QUALITY = 4  # mjpeg's scale 2 (best) to 31; 4 shows no blocks at a glance

_START_CODE = b"\x00\x00\x00\x01"
_slots = threading.BoundedSemaphore(2)  # full: the next picture waits its turn in its thread


def jpeg_at(archive: Archive, stream: StreamKey, at: Instant, width: int | None = None) -> bytes:
    """The picture that was on show at `at`. Raises NotFound where nothing is recorded.

    `width`: in pixels, the height follows; never larger than the picture is.
    """
    found = archive.keyframe_at(stream, at)
    if found is None:
        raise NotFound(f"{stream} has no footage at {rfc3339(at)}")
    with _slots:
        try:
            return _jpeg(decode(found.format.video, found.samples, found.pts, found.target), width)
        except FFmpegError as error:
            raise StorageError(
                Cause.FOOTAGE_DAMAGED,
                f"the picture of {stream} at {rfc3339(at)} can't be decoded: {error}",
            ) from error


def decode(
    video: VideoFormat, samples: Sequence[Sample], pts: Sequence[int], target: int
) -> av.VideoFrame:
    """The picture shown at `target`, or the last before it if that one is damaged.

    `samples`: in decode order from a keyframe on; `pts`: when each is shown, in ticks.
    """
    best: av.VideoFrame | None = None
    for frame in _frames(video, samples, pts):
        shown = frame.pts
        if shown is None or shown > target:
            continue
        if best is None or best.pts is None or best.pts < shown:
            best = frame
    if best is None:
        raise NotFound("no picture can be decoded here")
    return best


def _frames(
    video: VideoFormat, samples: Sequence[Sample], pts: Sequence[int]
) -> Iterator[av.VideoFrame]:
    name: Literal["hevc", "h264"] = "hevc" if video.codec == "h265" else "h264"
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1  # more threads hold pictures back and cost the recorder its cores
    # Cameras that send parameter sets only in the SDP leave them out of the samples.
    head = b"".join(_START_CODE + nal for nal in (*video.vps, *video.sps, *video.pps))
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


def _jpeg(frame: av.VideoFrame, width: int | None) -> bytes:
    wide = min(width or frame.width, frame.width, WIDTH_MAX) & ~1 or 2
    high = max(2, round(frame.height * wide / frame.width) & ~1)
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = wide, high
    encoder.pix_fmt = "yuvj420p"
    encoder.time_base = Fraction(1, 25)  # one picture needs none, the encoder does
    encoder.options = {"qscale": str(_QUALITY)}
    encoder.qmin = encoder.qmax = _QUALITY
    picture = frame.reformat(width=wide, height=high, format="yuvj420p")
    picture.pts = 0
    out = io.BytesIO()
    for packet in (*encoder.encode(picture), *encoder.encode(None)):
        out.write(bytes(packet))
    return out.getvalue()
