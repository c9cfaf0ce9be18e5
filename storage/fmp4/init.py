"""The beginning of a file: `ftyp` and `moov`. Depends on the stream's format alone.

So the init section is also the format's identity in the index: equal formats, equal bytes.
"""

from __future__ import annotations

import struct

from storage.fmp4.boxes import BadFile, box, children, find, full_box
from storage.fmp4.entries import audio_entry, read_audio_entry, read_video_entry, video_entry
from vms.core.media import AudioFormat, StreamFormat, Track, VideoFormat

_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000)
_UNDETERMINED = 0x55C4  # language "und" (ISO 639-2), packed
_MOVIE_RATE = 1_000


def init_section(stream: StreamFormat) -> bytes:
    """`ftyp` and `moov` with `mvex`: no samples, no duration; fragments follow."""
    traks = [_video_trak(stream.video)]
    tracks = [Track.VIDEO]
    if stream.audio is not None:
        traks.append(_audio_trak(stream.audio))
        tracks.append(Track.AUDIO)
    header = struct.pack(">IIIIIH10x", 0, 0, _MOVIE_RATE, 0, 0x10000, 0x100)
    movie = full_box(b"mvhd", 0, 0, header, _MATRIX, bytes(24), struct.pack(">I", Track.AUDIO + 1))
    extends = box(
        b"mvex",
        *(full_box(b"trex", 0, 0, struct.pack(">5I", track, 1, 0, 0, 0)) for track in tracks),
    )
    return box(b"ftyp", b"iso6\x00\x00\x02\x00iso6iso5mp41") + box(b"moov", movie, *traks, extends)


def _video_trak(video: VideoFormat) -> bytes:
    return _trak(
        Track.VIDEO,
        video.clock_rate,
        size=(video.width, video.height),
        handler=(b"vide", b"Video"),
        media_header=full_box(b"vmhd", 0, 1, bytes(8)),
        entry=video_entry(video),
    )


def _audio_trak(audio: AudioFormat) -> bytes:
    return _trak(
        Track.AUDIO,
        audio.clock_rate,
        size=(0, 0),
        handler=(b"soun", b"Sound"),
        media_header=full_box(b"smhd", 0, 0, bytes(4)),
        entry=audio_entry(audio),
    )


def _trak(
    track: Track,
    rate: int,
    *,
    size: tuple[int, int],
    handler: tuple[bytes, bytes],
    media_header: bytes,
    entry: bytes,
) -> bytes:
    volume = 0x100 if track is Track.AUDIO else 0
    header = full_box(
        b"tkhd",
        0,
        3,  # enabled, in movie
        struct.pack(">IIIII8xHHHH", 0, 0, track, 0, 0, 0, 0, volume, 0),
        _MATRIX,
        struct.pack(">II", size[0] << 16, size[1] << 16),
    )
    tables = box(
        b"stbl",
        full_box(b"stsd", 0, 0, struct.pack(">I", 1), entry),
        full_box(b"stts", 0, 0, bytes(4)),
        full_box(b"stsc", 0, 0, bytes(4)),
        full_box(b"stsz", 0, 0, bytes(8)),
        full_box(b"stco", 0, 0, bytes(4)),
    )
    reference = full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1))
    media = box(
        b"mdia",
        full_box(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, rate, 0, _UNDETERMINED, 0)),
        full_box(b"hdlr", 0, 0, bytes(4), handler[0], bytes(12), handler[1], b"\x00"),
        box(b"minf", media_header, box(b"dinf", reference), tables),
    )
    return box(b"trak", header, media)


def read_init(data: bytes) -> StreamFormat:
    """The format that `init_section` described. Raises BadFile."""
    try:
        return _read_init(data)
    except (struct.error, IndexError, StopIteration) as error:
        raise BadFile(f"moov is cut off or damaged: {error}") from error


def _read_init(data: bytes) -> StreamFormat:
    movie = find(data, b"moov")
    if movie is None:
        raise BadFile("no moov")
    video: VideoFormat | None = None
    audio: AudioFormat | None = None
    for kind, trak in children(movie):
        if kind != b"trak":
            continue
        media_header = find(trak, b"mdia", b"mdhd")
        description = find(trak, b"mdia", b"minf", b"stbl", b"stsd")
        if media_header is None or description is None:
            raise BadFile("a trak without mdhd or stsd")
        (rate,) = struct.unpack_from(">I", media_header, 12)
        name, entry = next(children(description, 8))
        if name in (b"avc1", b"hvc1"):
            video = read_video_entry(name, entry, rate)
        elif name in (b"mp4a", b"alaw", b"ulaw"):
            audio = read_audio_entry(name, entry, rate)
    if video is None:
        raise BadFile("no video track we know")
    return StreamFormat(video, audio)
