"""A plain MP4 that every player opens: `ftyp`, `moov`, then one `mdat` with all coded samples.

What comes first tells where everything stands, so the file is written front to back once its
tables are complete. Edit lists cut it to the picture: the samples from the keyframe before are
there for the decoder and not shown. Pure: tables in, bytes out.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from storage.fmp4.boxes import box, full_box
from storage.fmp4.entries import audio_entry, video_entry
from storage.fmp4.tables import Numbers, TrackTables
from vms.core.clock import SECOND, Instant
from vms.core.media import AudioFormat, VideoFormat

_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000)
_UNDETERMINED = 0x55C4  # language "und" (ISO 639-2), packed
_SINCE_1904 = 2_082_844_800  # seconds from 1904 to 1970: MP4 counts from there (§8.2.2.3)
_FTYP = box(b"ftyp", b"isom\x00\x00\x02\x00isomiso2mp41")
_MDAT_HEADER = 16  # always with the 64-bit size


@dataclass(frozen=True, slots=True)
class Edit:
    """What of a track is shown: nothing for `wait`, then from `media` on for `span`.

    `wait` and `span` in ticks of the movie, `media` in the track's ticks of presentation.
    """

    wait: int
    media: int
    span: int


@dataclass(frozen=True, slots=True)
class MovieTrack:
    """One track: its format, closed tables and what is shown of it."""

    format: VideoFormat | AudioFormat
    tables: TrackTables
    edit: Edit


@dataclass(frozen=True, slots=True)
class Movie:
    """The whole file but its coded samples. `rate`: ticks a second of the movie.

    `begins`: the instant of the first picture shown, said in the file as its creation time;
    `title`: what players show as its name; `media`: bytes of coded samples.
    """

    tracks: tuple[MovieTrack, ...]
    rate: int
    begins: Instant
    title: str
    media: int

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return self.media_offset + self.media

    @property
    def media_offset(self) -> int:
        """Where the coded samples begin."""
        return len(_FTYP) + _moov(self, 0).size + _MDAT_HEADER

    def front(self) -> Iterator[bytes]:
        """All bytes before the coded samples."""
        yield _FTYP
        yield from _moov(self, self.media_offset).pieces()
        yield struct.pack(">I4sQ", 1, b"mdat", _MDAT_HEADER + self.media)


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of the file: how long, and how to get it."""

    size: int
    pieces: Callable[[], Iterator[bytes]]


def _plain(data: bytes) -> _Part:
    return _Part(len(data), lambda: iter((data,)))


def _box(kind: bytes, *parts: _Part | bytes) -> _Part:
    inside = [part if isinstance(part, _Part) else _plain(part) for part in parts]
    size = 8 + sum(part.size for part in inside)

    def pieces() -> Iterator[bytes]:
        yield struct.pack(">I4s", size, kind)
        for part in inside:
            yield from part.pieces()

    return _Part(size, pieces)


def _table(
    kind: bytes, numbers: Numbers, entries: int, *, add: int = 0, step: int = 1, head: bytes = b""
) -> _Part:
    """A full box with a count and its rows."""
    rows = _Part(numbers.size, lambda: numbers.pieces(add, step))
    return _box(kind, bytes(4) + head + struct.pack(">I", entries), rows)


def _moov(movie: Movie, media_offset: int) -> _Part:
    since = movie.begins // SECOND + _SINCE_1904
    shown = max(track.edit.wait + track.edit.span for track in movie.tracks)
    header = full_box(
        b"mvhd",
        1,
        0,
        struct.pack(">QQIQIH10x", since, since, movie.rate, shown, 0x10000, 0x100),
        _MATRIX,
        bytes(24),
        struct.pack(">I", len(movie.tracks) + 1),
    )
    traks = [
        _trak(track, number, since, media_offset) for number, track in enumerate(movie.tracks, 1)
    ]
    return _box(b"moov", header, *traks, _named(movie.title))


def _named(title: str) -> bytes:
    """The title where players look for it (iTunes metadata)."""
    value = box(b"data", struct.pack(">II", 1, 0), title.encode())
    handler = full_box(b"hdlr", 0, 0, bytes(4), b"mdirappl", bytes(8), b"\x00")
    return box(b"udta", full_box(b"meta", 0, 0, handler, box(b"ilst", box(b"\xa9nam", value))))


def _trak(track: MovieTrack, number: int, since: int, media_offset: int) -> _Part:
    form, tables, edit = track.format, track.tables, track.edit
    video = form if isinstance(form, VideoFormat) else None
    width, height = (video.width, video.height) if video is not None else (0, 0)
    header = full_box(
        b"tkhd",
        1,
        3,  # enabled, in movie
        struct.pack(">QQIIQ8xHHH2x", since, since, number, 0, edit.wait + edit.span, 0,
                    0, 0 if video is not None else 0x100),
        _MATRIX,
        struct.pack(">II", width << 16, height << 16),
    )  # fmt: skip
    media_header = full_box(
        b"mdhd",
        1,
        0,
        struct.pack(">QQIQHH", since, since, form.clock_rate, tables.end, _UNDETERMINED, 0),
    )
    kind, name = (b"vide", b"Video") if video is not None else (b"soun", b"Sound")
    handler = full_box(b"hdlr", 0, 0, bytes(4), kind, bytes(12), name, b"\x00")
    reference = full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1))
    own = (
        full_box(b"vmhd", 0, 1, bytes(8))
        if video is not None
        else full_box(b"smhd", 0, 0, bytes(4))
    )
    information = _box(b"minf", own, box(b"dinf", reference), _stbl(form, tables, media_offset))
    media = _box(b"mdia", media_header, handler, information)
    return _box(b"trak", header, _edits(edit, -tables.lowest), media)


def _edits(edit: Edit, shift: int) -> bytes:
    """§8.6.6; `shift`: how far composition offsets were moved so that none is negative."""
    rows = [struct.pack(">QqI", edit.wait, -1, 0x10000)] if edit.wait else []
    rows.append(struct.pack(">QqI", edit.span, edit.media + shift, 0x10000))
    return box(b"edts", full_box(b"elst", 1, 0, struct.pack(">I", len(rows)), *rows))


def _stbl(form: VideoFormat | AudioFormat, tables: TrackTables, media_offset: int) -> _Part:
    video = isinstance(form, VideoFormat)
    entry = video_entry(form) if isinstance(form, VideoFormat) else audio_entry(form)
    durations, compositions = tables.durations.numbers, tables.compositions.numbers
    parts: list[_Part | bytes] = [
        full_box(b"stsd", 0, 0, struct.pack(">I", 1), entry),
        _table(b"stts", durations, len(durations) // 2),
    ]
    if video and (len(compositions) > 2 or tables.lowest):
        # Offsets without a sign (version 0): some players know no other.
        shift = -tables.lowest
        parts.append(_table(b"ctts", compositions, len(compositions) // 2, add=shift, step=2))
    if video:
        parts.append(_table(b"stss", tables.keys, len(tables.keys)))
    parts += [
        _table(b"stsc", tables.chunks, len(tables.chunks) // 3),
        _table(b"stsz", tables.sizes, tables.count, head=bytes(4)),
        _table(b"co64", tables.offsets, len(tables.offsets), add=media_offset),
    ]
    return _box(b"stbl", *parts)
