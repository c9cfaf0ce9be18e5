"""Sample entries: how `moov` describes H.264, H.265, AAC and G.711 (ISO/IEC 14496-12, -14, -15).

Written from the camera's parameter sets, read back to the same format.
"""

from __future__ import annotations

import struct

from storage.fmp4.boxes import BadFile, box, children, find, full_box
from storage.fmp4.sps import SampleDepth, h264_depth, h265_depth, unescape
from vms.core.media import AudioFormat, VideoFormat

_VIDEO_NAMES = {"h264": b"avc1", "h265": b"hvc1"}
_AUDIO_NAMES = {"aac": b"mp4a", "pcma": b"alaw", "pcmu": b"ulaw"}
_VISUAL_LENGTH = 78  # of a VisualSampleEntry before its boxes (§12.1.3)
_AUDIO_LENGTH = 28  # of an AudioSampleEntry before its boxes (§12.2.3)
# Profiles whose avcC carries chroma format and bit depths (14496-15 §5.3.3.1.2).
_AVC_WITH_DEPTH = frozenset({100, 110, 122, 144, 244})
_VPS, _SPS, _PPS = 32, 33, 34


def video_entry(video: VideoFormat) -> bytes:
    """`avc1` with avcC, or `hvc1` with hvcC; parameter sets also stay in band as they were sent."""
    configuration = (
        box(b"avcC", _avc_configuration(video))
        if video.codec == "h264"
        else box(b"hvcC", _hevc_configuration(video))
    )
    head = struct.pack(
        ">6xH16xHHIII H32xHh",
        1,  # data reference
        video.width,
        video.height,
        0x0048_0000,  # 72 dpi, as the standard's template says
        0x0048_0000,
        0,
        1,  # frames per sample
        0x18,
        -1,
    )
    return box(_VIDEO_NAMES[video.codec], head, configuration)


def audio_entry(audio: AudioFormat) -> bytes:
    """`mp4a` with esds, or `alaw`/`ulaw`."""
    rate = audio.clock_rate << 16 if audio.clock_rate < 0x10000 else 0
    head = struct.pack(">6xH8xHHIi", 1, audio.channels, 16, 0, 0)[:24] + struct.pack(">I", rate)
    parts = [head]
    if audio.codec == "aac":
        parts.append(full_box(b"esds", 0, 0, _descriptors(audio.config)))
    elif audio.channels <= 2:  # mono or stereo; without it ffmpeg says it has to guess
        layout = struct.pack(">III", (99 + audio.channels) << 16 | audio.channels, 0, 0)
        parts.append(full_box(b"chan", 0, 0, layout))
    return box(_AUDIO_NAMES[audio.codec], *parts)


def _avc_configuration(video: VideoFormat) -> bytes:
    sps = video.sps[0]
    parts = [bytes((1, *sps[1:4], 0xFF, 0xE0 | len(video.sps)))]
    parts += [struct.pack(">H", len(unit)) + unit for unit in video.sps]
    parts.append(bytes((len(video.pps),)))
    parts += [struct.pack(">H", len(unit)) + unit for unit in video.pps]
    if sps[1] in _AVC_WITH_DEPTH:
        depth = h264_depth(sps)
        parts.append(
            bytes((0xFC | depth.chroma_format, 0xF8 | depth.luma - 8, 0xF8 | depth.chroma - 8, 0))
        )
    return b"".join(parts)


def _hevc_configuration(video: VideoFormat) -> bytes:
    profile = unescape(video.sps[0])[2:]  # behind the NAL header
    temporal_layers = (profile[0] >> 1 & 7) + 1
    nested = profile[0] & 1
    depth: SampleDepth = h265_depth(video.sps[0])
    parts = [
        b"\x01",
        profile[1:13],  # profile space, tier, profile, compatibility, constraints, level
        struct.pack(
            ">HBBBBHB",
            0xF000,  # min_spatial_segmentation: unknown
            0xFC,  # parallelism: unknown
            0xFC | depth.chroma_format,
            0xF8 | depth.luma - 8,
            0xF8 | depth.chroma - 8,
            0,  # average frame rate: unknown, cameras lie about it
            temporal_layers << 3 | nested << 2 | 3,
        ),
    ]
    arrays = [(_VPS, video.vps), (_SPS, video.sps), (_PPS, video.pps)]
    present = [(kind, units) for kind, units in arrays if units]
    parts.append(bytes((len(present),)))
    for kind, units in present:
        parts.append(struct.pack(">BH", 0x80 | kind, len(units)))  # all sets of the segment
        parts += [struct.pack(">H", len(unit)) + unit for unit in units]
    return b"".join(parts)


