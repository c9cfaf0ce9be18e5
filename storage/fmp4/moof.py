"""Fragments: `moof` and `mdat`, the hot path of writing and its reading back.

Written once a second per camera, so with few operations: one flat list of numbers and one
`struct.pack` per track, one join. Measured figures stand in docs/storage.md.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from storage.facts import Fragment, Sample
from storage.fmp4.boxes import BadFile, children, header_at
from vms.core.media import Track

# moof + mfhd; traf + tfhd + tfdt (version 1) + trun (version 1) up to its entries; mdat.
_MOOF = struct.Struct(">I4s I4sII")
_TRAF = struct.Struct(">I4s I4sII I4sIQ I4sIIi")
_MDAT = struct.Struct(">I4s")

_BASE_IS_MOOF = 0x02_0000  # tfhd: offsets count from this moof (§8.8.7.1)
_V1 = 1 << 24
_VIDEO_TRUN = _V1 | 0x0701  # data offset; each sample's duration, size, flags
_VIDEO_TRUN_B = _V1 | 0x0F01  # … and a signed composition offset
_AUDIO_TRUN = _V1 | 0x0301
_KEY = 0x0200_0000  # depends on no other (§8.8.3.1)
_DELTA = 0x0101_0000  # depends on others, is no sync sample


def build_fragment(fragment: Fragment, sequence: int) -> bytes:
    """The bytes of one fragment. `sequence` counts from 1 within the file (§8.8.5)."""
    return b"".join(fragment_parts(fragment, sequence))


def fragment_parts(fragment: Fragment, sequence: int) -> list[bytes]:
    """The same in parts: all before the coded bytes, then each sample as it came.

    Written as they are they need not be copied together first.
    """
    head = _MOOF.size
    video, audio = fragment.video, fragment.audio
    numbers: list[int] = []
    payload: list[bytes] = []
    video_bytes = audio_bytes = video_entries = 0
    reordered = False
    for data, duration, composition, key in video:
        size = len(data)
        video_bytes += size
        payload.append(data)
        numbers += (duration, size, _KEY if key else _DELTA)
        if composition:
            reordered = True
    if video:
        video_entries = (16 if reordered else 12) * len(video)
        head += _TRAF.size + video_entries
    audio_numbers: list[int] = []
    for data, duration, _, _ in audio:
        size = len(data)
        audio_bytes += size
        payload.append(data)
        audio_numbers += (duration, size)
    if audio:
        head += _TRAF.size + 8 * len(audio)
    parts = [_MOOF.pack(head, b"moof", 16, b"mfhd", 0, sequence)]
    if video:
        flags = _VIDEO_TRUN_B if reordered else _VIDEO_TRUN
        start = fragment.video_time
        parts.append(_traf(Track.VIDEO, start, flags, len(video), video_entries, head + 8))
        if reordered:
            parts.extend(
                struct.pack(">IIIi", duration, len(data), _KEY if key else _DELTA, composition)
                for data, duration, composition, key in video
            )
        else:
            parts.append(struct.pack(f">{len(numbers)}I", *numbers))
    if audio:
        start = fragment.audio_time
        offset = head + 8 + video_bytes
        parts.append(_traf(Track.AUDIO, start, _AUDIO_TRUN, len(audio), 8 * len(audio), offset))
        parts.append(struct.pack(f">{len(audio_numbers)}I", *audio_numbers))
    parts.append(_MDAT.pack(8 + video_bytes + audio_bytes, b"mdat"))
    return [b"".join(parts), *payload]


def _traf(track: int, time: int, flags: int, count: int, entries: int, offset: int) -> bytes:
    return _TRAF.pack(
        *(_TRAF.size + entries, b"traf"),
        *(16, b"tfhd", _BASE_IS_MOOF, track),
        *(20, b"tfdt", _V1, time),
        *(20 + entries, b"trun", flags, count, offset),
    )


@dataclass(frozen=True, slots=True)
class TrackRun:
    """One track's samples in a fragment: `time` of the first in ticks; `offset` from the moof.

    `samples`: (duration, size, composition, key) each.
    """

    track: int
    time: int
    offset: int
    samples: tuple[tuple[int, int, int, bool], ...]

    @property
    def duration(self) -> int:
        return sum(sample[0] for sample in self.samples)

    @property
    def size(self) -> int:
        return sum(sample[1] for sample in self.samples)

    @property
    def end(self) -> int:
        return self.time + self.duration


@dataclass(frozen=True, slots=True)
class FragmentFacts:
    """What a `moof` says: its own size and the tracks in it."""

    moof_size: int
    video: TrackRun | None
    audio: TrackRun | None

    @property
    def key(self) -> bool:
        """Whether the fragment begins with a keyframe."""
        return self.video is not None and self.video.samples[0][3]


def read_moof(data: bytes) -> FragmentFacts:
    """Read a whole `moof` box at the front of `data`. Raises BadFile."""
    try:
        size, kind = header_at(data)
        if kind != b"moof" or size > len(data):
            raise BadFile(f"expected a whole moof, found {kind!r} of {size} bytes")
        runs = {
            run.track: run
            for name, inside in children(data, 8, size)
            if name == b"traf"
            for run in (_read_traf(inside),)
        }
    except struct.error as error:
        raise BadFile(f"moof is damaged: {error}") from error
    return FragmentFacts(size, runs.get(Track.VIDEO), runs.get(Track.AUDIO))


def _read_traf(data: bytes) -> TrackRun:
    track = time = 0
    for kind, inside in children(data):
        if kind == b"tfhd":
            (track,) = struct.unpack_from(">I", inside, 4)
        elif kind == b"tfdt":
            (time,) = struct.unpack_from(">Q", inside, 4)
        elif kind == b"trun":
            return _read_trun(track, time, inside)
    raise BadFile(f"traf of track {track} has no trun")


def _read_trun(track: int, time: int, data: bytes) -> TrackRun:
    flags, count, offset = struct.unpack_from(">IIi", data)
    entries = data[12:]
    if flags == _VIDEO_TRUN_B:
        read = struct.iter_unpack(">IIIi", entries)
        samples = tuple((d, s, c, f == _KEY) for d, s, f, c in read)
    elif flags == _VIDEO_TRUN:
        samples = tuple((d, s, 0, f == _KEY) for d, s, f in struct.iter_unpack(">III", entries))
    elif flags == _AUDIO_TRUN:
        samples = tuple((d, s, 0, False) for d, s in struct.iter_unpack(">II", entries))
    else:
        raise BadFile(f"trun with flags {flags:#x} is not ours")
    if len(samples) != count or not count:
        raise BadFile(f"trun claims {count} samples and has {len(samples)}")
    return TrackRun(track, time, offset, samples)


def samples_of(data: bytes, run: TrackRun) -> list[Sample]:
    """The samples of one track from the whole fragment's bytes. Raises BadFile if they are cut."""
    samples = []
    offset = run.offset
    for duration, size, composition, key in run.samples:
        if offset + size > len(data):
            raise BadFile(f"fragment of {len(data)} bytes lacks a sample at {offset}")
        samples.append(Sample(data[offset : offset + size], duration, composition, key))
        offset += size
    return samples