def _descriptor(tag: int, payload: bytes) -> bytes:
    # Four length bytes as most writers do (14496-1 §8.3.3): some readers insist on them.
    size = len(payload)
    coded = bytes(0x80 | size >> shift & 0x7F for shift in (21, 14, 7)) + bytes((size & 0x7F,))
    return bytes((tag,)) + coded + payload


def _descriptors(config: bytes) -> bytes:
    decoder = struct.pack(">BB3xII", 0x40, 0x15, 0, 0) + _descriptor(0x05, config)
    return _descriptor(0x03, b"\x00\x00\x00" + _descriptor(0x04, decoder) + _descriptor(6, b"\x02"))


def read_video_entry(kind: bytes, payload: bytes, clock_rate: int) -> VideoFormat:
    """The format of an `avc1` or `hvc1` entry. Raises BadFile."""
    width, height = struct.unpack_from(">HH", payload, 24)
    inside = payload[_VISUAL_LENGTH:]
    if kind == b"avc1":
        record = find(inside, b"avcC")
        if record is None:
            raise BadFile("avc1 without avcC")
        sps, offset = _units(record, 6, record[5] & 0x1F)
        pps, _ = _units(record, offset + 1, record[offset])
        return VideoFormat("h264", width, height, sps, pps, clock_rate=clock_rate)
    record = find(inside, b"hvcC")
    if record is None:
        raise BadFile("hvc1 without hvcC")
    sets: dict[int, tuple[bytes, ...]] = {}
    offset = 23
    for _ in range(record[22]):
        name, count = struct.unpack_from(">BH", record, offset)
        sets[name & 0x3F], offset = _units(record, offset + 3, count)
    return VideoFormat(
        "h265",
        width,
        height,
        sets.get(_SPS, ()),
        sets.get(_PPS, ()),
        sets.get(_VPS, ()),
        clock_rate=clock_rate,
    )


def _units(record: bytes, offset: int, count: int) -> tuple[tuple[bytes, ...], int]:
    units = []
    for _ in range(count):
        (size,) = struct.unpack_from(">H", record, offset)
        units.append(record[offset + 2 : offset + 2 + size])
        offset += 2 + size
    return tuple(units), offset


def read_audio_entry(kind: bytes, payload: bytes, clock_rate: int) -> AudioFormat:
    """The format of an `mp4a`, `alaw` or `ulaw` entry. Raises BadFile."""
    (channels,) = struct.unpack_from(">H", payload, 16)
    if kind == b"alaw":
        return AudioFormat("pcma", clock_rate, channels)
    if kind == b"ulaw":
        return AudioFormat("pcmu", clock_rate, channels)
    for name, inside in children(payload, _AUDIO_LENGTH):
        if name == b"esds":
            return AudioFormat("aac", clock_rate, channels, _specific_config(inside[4:]))
    raise BadFile("mp4a without esds")


def _specific_config(data: bytes) -> bytes:
    """The payload of the DecoderSpecificInfo descriptor, as our own writer nests it."""
    skip = {0x03: 3, 0x04: 13}  # bytes of each descriptor before the ones inside it
    offset = 0
    while offset < len(data):
        tag, size = data[offset], 0
        offset += 1
        while True:
            byte = data[offset]
            offset += 1
            size = size << 7 | byte & 0x7F
            if not byte & 0x80:
                break
        if tag == 0x05:
            return data[offset : offset + size]
        offset += skip.get(tag, size)
    return b""
